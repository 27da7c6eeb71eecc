"""A fixed share of a processor for each lab host, as if each were a machine of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab.hosts import Host

_GROUPS = Path("/sys/fs/cgroup/cpu")  # version 1, which a host's systemd does not use
_PERIOD = 100_000  # microseconds


def why_not() -> str:
    """Return why hosts cannot be held to a share here, "" where they can."""
    there = (_GROUPS / "cpu.cfs_quota_us").exists()
    return "" if there else f"there is no {_GROUPS}/cpu.cfs_quota_us"


@contextmanager
def held(hosts: Sequence[Host], share: float) -> Iterator[None]:
    """Let no host have more than ``share`` of a processor while the block runs."""
    groups = {host.name: _GROUPS / f"deploykit-{host.name}" for host in hosts}
    try:
        for host in hosts:
            group = groups[host.name]
            group.mkdir(exist_ok=True)
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(int(share * _PERIOD)))
            _move(processes(host.guard_pid), group)
        yield
    finally:
        for group in groups.values():
            _dissolve(group)


def processes(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended
            for child in path.read_text().split():
                found += processes(int(child))
    return found


def _move(pids: Sequence[int], group: Path) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))


def _dissolve(group: Path) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            _move([int(pid) for pid in (group / "cgroup.procs").read_text().split()], _GROUPS)
            group.rmdir()
        if not group.exists():
            return
        time.sleep(0.05)
