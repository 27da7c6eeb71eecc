"""Environments and their hosts, from ``deploykit.ini`` (pure)."""

from __future__ import annotations

import fnmatch
import ipaddress
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from django_deploykit.conf.ini import Ini, Option
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project.engines import HOSTS, engine_keys, read_engine
from django_deploykit.project.limits import read_process_limits
from django_deploykit.project.values import Keys, nearest, read_lines, read_section
from django_deploykit.runtime.base.errors import WRONG_USE
from django_deploykit.runtime.base.site import default_listen
from django_deploykit.runtime.base.site_options import (
    SITE_OPTIONS,
    OptionValue,
    SiteOptions,
    read_seconds,
    read_switch,
    read_words,
)

HOOKS = (
    "before_build",
    "after_build",
    "before_migrate",
    "after_migrate",
    "before_switch",
    "after_switch",
    "after_failure",
)
# The actions of `manage.py release`: words that stand where an environment may stand.
ACTION_WORDS = (
    "rollback",
    "status",
    "history",
    "logs",
    "setup",
    "exec",
    "cancel",
    "stop",
    "teardown",
)
POLICIES = ("back", "stop", "continue")
_HOST = re.compile(
    r"(?:(?P<user>[A-Za-z_][A-Za-z0-9._-]*)@)?"
    r"(?P<address>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?\Z"
)


@dataclass(frozen=True)
class Host:
    """A host as written (``name``), and its parts.

    If ``user`` or ``port`` is empty, SSH chooses it. ``overrides`` are the options of the site in
    [host:NAME].
    """

    name: str
    address: str
    user: str = ""
    port: int = 0
    overrides: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True)
class _NamedHosts:
    name: str
    hosts: tuple[Host, ...] = ()


@dataclass(frozen=True)
class Environment(SiteOptions, _NamedHosts):
    """A named set of hosts, the options of their site, and of releases. ``wait`` is in seconds.

    ``options`` are the values of keys that only its engine knows.
    """

    engine: str = HOSTS
    options: Mapping[str, object] = field(default_factory=dict)
    migrate_on: tuple[str, ...] = ()
    batch: str = "1"
    on_failure: str = "back"
    allow_breaking_migrations: bool = False
    wait: float = 0.0
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether this is the built-in environment ``local``."""
        return self.name == "local"

    def batches(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the hosts, in groups that switch together."""
        names = [host.name for host in self.hosts]
        size = batch_size(self.batch, len(names))
        return tuple(tuple(names[start : start + size]) for start in range(0, len(names), size))


def batch_size(batch: str, hosts: int) -> int:
    """Return how many of ``hosts`` switch together, for a number or a percentage.

    >>> batch_size("25%", 10)
    3
    """
    if batch.endswith("%"):
        return max(1, math.ceil(hosts * int(batch[:-1]) / 100))
    return max(1, int(batch))


def parse_host(text: str) -> Host:
    """Parse a host such as ``deploy@web1.example.com:22``.

    Raise :class:`DeployKitError` if the text is not a host.
    """
    match = _HOST.match(text)
    if (
        match is None
        or not 0 < int(match["port"] or 22) < 65536
        or not _is_address(match["address"])
    ):
        raise DeployKitError(f"{text!r} is not a host", _host_hint(text))
    return Host(text, match["address"].strip("[]"), match["user"] or "", int(match["port"] or 0))


def _host_hint(text: str) -> str:
    """Return how to write a host."""
    user, at, address = text.rpartition("@")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return "Write user@host:port; user and port are optional."
    return f"An IPv6 address needs brackets, because a port may follow: {user}{at}[{address}]"


