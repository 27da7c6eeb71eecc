"""Runs ``ask_project`` and records what it accesses.

Usage: ``python ask_project_traced.py ANSWER TRACE PLACE [EARLIER]``, with the locked environment's Python, in the
export. This file needs only the standard library. The trace is a JSON list of ``[event, name]``. It
has files outside of the environment and the standard library, and everything else that the answer
may depend on.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# Audit events: https://docs.python.org/3/library/audit_events.html
_RECORDED = frozenset(
    [
        "open",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.link",
        "os.listdir",
        "os.posix_spawn",
        "os.rename",
        "os.scandir",
        "os.spawn",
        "os.symlink",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
    ]
)
_OBJECTS = 50_000  # new objects between two garbage collections; most are code that stays


def main(answer: str, trace: str, place: str, earlier: str = "") -> None:
    """Run ``ask_project``, then write the trace. ``earlier`` is a file for ``watch_collecting``."""
    gc.set_threshold(_OBJECTS)
    installed = [sys.prefix, *sys.path]  # the environment, the standard library, this file's folder
    seen: set[tuple[str, str]] = set()

    def hook(event: str, args: Sequence[Any]) -> None:
        if event not in _RECORDED:
            return
        first = args[0] if args else ""
        if event == "subprocess.Popen":
            words = [args[1]] if isinstance(args[1], (str, bytes)) else list(args[1])
            program, *others = map(os.fsdecode, words)
            seen.add((event, " ".join([os.path.basename(program), *others])))
        elif isinstance(first, (str, bytes, os.PathLike)) and not event.startswith("socket."):
            # Made absolute now, because the project may change the working folder.
            seen.add((event, os.path.join(os.getcwd(), os.fsdecode(first))))
        elif not (event == "open" and isinstance(first, int)):
            seen.add((event, ""))

    def connected(connection: BaseDatabaseWrapper, **_: object) -> None:
        if connection.vendor != "sqlite":  # which has an audit event; libraries in C have none
            seen.add(("database", ""))

    with contextlib.suppress(ImportError):  # ask_project reports that Django is missing
        from django.db.backends.signals import connection_created

        connection_created.connect(connected)

    import ask_project  # type: ignore[import-not-found]  # next to this script
    import project_facts  # type: ignore[import-not-found]
    import watch_collecting  # type: ignore[import-not-found]

    # A project may have modules of these names.
    for name in ("ask_project", "project_facts", "watch_collecting"):
        del sys.modules[name]
    collecting = watch_collecting.Collecting(lambda: seen, earlier)
    sys.addaudithook(hook)
    ask_project.main(answer, place, project_facts.ProjectFacts(), collecting.recorded)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    if children and not any(event == "subprocess.Popen" for event, _ in seen):
        seen.add(("child process", ""))  # multiprocessing starts some processes without an event
    known = tuple(os.path.join(one, "") for one in installed)
    rows = {(event, _tidy(event, name)) for event, name in seen}
    kept = [row for row in rows if not os.path.join(row[1], "").startswith(known)]
    with open(trace, "w", encoding="utf-8") as file:
        json.dump(sorted(kept), file)


def _tidy(event: str, name: str) -> str:
    return os.path.normpath(name) if name and event != "subprocess.Popen" else name


if __name__ == "__main__":
    main(*sys.argv[1:])
