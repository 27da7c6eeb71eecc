"""The section ``[check]`` of deploykit.ini: the topology of the site, and checks to skip."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from django_deploykit.conf.ini import Ini, Option
from django_deploykit.errors import Problems
from django_deploykit.project import nearest

# The options of [check] with their choices. The first choice is the default.
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "tls": (("proxy", "django", "none"), "what terminates TLS; `none` for a site without HTTPS"),
    "hsts": (("django", "proxy"), "what sends Strict-Transport-Security"),
    "server": (("wsgi", "asgi"), "how the site is served"),
    "static": (("site", "proxy"), "what serves static files; `proxy` for a web server in front"),
    "skip": (
        (),
        "ids to skip, one a line with a reason: `deploykit.W310 the reason, until 2027-01-31`",
    ),
}


@dataclass(frozen=True)
class Topology:
    """How the site is set up. Which checks make sense depends on this."""

    tls: str = "proxy"
    hsts: str = "django"
    server: str = "wsgi"
    static: str = "site"


@dataclass(frozen=True)
class Skip:
    """An id that is not reported, the reason, and the last day, such as ``2027-01-31``.

    An empty last day means for ever.
    """

    id: str
    reason: str
    until: str
    where: str


def read_options(ini: Ini) -> tuple[Topology, tuple[Skip, ...]]:
    """Return the topology and the skips in ``[check]``. Raise :class:`Problems` for mistakes."""
    problems: list[str] = list(ini.problems)
    values: dict[str, str] = {}
    skips: list[Skip] = []
    for name, option in ini.sections.get("check", {}).items():
        if problem := _option_problem(name, option):
            problems.append(f"{option.where}: {problem}")
        elif name == "skip":
            skips = [_parse_skip(line, option.where) for line in _lines(option)]
            problems += [f"{option.where}: {one}" for one in _iter_skip_problems(option)]
        else:
            values[name] = option.value
    if problems:
        raise Problems("deploykit.ini has mistakes:", problems, exit_code=2)
    return Topology(**values), tuple(skips)


def _option_problem(name: str, option: Option) -> str:
    if name not in OPTIONS:
        return f"{name} is not an option of [check]{nearest(name, OPTIONS)}"
    choices = OPTIONS[name][0]
    if choices and option.value not in choices:
        return f"{name} must be one of {', '.join(choices)}, not {option.value!r}"
    return ""


def _lines(option: Option) -> Iterator[str]:
    return filter(None, (line.strip() for line in option.value.splitlines()))


def _parse_skip(line: str, where: str) -> Skip:
    key, _, reason = line.partition(" ")
    text, _, until = reason.rpartition("until ")
    dated = _is_date(until.strip())
    return Skip(key, (text if dated else reason).strip(" ,"), until.strip() if dated else "", where)


def _iter_skip_problems(option: Option) -> Iterator[str]:
    for line in _lines(option):
        skip = _parse_skip(line, option.where)
        until = line.rpartition("until ")[2].strip()
        if re.fullmatch(r"[\d./-]+", until) and not _is_date(until):
            yield f"skip {skip.id}: {until} is not a date such as 2027-01-31"
        if not skip.reason:
            yield f"skip {skip.id} needs a reason after the id"


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
