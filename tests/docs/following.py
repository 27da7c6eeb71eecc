"""Following a page: shell lines that do what its blocks say, and what they should print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.docs.markdown import Block, blocks

_EDIT = Path(__file__).with_name("edit.py")


def shell(block: Block) -> str:
    """Return the shell lines that do what a block says: write a file, edit one, or run it."""
    kind, _, name = block.note.partition(" ")
    if kind == "file":
        folder = shlex.quote(str(Path(name).parent))
        return f"mkdir -p {folder}\ncat > {name} <<'END_OF_FILE'\n{block.text}END_OF_FILE"
    if kind == "append":
        return f"cat >> {name} <<'END_OF_FILE'\n\n{block.text}END_OF_FILE"
    if kind == "edit":
        program = shlex.quote(_EDIT.read_text(encoding="utf-8"))
        return f"python3 -c {program} {name} <<'END_OF_EDIT'\n{block.text}END_OF_EDIT"
    return block.text


def missing(block: Block, output: str) -> list[str]:
    """Return the lines that the page shows as printed and that were not; … stands for anything."""
    every = blocks(block.path)
    after = every.index(block) + 1
    shown = every[after] if after < len(every) else None
    if block.language != "sh" or shown is None or shown.language != "text" or shown.note:
        return []
    problems = []
    for line in shown.text.splitlines():
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        if not re.search(f"^{pattern}", output, re.MULTILINE):
            problems.append(f"{shown.where}: not printed: {line}\n{output}")
    return problems