def _is_address(text: str) -> bool:
    """Whether the text has no brackets, or has an IPv6 address in them."""
    try:
        return not text.startswith("[") or bool(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        return False


def _hosts(text: str) -> tuple[Host, ...]:
    found = []
    for word in read_words(text):
        try:
            found.append(parse_host(word))
        except DeployKitError as error:
            raise ValueError(f"{error.message}. {error.hint}") from None
    names = [host.name for host in found]
    double = {name for name in names if names.count(name) > 1}
    if double:
        raise ValueError(f"names {', '.join(sorted(double))} twice")
    return tuple(found)


def _batch(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*|([1-9]\d?|100)%", text):
        raise ValueError(f"must be a number of hosts or a percentage such as 25%, not {text!r}")
    return text


def _policy(text: str) -> str:
    if text not in POLICIES:
        raise ValueError(
            f"must be one of {', '.join(POLICIES)}, not {text!r}{nearest(text, POLICIES)}"
        )
    return text


_SITE = {name: (option.read, option.help) for name, option in SITE_OPTIONS.items()}
# The keys of [environment:NAME]: how to read each of them, and its help in the reference.
ENVIRONMENT: Keys = {
    "engine": (read_engine, "what runs the releases; default: hosts, servers over SSH"),
    "hosts": (_hosts, "the hosts, `deploy@web1.example.com:22`, separated by commas or lines"),
    **_SITE,
    "listen": (_SITE["listen"][0], f"{_SITE['listen'][1]}; `{{address}}` is the host's address"),
    "migrate_on": (read_words, "the hosts that migrate, in order; default: the first"),
    "batch": (_batch, "how many hosts switch together, a number or a percentage"),
    "on_failure": (_policy, "back (roll back all hosts), stop, or continue"),
    "allow_breaking_migrations": (
        read_switch,
        "yes: migrations may run that break the running code",
    ),
    "wait": (read_seconds, "how long to wait for another release to finish"),
    **{
        name: (read_lines, f"shell commands, {name.replace('_', ' ')}, on this machine")
        for name in HOOKS
    },
}
# Those of ENVIRONMENT that only the engine of hosts knows.
HOSTS_KEYS = (
    "hosts",
    "listen",
    "keep",
    "limits",
    "apparmor",
    "proxied",
    "migrate_on",
    "batch",
    "on_failure",
)
# The keys of [host:NAME].
HOST: Keys = {name: ENVIRONMENT[name] for name, one in SITE_OPTIONS.items() if one.per_host}


def read_inventory(ini: Ini) -> dict[str, Environment]:
    """Return the environments by name, always with ``local``.

    Raise :class:`Problems` with all mistakes.
    """
    problems: list[str] = []
    found = {"local": Environment("local")}
    for section, name, options in _sections(ini, "environment"):
        problem = _name_problem(name)
        if problem:
            problems.append(f"{_where(options, section)}: {problem}")
        else:
            found[name] = _environment(name, options, problems)
    for _, name, options in _sections(ini, "host"):
        _override(found, name, options, problems)
    limits = read_process_limits(ini, problems)
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems)
    return {name: replace(one, limits=(*limits, *one.limits)) for name, one in found.items()}


def _sections(ini: Ini, kind: str) -> Iterator[tuple[str, str, Mapping[str, Option]]]:
    """Yield the sections [KIND:NAME], their names and their options."""
    for section, options in ini.sections.items():
        first, _, name = section.partition(":")
        if first.strip() == kind:
            yield section, name.strip(), options


def _name_problem(name: str) -> str:
    """Return why an environment cannot have a name, or an empty string."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        return "[environment:NAME] needs a name of letters and digits"
    if name in ACTION_WORDS:
        return (
            f"[environment:{name}] has the name of an action, so `manage.py release {name}` would "
            f"be ambiguous; choose another name, such as {name}-site (hosts do not know it)"
        )
    return ""


def _where(options: Mapping[str, Option], section: str) -> str:
    return next((option.where for option in options.values()), f"[{section}]")


def _environment(name: str, options: Mapping[str, Option], problems: list[str]) -> Environment:
    engine = _engine(options)
    if not engine:  # the error about this is enough: nobody knows what its keys mean
        options, keys = {"engine": options["engine"]}, ENVIRONMENT
    else:
        options, keys = _options_for(engine, options, problems)
    values = read_section(f"environment:{name}", options, keys, problems)
    hooks = {key: values.pop(key) for key in HOOKS if key in values}
    own = {key: values.pop(key) for key in list(values) if key not in ENVIRONMENT}
    environment = Environment(name, **values, hooks=hooks, options=own)
    if name == "local" and engine not in ("", HOSTS):
        problems.append(f"{options['engine'].where}: local is this machine; its engine is {HOSTS}")
    if name == "local" and environment.hosts:
        problems.append(f"{options['hosts'].where}: local is this machine; it has no hosts")
    if name != "local" and engine == HOSTS and "hosts" not in options:
        problems.append(f"{_where(options, name)}: [environment:{name}] has no hosts")
    known = [host.name for host in environment.hosts]
    for host in environment.migrate_on:
        if known and host not in known:
            problems.append(
                f"{options['migrate_on'].where}: {host} is not one of the hosts{nearest(host, known)}"
            )
    return environment


def _engine(options: Mapping[str, Option]) -> str:
    """Return the name of the engine, or an empty string if it is not valid."""
    try:
        return read_engine(options["engine"].value) if "engine" in options else HOSTS
    except ValueError:
        return ""


def _options_for(
    engine: str, options: Mapping[str, Option], problems: list[str]
) -> tuple[dict[str, Option], Keys]:
    """Return the options of an environment that its engine may have, and the engine's keys."""
    common = {key: row for key, row in ENVIRONMENT.items() if key not in HOSTS_KEYS}
    keys = {**common, **engine_keys(engine)}
    foreign = [key for key in options if key in HOSTS_KEYS and key not in keys]
    for key in foreign:
        problems.append(f"{options[key].where}: {key} is for the engine {HOSTS}, not for {engine}")
    return {key: one for key, one in options.items() if key not in foreign}, keys


def _override(
    found: dict[str, Environment], name: str, options: Mapping[str, Option], problems: list[str]
) -> None:
    values = read_section(f"host:{name}", options, HOST, problems)
    known = [host for environment in found.values() for host in environment.hosts]
    if not any(name in (host.name, host.address) for host in known):
        guess = nearest(name, [host.name for host in known])
        problems.append(f"{_where(options, name)}: no environment has a host {name}{guess}")
    for key, environment in found.items():
        hosts = (
            replace(host, overrides=values) if name in (host.name, host.address) else host
            for host in environment.hosts
        )
        found[key] = replace(environment, hosts=tuple(hosts))


def choose(environments: Mapping[str, Environment], name: str) -> Environment:
    """Return the environment of that name."""
    if name in environments:
        return environments[name]
    guess = nearest(name, [*environments, *ACTION_WORDS])
    known = f"deploykit.ini has {', '.join(sorted(environments))}"
    more = "" if guess else f"; for a new one, add [environment:{name}] with its hosts"
    raise DeployKitError(f"there is no environment {name!r}{guess}", f"{known}{more}.", WRONG_USE)


def narrow(environment: Environment, pattern: str) -> Environment:
    """Return the environment with only the hosts that match ``pattern``, such as ``web*,db1``."""
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
            f"no host of {environment.name} matches {pattern!r}", f"Its hosts: {known}", WRONG_USE
        )
    return replace(environment, hosts=hosts)


def as_user(environment: Environment, user: str) -> Environment:
    """Return the environment with ``user`` as the SSH user of every host."""
    if not user:
        return environment
    return replace(environment, hosts=tuple(replace(host, user=user) for host in environment.hosts))


def site_values(environment: Environment, host: Host, app: str) -> dict[str, object]:
    """Return the options of a host's site, in the form of ``site.json``."""
    found = {**environment.site_values(), **host.overrides}
    listen = str(found["listen"] or default_listen(app)).replace("{address}", host.address)
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in {**found, "listen": listen}.items()
    }
