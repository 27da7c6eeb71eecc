"""How a release ended."""

from __future__ import annotations

from django_deploykit.release.outcome import finding_line


def test_a_finding_says_where_and_what_to_do() -> None:
    finding = {"id": "E1", "message": "is wrong", "path": "shop/a.py", "line": 3, "hint": "fix it"}
    assert finding_line(finding) == "E1: shop/a.py:3: is wrong (fix it)"
    assert finding_line({"id": "E1", "message": "is wrong"}) == "E1: is wrong"
