"""What the command line and the stack say about who loads the settings."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from django_deploykit.conf.loading import checks_for_production, is_building, loading_settings
from django_deploykit.conf.secret import PLACEHOLDER
from tests.unit.conf.configs import make


def test_required_values_may_be_missing_while_building(tmp_path: Path) -> None:
    config = make(tmp_path, DEPLOYKIT_BUILD="1")
    assert config.secret("SECRET_KEY") == PLACEHOLDER
    assert config.hosts("ALLOWED_HOSTS") == []
    assert config.int("WEB_PORT") == 1
    assert config.problems == ()


def test_settings_for_building_refuse_requests() -> None:
    code = """
        import os
        os.environ["DEPLOYKIT_BUILD"] = "1"
        from django.conf import settings
        from django_deploykit.conf import Config
        config = Config("shop")
        settings.configure(SECRET_KEY=config.secret("SECRET_KEY"), ROOT_URLCONF="x", ALLOWED_HOSTS=["*"])
        from django.core.wsgi import get_wsgi_application
        try:
            get_wsgi_application()({"REQUEST_METHOD": "GET", "wsgi.input": None}, print)
        except RuntimeError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert "must not serve requests" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("environ", "command", "building"),
    [
        ({"DEPLOYKIT_BUILD": "1"}, [], True),
        ({"DEPLOYKIT_BUILD": "0"}, [], False),
        ({}, ["bundle"], True),
        ({}, ["deploy_check", "--format", "json"], True),
        ({}, ["deploy_check", "--server"], False),
        ({}, ["release", "production", "exec", "--", "deploy_check", "--server"], True),
        ({}, ["collectstatic"], True),
        ({}, ["migrate", "bundle"], False),
        ({}, ["help"], True),
        ({}, ["help", "migrate"], True),
        ({}, ["--help"], True),
        ({}, ["--version"], True),
        ({}, ["migrate", "--help"], True),
        ({}, ["runserver", "-h"], True),
        ({}, ["dbshell", "--", "-h", "db1"], False),
        ({}, ["dbshell", "--", "--help"], False),
        ({}, ["runserver", "help"], False),
        ({}, [], False),
    ],
)
def test_the_environment_or_the_command_says_that_settings_are_for_building(
    environ: dict[str, str], command: list[str], building: bool
) -> None:
    assert is_building(environ, command) is building


@pytest.mark.parametrize(
    ("command", "production"),
    [
        (["check", "--deploy"], True),
        (["check"], False),
        (["migrate", "--deploy"], False),
        ([], False),
    ],
)
def test_only_the_deploy_check_of_django_is_about_production(
    command: list[str], production: bool
) -> None:
    assert checks_for_production(command) is production


def test_a_declaration_names_the_line_that_reads_it(tmp_path: Path) -> None:
    config = make(tmp_path, X_Y="1")
    config.int("X_Y")
    assert config.declarations[0].where.rpartition(":")[0] == __file__


def test_no_settings_module_is_being_loaded_here() -> None:
    assert loading_settings() == []
