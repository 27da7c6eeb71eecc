"""What the tests of lock files share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from django_deploykit.bundle.locks import tools

HASH = f"sha256:{'a' * 64}"


@dataclass
class Uv:
    """A uv whose tools print one text. It records its arguments and the files that they could read."""

    text: str = f"django==5.2 \\\n    --hash={HASH}\n"
    asked: list[list[str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __call__(
        self,
        arguments: Sequence[str],
        folder: Path,
        what: str,
        more: Mapping[str, str] | None = None,
    ) -> str:
        self.asked.append(list(arguments))
        self.files = sorted(path.name for path in folder.iterdir())
        return self.text.replace("HERE", str(folder)).replace("ABOVE", str(folder.parent))


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    """A tool that uv runs, with an empty cache."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    fake = Uv()
    monkeypatch.setattr(tools, "run_uv", fake)
    return fake
