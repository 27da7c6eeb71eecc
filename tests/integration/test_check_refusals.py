"""What bundle or release refuse, deploy_check reports before: common shapes of projects."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.bundling import Shop, copy_shop
from tests.integration.checking import check
from tests.projects import commit, manage, run

Change = Callable[[Path], object]
SETTINGS, URLS = "shop/settings.py", "shop/urls.py"
# A package that these tests run with, and that the shop does not lock.
UNLOCKED = "pytest"


@dataclass(frozen=True)
class Shape:
    """A project: the check that finds it, words of the finding, and how the shop becomes it.

    ``good`` makes a project of the same kind that can be released. ``bundles`` is whether only a
    release refuses it. ``env`` are variables of the developer's shell.
    """

    key: str
    says: str
    bad: Change
    good: Change
    bundles: bool = False
    hint: str = ""
    env: tuple[str, ...] = ()


def append(name: str, text: str) -> Change:
    """Return a change that appends a line to a file, and commits."""

    def change(project: Path) -> None:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
        commit(project)

    return change


def ignored(name: str, text: str, settings: str) -> Change:
    """Return a change that writes a file which git ignores, and settings that need it."""

    def change(project: Path) -> None:
        append(".gitignore", f"/{name}")(project)
        append(name, text)(project)
        append(SETTINGS, settings)(project)

    return change


def tracked(name: str, text: str, settings: str) -> Change:
    """Return a change that commits a file, and settings that need it."""

    def change(project: Path) -> None:
        append(name, text)(project)
        append(SETTINGS, settings)(project)

    return change


def procfile(line: str) -> Change:
    """Return a change of the Procfile."""

    def change(project: Path) -> None:
        (project / "Procfile").write_text(f"{line}\n", encoding="utf-8")
        commit(project)

    return change


def replaced(name: str, old: str, new: str) -> Change:
    """Return a change that replaces text in a file."""

    def change(project: Path) -> None:
        path = project / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        commit(project)

    return change


def without_git(project: Path) -> None:
    """Remove the repository."""
    shutil.rmtree(project / ".git")


def without_commit(project: Path) -> None:
    """Make a repository in which nothing is committed."""
    without_git(project)
    run("git", "init", "-q", cwd=project)
    run("git", "add", "-A", cwd=project)


def modified(project: Path) -> None:
    """Change a tracked file."""
    with (project / URLS).open("a", encoding="utf-8") as file:
        file.write("# later\n")


def without_us(project: Path) -> None:
    """Lock everything but this package."""
    path = project / "requirements.txt"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("./vendor/")], encoding="utf-8")
    commit(project)


def with_submodule(project: Path) -> None:
    """Record a submodule that is not checked out."""
    (project / "theme").mkdir()
    (project / ".gitmodules").write_text('[submodule "theme"]\npath = theme\nurl = ./theme\n')
    sha = run("git", "rev-parse", "HEAD", cwd=project).strip()
    run("git", "add", ".gitmodules", cwd=project)
    run("git", "update-index", "--add", "--cacheinfo", f"160000,{sha},theme", cwd=project)
    run("git", "commit", "-q", "-m", "Add a theme", cwd=project)


def script(track: bool) -> Change:
    """Return a change that starts the site with a script, which git may ignore."""

    def change(project: Path) -> None:
        if not track:
            (project / ".gitignore").write_text("start.sh\n")
        (project / "start.sh").write_text("exec gunicorn shop.wsgi\n")
        procfile("web: sh start.sh")(project)

    return change


def nothing(_: Path) -> None:
    """Leave the shop as it is."""


KEY_READ = "import os\nTOKEN = os.environ{}\n"
HOME = "health = /up"
SHAPES = {
    "no repository": Shape("E822", "is not in a git repository", without_git, nothing),
    "no commit": Shape("E822", "the repository has no commits yet", without_commit, nothing),
    "modified files": Shape("W840", "shop/urls.py", modified, nothing),
    "a lock without us": Shape("E823", "does not have django-deploykit", without_us, nothing),
    "a submodule that is not there": Shape("E841", "the submodule theme", with_submodule, nothing),
    "a required variable": Shape(
        "E842",
        "KeyError: 'TOKEN'",
        append(SETTINGS, KEY_READ.format("['TOKEN']")),
        append(SETTINGS, KEY_READ.format(".get('TOKEN', '')")),
        hint='Read it with config.secret("TOKEN")',
        env=("TOKEN",),
    ),
    "a variable that is a number": Shape(
        "E842",
        "TypeError: int() argument",
        append(SETTINGS, "import os\nN = int(os.environ.get('WORKERS'))\n"),
        append(SETTINGS, "N = config.int('WORKERS')\n"),
        hint='config.int("WORKERS")',
        env=("WORKERS",),
    ),
    "untracked settings": Shape(
        "E842",
        "No module named 'shop.local'",
        ignored("shop/local.py", "", "from shop.local import *"),
        tracked("shop/local.py", "", "from shop.local import *"),
        hint="git does not track shop/local.py",
    ),
    "an app that git ignores": Shape(
        "E842",
        "No module named 'orders'",
        ignored("orders/__init__.py", "", "INSTALLED_APPS += ['orders']"),
        tracked("orders/__init__.py", "", "INSTALLED_APPS += ['orders']"),
        hint="git does not track orders",
    ),
    "a package of the developer": Shape(
        "E842",
        f"No module named '{UNLOCKED}'",
        append(SETTINGS, f"import {UNLOCKED}"),
        append(SETTINGS, f"try:\n    import {UNLOCKED}\nexcept ImportError:\n    pass\n"),
        hint="lock file",
    ),
    "a package that only the URLs import": Shape(
        "E842",
        f"No module named '{UNLOCKED}'",
        append(URLS, f"import {UNLOCKED}"),
        append(URLS, "import json"),
        bundles=True,
    ),
    "a file that git ignores": Shape(
        "E842",
        "keys.json",
        ignored("keys.json", "{}", "open(BASE_DIR / 'keys.json').close()"),
        tracked("keys.json", "{}", "open(BASE_DIR / 'keys.json').close()"),
        hint="git does not track keys.json",
    ),
    "logs in a folder that git ignores": Shape(
        "E842",
        "Unable to configure handler",
        ignored(
            "logs/x",
            "",
            "LOGGING = {'version': 1, 'handlers': {'f': {'class': 'logging.FileHandler', "
            "'filename': BASE_DIR / 'logs/django.log'}}, 'root': {'handlers': ['f']}}",
        ),
        append(SETTINGS, "LOGGING = config.logging('INFO')"),
    ),
    "static files outside": Shape(
        "E842",
        "STATIC_ROOT is /srv/static, outside the project",
        append(SETTINGS, "STATIC_ROOT = '/srv/static'"),
        append(SETTINGS, "STATIC_ROOT = BASE_DIR / 'collected'"),
    ),
    "a missing image": Shape(
        "E842",
        "gone.png",
        append("shop/static/shop/shop.css", "a { background: url(gone.png) }"),
        append("shop/static/shop/shop.css", "a { color: red }"),
    ),
    "an option that gunicorn does not have": Shape(
        "E843",
        "unrecognized arguments: --bnid",
        procfile("web: gunicorn --bnid 0.0.0.0:$PORT shop.wsgi"),
        procfile("web: gunicorn --bind 0.0.0.0:${PORT:-8000} -w ${N:-2} shop.wsgi"),
        bundles=True,
    ),
    "an application that is not there": Shape(
        "E842",
        "has no attribute 'app'",
        procfile("web: gunicorn shop.wsgi:app"),
        procfile("web: gunicorn shop.wsgi:application"),
        bundles=True,
    ),
    "a script that git ignores": Shape(
        "E843",
        "start.sh is not tracked by git",
        script(track=False),
        script(track=True),
        bundles=True,
    ),
    "a worker whose program is not locked": Shape(
        "E843",
        f"{UNLOCKED} is not among the locked dependencies",
        procfile(f"web: gunicorn shop.wsgi\nworker: {UNLOCKED}"),
        procfile("web: gunicorn shop.wsgi\nworker: python manage.py check"),
        bundles=True,
    ),
    "a command that does not exist": Shape(
        "E843",
        "there is no command 'rqworker'",
        procfile("web: gunicorn shop.wsgi\nworker: python manage.py rqworker"),
        procfile("web: gunicorn shop.wsgi\nworker: python manage.py check"),
        bundles=True,
    ),
    "no page at /": Shape(
        "E813",
        "GET /",
        lambda project: (
            replaced("deploykit.ini", "health = /up", "")(project),
            replaced(URLS, 'path("", views.home, name="home"),', "")(project),
        ),
        replaced("deploykit.ini", "health = /up", ""),
        bundles=True,
    ),
    "root releases": Shape(
        "E844",
        "root must not release",
        append("deploykit.ini", "[environment:production]\nhosts = root@192.0.2.1\n"),
        append("deploykit.ini", "[environment:production]\nhosts = ann@192.0.2.1\n"),
        bundles=True,
    ),
    "migrations that git ignores": Shape(
        "E824",
        "git ignores shop/migrations/0001_initial.py",
        lambda project: (
            run("git", "rm", "-rq", "--cached", "shop/migrations", cwd=project),
            append(".gitignore", "migrations")(project),
        ),
        nothing,
        bundles=True,
    ),
}


@pytest.fixture
def copy(built_shop: Shop, tmp_path: Path) -> Path:
    """Return a copy of the shop's repository, to spoil."""
    return copy_shop(built_shop, tmp_path)


@pytest.mark.parametrize("name", SHAPES)
def test_a_refusal_is_reported_before(name: str, copy: Path) -> None:
    shape = SHAPES[name]
    shape.bad(copy)
    env = dict.fromkeys(shape.env, "7")
    # W840 is one of them, which most tests leave out.
    data = check(copy, command=("deploy_check", "--skip", "W110"), **env)
    found = [one for one in data["findings"] if one["id"] == f"deploykit.{shape.key}"]
    assert found, name
    assert any(shape.says in one["message"] for one in found)
    assert any(shape.hint in one["hint"] for one in found)
    if not shape.bundles:
        done = manage(copy, "bundle", **env)
        assert done.returncode == 1
        assert shape.says in done.stderr


@pytest.mark.parametrize("name", [name for name, one in SHAPES.items() if one.good is not nothing])
def test_a_good_project_of_the_kind_has_no_errors(name: str, copy: Path) -> None:
    shape = SHAPES[name]
    shape.good(copy)
    findings = check(copy)["findings"]
    assert [one for one in findings if one["level"] == "error"] == []
    assert not any(one["id"] == f"deploykit.{shape.key}" for one in findings)
