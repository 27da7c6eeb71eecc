"""The options of a site, each declared once in :class:`SiteOptions`.

``deploykit.ini`` ([environment:NAME] and [host:NAME]), ``site.json``, the arguments and the request
of the verb ``setup``, and the reference pages are derived from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import Callable, Dict, Mapping, Tuple, TypeVar, Union

from .ini import FALSE, TRUE
from .limits import read_limits
from .names import PROCESS_NAME, is_number

APPARMOR_MODES = ("complain", "enforce", "off")
_LONGEST = 1e9  # seconds
OptionValue = Union[str, int, float, bool, Tuple[str, ...]]
T = TypeVar("T", bound=OptionValue)
V = TypeVar("V")
S = TypeVar("S", bound="SiteOptions")


def read_pages(text: str) -> str:
    """Return paths with a space between; like all readers, raise :class:`ValueError` if invalid."""
    words = text.split()
    if not words or not all(word.startswith("/") for word in words):
        raise ValueError(
            f"must be a path such as /up, or several with spaces between, not {text!r}"
        )
    return " ".join(words)


def read_listen(text: str) -> str:
    """Return a socket's path or an address with a port; its host may be ``{address}``."""
    address, colon, port = text.rpartition(":")
    spaces = any(char.isspace() for char in text)
    if text.startswith("/") and not spaces:
        return text
    if ":" in address and not (address.startswith("[") and address.endswith("]")):
        raise ValueError(f"must have an IPv6 address in brackets, such as [::1]:8000, not {text!r}")
    if not colon or not is_number(port) or not 0 < int(port) < 65536 or spaces:
        raise ValueError(
            f"must be a path below /run or an address such as 127.0.0.1:8000, not {text!r}"
        )
    return text


def read_host_header(text: str) -> str:
    """Return a Host header."""
    if not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", text):
        raise ValueError(f"must be a host name such as www.example.com, not {text!r}")
    return text


def read_count(text: str) -> int:
    """Return a whole number of at least 1."""
    if not is_number(text) or int(text) < 1:
        raise ValueError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def read_seconds(text: str) -> float:
    """Return the number of seconds in ``30``, ``30s``, ``5m`` or ``1h``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text)
    if match is None:
        raise ValueError(f"must be a duration such as 30, 30s, 5m or 1h, not {text!r}")
    return float(match.group(1)) * {"s": 1, "m": 60, "h": 3600}[match.group(2) or "s"]


def read_words(text: str) -> Tuple[str, ...]:
    """Return the words that commas or lines separate."""
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def read_roles(text: str) -> Tuple[str, ...]:
    """Return names of processes."""
    for word in read_words(text):
        if not PROCESS_NAME.match(word):
            raise ValueError(f"must be names of processes, not {word!r}")
    return read_words(text)


def read_apparmor(text: str) -> str:
    """Return a mode of an AppArmor profile."""
    if text not in APPARMOR_MODES:
        raise ValueError(f"must be one of {', '.join(APPARMOR_MODES)}, not {text!r}")
    return text


def read_switch(text: str) -> bool:
    """Return a truth value: yes/no, true/false, on/off, 1/0."""
    word = text.strip().lower()
    if word not in TRUE + FALSE:
        raise ValueError(f"must be yes or no, not {text!r}")
    return word in TRUE


def argument_type(read: Callable[[str], V]) -> Callable[[str], V]:
    """Return a reader for argparse: it raises argparse's error with the original message."""

    def convert(text: str) -> V:
        try:
            return read(text)
        except ValueError as error:
            from argparse import ArgumentTypeError

            raise ArgumentTypeError(str(error)) from None

    return convert


@dataclass(frozen=True)
class SiteOption:
    """How an option is written: ``read`` parses its text, ``metavar`` represents it in help.

    ``per_host``: [host:NAME] may override it. ``switch`` is the argument that turns it off.
    """

    default: OptionValue
    read: Callable[[str], OptionValue]
    metavar: str
    help: str
    per_host: bool
    switch: str


def _option(
    default: T,
    read: Callable[[str], T],
    metavar: str,
    help_text: str,
    *,
    per_host: bool = False,
    switch: str = "",
) -> T:
    """Return a dataclass field with its :class:`SiteOption`."""
    option = SiteOption(default, read, metavar, help_text, per_host, switch)
    return field(default=default, metadata={"option": option})


@dataclass(frozen=True)
class SiteOptions:
    """The options of a site; ``boot`` and ``drain`` are in seconds."""

    listen: str = _option(
        "",
        read_listen,
        "WHERE",
        "where the site listens: a path below /run, or IP:PORT",
        per_host=True,
    )
    health: str = _option(
        "/",
        read_pages,
        "PATH",
        "the pages that are requested before a release takes over, separated by spaces",
        per_host=True,
    )
    host: str = _option(
        "",
        read_host_header,
        "NAME",
        "the Host header of that request; default: the first usable of ALLOWED_HOSTS",
    )
    keep: int = _option(5, read_count, "NUMBER", "how many releases stay on a host", per_host=True)
    boot: float = _option(60.0, read_seconds, "SECONDS", "how long a process may take to start")
    drain: float = _option(
        30.0, read_seconds, "SECONDS", "how long a process may take to finish its requests"
    )
    roles: Tuple[str, ...] = _option(
        (),
        read_roles,
        "NAMES",
        "the processes that run there; default: all in the Procfile except `release`",
        per_host=True,
    )
    limits: Tuple[str, ...] = _option(
        (),
        read_limits,
        "LIMITS",
        "what processes may use, as web.memory_max=512M; see [process:NAME]",
    )
    apparmor: str = _option(
        "complain",
        read_apparmor,
        "MODE",
        "the AppArmor profile: complain (only logs), enforce or off",
    )
    proxied: bool = _option(
        True, read_switch, "yes|no", "no if no proxy in front handles TLS", switch="--no-proxy"
    )

    @property
    def pages(self) -> Tuple[str, ...]:
        """The paths in ``health``; the first one is requested again and again during a switch."""
        return tuple(self.health.split())

    def site_values(self) -> Dict[str, OptionValue]:
        """Return the options by name."""
        return {name: getattr(self, name) for name in SITE_OPTIONS}

    def with_options(self: S, values: Mapping[str, OptionValue]) -> S:
        """Return a copy with other values."""
        return replace(self, **values)  # type: ignore[arg-type]


SITE_OPTIONS: Dict[str, SiteOption] = {
    one.name: one.metadata["option"] for one in fields(SiteOptions)
}


def values_of(data: Mapping[str, object]) -> Dict[str, OptionValue]:
    """Return the options in a JSON object; raise :class:`ValueError` for one of a wrong type."""
    found: Dict[str, OptionValue] = {}
    for name, option in SITE_OPTIONS.items():
        if name in data:
            found[name] = _value(name, data[name], type(option.default))
    return found


def _value(name: str, value: object, kind: type) -> OptionValue:
    if kind is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) <= _LONGEST:
            return float(value)
    elif kind in (str, int, bool) and type(value) is kind and isinstance(value, (str, int)):
        return value
    expected = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    raise ValueError(f"{name} must be {expected.get(kind, 'a list of texts')}, not {value!r}")
