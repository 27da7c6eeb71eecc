"""Convert the text of a setting to a value (pure).

Every ``read_`` function returns the value, or raises :class:`ValueError` with what was expected.
The message never contains the text itself, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django_deploykit.conf.secret import Secret, has_password
from django_deploykit.runtime.base.ini import FALSE, TRUE

# An entry of Django's settings. Its possible keys depend on the backend.
Entry = dict[str, Any]
# Returns what is wrong with a value, or an empty string. The value is what its reader returns.
Problem = Callable[[Any], str]
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"


def read_bool(text: str) -> bool:
    """Return a boolean. A typo is an error, never False."""
    word = text.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError("expected true or false (yes/no, on/off, 1/0)")


def read_int(text: str) -> int:
    """Return an integer. Underscores between digits are allowed."""
    try:
        return int(text.strip())
    except ValueError:
        raise ValueError("expected a whole number") from None


def read_float(text: str) -> float:
    """Return a finite number."""
    try:
        value = float(text.strip())
    except ValueError:
        raise ValueError("expected a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("expected a finite number")
    return value


def read_duration(text: str) -> timedelta:
    """Return a time span: ``90`` (seconds), ``500ms``, ``1h30m``, ``2d``.

    >>> read_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    word = text.strip().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return _span(float(word))
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", word)
    if not parts or "".join(number + unit for number, unit in parts) != word:
        raise ValueError("expected a duration such as 90, 500ms, 30s, 5m, 1h30m or 2d")
    return _span(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _span(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        pass
    raise ValueError(f"expected a duration of at most {timedelta.max.days} days")


def read_list(text: str) -> list[str]:
    """Return the items between commas or newlines, without surrounding whitespace."""
    return [item for part in text.replace("\n", ",").split(",") if (item := part.strip())]


def read_path(text: str) -> Path:
    """Return an absolute path. ``~`` is the user's home folder."""
    if "\0" in text:
        raise ValueError("expected a path without NUL characters")
    try:
        path = Path(text.strip()).expanduser()
    except RuntimeError:
        path = Path()
    if not path.is_absolute():
        raise ValueError("expected an absolute path: the working folder differs between commands")
    return path


def read_url(text: str) -> str:
    """Return an absolute URL with a scheme and a host."""
    from django_deploykit.conf.urls import standard_parts  # slow to load

    word = text.strip()
    parts = standard_parts(word)
    if parts is None or not parts.scheme or not parts.netloc or re.search(r"\s", word):
        raise ValueError("expected a URL such as https://example.com/path")
    return Secret(word) if has_password(word) else word


def read_json(text: str) -> Any:
    """Return any JSON value."""
    import json  # slow to load, and rarely needed

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        place = "lists and objects in each other, too deep to read"
    except ValueError:
        place = "a number has too many digits"
    raise ValueError(f"expected JSON ({place})")  # outside: the context would have the text


def read_hosts(text: str) -> list[str]:
    """Return names for ALLOWED_HOSTS, each as Django compares it with the Host header.

    ``*`` is validated by :func:`star_problem`.
    """
    names = [part for part in re.split(r"[,\s]+", text) if part]
    problem = hosts_problem(names, debug=True)
    if problem:
        raise ValueError(problem)
    return [name.lower() for name in names]


def star_problem(names: list[str]) -> str:
    """Return what is wrong with hosts if they contain ``*``, or else an empty string."""
    return hosts_problem([name for name in names if name == "*"])


def hosts_problem(names: Sequence[str], *, debug: bool = False) -> str:
    """Return what is wrong with the names for ALLOWED_HOSTS, or an empty string.

    Names are counted, not quoted, because a secret may have been pasted there.

    >>> hosts_problem(["example.com", "https://example.com"])
    'name 2 has a scheme; write only the host, such as www.example.com'
    """
    found = [(number, host_problem(name, debug=debug)) for number, name in enumerate(names, 1)]
    return "; ".join(f"name {number} {problem}" for number, problem in found if problem)


def host_problem(name: str, *, debug: bool = False) -> str:
    """Return what is wrong with a name for ALLOWED_HOSTS, or an empty string.

    >>> host_problem("example.com:8000")
    'has a port; write only the host, such as www.example.com'
    """
    if name == "*":
        return "" if debug else "is '*', which accepts every Host header; name the site's hosts"
    if re.search(r"[\"'\s]", name):
        return f"has quotes or spaces, which never match; {_ONLY_HOST}"
    if "://" in name:
        return f"has a scheme; {_ONLY_HOST}"
    if "/" in name:
        return f"has a path; {_ONLY_HOST}"
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", name):
        return ""
    if ":" in name:
        return f"has a port; {_ONLY_HOST}"
    labels = name.removeprefix(".").removesuffix(".").split(".")
    return "" if all(re.fullmatch(_LABEL, label) for label in labels) else "is not a host name"


_ONLY_HOST = "write only the host, such as www.example.com"
_PLACEHOLDER = (
    r"(?i)(change[-_ ]?(me|this|it)|replace[-_ ]?(me|this)|your[-_ ]|example|placeholder|dummy"
    r"|insecure|secret[-_ ]?key|x{4,}|todo|fixme|<.*>|\{.*\}|\.\.\.|not[-_ ]?secret|s3cr3t)"
)
_WORDS = {"secret", "password", "passwd", "key", "test", "none", "null", "admin", "123456"}


def secret_problem(text: str, *, signing: bool = False) -> str:
    """Return what is wrong with a secret, or an empty string.

    ``signing`` is true for Django's SECRET_KEY. Django requires 50 characters, 5 of them distinct
    (``security.W009``).
    """
    word = text.strip()
    if not word:
        return "is empty"
    if word.lower() in _WORDS:
        return "is a placeholder"
    if not signing:
        return "is a placeholder" if re.fullmatch(_PLACEHOLDER, word) or _is_filler(word) else ""
    if word.startswith("django-insecure-"):
        return "starts with django-insecure-: startproject wrote it into the repository"
    if _is_filler(word) or (re.search(_PLACEHOLDER, word) and len(set(word)) < 30):
        return "is a placeholder"
    if len(word) < 50 or len(set(word)) < 5 or _repeats(word):
        return "is too weak: 50 random characters are expected"
    return ""


def _is_filler(word: str) -> bool:
    return bool(
        re.match(r"(change[-_ ]?(me|this)|replace[-_ ]?(me|this)|your[-_ ])", word, re.IGNORECASE)
    )


def _repeats(word: str) -> bool:
    """Whether the text consists of repetitions of a shorter text."""
    return word in (word + word)[1:-1]
