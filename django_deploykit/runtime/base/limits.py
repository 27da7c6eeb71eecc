"""Limits of the memory, tasks and processor time of each process, which systemd enforces."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, NamedTuple, Sequence, Tuple

from .names import PROCESS_NAME, is_number

_SIZE = re.compile(r"([1-9][0-9]{0,14})([KMGT]?)\Z")
_PERCENT = re.compile(r"[1-9][0-9]{0,5}%\Z")
_LEAST_MEMORY = 16 << 20  # bytes; Python with Django needs more
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Limit(NamedTuple):
    """A kind of limit: the property of systemd, a reader that raises ValueError, and help."""

    systemd: str
    read: Callable[[str], str]
    help: str


def _memory(text: str) -> str:
    found = _SIZE.match(text)
    if found is None or int(found[1]) * _UNITS[found[2]] < _LEAST_MEMORY:
        raise ValueError(f"must be a size of at least 16M, such as 512M or 2G, not {text!r}")
    return text


def _tasks(text: str) -> str:
    if not is_number(text) or not 1 <= int(text) < 1 << 22:
        raise ValueError(f"must be a whole number of at least 1, not {text!r}")
    return text


def _quota(text: str) -> str:
    if not _PERCENT.match(text):
        raise ValueError(
            f"must be a percentage of one processor, such as 50% or 150%, not {text!r}"
        )
    return text


LIMITS: Dict[str, Limit] = {
    "memory_max": Limit(
        "MemoryMax", _memory, "the most memory, as 512M or 2G; the kernel kills what uses more"
    ),
    "tasks_max": Limit("TasksMax", _tasks, "the most processes and threads together"),
    "cpu_quota": Limit(
        "CPUQuota", _quota, "the most processor time: 50% is half a processor, 150% one and a half"
    ),
}


def read_limits(text: str) -> Tuple[str, ...]:
    """Return limits of processes, ``web.memory_max=512M``; raise :class:`ValueError` if invalid."""
    words = tuple(text.replace(",", " ").split())
    for word in words:
        name, value = word.partition("=")[::2]
        process, _, key = name.rpartition(".")
        if not PROCESS_NAME.match(process) or key not in LIMITS:
            raise ValueError(
                f"must be limits such as web.memory_max=512M, of {', '.join(LIMITS)}, not {word!r}"
            )
        LIMITS[key].read(value)
    return words


def limit_text(process: str, key: str, value: str) -> str:
    """Return a limit as :func:`read_limits` reads it."""
    return f"{process}.{key}={value}"


def limited_processes(limits: Sequence[str]) -> Iterator[str]:
    """Yield the names of processes that have limits."""
    yield from dict.fromkeys(one.partition("=")[0].rpartition(".")[0] for one in limits)


def systemd_limits(limits: Sequence[str], process: str) -> Iterator[Tuple[str, str]]:
    """Yield systemd's properties for a process; a later limit replaces an earlier one."""
    found: Dict[str, str] = {}
    for one in limits:
        name, value = one.partition("=")[::2]
        if name.rpartition(".")[0] == process:
            found[name.rpartition(".")[2]] = value
    for key, limit in LIMITS.items():
        if key in found:
            yield limit.systemd, found[key]
