"""A manage.py with our ``execute_from_command_line``: what does not start, and all else as Django's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = """import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from {}.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
SETTINGS = "INSTALLED_APPS = ['django_deploykit', 'shop']\nSECRET_KEY = 'x' * 50\n"
Done = subprocess.CompletedProcess[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an app, ``manage.py`` with our function and ``stocks.py`` with Django's.

    The names are equally long, because help is wrapped.
    """
    (tmp_path / "manage.py").write_text(MANAGE.format("django_deploykit"), encoding="utf-8")
    (tmp_path / "stocks.py").write_text(MANAGE.format("django.core"), encoding="utf-8")
    commands = tmp_path / "shop" / "management" / "commands"
    commands.mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (commands / "greet.py").write_text(
        "from django.core.management.base import BaseCommand, CommandError\n"
        "class Command(BaseCommand):\n"
        "    def handle(self, **options):\n"
        "        raise CommandError('hello', returncode=7)\n",
        encoding="utf-8",
    )
    write(tmp_path, SETTINGS)
    return tmp_path


def write(project: Path, text: str, name: str = "settings") -> None:
    (project / "shop" / f"{name}.py").write_text(text, encoding="utf-8")


def manage(project: Path, *words: str, program: str = "manage.py", **env: str) -> Done:
    return subprocess.run(
        [sys.executable, program, *words],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
    )


BROKEN = {
    "an exception": ("X = 1 / 0\n", "shop/settings.py:1: ZeroDivisionError: division by zero"),
    "a syntax error": ("X = 1\nY ==\n", "shop/settings.py:2: SyntaxError: invalid syntax"),
    "a missing import": ("import no_such\n", "shop/settings.py:1: ModuleNotFoundError: No module"),
    "Django's own error": (
        "import django.core.exceptions as e\nraise e.ImproperlyConfigured('set X')\n",
        "shop/settings.py:2: ImproperlyConfigured: set X",
    ),
    "the end of the program": ("import sys\nsys.exit(0)\n", "shop/settings.py:2: SystemExit: 0"),
    "a variable": ("import os\nos.environ['NO_KEY']\n", "shop/settings.py:2: KeyError: 'NO_KEY'"),
    "no settings": (None, "manage.py:4: ModuleNotFoundError: No module named 'shop.settings'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_settings_that_do_not_load_are_one_line_and_what_to_do(name: str, project: Path) -> None:
    text, says = BROKEN[name]
    if text is None:
        (project / "shop" / "settings.py").unlink()
    else:
        write(project, text)
    done = manage(project, "migrate")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: the settings do not load: {says}")
    assert hint.endswith("For the traceback, add --traceback.")
    assert (done.returncode, done.stdout) == (2, "")


def test_an_error_of_the_configuration_lists_its_problems(project: Path) -> None:
    write(
        project,
        "from django_deploykit.conf import Config\n"
        "config = Config('shop')\nSECRET_KEY = config.secret('SECRET_KEY')\n",
    )
    done = manage(project, "migrate")
    assert done.stderr.startswith("error: the configuration of shop has 1 problem:\n  - SECRET_KEY")
    assert done.returncode == 2


def test_the_traceback_is_there_on_request(project: Path) -> None:
    write(project, "X = 1 / 0\n")
    done = manage(project, "migrate", "--traceback")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert done.returncode == 2


REQUIRED = SETTINGS + "import os\nA = os.environ['A']\nB = int(os.environ['B'])\n"


def test_deploy_check_names_all_variables_that_the_settings_require(project: Path) -> None:
    write(project, REQUIRED)
    done = manage(project, "deploy_check")
    error, hint = done.stderr.splitlines()
    assert error == "error: the settings do not load: shop/settings.py:4: KeyError: 'A'"
    assert "environment = A=… B=… For the traceback" in hint
    assert done.returncode == 2
    only = manage(project, "deploy_check", A="1").stderr
    assert "shop/settings.py:5: KeyError: 'B'" in only
    assert "environment = B=… " in only


def test_deploy_check_has_the_values_that_a_build_has(project: Path) -> None:
    write(project, REQUIRED + "print('A is', A)\n")
    (project / "deploykit.ini").write_text("[bundle]\nenvironment = A=build B=2\n")
    done = manage(project, "deploy_check", "--only", "E101")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "A is build")
    set_here = manage(project, "deploy_check", "--only", "E101", A="mine")
    assert set_here.stdout.splitlines()[0] == "A is mine"
    on_a_host = manage(project, "deploy_check", "--server", "--only", "E101")
    assert "KeyError: 'A'" in on_a_host.stderr


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github", "gitlab"])
def test_deploy_check_reports_in_every_format_that_nothing_was_checked(
    form: str, project: Path
) -> None:
    write(project, "\nX = 1 / 0\n")
    out = project / "report.json"
    done = manage(project, "deploy_check", "--format", form, "--output", f"json={out}")
    assert done.returncode == 2
    assert "E800" in done.stdout
    assert "the settings do not load: ZeroDivisionError" in done.stdout
    assert done.stderr.startswith("error: the settings do not load: shop/settings.py:2: ")
    report = json.loads(out.read_text(encoding="utf-8"))
    (found,) = report["findings"]
    assert (found["path"], found["line"]) == ("shop/settings.py", 2)
    assert (report["incomplete"], report["checks_run"], report["passed"]) == (True, 0, [])
    assert len(report["not_checked"]) > 80


def test_deploy_check_also_reports_apps_that_do_not_load(project: Path) -> None:
    write(project, SETTINGS + "INSTALLED_APPS += ['no_such_app']\n")
    done = manage(project, "deploy_check", "--format", "json")
    assert done.returncode == 2
    (found,) = json.loads(done.stdout)["findings"]
    assert found["message"].startswith(
        "the project does not start with no_such_app of INSTALLED_APPS"
    )
    assert found["line"] == 3
    wrong = manage(project, "deploy_check", "--format", "yaml")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    "words", [[], ["help"], ["--help"], ["help", "--commands"], ["help", "migrate"]]
)
def test_help_works_without_settings(words: list[str], project: Path) -> None:
    write(project, "X ==\n")
    done = manage(project, *words)
    assert ("deploy_check" in done.stdout) == ("migrate" not in words)
    assert "migrate" in done.stdout
    assert "missing here: the settings do not load: shop/settings.py:1: Syntax" in done.stderr
    assert done.returncode == 0


def test_a_typo_is_a_typo_whatever_the_settings_are(project: Path) -> None:
    write(project, "X = 1 / 0\n")
    done = manage(project, "relase")
    assert done.stderr == "error: there is no command 'relase'; did you mean 'release'?\n"
    assert done.returncode == 2
    write(project, SETTINGS)
    assert "Did you mean release?" in manage(project, "relase").stderr


def test_the_production_settings_are_checked_in_the_same_process(project: Path) -> None:
    (project / "deploykit.ini").write_text("[project]\nsettings = shop.live\n", encoding="utf-8")
    write(project, "print('wrong settings')\n")
    write(project, "raise LookupError('live')\n", "live")
    done = manage(project, "deploy_check")
    note, error, _ = done.stderr.splitlines()
    assert note == "checking with the production settings, shop.live"
    assert error == "error: the settings do not load: shop/live.py:1: LookupError: live"
    assert (done.returncode, done.stdout) == (2, "")
    write(project, "raise LookupError('other')\n", "other")
    chosen = manage(project, "deploy_check", "--settings", "shop.other")
    assert chosen.stderr.startswith("error: the settings do not load: shop/other.py:1: ")


@pytest.mark.parametrize("word", ["bundle", "release"])
def test_bundle_and_release_do_not_load_the_settings(word: str, project: Path) -> None:
    (project / "deploykit.ini").write_text("[bundle]\npython = three\n", encoding="utf-8")
    write(project, "X = 1 / 0\n")
    done = manage(project, word)
    assert "deploykit.ini has mistakes" in done.stderr
    assert done.returncode == 1


SAME = {
    "a command": (SETTINGS, ["greet"]),
    "a check": (SETTINGS, ["check"]),
    "code": (SETTINGS, ["shell", "-c", "print(1); raise SystemExit(5)"]),
    "an unknown command": (SETTINGS, ["teach_elephants"]),
    "a wrong option": (SETTINGS, ["check", "--no-such"]),
    "help": (SETTINGS, ["help"]),
    "a command's help": (SETTINGS, ["greet", "--help"]),
    "the version": (SETTINGS, ["--version"]),
    "other settings": ("", ["check", "--settings", "shop.good"]),
    "a command without settings": ("import no_such\n", ["startapp", "other"]),
}


@pytest.mark.parametrize("name", SAME)
def test_everything_else_is_as_with_django(name: str, project: Path) -> None:
    text, words = SAME[name]
    write(project, SETTINGS, "good")
    write(project, text)
    stock = manage(project, *words, program="stocks.py")
    if words[0] == "startapp":
        words = ["startapp", "another"]
    ours = manage(project, *words)
    for stream in ("stdout", "stderr"):
        shown = getattr(stock, stream).replace("stocks.py", "manage.py")
        assert getattr(ours, stream) == shown
    assert ours.returncode == stock.returncode


def test_an_app_that_does_not_load_has_django_s_traceback(project: Path) -> None:
    write(project, SETTINGS)
    write(project, "import no_such\n", "models")
    for program in ("stocks.py", "manage.py"):
        done = manage(project, "migrate", program=program)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert done.stderr.endswith("ModuleNotFoundError: No module named 'no_such'\n")


def test_a_project_without_our_app_is_checked(project: Path) -> None:
    write(project, SETTINGS.replace("'django_deploykit', ", ""))
    done = manage(project, "deploy_check", "--only", "E101")
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_that_are_refused_are_one_line_without_our_app_too(project: Path) -> None:
    write(project, str(BROKEN["Django's own error"][0]))
    done = manage(project, "deploy_check")
    assert done.returncode == 2
    assert "shop/settings.py:2: ImproperlyConfigured: set X" in done.stderr
    assert "Traceback" not in done.stderr
