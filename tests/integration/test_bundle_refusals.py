"""What cannot be bundled is refused in plain words, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.bundling import Shop, copy_shop
from tests.projects import IDENTITY, commit, manage, run, start_repository
from tests.waiting import until
from tests.wheels import write_tree

# Behind this, lines of a module run in the export alone, not in the command that was called.
WHILE_BUILDING = "\nimport os\nif os.environ.get('DEPLOYKIT_BUILD'):\n"


@pytest.fixture
def copy(built_shop: Shop, tmp_path: Path) -> Path:
    """Return a copy of the shop's repository, to spoil."""
    return copy_shop(built_shop, tmp_path)


def refused(project: Path, *argv: str, code: int = 1, **env: str) -> str:
    """Bundle, which must fail without a traceback or a trace; returns what was said."""
    done = manage(project, "bundle", *argv, TMPDIR=str(project.parent), **env)
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stderr
    assert not list(project.glob(".deploykit/bundles/*"))
    assert not list(project.parent.glob(".deploykit-*"))
    return done.stderr


def spoil(project: Path, **files: str) -> None:
    """Append to files, or make them, and commit."""
    for name, text in files.items():
        path = project / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    commit(project)


def test_what_the_project_uses_from_beside_its_folder_is_named(copy: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    copy.rename(top / "web")
    shutil.rmtree(top / "web" / ".git")
    web = top / "web"
    write_tree(top, {"common/__init__.py": "", "common/money.py": "", "templates/x.html": ""})
    settings = (web / "shop/settings.py").read_text()
    write_tree(web, {"shop/settings.py": f"{settings}{WHILE_BUILDING}    import common.money\n"})
    start_repository(top)
    said = refused(web)
    assert "No module named 'common'" in said
    assert "`include = ../common` in [bundle] of deploykit.ini" in said

    ini = (web / "deploykit.ini").read_text()
    outside = "TEMPLATES[0]['DIRS'] = [BASE_DIR.parent / 'templates']\n"
    write_tree(web, {"deploykit.ini": f"{ini}\n[bundle]\ninclude = ../common\n"})
    write_tree(web, {"shop/settings.py": f"{settings}\n{outside}"})
    commit(top)
    said = refused(web)
    assert "TEMPLATES: ../templates" in said
    assert "BASE_DIR / 'templates'" in said


def test_no_lock_file(copy: Path) -> None:
    run("git", "rm", "-q", "requirements.txt", cwd=copy)
    commit(copy)
    said = refused(copy)
    assert "there is no lock file in the commit" in said
    assert "uv pip compile --universal --generate-hashes requirements.in" in said


def test_unpinned_and_unhashed_requirements_with_the_line_and_the_command(copy: Path) -> None:
    spoil(
        copy,
        requirements__txt="celery>=5\nredis==5.0.1\nx @ git+https://example.org/x@main\n"
        "y @ https://example.org/y-1-py3-none-any.whl\nz @ file:///home/ann/z\n",
    )
    said = refused(copy)
    for words in (
        "celery>=5 is not pinned to one version",
        "redis==5.0.1 has no hash",
        "x is not pinned to a full commit",
        "y @ https://example.org/y-1-py3-none-any.whl is not pinned",
        "z @ file:///home/ann/z is on this machine",
        "uv pip compile --universal --generate-hashes requirements.in -o requirements.txt",
        "allow_unhashed",
    ):
        assert words in said
    assert said.count("requirements.txt:") == 5


def test_settings_that_do_not_import_with_file_and_line(copy: Path) -> None:
    spoil(copy, shop_in_settings__py=f"{WHILE_BUILDING}    1 / 0\n")
    line = (copy / "shop/settings.py").read_text().count("\n")
    said = refused(copy)
    assert "the settings do not import" in said
    assert f"shop/settings.py:{line}: ZeroDivisionError" in said


def test_a_module_that_is_not_in_the_lock(copy: Path) -> None:
    spoil(copy, shop_in_models__py=f"{WHILE_BUILDING}    import celery\n")
    said = refused(copy)
    assert ": ModuleNotFoundError: No module named 'celery'" in said
    assert "shop/models.py:" in said
    assert "Add the package to the lock file" in said


def test_modules_named_as_ours_are_the_projects(copy: Path) -> None:
    """The file that asks the project lies beside our lock.py, source.py, build.py."""
    spoil(
        copy,
        shop_in_settings__py=f"{WHILE_BUILDING}    import importlib.util as u\n"
        "    assert not any(map(u.find_spec, ['lock', 'source', 'build', 'inside'])), 'ours'\n",
    )
    done = manage(copy, "bundle", "--json")
    assert done.returncode == 0, done.stderr


def test_a_static_file_that_is_not_there_with_the_file_that_names_it(copy: Path) -> None:
    spoil(copy, shop_in_static_in_shop_in_shop__css="a { background: url(gone.png) }\n")
    said = refused(copy)
    assert "collectstatic failed: shop/static/shop/shop.css" in said
    assert "gone.png" in said


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("'/srv/static'", "STATIC_ROOT is /srv/static, outside the project"),
        ("BASE_DIR", "STATIC_ROOT is the project's folder itself"),
        ("BASE_DIR / '..' / 's'", "outside the project"),
    ],
)
def test_a_static_root_that_no_bundle_can_hold(copy: Path, value: str, words: str) -> None:
    spoil(copy, shop_in_settings__py=f"{WHILE_BUILDING}    STATIC_ROOT = {value}\n")
    said = refused(copy)
    assert words in said
    assert "STATIC_ROOT = BASE_DIR / 'staticfiles'" in said


