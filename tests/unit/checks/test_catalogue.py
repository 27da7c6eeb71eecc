"""The catalogue: how a check is registered, and that every check is tested."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.checks import catalogue as module
from django_deploykit.checks.catalogue import TOPICS, Check, catalogue, check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.runner import Choice, run_checks
from django_deploykit.checks.subject import Subject
from django_deploykit.project import Project

# Checks that need files, modules or dates of their own: the module that tests them.
ELSEWHERE = {
    "E800": "test_runner", "E103": "test_core", "E104": "test_core", "W110": "test_core", "E307": "test_accounts", "W309": "test_accounts",
    "W402": "test_database", "E405": "test_database", "E407": "test_database", "W826": "test_processes",
    "W802": "test_repository", "W806": "test_repository", "W817": "test_repository", "I818": "test_repository",
    **dict.fromkeys(("E821", "E822", "E823", "E824", "E825", "W117", "W840", "E841", "E842", "E843", "E844", "W845"), "test_shipping"),
    **dict.fromkeys(("E403", "E416", "W404", "W406", "E504", "E505"), "server.test_services"),
    "I833": "server.test_apparmor",
    **dict.fromkeys(("E606", "E714", "E803", "E804", "W808", "W814", "W815"), "server.test_host"),
    "E830": "test_processes", "I832": "test_processes", "E814": "server.test_health", "W212": "test_hosts", "E115": "test_repository", "E617": "test_uploads", "W313": "test_accounts",
    **dict.fromkeys(("W413", "W418", "E419"), "server.test_postgresql"),
    **dict.fromkeys(("W306", "W509", "W706"), "server.test_content"),
    **dict.fromkeys(("W214", "W712"), "server.test_network"), **dict.fromkeys(("E508", "W510"), "server.test_brokers"),
    **dict.fromkeys(("W809", "I807", "W604"), "server.test_configured"),
}  # fmt: skip


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """An empty project that uses SECURE_SSL_HOST in line 3 of its settings."""
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    return Subject(project, places={"SECURE_SSL_HOST": ("shop/settings.py", 3)})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    """The registered checks; those of the test are forgotten after it."""
    copy = dict(catalogue())
    monkeypatch.setattr(module, "_CATALOGUE", copy)
    return copy


def test_a_check_is_a_decorated_function(registry: dict[str, Check], subject: Subject) -> None:
    @check("W999")
    def throw_away(subject: Subject) -> Iterator[Finding]:
        """A setting is wrong.

        This is why
        it matters.
        """
        yield Finding("it is wrong", "Change it.", "SECURE_SSL_HOST")

    made = catalogue()["deploykit.W999"]
    assert (made.title, made.text) == ("A setting is wrong", "This is why\nit matters.")
    assert (made.number, made.level, made.tag, made.server) == (
        "W999",
        "WARNING",
        __name__.split(".")[0],
        False,
    )
    report = run_checks(subject, Choice(tags=(made.tag,)))
    assert report.findings == (
        Finding(
            "it is wrong",
            "Change it.",
            "SECURE_SSL_HOST",
            "shop/settings.py",
            3,
            "deploykit.W999",
            "WARNING",
        ),
    )


def test_a_number_can_be_used_only_once(registry: dict[str, Check]) -> None:
    def another(subject: Subject) -> Iterator[Finding]:
        yield from ()

    with pytest.raises(ValueError, match=r"deploykit\.E101 is already the number of debug_is_on"):
        check("E101")(another)


def test_every_check_has_tests() -> None:
    tested = {key: f"test_{one.tag}" for key, one in by_number().items()} | ELSEWHERE
    for key, name in tested.items():
        tests = importlib.import_module(f"tests.unit.checks.{name}")
        if key not in ELSEWHERE:
            assert all(tests.CASES[key]), key
        else:
            assert key in Path(str(tests.__file__)).read_text(encoding="utf-8"), key


def test_every_topic_has_checks_and_every_check_an_explanation() -> None:
    every = by_number().values()
    assert {one.tag for one in every} == set(TOPICS)
    assert [one.id for one in every if not one.title or not (one.text or one.server)] == [
        "deploykit.W415"
    ]


def test_numbers_for_examples_are_not_used() -> None:
    assert [number for number in by_number() if number.endswith("99")] == []


def by_number() -> dict[str, Check]:
    """Return the checks by their numbers."""
    return {one.number: one for one in catalogue().values()}
