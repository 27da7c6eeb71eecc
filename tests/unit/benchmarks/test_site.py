"""The measured site in all sizes: what is in it, and that it is always the same."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from benchmarks import site_parts
from benchmarks.site import Size, local_ini
from tests.projects import run


def test_style_sheets_only_refer_to_files_that_are_there() -> None:
    files = dict(site_parts.nested_static_files(300))
    assert len(files) == 300
    found = 0
    for path, data in files.items():
        if path.endswith(".css"):
            for name in re.findall(rb'(?:@import |url\()"([^"]+)"', data):
                assert str(PurePosixPath(path).with_name(name.decode())) in files
                found += 1
    assert found > 100


def test_static_files_are_the_same_each_time_and_3_kb_on_average() -> None:
    files = dict(site_parts.nested_static_files(500))
    assert files == dict(site_parts.nested_static_files(500))
    assert 2_000 < sum(map(len, files.values())) / len(files) < 4_000


def test_migrations_end_at_the_state_of_the_model() -> None:
    for count in (0, 1, 7):
        texts = site_parts.part_texts(0, count)
        names = sorted(path for path in texts if re.search(r"migrations/\d", path))
        assert len(names) == max(1, count)
        (length,) = re.findall(r"max_length=(\d+)", texts["parts/models.py"])
        assert f"max_length={length}" in texts[names[-1]]


def test_history_lies_below_the_branch_and_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    run("git", "init", "-q", "-b", "main", cwd=tmp_path)
    site_parts.add_history(tmp_path, 2)
    assert run("git", "rev-list", "--count", "main", cwd=tmp_path).strip() == "2"
    assert run("git", "ls-tree", "-r", "main", cwd=tmp_path) == ""
    packs = tmp_path.glob(".git/objects/pack/*.pack")
    assert sum(path.stat().st_size for path in packs) > 2_000_000


def test_a_procfile_has_as_many_processes_as_were_asked_for() -> None:
    assert len(site_parts.process_lines(Size(processes=20).processes).splitlines()) == 20
    assert "listen = 127.0.0.1:8001" in local_ini(8001)
