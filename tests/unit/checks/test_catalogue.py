"""Every check: a project that it finds fault with, and one that it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.test import override_settings

from django_deploykit.checks.catalogue import Finding, catalogue
from django_deploykit.checks.subject import read_subject
from django_deploykit.project import read_project
from tests.unit.checks.cases import CASES, Case

BAD = [
    pytest.param(key, case, id=f"{key}-{n}")
    for key, (bad, _) in CASES.items()
    for n, case in enumerate(bad)
]
GOOD = [
    pytest.param(key, case, id=f"{key}-{n}")
    for key, (_, good) in CASES.items()
    for n, case in enumerate(good)
]
# Tried with files, modules or databases of their own, in the modules named.
ELSEWHERE = {
    "E103": "test_source", "E104": "test_source", "W110": "test_source", "W309": "test_source", "E307": "test_source",
    "W402": "test_source", "E405": "test_migrations", "E407": "test_migrations", "W802": "test_source", "W806": "test_source", "W817": "test_source", "I818": "test_source",
    "W826": "test_source",
    **dict.fromkeys(("E819", "W820", "E821", "W822", "E823", "E824", "E825"), "tests/unit/test_refusals.py"),
}  # fmt: skip


def filled(value: Any, root: Path) -> Any:
    """Return settings with ``{root}`` replaced by the project's folder."""
    if isinstance(value, str):
        return value.replace("{root}", str(root))
    if isinstance(value, dict):
        return {key: filled(one, root) for key, one in value.items()}
    return (
        type(value)(filled(one, root) for one in value)
        if isinstance(value, (list, tuple))
        else value
    )


def run(key: str, case: Case, root: Path) -> list[Finding]:
    """Run one check on a project made for it."""
    (root / "manage.py").write_text("", encoding="utf-8")
    for name, text in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # Since Django 6.1 an override of LOGGING takes effect, and would open the files that it names.
    with patch("logging.config.dictConfig"), override_settings(**filled(case.settings, root)):
        subject = replace(read_subject(read_project(root)), **{"tracked": None, **case.subject})
        return list(catalogue()[f"deploykit.{key}"].run(subject))


@pytest.mark.parametrize(("key", "case"), BAD)
def test_finds(key: str, case: Case, tmp_path: Path) -> None:
    found = run(key, case, tmp_path)
    assert found
    assert {one.id for one in found} == {f"deploykit.{key}"}
    assert all(one.message for one in found)


@pytest.mark.parametrize(("key", "case"), GOOD)
def test_is_silent(key: str, case: Case, tmp_path: Path) -> None:
    assert run(key, case, tmp_path) == []


def test_every_check_is_tried() -> None:
    without_server = {
        one.id.removeprefix("deploykit.") for one in catalogue().values() if not one.server
    }
    assert without_server == set(CASES) | set(ELSEWHERE)
    assert len(without_server) >= 40


def test_every_check_says_what_it_is_for() -> None:
    for one in catalogue().values():
        assert one.title, one.id
        assert one.server or one.text or one.id == "deploykit.W415", one.id
