"""Make the edit that a diff in the documentation shows: ``python edit.py FILE < DIFF``.

Lines with ``-`` and plain ones must be in the file, together and once; … in them is anything.
"""

import re
import sys
from pathlib import Path


def main(name: str, diff: str) -> None:
    """Change the file, or end with what does not fit."""
    lines = [line or " " for line in diff.splitlines()]
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
    after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
    path = Path(name)
    text = path.read_text(encoding="utf-8")
    pattern = r"[^\n]*".join(re.escape(part) for part in before.split("…"))
    found = re.findall(f"^{pattern}", text, re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"{name} holds this {len(found)} times, not once:\n{before}")
    path.write_text(text.replace(found[0], after), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read())
