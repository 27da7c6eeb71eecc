"""What bundle and release would refuse is found by deploy_check before."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from django.conf import settings

from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Refusals, Subject, read_subject
from django_deploykit.conf import Config, config
from django_deploykit.preflight import CHECKS, Trial, add_refusals
from django_deploykit.project import read_project
from tests.unit.bundle import test_relocatable

LIBRARY = test_relocatable.elf(["liba.so.1"], search="/opt")
HASH = "--hash=sha256:" + "0" * 64
MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
LOCKED = f"django==5.2 {HASH}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a repository that can be bundled; without the Config objects of other tests."""
    monkeypatch.setattr(config, "_configs", [])
    write(tmp_path, "manage.py", MANAGE)
    write(tmp_path, "requirements.txt", LOCKED)
    git(tmp_path, "init", "-q")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    """Write a file, with its folders."""
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def git(folder: Path, *words: str) -> None:
    """Run git there."""
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def found(project: Path, *keys: str, add: Sequence[str] = (".",)) -> list[Finding]:
    """Return what the checks of shipping find once ``add`` is in git's index."""
    if add:
        git(project, "add", *add)
    subject = add_refusals(read_subject(read_project(project)))
    chosen = [one for one in catalogue().values() if one.tag == "shipping"]
    findings = [finding for one in chosen for finding in one.run(subject)]
    return [one for one in findings if not keys or one.id.removeprefix("deploykit.") in keys]


