"""``pylock.toml`` as a lock file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.locks.pylock import _requirement, read

HASHES = {"hashes": {"sha256": "aa"}}


@pytest.mark.parametrize(
    ("package", "text", "hashes"),
    [
        (
            {
                "version": "1.0",
                "marker": "python_version > '3'",
                "wheels": [{"url": "https://e.org/x.whl", **HASHES}],
                "sdist": {"url": "https://e.org/x.tar.gz", "hashes": {"sha256": "bb"}},
            },
            "x==1.0 ; python_version > '3'",
            ("sha256:aa", "sha256:bb"),
        ),
        (
            {"vcs": {"type": "git", "url": "https://e.org/x", "commit-id": "c" * 40}},
            f"x @ git+https://e.org/x@{'c' * 40}",
            (),
        ),
        (
            {
                "vcs": {
                    "type": "git",
                    "path": "../x",
                    "commit-id": "c" * 40,
                    "subdirectory": "python",
                }
            },
            f"x @ git+../x@{'c' * 40}#subdirectory=python",
            (),
        ),
        ({"directory": {"path": "packages/x"}}, "./packages/x", ()),
        ({"archive": {"path": "vendor/x.whl", **HASHES}}, "x @ ./vendor/x.whl", ("sha256:aa",)),
        (
            {"archive": {"url": "https://e.org/x.whl", **HASHES}},
            "x @ https://e.org/x.whl",
            ("sha256:aa",),
        ),
        ({"wheels": [{"path": "vendor/x.whl", **HASHES}]}, "./vendor/x.whl", ("sha256:aa",)),
    ],
)
def test_reads_every_kind_of_source(
    package: dict[str, Any], text: str, hashes: tuple[str, ...]
) -> None:
    found = _requirement({"name": "x", **package}, "pylock.toml")
    assert (found.text, found.hashes, found.where) == (text, hashes, "pylock.toml: x")


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text('lock-version = "1.0"\n')
    assert read(tmp_path, path.name, ()).requirements == ()
    path.write_text("[[packages]]\nname = 'x'\nversion = '1'\n")
    assert [row.text for row in read(tmp_path, path.name, ()).requirements] == ["x==1"]
