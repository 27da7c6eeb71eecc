"""What deploy_check does between the command line and the checks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import CheckReport, Choice
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.checking import (
    CheckRequest,
    Output,
    check_project,
    check_with_settings,
    exit_code,
    explain_check,
    list_checks,
    other_settings,
    read_baseline,
    read_outputs,
    render,
    validate_choice,
    write_outputs,
)
from django_deploykit.project import read_project
from tests.projects import start_repository


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without files."""
    (tmp_path / "manage.py").write_text("")
    return tmp_path


def request(project: Path, *tags: str, **more: Any) -> CheckRequest:
    """Return a request for the checks with these tags."""
    return CheckRequest(read_project(project), Choice(tags=tags), **more)


def test_checks_the_project(project: Path) -> None:
    with override_settings(SESSION_COOKIE_AGE=10**9):
        report = check_project(request(project, "accounts"))
    assert [one.id for one in report.findings] == ["deploykit.W310"]
    assert report.facts == {}


def test_what_bundle_would_refuse_is_among_the_findings(project: Path) -> None:
    found = check_project(request(project, "shipping")).findings
    assert "deploykit.E823" in {one.id for one in found}


def test_a_skip_of_nothing_is_a_mistake(project: Path) -> None:
    (project / "deploykit.ini").write_text("[check]\nskip = E999 a demo\n")
    with pytest.raises(Problems, match=r"deploykit\.ini:2: skip: E999 is not the id of a check"):
        check_project(request(project, "accounts"))


def test_migrations_are_facts_that_only_json_shows(project: Path) -> None:
    with pytest.raises(DeployKitError, match="--migrations requires --format json") as caught:
        check_project(request(project, "accounts", migrations=True))
    assert caught.value.exit_code == 2
    with override_settings(ALLOWED_HOSTS=["shop.example.org"]):
        report = check_project(
            request(project, "accounts", migrations=True, outputs=(Output("json"),))
        )
    assert report.facts == {"allowed_hosts": ["shop.example.org"], "migrations": []}


def test_a_page_is_only_requested_on_a_host(project: Path) -> None:
    with pytest.raises(DeployKitError, match="--ask requires --server") as caught:
        check_project(request(project, "accounts", ask="/up"))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("url", ["https://[::1/up", "https://a:port/", "up", "ftp://a/", "/ up"])
def test_a_page_that_is_no_path_and_no_url_is_a_mistake(project: Path, url: str) -> None:
    with pytest.raises(DeployKitError, match="--ask: expected a path such as /up") as caught:
        check_project(request(project, "accounts", server=True, ask=url))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        (Choice(only=("E999",)), "E999 is not the id of a check"),
        (Choice(skip=("W31O",)), "W31O is not the id of a check"),
        (Choice(tags=("host",)), "host is not a tag; did you mean 'hosts'?"),
    ],
)
def test_a_choice_of_nothing_is_refused(choice: Choice, problem: str) -> None:
    with pytest.raises(Problems) as caught:
        validate_choice(choice, catalogue())
    assert (caught.value.problems[0].startswith(problem), caught.value.exit_code) == (True, 2)
    validate_choice(Choice(("E101",), ("security",), ("django", "hosts")), catalogue())


def test_ci_services_get_paths_relative_to_the_repository(tmp_path: Path) -> None:
    project = tmp_path / "src"
    project.mkdir()
    (project / "manage.py").write_text("")
    report = CheckReport((Finding("x", path="a.py", id="deploykit.E101", level="ERROR"),))
    assert "file=a.py" in render(report, "github", project)  # without a repository
    start_repository(tmp_path)
    assert "file=src/a.py" in render(report, "github", project)
    assert "src/a.py" not in render(report, "text", project)


def test_outputs_are_files_and_standard_output() -> None:
    assert read_outputs("json", []) == (Output("json"),)
    assert read_outputs("text", ["a.txt", "sarif=b=c.sarif"]) == (
        Output("text", Path("a.txt")),
        Output("sarif", Path("b=c.sarif")),
    )
    assert read_outputs("text", ["no=format"]) == (Output("text", Path("no=format")),)
    with pytest.raises(DeployKitError, match="given twice without a format: a and b"):
        read_outputs("text", ["a", "b"])


