"""What is shown before it is written."""

from __future__ import annotations

from django_deploykit.init.dependencies import Locking
from django_deploykit.init.diff import diff_lines
from django_deploykit.init.plan import Plan


def test_shows_changes_and_commands_but_no_key() -> None:
    files = {"dev.ini": "secret_key = abc\n", "a.ini": "[a]\nx = 1\n", "b.ini": "y = 2\n"}
    locking = Locking(arguments=("lock", "--script", "a b.py"))
    plan = Plan(files, {"b.ini": "y = 1\n"}, locking, ())
    assert [*diff_lines(plan)] == [
        "--- /dev/null",
        "+++ a.ini",
        "@@ -0,0 +1,2 @@",
        "+[a]",
        "+x = 1",
        "--- b.ini",
        "+++ b.ini",
        "@@ -1 +1 @@",
        "-y = 1",
        "+y = 2",
        "+++ dev.ini  (new; a key for development, which git ignores)",
        "$ uv lock --script 'a b.py'",
    ]
