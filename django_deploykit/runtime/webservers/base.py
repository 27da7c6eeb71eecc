"""The facts about a site that a web server needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class Website:
    """A site from the view of a web server in front of it.

    ``listen`` is a path or ``HOST:PORT``. If ``static_folder`` is not empty, the web server serves
    static files below ``static_url`` from it. Otherwise WhiteNoise serves them from the release.
    """

    app: str
    listen: str
    names: Sequence[str]  # host names, "*.example.com" and ".example.com" included
    static_url: str = ""  # ends with a slash
    static_folder: str = ""
