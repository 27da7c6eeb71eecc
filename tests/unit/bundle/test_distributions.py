"""Wheels' tags, and which distribution a file belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.distributions import (
    Distribution,
    _belongs,
    differs,
    iter_unlisted,
    platform_of,
    record_digest,
    shared_files,
)
from tests.wheels import write_tree


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([("any",)], ("any", "")),
        ([], ("any", "")),
        ([("any",), ("manylinux1_x86_64",)], ("linux-x86_64", "2.5")),
        ([("manylinux_2_17_x86_64", "manylinux2014_x86_64")], ("linux-x86_64", "2.17")),
        ([("manylinux_2_5_x86_64",), ("manylinux_2_28_x86_64",)], ("linux-x86_64", "2.28")),
        (
            [("manylinux_2_9_x86_64",), ("manylinux_2_28_x86_64", "manylinux_2_12_x86_64")],
            ("linux-x86_64", "2.12"),
        ),
        ([("macosx_11_0_arm64",)], ("linux-x86_64", "")),
    ],
)
def test_a_bundle_needs_the_oldest_c_library_that_serves_all(
    tags: list[tuple[str, ...]], expected: tuple[str, str]
) -> None:
    assert platform_of(tags, "linux-x86_64") == expected


def distribution(name: str, **files: str) -> Distribution:
    rows = tuple((path, digest, "1") for path, digest in files.items())
    return Distribution(Path(f"{name}-1.dist-info"), name, "1", built=False, rows=rows)


def test_a_file_of_several_belongs_to_the_first() -> None:
    first, second = distribution("a", same="x", own="y"), distribution("b", same="z")
    shared = shared_files([first, second])
    assert shared == {"same": [first, second]}
    assert differs("same", shared["same"])
    assert not differs("same", [first, distribution("c", same="x")])


def test_digests_are_written_as_record_has_them() -> None:
    assert record_digest(b"") == "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_bytecode_without_a_source_is_bundled() -> None:
    sources = {"a/b.py", "c.py"}
    for path in ("a/b.pyc", "a/__pycache__/b.cpython-311.pyc", "__pycache__/c.cpython-311.pyc"):
        assert not _belongs(path, "x.dist-info", sources)
    for path in ("a/d.pyc", "a/__pycache__/d.cpython-311.pyc", "a/b.py", "d.pyc"):
        assert _belongs(path, "x.dist-info", sources)


def test_names_installed_files_that_no_record_lists(tmp_path: Path) -> None:
    files = (
        "a/b.py",
        "a/more.txt",
        "a/__pycache__/b.pyc",
        "_virtualenv.py",
        "x-1.dist-info/RECORD",
    )
    write_tree(tmp_path, dict.fromkeys(files, ""))
    one = distribution("x", **{"a/b.py": "", "x-1.dist-info/RECORD": ""})
    assert list(iter_unlisted([one], tmp_path)) == ["a/more.txt"]
