"""The runtime's own source files."""

from __future__ import annotations

from django_deploykit.runtime.sources import FOLDER, sources


def test_all_folders_are_included() -> None:
    found = sources()
    assert {"bootstrap.py", "cli/main.py", "webservers/nginx.py"} <= found.keys()
    assert len(found) == len(list(FOLDER.rglob("*.py")))
    assert found["bootstrap.py"] == (FOLDER / "bootstrap.py").read_bytes()
    assert not [name for name in found if "__pycache__" in name or not name.endswith(".py")]
