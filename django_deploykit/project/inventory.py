"""Environments and their hosts, from ``deploykit.ini`` (pure)."""

from __future__ import annotations

import fnmatch
import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django_deploykit.conf.ini import Ini, Option
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project.values import nearest, yes_or_no

HOOKS = (
    "before_build",
    "after_build",
    "before_migrate",
    "after_migrate",
    "before_switch",
    "after_switch",
    "after_failure",
)
POLICIES = ("back", "stop", "continue")
_HOST = re.compile(
    r"(?:(?P<user>[A-Za-z_][A-Za-z0-9._-]*)@)?"
    r"(?P<address>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?\Z"
)
_PROCESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


class _BadValue(Exception):
    """What was expected of a value."""


@dataclass(frozen=True)
class Host:
    """A host as it was written (``name``), taken apart; ``user`` and ``port`` may be left to SSH."""

    name: str
    address: str
    user: str = ""
    port: int = 0
    roles: tuple[str, ...] = ()
    listen: str = ""
    health: str = ""
    keep: int = 0


@dataclass(frozen=True)
class Environment:
    """A named set of hosts and how releases go there. ``boot``, ``drain`` and ``wait`` are seconds."""

    name: str
    hosts: tuple[Host, ...] = ()
    listen: str = ""
    health: str = "/"
    host: str = ""
    roles: tuple[str, ...] = ()
    migrate_on: tuple[str, ...] = ()
    batch: str = "1"
    keep: int = 5
    on_failure: str = "back"
    allow_breaking_migrations: bool = False
    boot: float = 60.0
    drain: float = 30.0
    wait: float = 0.0
    proxied: bool = True
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether this is the built-in environment."""
        return self.name == "local"

    def batches(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the hosts, in the groups that switch together."""
        names = [host.name for host in self.hosts]
        size = batch_size(self.batch, len(names))
        return tuple(tuple(names[start : start + size]) for start in range(0, len(names), size))


def batch_size(batch: str, hosts: int) -> int:
    """Return how many hosts switch together, for ``2`` or ``25%`` of ``hosts``.

    >>> batch_size("25%", 10)
    3
    """
    if batch.endswith("%"):
        return max(1, math.ceil(hosts * int(batch[:-1]) / 100))
    return max(1, int(batch))


def parse_host(text: str) -> Host:
    """Take ``deploy@web1.example.com:22`` apart; raises :class:`DeployKitError` for what is no host."""
    match = _HOST.match(text)
    if (
        match is None
        or not 0 < int(match["port"] or 22) < 65536
        or not _bracketed(match["address"])
    ):
        raise DeployKitError(
            f"{text!r} is no host", "Write user@host:port; user and port may be left out."
        )
    return Host(text, match["address"].strip("[]"), match["user"] or "", int(match["port"] or 0))


def _bracketed(address: str) -> bool:
    """Whether what stands in brackets, if anything does, is an IPv6 address."""
    if not address.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(address[1:-1])
    except ValueError:
        return False
    return True


def _hosts(text: str) -> tuple[Host, ...]:
    found = []
    for part in re.split(r"[,\n]", text):
        if part.strip():
            try:
                found.append(parse_host(part.strip()))
            except DeployKitError as error:
                raise _BadValue(f"{error.message}; write user@host:port") from None
    names = [host.name for host in found]
    double = {name for name in names if names.count(name) > 1}
    if double:
        raise _BadValue(f"names {', '.join(sorted(double))} twice")
    return tuple(found)


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def _roles(text: str) -> tuple[str, ...]:
    words = _words(text)
    for word in words:
        if not _PROCESS.match(word):
            raise _BadValue(f"must be names of processes, not {word!r}")
    return words


def _bool(text: str) -> bool:
    try:
        return yes_or_no(text)
    except ValueError as error:
        raise _BadValue(str(error)) from None


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise _BadValue(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text)
    if match is None:
        raise _BadValue(f"must be a duration as 30, 30s, 5m or 1h, not {text!r}")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2] or "s"]


def _batch(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*|([1-9]\d?|100)%", text):
        raise _BadValue(f"must be a number of hosts or a percentage as 25%, not {text!r}")
    return text


def _policy(text: str) -> str:
    if text not in POLICIES:
        raise _BadValue(
            f"must be one of {', '.join(POLICIES)}, not {text!r}{nearest(text, POLICIES)}"
        )
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or any(char.isspace() for char in text):
        raise _BadValue(f"must be a path as /up, not {text!r}")
    return text


def _listen(text: str) -> str:
    if text.startswith("/") and not any(char.isspace() for char in text):
        return text
    host, colon, port = text.rpartition(":")
    if (
        not colon
        or not port.isdigit()
        or not 0 < int(port) < 65536
        or any(char.isspace() for char in host)
    ):
        raise _BadValue(f"must be a path below /run or an address as 127.0.0.1:8000, not {text!r}")
    return text


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _host_header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", text):
        raise _BadValue(f"must be a host name as www.example.com, not {text!r}")
    return text


# Every key of [environment:NAME]: how it is read and what it is for (the reference is held to this).
ENVIRONMENT: dict[str, tuple[Callable[[str], Any], str]] = {
    "hosts": (_hosts, "the hosts, `deploy@web1.example.com:22`, separated by commas or lines"),
    "listen": (
        _listen,
        "where the site listens: a path or address; `{address}` is the host as written",
    ),
    "health": (_path, "the path that is asked before a release takes over"),
    "host": (_host_header, "the Host header for that; default: the first usable of ALLOWED_HOSTS"),
    "roles": (_roles, "the processes that run there; default: all of the Procfile but `release`"),
    "migrate_on": (_words, "the hosts that migrate, in order; default: the first"),
    "batch": (_batch, "how many hosts switch together, a number or a percentage"),
    "keep": (_count, "how many releases stay on each host"),
    "on_failure": (_policy, "back (take all hosts back), stop, or continue"),
    "allow_breaking_migrations": (_bool, "yes lets migrations run that break the running code"),
    "boot": (_seconds, "how long a process may take to come up"),
    "drain": (_seconds, "how long a process may take to finish what it does"),
    "wait": (_seconds, "how long to wait for the lock"),
    "proxied": (_bool, "no where no proxy that speaks TLS stands in front"),
    **{
        name: (_lines, f"shell commands, {name.replace('_', ' ')}, on this machine")
        for name in HOOKS
    },
}
# The keys of [host:NAME], which override the environment's for one host.
HOST = ("health", "keep", "listen", "roles")


def read_inventory(ini: Ini) -> dict[str, Environment]:
    """Return the environments by name, ``local`` always among them; :class:`Problems` lists all mistakes."""
    problems: list[str] = []
    found: dict[str, Environment] = {"local": Environment("local", proxied=True)}
    for section, options in ini.sections.items():
        kind, colon, name = section.partition(":")
        if kind.strip() != "environment":
            continue
        name = name.strip()
        if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            problems.append(
                f"{_where(options, section)}: [environment:NAME] needs a name of letters and digits"
            )
            continue
        found[name] = _environment(name, options, problems)
    for section, options in ini.sections.items():
        kind, _, name = section.partition(":")
        if kind.strip() == "host":
            _override(found, name.strip(), options, problems)
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems)
    return found


