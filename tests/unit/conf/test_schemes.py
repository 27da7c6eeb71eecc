"""The schemes, and how a project adds its own."""

from __future__ import annotations

import pytest

from django_deploykit.conf import register, schemes, services


def test_a_project_adds_a_scheme_for_each_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (schemes.DATABASES, schemes.CACHES, schemes.MAILERS):
        monkeypatch.delitem(table, "made", raising=False)
        monkeypatch.setitem(table, "other", "x")
    register("Made", "made.db")
    register("made", "made.cache.Cache", kind="cache")
    register("made", "made.mail.Backend", kind="email")
    assert services.database("made://u:p@h/name")["ENGINE"] == "made.db"
    assert services.cache("made://h:1")["BACKEND"] == "made.cache.Cache"
    assert services.email("made://")["EMAIL_BACKEND"] == "made.mail.Backend"
    for table in (schemes.DATABASES, schemes.CACHES, schemes.MAILERS):
        del table["made"]


@pytest.mark.parametrize(
    ("scheme", "kind", "says"),
    [("", "cache", "letters"), ("a b", "cache", "letters"), ("x", "queue", "expected one of")],
)
def test_refuses_what_cannot_be_a_scheme(scheme: str, kind: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        register(scheme, "x", kind=kind)
