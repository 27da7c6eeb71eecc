"""What counts, what is left out, and how it is told."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from django.core import checks as django_checks

from django_deploykit.checks import formats
from django_deploykit.checks.catalogue import Check, Finding, Found, catalogue
from django_deploykit.checks.runner import (
    Report,
    apply_skips,
    converted,
    matches,
    ordered,
    unknown_ids,
    unneeded,
)
from django_deploykit.checks.subject import Skip, Subject, Topology, read_options
from django_deploykit.conf.ini import parse_ini
from django_deploykit.errors import Problems

ERROR = Finding("deploykit.E101", "ERROR", "DEBUG is on", "Turn it off.", "shop/settings.py", 14)
WARNING = Finding("deploykit.W201", "WARNING", "any, host: 100%\nreally")
REPORT = Report((ERROR, WARNING), (), 60, "ERROR")


@pytest.mark.parametrize(
    ("pattern", "means"),
    [("E101", True), ("deploykit.E101", True), ("deploykit", True), ("E1", False), ("E102", False)],
)
def test_ids_are_chosen(pattern: str, means: bool) -> None:
    assert matches("deploykit.E101", [pattern]) is means


@pytest.mark.parametrize(("level", "fails"), [("ERROR", True), ("WARNING", True), ("INFO", True)])
def test_fails_at_or_above_the_level(level: str, fails: bool) -> None:
    assert Report((ERROR,), (), 1, level).failed is fails
    assert Report((WARNING,), (), 1, "ERROR").failed is False
    assert Report((), (), 1, level).failed is False


def test_promotes_what_django_only_warns_of() -> None:
    assert converted(django_checks.Warning("x", id="security.W020")).level == "ERROR"
    assert converted(django_checks.Warning("x", id="security.W004")).level == "WARNING"
    assert converted(django_checks.Critical("x", id="a.C1")).level == "ERROR"


def test_leaves_out_what_makes_no_sense_without_tls() -> None:
    assert "security.W008" in unneeded(Topology(tls="none"))
    assert "security.W004" in unneeded(Topology(hsts="proxy"))
    assert unneeded(Topology()) == ()


def test_the_worst_comes_first() -> None:
    assert ordered([WARNING, ERROR]) == [ERROR, WARNING]


def test_a_skip_needs_a_reason_and_ends_on_its_day() -> None:
    skips = (Skip("W201", "behind a VPN", "2027-01-31", "deploykit.ini:3"),)
    kept, left = apply_skips([ERROR, WARNING], skips, "2027-01-31")
    assert kept == [ERROR]
    assert left == ["deploykit.W201 skipped: behind a VPN"]
    kept, left = apply_skips([ERROR, WARNING], skips, "2027-02-01")
    assert [one.id for one in kept] == ["deploykit.E101", "deploykit.W201"]
    assert left == []


def test_reads_its_options_and_tells_all_mistakes() -> None:
    text = "[check]\ntls = none\nskip =\n  W310 long sessions, until 2027-01-31\n  E401 a demo\n"
    topology, skips = read_options(parse_ini(text, Path("deploykit.ini")))
    assert topology.tls == "none"
    assert [(one.id, one.reason, one.until) for one in skips] == [
        ("W310", "long sessions", "2027-01-31"),
        ("E401", "a demo", ""),
    ]
    with pytest.raises(Problems) as caught:
        read_options(
            parse_ini("[check]\ntls = maybe\nserverr = asgi\nskip = E401\n", Path("deploykit.ini"))
        )
    assert "tls must be one of" in caught.value.message
    assert "did you mean 'server'?" in caught.value.message
    assert "needs a reason" in caught.value.message


def test_text_tells_place_hint_and_sum() -> None:
    text = formats.text(REPORT, ())
    assert (
        "ERROR   deploykit.E101  shop/settings.py:14: DEBUG is on\n        Turn it off.\n" in text
    )
    assert text.endswith("1 error, 1 warning: not fit for production\n")


def test_github_quotes_what_it_must() -> None:
    lines = formats.github(REPORT, ()).splitlines()
    assert (
        lines[0]
        == "::error file=shop/settings.py,line=14,title=deploykit.E101::DEBUG is on%0ATurn it off."
    )
    assert lines[1] == "::warning title=deploykit.W201::any, host: 100%25%0Areally"


def test_json_has_stable_fingerprints() -> None:
    data = json.loads(formats.as_json(REPORT, ()))
    assert data["failed"] is True
    moved = Report((Finding(**{**ERROR.__dict__, "line": 20}),), (), 1, "ERROR")
    again = json.loads(formats.as_json(moved, ()))
    assert data["findings"][0]["fingerprint"] == again["findings"][0]["fingerprint"]


def test_sarif_names_every_rule() -> None:
    data = json.loads(formats.sarif(REPORT, catalogue().values()))
    run = data["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules[run["results"][0]["ruleIndex"]] == "deploykit.E101"
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 14}


def test_junit_has_a_case_for_each_check() -> None:
    tree = ElementTree.fromstring(formats.junit(REPORT, catalogue().values()))
    failures = [case.get("name") for case in tree if case.find("failure") is not None]
    assert failures == ["deploykit.E101"]
    assert len(tree) == len(catalogue())


def test_gitlab_has_severities() -> None:
    rows = json.loads(formats.gitlab(REPORT, ()))
    assert [(row["severity"], row["location"]["lines"]["begin"]) for row in rows] == [
        ("critical", 14),
        ("minor", 1),
    ]


def test_junit_tells_what_was_skipped_and_holds_what_xml_cannot() -> None:
    odd = Finding("deploykit.W201", "WARNING", "a <b> \x1b[1m", "", "a b.py", 1)
    twice = Report((ERROR, ERROR, odd), ("deploykit.W310 skipped: long & wide",), 9, "WARNING")
    tree = ElementTree.fromstring(formats.junit(twice, catalogue().values()))
    assert (tree.get("failures"), tree.get("skipped")) == ("2", "1")
    cases = {case.get("name"): case for case in tree}
    assert [len(case) for case in cases.values() if len(case)] == [1, 1, 1]
    skipped = cases["deploykit.W310"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "long & wide"
    data = json.loads(formats.sarif(twice, ()))
    place = data["runs"][0]["results"][2]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b.py"


def test_ids_that_nothing_reports_are_told() -> None:
    known = list(catalogue())
    fine = ["E101", "deploykit.W201", "security.W004", "security", "4_0.E001", "deploykit"]
    assert unknown_ids(fine, known) == []
    told = unknown_ids(["E999", "securty.W004", "security.W4", "w201", ""], known)
    assert len(told) == 5
    assert "did you mean 'security'?" in told[1]


def test_a_check_that_fails_is_told_and_ends_nothing(tmp_path: Path) -> None:
    def judge(subject: object) -> list[Found]:
        raise KeyError("NAME")

    one = Check("deploykit.E999", "A title", "", "core", False, judge)
    found = list(one.run(Subject(tmp_path)))
    assert [row.id for row in found] == ["deploykit.E999"]
    assert "could not be checked (A title): KeyError" in found[0].message