def _where(options: Mapping[str, Option], section: str) -> str:
    return next((option.where for option in options.values()), f"[{section}]")


def _values(
    options: Mapping[str, Option], known: Sequence[str], section: str, problems: list[str]
) -> Iterator[tuple[str, Any]]:
    for key, option in options.items():
        if key not in known:
            problems.append(
                f"{option.where}: {key} is no option of [{section}]{nearest(key, known)}"
            )
            continue
        try:
            yield key, ENVIRONMENT[key][0](option.value)
        except _BadValue as error:
            problems.append(f"{option.where}: {key} {error}")


def _environment(name: str, options: Mapping[str, Option], problems: list[str]) -> Environment:
    values = dict(_values(options, list(ENVIRONMENT), f"environment:{name}", problems))
    hooks = {key: values.pop(key) for key in HOOKS if key in values}
    environment = Environment(name, **values, hooks=hooks)
    if name == "local" and environment.hosts:
        problems.append(f"{options['hosts'].where}: local is this machine; it takes no hosts")
    if name != "local" and not environment.hosts and "hosts" not in options:
        problems.append(f"{_where(options, name)}: [environment:{name}] names no hosts")
    known = [host.name for host in environment.hosts]
    for host in environment.migrate_on:
        if known and host not in known:
            problems.append(
                f"{options['migrate_on'].where}: {host} is none of the hosts{nearest(host, known)}"
            )
    return environment


def _override(
    found: dict[str, Environment], name: str, options: Mapping[str, Option], problems: list[str]
) -> None:
    values = dict(_values(options, HOST, f"host:{name}", problems))
    used = False
    for key, environment in found.items():
        hosts = []
        for host in environment.hosts:
            mine = name in (host.name, host.address)
            used = used or mine
            hosts.append(replace(host, **values) if mine else host)
        found[key] = replace(environment, hosts=tuple(hosts))
    if not used:
        known = [host.name for environment in found.values() for host in environment.hosts]
        problems.append(
            f"{_where(options, name)}: [host:{name}] is in no environment{nearest(name, known)}"
        )


def choose(environments: Mapping[str, Environment], name: str) -> Environment:
    """Return the environment of that name."""
    if name not in environments:
        raise DeployKitError(
            f"there is no environment {name!r}{nearest(name, environments)}",
            f"deploykit.ini has {', '.join(sorted(environments))}; add [environment:{name}] with its hosts.",
        )
    return environments[name]


def narrow(environment: Environment, pattern: str) -> Environment:
    """Return the environment with only the hosts that ``pattern`` (``web*,db1``) names."""
    if not pattern:
        return environment
    patterns = [part.strip() for part in pattern.split(",") if part.strip()]
    hosts = tuple(
        host
        for host in environment.hosts
        if any(
            fnmatch.fnmatch(host.name, one) or fnmatch.fnmatch(host.address, one)
            for one in patterns
        )
    )
    if not hosts:
        known = ", ".join(host.name for host in environment.hosts)
        raise DeployKitError(
            f"no host of {environment.name} matches {pattern!r}", f"Its hosts: {known}"
        )
    return replace(environment, hosts=hosts)


def as_user(environment: Environment, user: str) -> Environment:
    """Return the environment with every host reached as ``user``."""
    if not user:
        return environment
    return replace(environment, hosts=tuple(replace(host, user=user) for host in environment.hosts))


def listen_of(environment: Environment, host: Host, app: str) -> str:
    """Return where the site listens on a host."""
    text = host.listen or environment.listen or f"/run/{app}/web.sock"
    return text.replace("{address}", host.address)


def site_values(environment: Environment, host: Host, app: str) -> dict[str, Any]:
    """Return what a host's site is to be, as the verb ``setup`` takes it and ``site.json`` says it."""
    return {
        "listen": listen_of(environment, host, app),
        "health": host.health or environment.health,
        "host": environment.host,
        "keep": host.keep or environment.keep,
        "boot": environment.boot,
        "drain": environment.drain,
        "roles": list(host.roles or environment.roles),
        "proxied": environment.proxied,
    }
