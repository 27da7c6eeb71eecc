"""Which checks run, and which findings count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.core import checks as django_checks
from django.core.checks.registry import registry
from django.db import connection
from django.test import override_settings

from django_deploykit.checks.attempts import NEEDS_SERVER
from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.finding import Finding, Skipped
from django_deploykit.checks.options import Skip
from django_deploykit.checks.runner import (
    CheckReport,
    Choice,
    apply_skips,
    deploy_messages,
    iter_id_problems,
    matches,
    run_checks,
    select_checks,
    sort_findings,
)
from django_deploykit.checks.subject import Subject
from django_deploykit.project import Project
from tests.unit.checks.reports import ERROR, WARNING

APPS = ["django.contrib.contenttypes", "django.contrib.auth"]


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(Project(tmp_path, "shop", tmp_path / "deploykit.ini"))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("E101", True),
        ("deploykit.E101", True),
        ("deploykit", True),
        ("deploykit.", True),
        ("E1", False),
        ("E102", False),
    ],
)
def test_a_pattern_is_an_id_or_its_first_part(pattern: str, expected: bool) -> None:
    assert matches("deploykit.E101", [pattern]) is expected


@pytest.mark.parametrize(
    ("choice", "server", "expected"),
    [
        (Choice(only=("E101", "W310")), False, {"E101", "W310"}),
        (Choice(only=("E101", "W310"), skip=("W310",)), False, {"E101"}),
        (Choice(only=("E101", "W310"), tags=("accounts",)), False, {"W310"}),
        (Choice(only=("E403",)), False, set()),
        (Choice(only=("E403",)), True, {"E403"}),
    ],
)
def test_selects_checks(choice: Choice, server: bool, expected: set[str]) -> None:
    selected = select_checks(catalogue().values(), choice, server=server)
    assert {one.number for one in selected} == expected


def test_runs_ours_and_djangos_and_skips_with_a_reason(subject: Subject) -> None:
    skipping = replace(subject, skips=(Skip("W310", "a demo", "", "deploykit.ini:2"),))
    choice = Choice(only=("E101", "W310", "security.W001"))
    with override_settings(
        DEBUG=True, SESSION_COOKIE_AGE=10**9, MIDDLEWARE=[], INSTALLED_APPS=APPS
    ):
        report = run_checks(skipping, choice)
        assert [one.id for one in report.findings] == ["deploykit.E101", "security.W001"]
        assert [str(one) for one in report.skipped] == ["deploykit.W310 skipped: a demo"]
        assert [one.number for one in report.checks] == ["E101", "W310"]
        with override_settings(SILENCED_SYSTEM_CHECKS=["deploykit.E101", "security.W001"]):
            assert run_checks(skipping, choice).findings == ()
        assert (
            run_checks(subject, replace(choice, tags=("core",))).findings[0].message
            == "DEBUG is on"
        )
        tagged = run_checks(subject, replace(choice, tags=("security",)))
        assert [one.id for one in tagged.findings] == ["security.W001"]


@pytest.mark.parametrize(
    ("findings", "level", "expected"),
    [
        ((ERROR,), "ERROR", True),
        ((WARNING,), "ERROR", False),
        ((WARNING,), "WARNING", True),
        ((), "INFO", False),
    ],
)
def test_a_report_fails_at_its_level(
    findings: tuple[Finding, ...], level: str, expected: bool
) -> None:
    assert CheckReport(findings, fail_level=level).failed is expected


def test_a_report_can_be_relative_to_the_repository() -> None:
    absolute = replace(ERROR, path="/etc/shop/shop.ini")
    report = CheckReport((ERROR, WARNING, absolute)).below("src/")
    assert [one.path for one in report.findings] == [
        "src/shop/settings.py",
        "",
        "/etc/shop/shop.ini",
    ]


def test_the_worst_comes_first() -> None:
    assert sort_findings([WARNING, ERROR]) == [ERROR, WARNING]


def test_a_skip_ends_after_its_last_day() -> None:
    skips = (Skip("W201", "behind a VPN", "2027-01-31", "deploykit.ini:3"),)
    assert apply_skips([ERROR, WARNING], skips, "2027-01-31") == (
        [ERROR],
        [Skipped("deploykit.W201", "behind a VPN", WARNING)],
    )
    assert apply_skips([ERROR, WARNING], skips, "2027-02-01") == ([ERROR, WARNING], [])


def test_ids_that_no_check_has_are_reported() -> None:
    known = list(catalogue())
    fine = ["E101", "deploykit.W201", "security.W004", "security", "4_0.E001", "deploykit"]
    assert list(iter_id_problems(fine, known)) == []
    wrong = ["E999", "securty.W004", "security.W4", "w201", ""]
    problems = list(iter_id_problems(wrong, known))
    assert len(problems) == len(wrong)
    assert problems[1] == "securty.W004 is not the id of a check; did you mean 'security'?"


def test_a_check_that_cannot_run_is_reported_and_the_others_run(subject: Subject) -> None:
    choice = Choice(only=("E101", "W305", "security.W001", "E304"))
    with override_settings(DEBUG=True, PASSWORD_HASHERS=1, INSTALLED_APPS=APPS):
        report = run_checks(subject, choice)
        (broken,) = [one for one in report.findings if one.id == "deploykit.E800"]
        assert broken.message.startswith("deploykit.E304 could not run: TypeError")
        assert {"deploykit.E101", "deploykit.W305"} <= {one.id for one in report.findings}
        assert (report.incomplete, report.failed) == (True, True)
        assert "E304" not in {one.number for one in report.checks}
        assert not run_checks(subject, replace(choice, skip=("E800",))).incomplete


def test_checks_are_in_one_of_three_states(subject: Subject) -> None:
    choice = Choice(tags=("accounts", "server"))
    with override_settings(SESSION_COOKIE_AGE=10**9, SILENCED_SYSTEM_CHECKS=["deploykit.E301"]):
        report = run_checks(subject, choice)
    states = [one.id for one in report.checks]
    states += [one.id for one in report.not_checked] + [one.id for one in report.skipped]
    wanted = {one.id for one in catalogue().values() if one.tag in choice.tags}
    assert sorted(states) == sorted(wanted)
    reasons = {one.id: one.reason for one in report.not_checked}
    assert reasons["deploykit.E403"] == NEEDS_SERVER
    assert report.worth_saying == ()


def test_nothing_connects_without_server(subject: Subject, registry_check: list[str]) -> None:
    report = run_checks(subject, Choice(tags=("security",)))
    assert registry_check == ["asked"]
    assert ("it connects to a service: --server") in [one.reason for one in report.not_checked]


@pytest.fixture
def registry_check() -> Iterator[list[str]]:
    """A check of an app that queries the database; returns what it did."""
    done: list[str] = []

    def query(**_: object) -> list[django_checks.CheckMessage]:
        done.append("asked")
        connection.cursor()
        return []

    django_checks.register(query, "security")
    yield done
    registry.registered_checks.discard(query)


def test_known_findings_can_be_left_out() -> None:
    report = CheckReport((ERROR, WARNING)).without({ERROR.fingerprint}, "the baseline")
    assert report.findings == (WARNING,)
    assert report.skipped == (Skipped(ERROR.id, "the baseline", ERROR),)


def test_check_deploy_shows_ours(
    project: Path, write_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings("DEBUG = True\n")
    monkeypatch.setattr(settings, "DEBUG", True)
    messages = deploy_messages(lambda subject: subject)
    found = {message.id: message.msg for message in messages}
    assert found["deploykit.E101"] == "DEBUG is on (own_settings.py:1)"


def test_check_deploy_shows_mistakes_in_deploykit_ini(
    project: Path, write_settings: Callable[..., None]
) -> None:
    write_settings("DEBUG = True\n")
    (project / "deploykit.ini").write_text("[check]\ntls = maybe\n")
    (problem,) = [
        one for one in deploy_messages(lambda subject: subject) if "deploykit.ini:" in one.msg
    ]
    assert problem.id == "deploykit.E800"
    assert "deploykit.ini:2: tls must be one of" in problem.msg
    (project / "deploykit.ini").write_text("[check]\nskip = E999 a demo\n")
    (problem,) = [
        one for one in deploy_messages(lambda subject: subject) if "deploykit.ini:" in one.msg
    ]
    assert "E999 is not the id of a check" in problem.msg
