"""Pages of the documentation that hold a measured table."""

from __future__ import annotations

from pathlib import Path


def with_table(page: str, table: str, path: Path, name: str = "table") -> str:
    """Return a page with another table between the marks of a name; ``path`` is named if it has none.

    >>> with_table("a <!-- table -->old<!-- /table --> b", "new", Path("page.md"))
    'a <!-- table -->\\nnew\\n<!-- /table --> b'
    """
    before, mark, rest = page.partition(f"<!-- {name} -->")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not (mark and end):
        raise SystemExit(f"error: {path} has no marks for the {name}")
    return f"{before}{mark}\n{table.strip()}\n{end}{after}"


def with_row(page: str, row: str, path: Path) -> str:
    """Return a page with another row in its table, in place of the row whose first cell is the same.

    >>> with_row("| a | 1 |\\n| b | 2 |\\n", "| b | 3 |", Path("page.md"))
    '| a | 1 |\\n| b | 3 |\\n'
    """
    begin = row[: row.index("|", 1) + 1]
    lines = page.splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith(begin)]
    if len(places) != 1:
        raise SystemExit(f"error: {path} has {len(places)} rows that begin with {begin}")
    lines[places[0]] = row
    return "\n".join([*lines, ""])
