"""Finds a site's folder in the helper that setup wrote for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from ..base import names
from ..base.files import read_regular
from ..base.site import default_root

_LONGEST = 1 << 20  # bytes of a helper


def site_folder(app: str, helpers: str = names.HELPERS) -> Optional[Path]:
    """Return the folder of the site that setup made for a project, or None if there is none.

    Root's helper says it. Files of the deploy user could say anything.
    """
    try:
        text = read_regular(Path(names.helper_path(app, helpers)), _LONGEST)
    except FileNotFoundError:
        return None
    match = re.search(r"^ROOT = '(/[^'\\]+)'$", text, re.MULTILINE)
    return Path(match[1]) if match else default_root(app)


def usual_root(app: str) -> Path:
    """Return the folder of a project's site: where setup put it, or will put it by default."""
    return site_folder(app) or default_root(app)
