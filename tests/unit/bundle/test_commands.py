"""Running the project: its variables, its build commands, its answer and its errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.commands import (
    ask,
    command_environment,
    run_build,
)
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.load_errors import MissingModuleError
from django_deploykit.errors import BundleError
from django_deploykit.project import Project
from tests.wheels import write_tree


@pytest.fixture
def environment(tmp_path: Path) -> InstalledEnvironment:
    """Return an environment whose Python is the one of the tests."""
    python = tmp_path / "env" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return InstalledEnvironment(tmp_path / "env", (), "any", "", (), (), ())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "place" / "export"
    folder.mkdir(parents=True)
    return Project(folder, "tiny", folder / "deploykit.ini", settings="tiny_settings")


def test_passes_no_secrets_and_the_locked_python_first(
    environment: InstalledEnvironment, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("npm_config_registry", "https://npm.example.org")
    env = command_environment(project, environment)
    assert not {"AWS_SECRET_ACCESS_KEY", "npm_config_registry"} & set(env)
    assert env["PATH"].startswith(f"{environment.folder}/venv/bin:")
    assert (env["DEPLOYKIT_BUILD"], env["TZ"], env["LC_ALL"]) == ("1", "UTC", "C.UTF-8")
    assert env["DJANGO_SETTINGS_MODULE"] == "tiny_settings"
    env = command_environment(project, environment, build=True)
    assert env["npm_config_registry"] == "https://npm.example.org"
    assert "AWS_SECRET_ACCESS_KEY" not in env


def test_passes_the_variables_of_the_project(
    environment: InstalledEnvironment, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "mine")
    named = replace(project, environment=(("TOKEN", "built"), ("TZ", "CET"), ("TMPDIR", "/tmp")))
    for build in (False, True):
        env = command_environment(named, environment, build=build)
        assert (env["TOKEN"], env["TZ"], env["TMPDIR"]) == ("built", "UTC", "/tmp")


def test_a_build_command_that_fails_is_shown_with_its_output(
    environment: InstalledEnvironment, project: Project
) -> None:
    run_build("echo one > made.txt", project, environment, project.root)
    assert (project.root / "made.txt").read_text() == "one\n"
    with pytest.raises(BundleError, match=r"exit code 3: echo why; exit 3\n  why"):
        run_build("echo why; exit 3", project, environment, project.root)


READING = """
import os
import tempfile
from decouple import config as read
from django_deploykit.conf import Config

config = Config("tiny")
SECRET_KEY = config.secret("SECRET_KEY")
DEBUG = os.environ.get("DEBUG")
NAME = os.getenv("SITE_NAME", "x")
TOKEN = read("TOKEN", default="")
if "FLAG" in os.environ: pass
"""


def test_the_answer_has_the_names_of_the_variables_that_the_settings_read(
    environment: InstalledEnvironment, project: Project
) -> None:
    (project.root / "tiny_settings.py").write_text(READING)
    facts = ask(project, environment, project.root, project.root.parent).facts
    names = {"SECRET_KEY", "DEBUG", "SITE_NAME", "TOKEN", "FLAG"}
    assert names <= set(facts.reads)
    assert not {"DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PATH"} & set(facts.reads)


@pytest.mark.parametrize(
    "line",
    [
        'import os; KEY = os.environ["API_KEY"]',
        'from decouple import config; KEY = config("API_KEY")',
        """
import os
try:
    os.environ["API_KEY"]
except KeyError as error:  # as django-environ does
    raise ValueError("Set the API_KEY environment variable") from error
""",
    ],
)
def test_settings_that_need_a_variable_can_have_it_for_the_build(
    environment: InstalledEnvironment, project: Project, line: str
) -> None:
    (project.root / "tiny_settings.py").write_text(f"SECRET_KEY = 'x'\n{line}\n")
    with pytest.raises(BundleError) as error:
        ask(project, environment, project.root, project.root.parent)
    assert "[bundle] of deploykit.ini: environment = API_KEY=" in error.value.hint
    named = replace(project, environment=(("API_KEY", "x"),))
    facts = ask(named, environment, project.root, project.root.parent).facts
    assert facts.reads == ("API_KEY",)


def test_the_answer_has_facts_and_stray_files(
    environment: InstalledEnvironment, project: Project
) -> None:
    (project.root / "tiny_settings.py").write_text(
        "SECRET_KEY = 'x'\nSTATIC_URL = '/s/'\nopen('debug.log', 'w').close()\n"
    )
    answer = ask(project, environment, project.root, project.root.parent)
    assert answer.facts.settings_module == "tiny_settings"
    assert answer.facts.static_url == "/s/"
    assert answer.stray == ("debug.log",)
    assert answer.trace is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 / 0", r"settings do not import: tiny_settings.py:1: ZeroDivisionError"),
        ("import nothing_like_it", r"ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("raise SystemExit(4)", r"the project exited with 4"),
        ("import os; os._exit(5)", r"cannot be started \(exit code 5\)"),
    ],
)
def test_explains_settings_that_fail(
    environment: InstalledEnvironment, project: Project, text: str, says: str
) -> None:
    (project.root / "tiny_settings.py").write_text(text)
    with pytest.raises(BundleError, match=says):
        ask(project, environment, project.root, project.root.parent)


@pytest.mark.parametrize(
    "text",
    [
        "import common.money",
        "INSTALLED_APPS = ['common']",
        "try:\n    import common\nexcept ImportError as error:\n    raise RuntimeError('why') from error",
    ],
)
def test_names_the_module_that_is_missing(
    text: str, environment: InstalledEnvironment, project: Project
) -> None:
    write_tree(project.root, {"tiny_settings.py": f"SECRET_KEY = 'x'\n{text}\n"})
    with pytest.raises(MissingModuleError) as caught:
        ask(project, environment, project.root, project.root.parent)
    assert caught.value.module == "common"
    with pytest.raises(MissingModuleError) as caught:
        run_build("python -c 'import common.x'", project, environment, project.root)
    assert caught.value.module == "common"


def test_names_folders_outside_of_the_project(
    environment: InstalledEnvironment, project: Project
) -> None:
    write_tree(project.root.parent, {"here/a.css": "", "export/inside/x.html": ""})
    text = """
