"""What a web server in front has to know about a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class Website:
    """A site as a web server in front sees it.

    ``listen`` is a path or ``HOST:PORT``. If ``static_folder`` is not empty, the web server reads
    static files below ``static_url`` from there, else WhiteNoise serves them from the release.
    """

    app: str
    listen: str
    names: Sequence[str]  # host names, "*.example.com" and ".example.com" included
    static_url: str = ""  # ends with a slash
    static_folder: str = ""
