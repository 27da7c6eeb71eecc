"""Run by the locked environment's Python in the export: ``ask_project``, and what it looked at is written down.

Usage: ``python ask_project_traced.py ANSWER TRACE``; stdlib only. The trace is a JSON list of ``[event, name]``, of
files outside the environment and the standard library, and of everything that no list of files holds.
"""

import gc
import json
import os
import sys
from typing import Any

_SEEN = frozenset(
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
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
    ]
)
_OBJECTS = 50_000  # between two looks for garbage: what is imported stays, and is most of it


def main(answer: str, trace: str) -> None:
    """Ask the project, then tell what that looked at."""
    gc.set_threshold(_OBJECTS)
    installed = [sys.prefix, *sys.path]  # the environment, the standard library, this file's folder
    seen: set[tuple[str, str]] = set()

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _SEEN:
            first = args[0] if args else ""
            if isinstance(first, (str, bytes, os.PathLike)):
                # The project may change its folder: what a name means is settled now.
                seen.add((event, os.path.join(os.getcwd(), os.fsdecode(first))))
            elif not isinstance(first, int):
                seen.add((event, ""))

    import ask_project  # type: ignore[import-not-found]  # beside this file, which runs as a script

    del sys.modules["ask_project"]  # a project may have a module of that name
    sys.addaudithook(hook)
    ask_project.main(answer)
    known = tuple(os.path.join(one, "") for one in installed)
    rows = {(event, os.path.normpath(name) if name else "") for event, name in seen}
    told = [row for row in rows if not os.path.join(row[1], "").startswith(known)]
    with open(trace, "w", encoding="utf-8") as file:
        json.dump(sorted(told), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
