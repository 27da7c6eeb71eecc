"""Every message that the troubleshooting page explains is one that the product says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, prose

PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
_SHORTEST = 4  # letters of a part that tell anything


def messages() -> list[str]:
    titles = [line[4:].strip() for _, line in prose(PAGE) if line.startswith("### ")]
    return [title.strip("`") for title in titles if title.startswith("`")]


def source() -> str:
    """Return the product's source, with strings that go on in the next line joined."""
    files = sorted((ROOT / "django_deploykit").rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"[\"']\s*\n\s*f?[\"']", "", text)


@pytest.mark.parametrize("message", messages())
def test_message_is_said(message: str) -> None:
    parts = [part.strip() for part in message.split("…")]
    told = [part for part in parts if len(part) >= _SHORTEST]
    pattern = r"[^\n]*".join(re.escape(part) for part in told)
    assert told
    assert re.search(pattern, source()), f"nothing in {Path('django_deploykit')} says this"


def test_page_explains_many() -> None:
    assert len(messages()) > 40
