"""Jobs and work in child processes.

A pytest worker of xdist has several threads, so it gets no children. What needs them runs in forks of
a Python of its own, each of which calls a function of this module.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from django_deploykit.runtime.base import workers
from django_deploykit.runtime.base.workers import Background, Pool

FUNCTIONS = (
    "jobs_run_in_other_processes",
    "a_failed_job_is_concluded_too",
    "all_jobs_are_waited_for",
    "a_name_runs_once_at_a_time",
    "waiting_jobs_have_a_total_weight",
    "work_runs_in_another_process",
    "work_whose_process_fails_is_done_here",
    "closing_waits_for_the_child",
    "a_second_thread_ends_forking",
)


def run_each(base: Path) -> None:
    """Run each function in a fork of this process, in a folder named as it; write what failed to a file."""
    for name in FUNCTIONS:
        folder = base / name
        folder.mkdir()
        child = os.fork()
        if child == 0:
            try:
                globals()[name](folder)
                failed = ""
            except BaseException:
                failed = traceback.format_exc()
            folder.with_suffix(".txt").write_text(failed)
            os._exit(0)
        os.waitpid(child, 0)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What failed in each function, in processes with one thread, as on a machine with two processors."""
    base = tmp_path_factory.mktemp("children")
    code = (
        "import os, sys, pathlib; os.cpu_count = lambda: 2\n"
        "from tests.unit.runtime.base import test_workers as module\n"
        "module.run_each(pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", code, str(base)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {path.stem: path.read_text() for path in base.glob("*.txt")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_with_children(failures: dict[str, str], function: str) -> None:
    assert failures[function] == ""


def jobs_run_in_other_processes(folder: Path) -> None:
    pool, concluded = Pool(10), []
    for name in ("a", "b", "c", "d", "e"):
        path = folder / name
        pool.submit(
            name,
            1,
            lambda path=path: path.write_text(str(os.getpid())),  # type: ignore[misc]
            lambda path=path: concluded.append(int(path.read_text())),  # type: ignore[misc]
        )
    pool.finish()
    assert len(concluded) == 5
    assert os.getpid() not in concluded


def a_failed_job_is_concluded_too(folder: Path) -> None:
    pool, concluded = Pool(10), []
    pool.submit("bad", 1, lambda: 1 / 0, lambda: concluded.append("bad"))  # type: ignore[arg-type]
    pool.finish()
    assert concluded == ["bad"]


def all_jobs_are_waited_for(folder: Path) -> None:
    pool, concluded, go = Pool(10), [], folder / "go"

    def full() -> None:
        raise OSError("the disk is full")

    # If the first had ended by then, submitting the second would raise its error already.
    pool.submit("first", 1, lambda: _await(go), full)
    pool.submit("second", 1, (folder / "second").touch, lambda: concluded.append("second"))
    go.touch()
    with pytest.raises(OSError, match="full"):
        pool.finish()
    assert concluded == ["second"]
    assert (folder / "second").exists()


def a_name_runs_once_at_a_time(folder: Path) -> None:
    pool, concluded = Pool(10), []
    for number in (1, 2):
        pool.submit("same", 1, lambda: None, lambda number=number: concluded.append(number))  # type: ignore[misc]
        assert concluded == [1][: number - 1]
    pool.finish()
    assert concluded == [1, 2]


def waiting_jobs_have_a_total_weight(folder: Path) -> None:
    pool, go = Pool(10), folder / "go"
    concluded: list[str] = []
    for name in ("a", "b", "c", "d"):  # two run, and two wait
        pool.submit(name, 5, lambda: _await(go), lambda name=name: concluded.append(name))  # type: ignore[misc]
    assert concluded == []
    go.touch()
    pool.submit("e", 1, lambda: None, lambda: concluded.append("e"))
    assert concluded != []
    pool.finish()
    assert sorted(concluded) == ["a", "b", "c", "d", "e"]


def work_runs_in_another_process(folder: Path) -> None:
    background = Background(os.getpid)
    assert background.result() == background.result() != os.getpid()
    assert background.close() == b""


def work_whose_process_fails_is_done_here(folder: Path) -> None:
    here, calls = os.getpid(), []

    def work() -> str:
        if os.getpid() != here:
            raise OSError("no memory")
        calls.append("here")
        return "done"

    background = Background(work)
    assert (background.result(), background.result()) == ("done", "done")
    assert calls == ["here"]


def closing_waits_for_the_child(folder: Path) -> None:
    background = Background((folder / "done").touch)
    assert background.close() == b"null"
    assert (folder / "done").exists()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def a_second_thread_ends_forking(folder: Path) -> None:
    assert workers.child_limit() == 2
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="several threads"):
            workers.fork()
        assert Background(os.getpid).result() == os.getpid()
    finally:
        stop.set()
        thread.join()


def test_without_children_the_conclusion_does_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    concluded: list[str] = []
    Pool(10).submit("a", 1, lambda: concluded.append("no"), lambda: concluded.append("yes"))
    assert concluded == ["yes"]


def test_without_children_work_is_done_when_its_result_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    calls: list[str] = []
    background = Background(lambda: calls.append("done"))
    assert calls == []
    background.result()
    background.result()
    assert calls == ["done"]


def test_what_is_wrong_is_raised_here() -> None:
    def work() -> None:
        raise OSError("wrong")

    background = Background(work)
    with pytest.raises(OSError, match="wrong"):
        background.result()
    background.close()


def test_the_runtime_forks_only_where_it_is_safe() -> None:
    """The verb server starts each verb from a process that never has a second thread."""
    package = Path(workers.__file__).parents[1]
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "os.fork(" in path.read_text(encoding="utf-8")
    }
    assert found <= {"base/workers.py", "cli/server.py"}


def _await(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)
