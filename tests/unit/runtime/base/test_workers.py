"""Jobs in child processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from django_deploykit.runtime.base.workers import Beside, ahead


@pytest.fixture(autouse=True)
def processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_jobs_run_in_other_processes_and_are_followed_here(tmp_path: Path) -> None:
    jobs, followed = Beside(10), []
    for name in ("a", "b", "c", "d", "e"):
        path = tmp_path / name
        jobs.do(
            name,
            1,
            lambda path=path: path.write_text(str(os.getpid())),  # type: ignore[misc]
            lambda path=path: followed.append(int(path.read_text())),  # type: ignore[misc]
        )
    jobs.finish()
    assert len(followed) == 5
    assert os.getpid() not in followed


def test_a_job_that_fails_is_followed_all_the_same() -> None:
    jobs, followed = Beside(10), []
    jobs.do("bad", 1, lambda: 1 / 0, lambda: followed.append("bad"))  # type: ignore[arg-type]
    jobs.finish()
    assert followed == ["bad"]


def test_all_are_waited_for_though_one_ends_badly(tmp_path: Path) -> None:
    jobs, followed, go = Beside(10), [], tmp_path / "go"

    def full() -> None:
        raise OSError("the disk is full")

    # Had the first ended by then, its failure would already meet who hands in the second.
    jobs.do("first", 1, lambda: _await(go), full)
    jobs.do("second", 1, (tmp_path / "second").touch, lambda: followed.append("second"))
    go.touch()
    with pytest.raises(OSError, match="full"):
        jobs.finish()
    assert followed == ["second"]
    assert (tmp_path / "second").exists()


def test_a_name_is_under_way_once() -> None:
    jobs, followed = Beside(10), []
    for number in (1, 2):
        jobs.do("same", 1, lambda: None, lambda number=number: followed.append(number))  # type: ignore[misc]
        assert followed == [1][: number - 1]
    jobs.finish()
    assert followed == [1, 2]


def test_one_processor_does_all_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    followed: list[str] = []
    Beside(10).do("a", 1, lambda: followed.append("never"), lambda: followed.append("done"))
    assert followed == ["done"]


def test_jobs_wait_for_each_other_up_to_a_weight(tmp_path: Path) -> None:
    jobs = Beside(10)
    go = tmp_path / "go"

    followed: list[str] = []
    for name in ("a", "b", "c", "d"):  # two run, and two wait
        jobs.do(name, 5, lambda: _await(go), lambda name=name: followed.append(name))  # type: ignore[misc]
    assert followed == []
    go.touch()
    jobs.do("e", 1, lambda: None, lambda: followed.append("e"))
    assert followed != []
    jobs.finish()
    assert sorted(followed) == ["a", "b", "c", "d", "e"]


def test_work_is_done_ahead_in_another_process() -> None:
    found = ahead(lambda: [str(os.getpid())])
    assert found() == found()
    assert found() != [str(os.getpid())]


def test_work_whose_process_fails_is_done_here(tmp_path: Path) -> None:
    here = os.getpid()

    def work() -> list[str]:
        if os.getpid() != here:
            raise OSError("no memory")
        return ["done"]

    assert ahead(work)() == ["done"]


def test_one_processor_does_work_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    found = ahead(lambda: [str(os.getpid())])
    assert found() == [str(os.getpid())]


def _await(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)