def test_a_baseline_leaves_out_what_was_known(project: Path) -> None:
    asked = request(project, "accounts")
    with override_settings(SESSION_COOKIE_AGE=10**9):
        report = check_project(asked)
        (project / "old.json").write_text(render(report, "json", project))
        again = check_project(replace(asked, baseline=project / "old.json"))
    assert (len(report.findings), again.findings) == (1, ())
    assert again.skipped[0].id == "deploykit.W310"


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "cannot be read: No such file"), ("[]", "is not a report"), ("{", "is not a report")],
)
def test_a_baseline_that_is_none_is_refused(text: str | None, problem: str, project: Path) -> None:
    if text is not None:
        (project / "old.json").write_text(text)
    with pytest.raises(DeployKitError, match=problem) as caught:
        read_baseline(project / "old.json")
    assert caught.value.exit_code == 2
    assert "--format json --output" in caught.value.hint


def test_the_summary_of_a_github_job_is_appended_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = project / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    report = CheckReport((Finding("x", path="a.py", id="deploykit.E101", level="ERROR"),))
    write_outputs(report, request(project))
    assert page.read_text() == "before\n"
    write_outputs(report, request(project, outputs=(Output("github"),)))
    assert page.read_text().startswith("before\n### deploy_check\n")
    assert "| error | deploykit.E101 | a.py | x |" in page.read_text()


def test_exit_codes() -> None:
    finding = Finding("x", id="deploykit.E101", level="ERROR")
    assert exit_code(CheckReport(())) == 0
    assert exit_code(CheckReport((finding,))) == 1
    assert exit_code(CheckReport((finding, replace(finding, id="deploykit.E800")))) == 2


def test_settings_of_deploykit_ini_come_before_exported_ones(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SETTINGS_MODULE", "site_.exported", raising=False)
    (project / "deploykit.ini").write_text("[project]\nsettings = site_.live\n")
    assert other_settings(read_project(project)) == {"DJANGO_SETTINGS_MODULE": "site_.live"}


def test_lists_and_explains_checks() -> None:
    known = catalogue()
    lines = list_checks(known.values())
    assert "deploykit.E101  core        DEBUG is on, or is not a boolean" in lines
    assert any(line.endswith("  (with --server)") for line in lines)
    assert lines[-1] == f"{len(known)} checks, beside Django's own"
    text = explain_check(known, "E403")
    assert text.startswith("deploykit.E403: A database cannot be reached\n")
    assert "level ERROR, only with --server." in text
    with pytest.raises(DeployKitError, match="E1O1 is not one of our checks; did you mean"):
        explain_check(known, "E1O1")


@pytest.mark.parametrize(
    ("loaded", "expected"),
    [("site_.local", "site_.production"), ("site_.production", ""), ("site_.other", "")],
)
def test_production_settings_replace_only_those_that_manage_py_names(
    loaded: str, expected: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\n"
    (project / "manage.py").write_text(line.format("site_.local"))
    (project / "site_").mkdir()
    (project / "site_" / "wsgi.py").write_text(line.format("site_.production"))
    monkeypatch.setattr(settings, "SETTINGS_MODULE", loaded, raising=False)
    found = {"DJANGO_SETTINGS_MODULE": expected} if expected else {}
    assert other_settings(read_project(project)) == found


@pytest.mark.parametrize(
    ("loaded", "ini", "expected"),
    [
        ("Development", "", "Production"),
        ("Production", "", ""),
        ("Staging", "", ""),
        ("Staging", "[project]\nconfiguration = Live\n", "Live"),
    ],
)
def test_a_settings_class_is_chosen_like_a_module(
    loaded: str, ini: str, expected: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_.settings')\n"
        "os.environ.setdefault('DJANGO_CONFIGURATION', '{}')\n"
    )
    (project / "manage.py").write_text(lines.format("Development"))
    (project / "site_").mkdir()
    (project / "site_" / "wsgi.py").write_text(lines.format("Production"))
    (project / "deploykit.ini").write_text(ini)
    monkeypatch.setattr(settings, "SETTINGS_MODULE", "site_.settings", raising=False)
    monkeypatch.setenv("DJANGO_CONFIGURATION", loaded)
    found = {"DJANGO_SETTINGS_MODULE": "site_.settings", "DJANGO_CONFIGURATION": expected}
    assert other_settings(read_project(project)) == (found if expected else {})


def test_other_settings_are_checked_in_a_process_of_their_own(project: Path) -> None:
    (project / "other.py").write_text(
        "SECRET_KEY = 'x'\nINSTALLED_APPS = ['django_deploykit']\nSESSION_COOKIE_AGE = 10**9\n"
    )
    words = ["--only=W310", "--fail-level=WARNING"]
    text, code = check_with_settings({"DJANGO_SETTINGS_MODULE": "other"}, project, words)
    assert "deploykit.W310  other.py:3: SESSION_COOKIE_AGE is 11574 days" in text
    assert code == 1
    other = {"DJANGO_SETTINGS_MODULE": "other"}
    assert check_with_settings(other, project, ["--only=E999"]) == ("", 2)