def test_a_build_command_that_fails_with_its_last_lines(copy: Path) -> None:
    spoil(copy, deploykit__ini="\n[bundle]\nbuild =\n    echo one\n    echo two; exit 7\n")
    said = refused(copy)
    assert "the build command failed with exit code 7: echo two; exit 7" in said
    assert "  two" in said


def test_several_mistakes_of_the_procfile_at_once(copy: Path) -> None:
    spoil(copy, Procfile="nonsense\nweb: again\n")
    said = refused(copy)
    assert "Procfile:2: expected `name: command`" in said
    assert "Procfile:3: web is defined twice" in said


def test_a_process_whose_program_is_not_locked(copy: Path) -> None:
    lines = (copy / "requirements.txt").read_text()
    begin = lines.index("gunicorn==")
    end = lines.index("\n", lines.index("# via", begin))
    (copy / "requirements.txt").write_text(lines[:begin] + lines[end:])
    commit(copy)
    said = refused(copy)
    assert "gunicorn is not among the locked dependencies" in said


@pytest.mark.parametrize("value", ["2.7", "latest"])
def test_a_python_that_is_none(copy: Path, value: str) -> None:
    assert value in refused(copy, "--python", value)


def test_errors_are_json_where_json_was_asked_for(copy: Path) -> None:
    (copy / "Procfile").write_text("x")
    done = manage(copy, "bundle", "--json")
    assert done.returncode == 1
    assert "differs from the last commit" in json.loads(done.stdout)["error"]["message"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True
    )
    if done.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def left(folder: Path) -> list[str]:
    """Return the files below a folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def unfinished(cache: Path) -> list[str]:
    """Return the files of a build cache that did not appear whole."""
    whole = re.compile(
        r"[0-9a-f]+/(layers/[0-9a-f]{64}\.(zip|json|sum)"
        r"|(collected|locks|resolved|runtime)/[0-9a-f]{32})"
    )
    return [path for path in left(cache) if not whole.fullmatch(path)]


def test_a_full_disk_where_the_bundle_goes(copy: Path, small: Path) -> None:
    said = refused(copy, "--output", str(small))
    assert "No space left on device" in said
    assert "--output" in said
    assert left(small) == []


def test_a_full_disk_where_the_bundle_is_built(copy: Path, small: Path) -> None:
    spoil(copy, large__bin="x" * (3 << 20))
    done = manage(copy, "bundle", TMPDIR=str(small))
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(small) == []


def test_a_full_disk_where_layers_are_cached(copy: Path, small: Path) -> None:
    said = refused(copy, DEPLOYKIT_BUILD_CACHE=str(small))
    assert "pace left on device" in said or "disk" in said
    assert unfinished(small) == []


Moment = Callable[[Path, Path], bool]
MOMENTS: dict[str, Moment] = {
    "while it is exported": lambda place, _: any(place.glob(".deploykit-*/export/*")),
    "while it is installed": lambda _, cache: any(cache.glob("*/environments/.deploykit-*/venv/*")),
    "while layers are packed": lambda _, cache: any(cache.glob("*/layers/.deploykit-*/*")),
    "while it is asked": lambda place, _: any(place.glob(".deploykit-*/export/staticfiles/*")),
}


@pytest.mark.parametrize(
    ("moment", "number"),
    [*((moment, signal.SIGINT) for moment in MOMENTS), ("while it is installed", signal.SIGTERM)],
)
def test_an_interrupt_leaves_nothing_behind(
    copy: Path, tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    place, cache = tmp_path / "place", tmp_path / "cache"
    place.mkdir()
    env = {**os.environ, **IDENTITY, "TMPDIR": str(place), "PYTHONUNBUFFERED": "1"}
    if "asked" not in moment:  # to be asked soon, it must be installed already
        env["DEPLOYKIT_BUILD_CACHE"] = str(cache)
    env.pop("DJANGO_SETTINGS_MODULE", None)
    words = [sys.executable, "manage.py", "bundle"]
    process = subprocess.Popen(words, cwd=copy, env=env, stderr=subprocess.PIPE, text=True)
    until(lambda: process.poll() is not None or MOMENTS[moment](place, cache), 120, every=0.002)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert list(place.iterdir()) == []
    assert not list(cache.glob("*/environments/*"))
    assert not list(copy.glob(".deploykit/bundles/*"))
    assert unfinished(cache) == []


def test_a_build_command_ends_with_us(copy: Path, tmp_path: Path) -> None:
    """Also what it started: a family that writes on would fill the folder that we remove."""
    note = tmp_path / "pid"
    spoil(copy, deploykit__ini=f"\n[bundle]\nbuild = sleep 600 & echo $! > {note}; wait\n")
    env = {**os.environ, **IDENTITY}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen([sys.executable, "manage.py", "bundle"], cwd=copy, env=env)
    until(lambda: note.exists() and note.read_text().strip(), 120)
    process.terminate()
    assert process.wait(60) == 130
    # SIGKILL is sent by then; that the kernel has acted on it may come later.
    until(lambda: is_gone(int(note.read_text())))


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though its parent may not have asked for its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return state.rpartition(")")[2].split()[0] in "ZX"


def test_settings_that_read_the_configuration_of_another_name(copy: Path) -> None:
    settings = copy / "shop" / "settings.py"
    settings.write_text(settings.read_text().replace('Config("shop")', 'Config("store")'))
    commit(copy)
    said = refused(copy)
    assert 'Config("store"), but the project\'s name is shop' in said
    assert 'Write Config("shop")' in said
