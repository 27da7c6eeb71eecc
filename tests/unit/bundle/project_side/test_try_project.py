"""Loading a project with the packages of this environment, without those that are not locked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.project_side import try_project
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.project_side.try_project import hidden_modules
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.wire.reader import parse

MANAGE = """
import os
import sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
"""
SETTINGS = "SECRET_KEY = 'x'\nINSTALLED_APPS = []\nROOT_URLCONF = 'shop.urls'\n"
FILES = {
    "manage.py": MANAGE,
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/urls.py": "urlpatterns = []\n",
    "shop/wsgi.py": "application = 1\n",
}
LOCKED = ["django", "asgiref", "sqlparse"]


def load(folder: Path, files: dict[str, str], **request: object) -> ProjectFacts:
    """Load a project that is written to a folder; returns the facts."""
    export = folder / "export"
    for name, text in {**FILES, **files}.items():
        (export / name).parent.mkdir(parents=True, exist_ok=True)
        (export / name).write_text(text)
    asked = {"top": str(folder / "repository"), "locked": LOCKED, "local": [], "applications": []}
    (folder / "request.json").write_text(json.dumps({**asked, "collecting": True, **request}))
    words = [try_project.__file__, str(folder / "answer.json"), str(folder)]
    subprocess.run(
        [sys.executable, *words, str(folder / "request.json")],
        cwd=export,
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    return parse(ProjectFacts, (folder / "answer.json").read_bytes(), "facts")


def test_a_good_project_loads(tmp_path: Path) -> None:
    facts = load(tmp_path, {}, applications=["shop.wsgi:application"])
    assert (facts.stage, facts.problem) == ("done", "")
    assert facts.wsgi == "shop.wsgi:application"
    assert "pytest" in facts.hidden


@pytest.mark.parametrize(
    ("files", "request_", "stage", "problem"),
    [
        ({"shop/settings.py": "import pytest"}, {}, "settings", "No module named 'pytest'"),
        ({"shop/urls.py": "import pytest"}, {}, "urls", "No module named 'pytest'"),
        ({"shop/wsgi.py": "import pytest"}, {}, "applications", "No module named 'pytest'"),
        ({}, {"applications": ["shop.wsgi:app"]}, "applications", "has no attribute 'app'"),
        ({"manage.py": "1 / 0"}, {}, "manage.py", "ZeroDivisionError"),
    ],
)
def test_says_at_which_stage_a_project_fails(
    files: dict[str, str], request_: Document, stage: str, problem: str, tmp_path: Path
) -> None:
    facts = load(tmp_path, files, **request_)
    assert facts.stage == stage
    assert problem in facts.problem


def test_a_project_may_do_without_a_package_and_have_a_module_of_its_name(tmp_path: Path) -> None:
    code = (
        "from importlib.util import find_spec\nassert find_spec('pytest') is None\n"
        "try:\n    import pytest\nexcept ImportError:\n    pass\nimport xdist\nassert xdist.OURS\n"
    )
    files = {"shop/settings.py": SETTINGS + code, "xdist.py": "OURS = True\n"}
    assert load(tmp_path, files).problem == ""


def test_nothing_is_hidden_if_the_names_in_the_lock_file_are_not_known(tmp_path: Path) -> None:
    files = {"shop/settings.py": SETTINGS + "import pytest\n"}
    facts = load(tmp_path, files, locked=None)
    assert (facts.problem, facts.hidden) == ("", ())


def test_connections_are_refused_and_said(tmp_path: Path) -> None:
    code = "import socket\nsocket.create_connection(('127.0.0.1', 9))\n"
    facts = load(tmp_path, {"shop/settings.py": SETTINGS + code})
    assert facts.connects == "127.0.0.1"
    assert "loading the project connects to 127.0.0.1" in facts.problem


def test_a_distribution_stands_for_a_locked_one_of_its_name_that_is_absent() -> None:
    hidden, absent = hidden_modules(["django", "pytest-core"])
    assert "pytest" not in hidden  # as psycopg2-binary for psycopg2
    assert "xdist" in hidden
    assert absent == {"pytest-core"}