def shown(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """Return number, place and message of findings."""
    return [(one.id.removeprefix("deploykit."), one.where, one.message) for one in findings]


def test_a_project_that_can_be_bundled_has_no_findings(project: Path) -> None:
    write(project, "deploykit.ini", "[environment:production]\nhosts = ann@web1\n")
    write(project, "Procfile", "web: gunicorn a.wsgi\nrelease: true && python manage.py migrate\n")
    assert found(project) == []


def test_a_project_without_a_name_in_its_commit_is_asked_for_one_line(project: Path) -> None:
    write(project, "manage.py", MANAGE.replace("shop.", "config."))
    (one,) = found(project)
    assert (one.id, one.where) == ("deploykit.E821", "deploykit.ini")
    assert "name = shop" in one.hint
    write(project, "pyproject.toml", "[project]\nname = 'Shop'\n")
    assert found(project) == []


def test_settings_that_use_us_need_us_in_the_lock_file(project: Path) -> None:
    write(project, "shop/settings.py", "from django_deploykit.conf import Config\n")
    (one,) = found(project)
    assert one.id == "deploykit.E823"
    assert one.message.startswith("shop/settings.py:1 uses django_deploykit, but requirements.txt")


def test_every_section_of_deploykit_ini_is_read(project: Path) -> None:
    write(
        project,
        "deploykit.ini",
        "[envronment:production]\nhosts = a\n[environment:x]\nhosts = b\nkeepp = 3\n"
        "[host:b]\nkeep = 0\n[bundle]\npython = 3\n[check]\ntls = none\n",
    )
    assert shown(found(project)) == [
        (
            "E821",
            "deploykit.ini:2",
            "there is no section [envronment:production]; did you mean 'environment:production'?",
        ),
        ("E821", "deploykit.ini:9", "python must look like 3.11, not '3'"),
        (
            "E821",
            "deploykit.ini:5",
            "[environment:x] has no option keepp; did you mean 'keep'?",
        ),
        ("E821", "deploykit.ini:7", "keep must be a whole number of at least 1, not '0'"),
    ]


def test_a_build_is_tried_only_on_request(tmp_path: Path) -> None:
    write(tmp_path, "manage.py", MANAGE)
    write(tmp_path, "requirements.txt", LOCKED)
    subject = read_subject(read_project(tmp_path))
    checks: list[Mapping[str, str]] = []

    def start(_: Subject, given: Mapping[str, str]) -> Trial:
        checks.append(given)
        return Refusals

    assert add_refusals(subject).trial is None
    assert add_refusals(subject, start).trial is Refusals
    assert checks == [{**CHECKS, "lock": ""}]  # the lock file was judged without a build


def test_a_lock_file_that_only_a_tool_reads_is_left_to_the_build(project: Path) -> None:
    (project / "requirements.txt").unlink()
    write(project, "uv.lock", "")
    checks: list[Mapping[str, str]] = []

    def start(_: Subject, given: Mapping[str, str]) -> Trial:
        checks.append(given)
        return Refusals

    add_refusals(read_subject(read_project(project)), start)
    assert checks == [CHECKS]


def test_environments_that_log_in_as_root_are_found(project: Path) -> None:
    text = "[environment:production]\nhosts = root@web1, ann@web2\n"
    write(project, "deploykit.ini", text)
    (one,) = found(project)
    assert (one.id, one.where) == ("deploykit.E844", "deploykit.ini")
    assert one.message == "root must not release, and is the login user of root@web1"


@pytest.mark.parametrize(
    ("name", "text", "place", "says"),
    [
        (
            "requirements.txt",
            f"{LOCKED}gunicorn\na==1\n",
            "requirements.txt:2",
            "gunicorn is not pinned to one version, and 1 more",
        ),
        ("requirements.txt", "-r more.txt\n", "requirements.txt", "more.txt is included but not"),
        (
            "requirements.txt",
            "-e .\n",
            "requirements.txt:1",
            "the content of an editable install is not fixed",
        ),
        ("pylock.toml", "lock-version = \n", "pylock.toml", "pylock.toml is not TOML"),
    ],
)
def test_a_mistake_in_a_lock_file_is_reported_with_its_place(
    name: str, text: str, place: str, says: str, project: Path
) -> None:
    write(project, name, text)
    (one,) = found(project)
    assert (one.id, one.where) == ("deploykit.E823", place)
    assert says in one.message


def test_a_missing_lock_file_is_reported_with_the_command_that_creates_one(project: Path) -> None:
    (project / "requirements.txt").unlink()
    write(project, "requirements.in", "django\n")
    (one,) = found(project)
    assert one.id == "deploykit.E823"
    assert one.message.startswith("there is no lock file in the project; looked for uv.lock, ")
    assert "uv pip compile" in one.hint
    write(project, "deploykit.ini", "[project]\nlock = deps/all.txt\n")
    assert found(project)[0].message == "the lock file deps/all.txt is not in the project"


def test_unhashed_requirements_can_be_allowed(project: Path) -> None:
    write(project, "requirements.txt", "django==5.2\n")
    write(project, "deploykit.ini", "[bundle]\nallow_unhashed = yes\n")
    assert found(project) == []


def test_a_lock_file_above_the_project_is_found(tmp_path: Path, project: Path) -> None:
    inner = project / "src" / "site"
    write(inner, "manage.py", MANAGE)
    assert found(inner) == []
    write(project, "requirements.txt", "django\n")
    assert [one.where for one in found(inner)] == ["../../requirements.txt:1"]


def test_files_that_git_does_not_track_are_reported(project: Path) -> None:
    write(project, "Procfile", "web: gunicorn a.wsgi\n")
    names = [one.path for one in found(project, "E824", add=["manage.py"])]
    assert names == ["Procfile", "requirements.txt"]
    # A bundle uses the lock file that git tracks.
    write(project, "requirements/base.txt", LOCKED)
    names = [one.path for one in found(project, "E824", add=["manage.py", "requirements"])]
    assert names == ["Procfile"]


def test_a_better_lock_file_that_git_ignores_is_named(project: Path) -> None:
    write(project, "requirements.txt", "django\n")
    write(project, ".gitignore", "Pipfile.lock\n")
    (one,) = found(project)
    assert "instead" not in one.hint
    write(project, "Pipfile.lock", "{}")
    (one,) = found(project, add=["requirements.txt"])
    assert (one.id, one.where) == ("deploykit.E823", "requirements.txt:1")
    assert "Or use Pipfile.lock instead; git ignores it (.gitignore:1). Remove" in one.hint


def test_a_wheel_that_the_lock_file_names_and_git_ignores_is_reported(project: Path) -> None:
    write(project, "requirements.txt", f"{LOCKED}./vendor/shop-1-py3-none-any.whl {HASH}\n")
    write(project, "vendor/shop-1-py3-none-any.whl", "")
    write(project, "vendor/.gitignore", "*")
    assert shown(found(project)) == [
        (
            "E824",
            "vendor/shop-1-py3-none-any.whl",
            "git ignores vendor/shop-1-py3-none-any.whl, so no bundle includes it",
        )
    ]
    (project / "vendor/.gitignore").unlink()
    assert found(project) == []


@pytest.mark.parametrize("server", [True, False])
def test_a_release_on_its_host_has_nothing_to_refuse(
    server: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "manage.py", "")
    Config("another", environ={})
    if not server:
        monkeypatch.setenv("DEPLOYKIT_RELEASE", "20261123T041500-ab12cd3")
    subject = add_refusals(read_subject(read_project(tmp_path), server=server))
    chosen = [one for one in catalogue().values() if one.tag == "shipping"]
    assert [one for check in chosen for one in check.run(subject)] == []
    assert settings.configured


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing", "is not the folder of a Python"), ("3.99", "uv has no Python 3.99 of its own")],
)
def test_an_interpreter_that_no_bundle_can_have_is_reported(
    project: Path, name: str, message: str
) -> None:
    write(project, "deploykit.ini", f"[project]\nname = shop\n[bundle]\ninterpreter = {name}\n")
    (finding,) = found(project, "E821")
    assert message in finding.message
    assert finding.where == "deploykit.ini"


def test_each_problem_of_an_interpreter_is_reported(project: Path) -> None:
    test_relocatable.write(project / "python", {"lib/python3.12/lib-dynload/_a.so": LIBRARY})
    options = f"python = 3.12\nplatform = {test_relocatable.PLATFORM}\ninterpreter = python\n"
    write(project, "deploykit.ini", f"[project]\nname = shop\n[bundle]\n{options}")
    messages = [one.message for one in found(project, "E821")]
    start, name = "hosts could not run the interpreter", "lib/python3.12/lib-dynload/_a.so"
    assert messages == [
        f"{start}: {name} needs liba.so.1, which is not in its folder lib",
        f"{start}: it is not relocatable: {name} looks for libraries in /opt",
    ]
