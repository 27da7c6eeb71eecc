"""The verbs that only the controller and the runtime call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from django_deploykit.runtime.cli.verbs import find_verb

_SERVE = """
import sys
from pathlib import Path
from django_deploykit.runtime.cli.main import main
sys.exit(main(["serve", "--root", sys.argv[1]], Path("x.pyz"), in_bundle=False))
"""


def test_serve_runs_the_verbs_that_arrive(tmp_path: Path) -> None:
    words = f'{{"call": 1, "words": ["facts", "--root", "{tmp_path}"]}}\n'
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(words)
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdin.close()
    assert lines[0] == "ready\n"
    assert lines[1].startswith('o1 {"result": {"setup": false')
    assert lines[2] == "x1 0\n"
    assert process.returncode == 0


def test_people_are_not_shown_them() -> None:
    for name in ("serve", "local-daemon"):
        found = find_verb(name)
        assert found is not None
        assert (found.listed, found.prints_text) == (False, True)