from pathlib import Path
BASE = Path(__file__).parent
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [BASE.parent / "templates", BASE / "inside", str(BASE.parent / "both"), BASE / "both"]}]
STATICFILES_DIRS = [("x", BASE.parent / "gone"), BASE.parent / "here"]
LOCALE_PATHS = ["../locale"]
"""
    write_tree(project.root, {"tiny_settings.py": text})
    facts = ask(project, environment, project.root, project.root.parent).facts
    assert facts.outside == (
        ("TEMPLATES", "../templates"),
        ("LOCALE_PATHS", "../locale"),
        ("STATICFILES_DIRS", "../gone"),
    )


BUCKET = """
import os
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.storage import Storage

class Remote(Storage):
    def __init__(self): raise RuntimeError("it is not made")

class Hidden(Storage):
    def path(self, name): raise NotImplementedError

class Uploads(StaticFilesStorage):
    def _save(self, name, content):
        with open(OUTSIDE, "w") as file:
            file.write(name)
        return super()._save(name, content)

class Connects(StaticFilesStorage):
    def _save(self, name, content):
        import socket
        try:
            socket.create_connection(("127.0.0.1", 9))
        except Exception:
            pass
        return super()._save(name, content)
"""
STATIC = """
import os
from pathlib import Path
SECRET_KEY = "x"
BASE_DIR = Path(__file__).parent
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/s/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "assets"]
def stored(backend, **options):
    return {"staticfiles": {"BACKEND": backend, "OPTIONS": options}}
"""


@pytest.fixture
def static(project: Project, tmp_path: Path) -> Callable[[str], Project]:
    """Return a function that makes a project with one static file, and lines of settings."""
    outside = f"OUTSIDE = {str(tmp_path / 'outside')!r}\n"
    write_tree(project.root, {"bucket.py": BUCKET + outside, "assets/a.css": "a {}"})

    def made(lines: str) -> Project:
        write_tree(project.root, {"tiny_settings.py": f"{STATIC}{outside}{lines}\n"})
        return project

    return made


@pytest.mark.parametrize("name", ["Remote", "Hidden"])
def test_collects_nothing_into_a_storage_that_is_no_folder(
    name: str, static: Callable[[str], Project], environment: InstalledEnvironment
) -> None:
    project = static(f'STORAGES = stored("bucket.{name}")')
    facts = ask(project, environment, project.root, project.root.parent).facts
    assert (facts.remote_static, facts.static_root) == (f"bucket.{name}", "")
    assert facts.stage == "done"


def test_collects_into_the_folder_of_the_storage(
    static: Callable[[str], Project], environment: InstalledEnvironment
) -> None:
    lines = "STATIC_ROOT = None\nSTORAGES = stored('bucket.StaticFilesStorage', location=BASE_DIR / 'out')"
    project = static(lines)
    answer = ask(project, environment, project.root, project.root.parent)
    assert answer.facts.static_root == str(project.root.resolve() / "out")
    assert (project.root / "out" / "a.css").is_file()
    assert answer.stray == ()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('STORAGES = stored("bucket.Uploads")', "it writes .*/outside, outside the project"),
        ('STORAGES = stored("bucket.Connects")', "it connects to 127.0.0.1:9"),
        (
            'STORAGES = stored("bucket.StaticFilesStorage", location=OUTSIDE)',
            "STATIC_ROOT is .*/outside, outside the project",
        ),
    ],
)
def test_refuses_a_storage_that_leaves_the_export(
    lines: str,
    says: str,
    static: Callable[[str], Project],
    environment: InstalledEnvironment,
    tmp_path: Path,
) -> None:
    project = static(lines)
    with pytest.raises(BundleError, match=says):
        ask(project, environment, project.root, project.root.parent)
    assert not (tmp_path / "outside").exists()


def test_does_what_manage_py_does_before_its_command(
    environment: InstalledEnvironment, project: Project
) -> None:
    write_tree(
        project.root,
        {
            "manage.py": "import os, sys\n"
            "def main():\n"
            "    os.environ['DJANGO_SETTINGS_MODULE'] = 'of_a_developer'\n"
            "    os.environ['DJANGO_CONFIGURATION'] = 'OfADeveloper'\n"
            "    sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'apps'))\n"
            "    from django.core.management import execute_from_command_line\n"
            "    execute_from_command_line(sys.argv)\n"
            "if __name__ == '__main__':\n"
            "    main()\n",
            "apps/orders/__init__.py": "",
            "tiny_settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['orders']\n"
            "import os\nassert os.environ['DJANGO_CONFIGURATION'] == 'Live'\n",
        },
    )
    project = replace(project, configuration="Live")
    facts = ask(project, environment, project.root, project.root.parent).facts
    assert (facts.settings_module, facts.stage) == ("tiny_settings", "done")
    write_tree(project.root, {"manage.py": "import nothing_like_it\n"})
    with pytest.raises(BundleError, match=r"manage\.py cannot be run.*: manage\.py:1: ModuleNot"):
        ask(project, environment, project.root, project.root.parent)
