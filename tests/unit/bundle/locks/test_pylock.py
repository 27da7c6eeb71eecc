"""``pylock.toml`` as a lock file."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.markers import Marker

from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.pylock import _requirement, read
from django_deploykit.errors import BundleError
from django_deploykit.runtime.base.documents import Document

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
def test_reads_every_kind_of_source(package: Document, text: str, hashes: tuple[str, ...]) -> None:
    found = _requirement({"name": "x", **package}, "pylock.toml", {})
    assert (found.text, found.hashes, found.where) == (text, hashes, "pylock.toml: x")


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text('lock-version = "1.0"\n')
    assert read(tmp_path, path.name, Wanted()).requirements == ()
    path.write_text("[[packages]]\nname = 'x'\nversion = '1'\n")
    assert [row.text for row in read(tmp_path, path.name, Wanted()).requirements] == ["x==1"]


MADE_BY_PDM = """
dependency-groups = ["default", "dev", "docs"]
extras = ["a-b"]
default-groups = ["default"]
[[packages]]
name = "x"
version = "1"
marker = '"default" in dependency_groups and python_version < "4"'
[[packages]]
name = "y"
version = "1"
marker = "'dev' in dependency_groups or 'my-docs' in dependency_groups"
[[packages]]
name = "z"
version = "1"
marker = "'a_b' not in extras"
"""


def test_groups_and_extras_are_decided_when_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(MADE_BY_PDM.replace('"docs"]', '"my_docs"]'))

    def needed(wanted: Wanted) -> list[str]:
        rows = read(tmp_path, "pylock.toml", wanted).requirements
        return [row.name for row in rows if Marker(row.text.partition(";")[2].strip()).evaluate()]

    assert needed(Wanted()) == ["x", "z"]
    assert needed(Wanted(("A-B",), ("my_docs",))) == ["x", "y"]
    with pytest.raises(BundleError, match="has no dependency group 'test'"):
        needed(Wanted(groups=("test",)))
    with pytest.raises(BundleError, match="has no extra 'test'"):
        needed(Wanted(extras=("test",)))
    (tmp_path / "pylock.toml").write_text("packages = []\n")  # as uv exports it
    with pytest.raises(BundleError, match="has no dependency group 'my_docs'") as caught:
        needed(Wanted(groups=("my_docs",)))
    assert "uv export --group NAME" in caught.value.hint


def test_each_packages_own_index_and_folder_is_looked_in(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(
        '[[packages]]\nname = "x"\nversion = "1"\nindex = "https://corp.example/simple/"\n'
        '[[packages]]\nname = "y"\nversion = "1"\nindex = "https://pypi.org/simple/"\n'
        'wheels = [{ path = "vendor/y-1-py3-none-any.whl" }]\n'
    )
    assert read(tmp_path, "pylock.toml", Wanted()).options == (
        "--extra-index-url https://corp.example/simple/",
        "--find-links vendor",
    )
