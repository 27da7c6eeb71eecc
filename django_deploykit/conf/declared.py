"""What a project asks of its configuration, as its settings were read; and the sample made of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# First words of a setting's name that are a section of their own.
_SECTIONS = ("database", "cache", "email", "redis", "celery", "sentry", "storage", "aws")
GENERATE = "{generate}"


@dataclass(frozen=True)
class Declaration:
    """One setting that settings.py reads: where it stands in the INI, what it must be.

    ``default`` is text as it would stand in the INI, ``where`` the line that reads it.
    """

    section: str
    option: str
    env: str
    kind: str
    required: bool
    secret: bool
    default: str
    help: str
    where: str


def place(app: str, name: str) -> tuple[str, str]:
    """Return section and option of an environment name.

    >>> place("shop", "DATABASE_URL"), place("shop", "SECRET_KEY"), place("shop", "STRIPE_KEY")
    (('database', 'url'), ('django', 'secret_key'), ('stripe', 'key'))
    """
    lower = name.lower()
    first, _, rest = lower.partition("_")
    if rest and first in _SECTIONS:
        return first, rest
    if is_django(name):
        return "django", lower
    return (first, rest) if rest else (app, lower)


def is_django(name: str) -> bool:
    """Whether Django itself knows a setting of this name."""
    from django.conf import global_settings

    return hasattr(global_settings, name)


def as_text(value: Any) -> str:
    """Return a default as it would stand in an INI file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():g}s"
    return str(value)


def sample(declarations: Sequence[Declaration], app: str = "") -> str:
    """Return a commented INI: required options to fill in, the others with their defaults.

    ``secret_key`` says ``{generate}``, which the set-up of a host replaces with a key of its own.
    """
    sections: dict[str, list[Declaration]] = {}
    for one in declarations:
        sections.setdefault(one.section, []).append(one)
    blocks = [_HEAD.format(name=app or "this project", unit=app or "PROJECT")]
    for section in sorted(sections, key=lambda name: (name != "django", name)):
        options = sorted(sections[section], key=lambda one: not one.required)
        blocks.append("\n".join([f"[{section}]", *(_option(one) for one in options)]))
    return "\n\n".join(blocks) + "\n"


_HEAD = """# Configuration of {name}. A release reads this file and never writes it.
# A change takes effect when the site's processes start anew: with the next release, or at once by
#   sudo systemctl restart '{unit}-*@*'
# (a site of the environment local: manage.py release --stop, then manage.py release).
# Options with nothing behind = wait to be filled in. A # in front of an option shows its default,
# which holds while the line stays as it is; take the # away to set another value.
# Environment variables override this file; the name stands behind each option."""


# What operations are told where the settings say nothing of their own.
_HELP = {
    "DEBUG": "Shows settings and source to visitors; for development alone",
    "SECRET_KEY": "Signs sessions and links; every site has its own",
    "ALLOWED_HOSTS": "The names that people reach the site by, commas between: www.example.com, example.com",
    "database": "A URL as postgres://user:password@host:5432/name",
    "cache": "A URL as redis://host:6379/0",
    "email": "A URL as submission://user:password@host:587",
}


def _otherwise(one: Declaration) -> list[str]:
    """Return what holds without a value, where the option's own line does not show it."""
    if one.required:
        return ["required"]
    if one.secret:
        return ["the default is not shown"]
    return [] if one.default else ["empty by default"]


def _option(one: Declaration) -> str:
    words = [one.kind, *_otherwise(one), one.env]
    said = one.help or _HELP.get(one.env) or _HELP.get(one.kind, "")
    text = f"{said.rstrip('.')}. ({', '.join(words)})" if said else f"({', '.join(words)})"
    lines = [f"# {line}" for line in textwrap.wrap(text, 96)]
    if one.env == "SECRET_KEY":
        return "\n".join([*lines, f"{one.option} = {GENERATE}"])
    if one.required:
        return "\n".join([*lines, f"{one.option} ="])
    default = one.default.replace("\n", "\n#   ")
    return "\n".join([*lines, f"# {one.option} = {default}".rstrip()])
