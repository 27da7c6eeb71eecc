"""``pylock.toml`` as requirements."""

from __future__ import annotations

from typing import Any

import pytest

from django_deploykit.bundle.locks.pylock import read_pylock

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
    (found,) = read_pylock({"packages": [{"name": "x", **package}]}, "pylock.toml")
    assert (found.text, found.hashes, found.where) == (text, hashes, "pylock.toml: x")


def test_an_empty_lock_asks_for_nothing() -> None:
    assert read_pylock({}, "pylock.toml") == []
