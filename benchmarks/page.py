"""Pages of the documentation that hold a measured table."""

from __future__ import annotations

from pathlib import Path


def with_table(page: str, table: str, path: Path) -> str:
    """Return a page with another table between its marks; ``path`` is named where it has none.

    >>> with_table("a <!-- table -->old<!-- /table --> b", "new", Path("page.md"))
    'a <!-- table -->\\nnew\\n<!-- /table --> b'
    """
    before, mark, rest = page.partition("<!-- table -->")
    _, end, after = rest.partition("<!-- /table -->")
    if not (mark and end):
        raise SystemExit(f"error: {path} has no marks for the table")
    return f"{before}{mark}\n{table.strip()}\n{end}{after}"
