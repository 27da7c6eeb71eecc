"""JUnit's XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from django_deploykit.checks.formats.junit import render
from tests.unit.checks.reports import EMPTY, REPORT, SKIPPED, UNKNOWN


def test_has_a_case_for_each_check() -> None:
    tree = ElementTree.fromstring(render(REPORT))
    assert (tree.tag, tree.attrib) == (
        "testsuite",
        {"name": "deploy_check", "tests": "3", "failures": "1", "errors": "0", "skipped": "0"},
    )
    assert [(case.get("name"), [child.tag for child in case]) for case in tree] == [
        ("deploykit.E101", ["failure"]),
        ("deploykit.W201", ["system-out"]),
        ("deploykit.W310", []),
    ]
    assert tree.findtext("testcase/failure") == "shop/settings.py:14: DEBUG is on"


def test_a_check_has_one_element_however_much_it_finds() -> None:
    tree = ElementTree.fromstring(render(SKIPPED))
    assert (tree.get("failures"), tree.get("skipped")) == ("2", "1")
    assert [len(case) for case in tree] == [1, 1, 1]
    skipped = tree.find("testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == "long & wide"


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    assert "a.py:1: a &lt;b&gt; ?[1m" in render(SKIPPED).replace("a b.py", "a.py")


def test_a_report_without_findings_has_no_failures() -> None:
    assert ElementTree.fromstring(render(EMPTY)).get("failures") == "0"


def test_what_was_not_checked_is_skipped_and_what_could_not_run_is_an_error() -> None:
    tree = ElementTree.fromstring(render(UNKNOWN))
    assert (tree.get("errors"), tree.get("failures"), tree.get("skipped")) == ("1", "0", "2")
    assert {case.get("name"): [child.tag for child in case] for case in tree} == {
        "deploykit.E101": [],
        "deploykit.E102": ["skipped"],
        "deploykit.E403": ["skipped"],
        "deploykit.E800": ["error"],
    }
