"""The app takes any place in INSTALLED_APPS, and its commands can be called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test.utils import override_system_checks

MODELS = """
from django.contrib.auth.models import AbstractUser
class Customer(AbstractUser):
    pass
"""
SETTINGS = """
INSTALLED_APPS = {apps!r}
AUTH_USER_MODEL = "people.Customer"
SECRET_KEY = "x"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
USE_TZ = True
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
DJANGOS = ["django.contrib.contenttypes", "django.contrib.auth"]


@pytest.mark.parametrize(
    "apps",
    [
        ["django_deploykit", *DJANGOS, "people"],
        [*DJANGOS, "django_deploykit", "people"],
        ["people", *DJANGOS, "django_deploykit"],
    ],
    ids=["first", "between", "last"],
)
def test_a_project_with_a_user_model_of_its_own_loads_in_any_order(
    apps: list[str], tmp_path: Path
) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "people" / "models.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "site_settings.py").write_text(SETTINGS.format(apps=apps), encoding="utf-8")
    (tmp_path / "manage.py").write_text(MANAGE, encoding="utf-8")
    (tmp_path / "deploykit.ini").write_text("[bundle]\npython = three\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "bundle"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "deploykit.ini:2: python must look like 3.11" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the current folder, with a mistake in its deploykit.ini."""
    (tmp_path / "manage.py").write_text(MANAGE, encoding="utf-8")
    (tmp_path / "deploykit.ini").write_text("[bundle]\npython = three\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["bundle", "release"])
def test_commands_can_be_called_from_python(
    command: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((SystemExit, CommandError)):
        call_command(command)
    assert "deploykit.ini:2: python must look like 3.11" in capsys.readouterr().err


def test_deploy_check_can_be_called_from_python(project: Path) -> None:
    report = project / "report.json"
    # Other tests import apps whose checks register themselves, and fail where those are not installed.
    with override_system_checks([], []), pytest.raises(SystemExit) as ended:
        call_command("deploy_check", "--only", "E821", "--format", "json", output=report)
    assert ended.value.code == 1
    (finding,) = json.loads(report.read_text(encoding="utf-8"))["findings"]
    assert finding["path"] == "deploykit.ini"


@pytest.mark.parametrize("words", [["deploy_check"], ["release", "production", "status"]])
def test_a_command_reads_deploykit_ini_once(words: list[str], tmp_path: Path) -> None:
    hook = "lambda event, words: event == 'open' and print('open', words[0], file=sys.stderr)"
    (tmp_path / "manage.py").write_text(
        f"import sys\nsys.addaudithook({hook})\n{MANAGE}", encoding="utf-8"
    )
    (tmp_path / "site_settings.py").write_text(
        "INSTALLED_APPS = ['django_deploykit']\nSECRET_KEY = 'x'\n", encoding="utf-8"
    )
    path = tmp_path / "deploykit.ini"
    path.write_text("[environment:production]\nhosts = web1.invalid\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines().count(f"open {path}") == 1
