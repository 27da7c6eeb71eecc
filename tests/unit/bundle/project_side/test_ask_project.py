"""What is made the same for every build of a commit in the files that a project collects."""

from __future__ import annotations

import gzip
from pathlib import Path

from django_deploykit.bundle.project_side.ask_project import forget_times, missing_module


def test_gzip_files_of_two_moments_become_the_same(tmp_path: Path) -> None:
    for moment in (1, 2):
        folder = tmp_path / str(moment) / "CACHE"
        folder.mkdir(parents=True)
        (folder / "site.css.gz").write_bytes(
            gzip.compress(b"body {}", mtime=1_700_000_000 + moment)
        )
        (folder / "note.txt").write_text(str(moment))
        forget_times(str(tmp_path / str(moment)))
    first, second = ((tmp_path / name / "CACHE" / "site.css.gz").read_bytes() for name in "12")
    assert first == second
    assert gzip.decompress(first) == b"body {}"
    assert (tmp_path / "2" / "CACHE" / "note.txt").read_text() == "2"


def test_what_only_looks_like_gzip_stays(tmp_path: Path) -> None:
    texts = {
        "short.gz": b"\x1f\x8b",
        "other.gz": b"no gzip at all",
        "checked.gz": b"\x1f\x8b\x08\x02\x01\x02\x03\x04\x00\x03rest",
    }
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "elsewhere").write_bytes(gzip.compress(b"x", mtime=5))
    (tmp_path / "link.gz").symlink_to("elsewhere")
    forget_times(str(tmp_path))
    assert {name: (tmp_path / name).read_bytes() for name in texts} == texts
    assert (tmp_path / "elsewhere").read_bytes() == gzip.compress(b"x", mtime=5)


def test_the_missing_module_is_found_behind_other_errors() -> None:
    first, second, absent = OSError(), ValueError(), ModuleNotFoundError("x", name="stripe")
    first.__cause__, second.__context__ = second, absent
    assert missing_module(first) == "stripe"
    second.__context__ = first  # a circle
    assert missing_module(first) == ""
