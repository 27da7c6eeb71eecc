"""What a build would refuse, found without building."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from django_deploykit.bundle.trial import Trial, try_build
from django_deploykit.project import read_project
from tests.projects import commit, start_repository
from tests.unit.bundle.project_side.test_try_project import FILES, SETTINGS
from tests.wheels import source_files

HASH = f"--hash=sha256:{'0' * 64}"
LOCK = f"django=={version('django')} {HASH}\n" + "".join(
    f"{name}==1.0 {HASH}\n" for name in ("asgiref", "sqlparse", "gunicorn")
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which has no results yet."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project that can be built, in a repository."""
    folder = tmp_path / "shop"
    files = {**FILES, "requirements.txt": LOCK, "Procfile": "web: gunicorn shop.wsgi\n"}
    for name, text in files.items():
        write(folder, name, text)
    start_repository(folder)
    return folder


def write(project: Path, name: str, text: str) -> None:
    """Write a file, with its folders."""
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def tried(project: Path, *applications: str, limit: float = 60.0) -> Trial:
    """Try a build of a project."""
    return try_build(read_project(project), applications, limit=limit)


def refused(project: Path) -> dict[str, str]:
    """Return the first line of what each stage refuses."""
    trial = tried(project)
    assert trial.unknown == {} or trial.refused
    return {stage: error.message.splitlines()[0] for stage, error in trial.refused.items()}


def test_a_good_project_is_not_refused(project: Path) -> None:
    trial = tried(project, "shop.wsgi:application")
    assert (trial.refused, trial.unknown) == ({}, {})


def test_a_good_result_is_cached_until_a_tracked_file_changes(project: Path, cache: Path) -> None:
    def kept() -> int:
        return len(list(cache.glob("*/tried/*")))

    assert (tried(project).refused, kept()) == ({}, 1)
    assert (tried(project, limit=0.0).unknown, kept()) == ({}, 1)  # no time, and none is needed
    write(project, "shop/urls.py", "1 / 0\n")
    assert tried(project, limit=0.0).unknown["load"]
    assert (list(tried(project).refused), kept()) == (["clean", "load"], 1)
    write(project, "shop/urls.py", "urlpatterns = []  # none\n")
    assert (list(tried(project).refused), kept()) == (["clean"], 2)
    assert list(tried(project, limit=0.0).refused) == ["clean"]


def test_without_a_commit_nothing_else_is_tried(tmp_path: Path) -> None:
    write(tmp_path, "manage.py", "")
    trial = tried(tmp_path)
    assert list(trial.refused) == ["commit"]
    assert set(trial.unknown) == {
        "clean",
        "export",
        "lock",
        "versions",
        "load",
        "processes",
        "wheel",
    }


def test_the_wheel_of_the_project_is_only_built_if_that_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    for name, text in source_files("shop").items():
        write(project, name, text.replace('"shop.py"', '"shop/__init__.py"'))
    (project / "shop.py").rename(project / "shop" / "x.py")
    commit(project)
    assert (tried(project).refused, tried(project).unknown) == ({}, {})
    trial = try_build(read_project(project), limit=60.0, folders=())
    assert list(trial.refused) == ["wheel"]
    write(
        project, "pyproject.toml", "[build-system]\nrequires = ['no-such']\n[project]\nname = 'a'\n"
    )
    commit(project)
    trial = try_build(read_project(project), limit=60.0, folders=())
    assert list(trial.unknown) == ["wheel"]


def test_another_django_than_the_locked_one_is_named(project: Path) -> None:
    write(project, "requirements.txt", LOCK.replace("django==", "django==1"))
    commit(project)
    found = refused(project)
    assert list(found) == ["versions"]
    assert found["versions"] == (
        "requirements.txt has other versions than this environment: "
        f"django {version('django')} instead of 1{version('django')}"
    )


