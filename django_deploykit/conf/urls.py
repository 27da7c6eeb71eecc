"""The parts of the URLs of databases, caches and mail servers (pure).

:class:`ValueError` says what was expected. It never contains the URL, which may have a password.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from django_deploykit.conf.secret import Secret, looks_secret


@dataclass(frozen=True)
class Parts:
    """The parts of a URL. ``login`` is unchanged, ``path`` has its slash.

    ``places`` are the hosts and their ports (None without one); most services have only one.
    """

    scheme: str
    login: str = field(repr=False)
    places: tuple[tuple[str, int | None], ...]
    path: str
    options: dict[str, str] = field(repr=False)

    @property
    def host(self) -> str:
        """The first host."""
        return self.places[0][0]

    @property
    def port(self) -> int | None:
        """The first host's port."""
        return self.places[0][1]

    @property
    def user(self) -> str:
        """The user, unquoted."""
        return unquote(self.login.partition(":")[0])

    @property
    def password(self) -> Secret:
        """The password, unquoted."""
        return Secret(unquote(self.login.partition(":")[2]))

    @property
    def quoted_login(self) -> str:
        """User and password with their ``@`` as in a URL, or an empty string."""
        login = ":".join(quote(unquote(part), safe="") for part in self.login.split(":", 1))
        return f"{login}@" if login else ""

    @property
    def netlocs(self) -> list[str]:
        """Each host and its port as in a URL."""
        return [_netloc(host, port) for host, port in self.places]


def _netloc(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _ip_address(text: str) -> None:
    """Raise :class:`ValueError` if a text is not an IP address."""
    from ipaddress import ip_address  # slow to load, and rarely needed

    ip_address(text)


def standard_parts(url: str) -> SplitResult | None:
    """Return the parts of a URL as the standard splits it, or None if it is malformed.

    >>> standard_parts("https://[::1") or standard_parts("https://example.com:port")
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # not a number, or too large
        if "[" in parts.netloc:  # Python 3.10 does not look between the brackets
            _ip_address(parts.hostname or "")
    except ValueError:
        return None
    return parts


def split(url: str, schemes: Collection[str], form: str, several: Collection[str] = ()) -> Parts:
    """Return the parts of a URL. Its password may contain ``#``, ``/``, ``?`` and ``@``.

    ``form`` is what a URL looks like. ``several`` are the schemes that may have several hosts.
    """
    scheme, found, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not found or scheme not in schemes:
        raise ValueError(f"expected a URL such as {form}; schemes: {', '.join(sorted(schemes))}")
    if _CONTROL.search(url.strip()):
        raise ValueError("expected a URL without control characters")
    login, place, path, query = _file_only(rest) if scheme in FILES else _authority(rest)
    hosts = place.split(",") if scheme in several else [place]
    places = tuple(_place(host, form) for host in hosts)
    return Parts(scheme, login, places, path, _pairs(query))


def _place(text: str, form: str) -> tuple[str, int | None]:
    match = _PLACE.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port or 0) > 65535:
        raise ValueError(f"expected a URL such as {form}; the port or host cannot be read")
    host = unquote(match["host"].strip("[]"))
    # A socket's folder keeps its capital letters.
    return (host if "/" in host else host.lower()), port


# Schemes whose URL is only a path.
FILES = frozenset(
    [
        "sqlite",
        "sqlite3",
        "spatialite",
        "prometheus_sqlite",
        "prometheus_spatialite",
        "file",
        "filecache",
        "filemail",
    ]
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@,\s]*)(:(?P<port>[0-9]{0,5}))?")
_AUTHORITY = re.compile(
    r"(?:(?P<login>[^/?]*)@)?(?P<place>[^/?@]*)(?P<path>/[^?]*)?(\?(?P<query>.*))?", re.DOTALL
)


def _is_place(text: str) -> bool:
    return all(_PLACE.fullmatch(one) for one in text.split(","))


def _authority(rest: str) -> tuple[str, str, str, str]:
    """Return login, place, path and query of the text after ``://``.

    If there is an ``@`` in the path, or in a query that is not a list of pairs, it belongs to a
    password that contains ``/`` or ``?``. The login then ends at the last ``@`` before a host.
    """
    match = _AUTHORITY.fullmatch(rest)
    path, query = (match["path"] or "", match["query"] or "") if match else ("", "")
    pairs = all("=" in pair for pair in query.split("&")) if query else True
    if match and "@" not in path and ("@" not in query or pairs) and _is_place(match["place"]):
        return match["login"] or "", match["place"], path, query
    pieces = rest.split("@")
    ways = [("@".join(pieces[:n]), "@".join(pieces[n:])) for n in range(len(pieces) - 1, 0, -1)]
    for login, behind in ways:
        match = _AUTHORITY.fullmatch(behind)
        if not match or not match["path"] or "@" in match["path"]:
            continue
        if _is_place(match["place"]):
            return login, match["place"], match["path"], match["query"] or ""
    login, behind = ways[0] if ways else ("", rest)
    place, _, query = behind.partition("?")
    return login, place, "", query


def _file_only(rest: str) -> tuple[str, str, str, str]:
    """Return the same parts of a file's URL. Its folders may contain ``@`` and ``#``."""
    path, _, query = rest.partition("?")
    return "", "", path, query


def _pairs(query: str) -> dict[str, str]:
    """Return a query's pairs. Raise :class:`ValueError` if one has no value or comes twice."""
    pairs = query.split("&") if query else []
    if not all("=" in pair for pair in pairs):
        raise ValueError("expected name=value pairs after the question mark")
    found = parse_qsl(query, keep_blank_values=True)
    if len({name.lower() for name, _ in found}) < len(found):
        raise ValueError("expected each name only once after the question mark")
    return dict(found)


# Options that are texts even if they look like a number or a truth value.
_TEXTS = frozenset(
    [
        "user",
        "username",
        "dbname",
        "database",
        "application_name",
        "options",
        "service",
        "client_name",
        "charset",
        "role",
    ]
)


def typed(name: str, text: str) -> object:
    """Return an option's value: a number, a truth value, None or a text, as the text looks.

    Passwords and names are always texts, and so are numbers with a leading zero.
    """
    if looks_secret(name):
        return Secret(text)
    if name.lower() in _TEXTS:
        return text
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", text):
        return float(text)
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
