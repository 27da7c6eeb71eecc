"""A project that ``init`` prepares."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

# Locked with us, so that nothing asks a package index.
LOCK = "django-deploykit==1 \\\n    --hash=sha256:0\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what ``startproject`` of this Django writes, with a lock file, as current folder."""
    call_command("startproject", "shop", str(tmp_path))
    (tmp_path / "requirements.txt").write_text(LOCK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    return tmp_path
