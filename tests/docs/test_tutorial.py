"""The tutorial, run as it is written: every file, edit and command, and what it says they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Block, blocks
from tests.ports import claim_port
from tests.projects import IDENTITY

TUTORIAL = ROOT / "docs" / "tutorial.md"
BETWEEN = "=====block %s====="


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a scratch folder; a site that is still live there afterwards is stopped."""
    yield tmp_path
    project = tmp_path / "notes"
    python = project / ".venv" / "bin" / "python"
    if python.exists():
        subprocess.run([python, "manage.py", "release", "stop"], cwd=project, capture_output=True)


def test_tutorial_works_as_written(folder: Path) -> None:
    assert shutil.which("curl"), "the tutorial needs curl"
    steps = [one for one in blocks(TUTORIAL) if one.language == "sh" or one.note]
    port = str(claim_port())
    script = "\n".join(["set -e", *(shell(number, one) for number, one in enumerate(steps))])
    done = subprocess.run(
        ["bash", "-c", script.replace(":8000", f":{port}")],
        cwd=folder,
        env={**environment(), "DEPLOYKIT": str(ROOT), "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = done.stdout.replace(f":{port}", ":8000")
    last = output.rpartition("=====block ")[2].partition("=====")[0]
    assert done.returncode == 0, f"{steps[int(last)].where} failed:\n{output[-3000:]}"
    said = dict(zip(*[iter(re.split(r"=====block (\d+)=====\n", output)[1:])] * 2, strict=True))
    assert missing(steps, said) == []


def environment() -> dict[str, str]:
    """Return the environment of somebody who reads: none of the tests' own settings."""
    env = {
        k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV")
    }
    return {**env, **IDENTITY, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def shell(number: int, block: Block) -> str:
    """Return the shell lines that do what a block says."""
    lines = [f"echo {BETWEEN % number}"]
    kind, _, name = block.note.partition(" ")
    if kind == "file":
        lines += [
            f"mkdir -p $(dirname {name})",
            f"cat > {name} <<'END_OF_FILE'\n{block.text}END_OF_FILE",
        ]
    elif kind == "edit":
        program = Path(__file__).with_name("edit.py")
        lines.append(f"python {program} {name} <<'END_OF_EDIT'\n{block.text}END_OF_EDIT")
    else:
        lines.append(block.text)
    return "\n".join(lines)


def missing(steps: list[Block], said: dict[str, str]) -> list[str]:
    """Return the lines that the page shows as printed and that were not; … stands for anything."""
    every = blocks(TUTORIAL)
    problems = []
    for number, step in enumerate(steps):
        after = every.index(step) + 1
        shown = every[after] if after < len(every) else None
        if step.language != "sh" or shown is None or shown.language != "text" or shown.note:
            continue
        for line in shown.text.splitlines():
            pattern = ".*".join(re.escape(part) for part in line.split("…"))
            if not re.search(f"^{pattern}", said[str(number)], re.MULTILINE):
                problems.append(f"{shown.where}: not printed: {line}\n{said[str(number)]}")
    return problems


@pytest.mark.parametrize("word", ["test_tutorial_works_as_written", "curl"])
def test_lines_that_are_not_printed_are_found(word: str) -> None:
    steps = [one for one in blocks(TUTORIAL) if one.language == "sh" or one.note]
    assert missing(steps, {str(number): word for number in range(len(steps))})
