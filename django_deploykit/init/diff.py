"""Shows what ``init`` will change (pure)."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator

from django_deploykit.init.files import DEV_INI
from django_deploykit.init.plan import Plan


def diff_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of a unified diff. The key in dev.ini is left out."""
    for path, text in sorted(plan.files.items()):
        if path == DEV_INI:
            yield f"+++ {path}  (new; a key for development, which git ignores)"
            continue
        old = plan.before.get(path)
        name = path if old is not None else os.devnull
        lines = difflib.unified_diff(
            (old or "").splitlines(), text.splitlines(), name, path, n=1, lineterm=""
        )
        yield from lines
    if plan.locking.arguments:
        yield f"$ {shlex.join(['uv', *plan.locking.arguments])}"