def test_the_tracked_files_are_those_of_the_working_copy(project: Path) -> None:
    write(project, "shop/settings.py", SETTINGS + "1 / 0\n")
    commit(project)
    write(project, "shop/settings.py", SETTINGS)
    (project / "shop" / "wsgi.py").unlink()
    found = refused(project)
    assert list(found) == ["clean"]
    write(project, "shop/settings.py", "1 / 0\n")
    assert refused(project)["load"].endswith(
        "shop/settings.py:1: ZeroDivisionError: division by zero"
    )


def test_variables_of_the_shell_are_not_known(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    reads = "import os\nTOKEN = os.environ['TOKEN']\nPORT = int(os.environ['PORT'])\n"
    write(project, "shop/settings.py", SETTINGS + reads)
    error = tried(project).refused["load"]
    assert error.message == (
        "the settings do not import: shop/settings.py:5: KeyError: 'TOKEN'; "
        "then these variables are required, too: PORT"
    )
    assert 'config.secret("TOKEN")' in error.hint
    assert "environment = TOKEN=… PORT=…" in error.hint


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("shop/local.py", "from shop.local import *\n"),
        ("orders/__init__.py", "import orders\n"),
        ("keys.json", "open('keys.json').close()\n"),
        ("logs/x", "open('logs/site.log', 'a').close()\n"),
    ],
)
def test_a_file_that_only_the_working_copy_has_is_named(
    name: str, code: str, project: Path
) -> None:
    write(project, ".git/info/exclude", name.rpartition("/")[2] + "\n")
    write(project, name, "")
    write(project, "shop/settings.py", SETTINGS + code)
    commit(project)
    error = tried(project).refused["load"]
    assert f"git does not track {name.partition('/')[0]}" in error.hint


def test_what_build_commands_may_make_is_not_judged(project: Path) -> None:
    write(project, "deploykit.ini", "[bundle]\nbuild = make\n")
    write(project, "shop/settings.py", SETTINGS + "open('built.json').close()\n")
    commit(project)
    trial = tried(project)
    assert trial.refused == {}
    assert "the build commands" in trial.unknown["load"]


def test_a_package_that_is_locked_and_not_installed_here_is_not_judged(project: Path) -> None:
    write(project, "requirements.txt", LOCK + f"stripe==1.0 {HASH}\n")
    write(project, "shop/settings.py", SETTINGS + "import stripe\n")
    commit(project)
    trial = tried(project)
    assert trial.refused == {}
    assert "locked packages are not installed here (stripe)" in trial.unknown["load"]


def test_a_project_that_does_not_load_in_time_is_not_judged(project: Path) -> None:
    write(project, "shop/settings.py", "import threading\nthreading.Event().wait()\n")
    commit(project)
    trial = tried(project, limit=0.2)
    assert trial.refused == {}
    assert trial.unknown["load"] == "the project did not load within 0.2 s"


def test_programs_that_are_not_locked_are_refused(project: Path) -> None:
    write(project, "Procfile", "web: gunicorn shop.wsgi\nworker: pytest\n")
    commit(project)
    assert refused(project) == {
        "processes": "pytest is not among the locked dependencies, and these processes run it:"
    }


def test_a_lock_file_is_refused_with_the_rest_still_tried(project: Path) -> None:
    write(project, "requirements.txt", "django\n")
    write(project, "shop/settings.py", "1 / 0\n")
    commit(project)
    assert list(refused(project)) == ["lock", "load"]


def test_a_submodule_that_is_not_there_stops_the_export(project: Path) -> None:
    write(project, ".gitmodules", '[submodule "theme"]\npath = theme\nurl = ./theme\n')
    sha = commit(project)
    words = ["update-index", "--add", "--cacheinfo", f"160000,{sha},theme"]
    for one in (
        ["add", "."],
        words,
        ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *one], cwd=project, check=True)
    assert refused(project)["export"].startswith("the submodule theme is not checked out")
