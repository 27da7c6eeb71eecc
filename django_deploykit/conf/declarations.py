"""The settings that settings.py reads from the configuration, and a sample INI with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django_deploykit.conf.decouple import MISSING
from django_deploykit.conf.secret import holds_secret, is_secret
from django_deploykit.runtime.base.option_names import ENVIRONMENT, place_of


class Declaration(NamedTuple):
    """One setting that settings.py reads: its place in an INI file, and what it must be.

    ``default`` is the default as text for an INI file; it is empty if it is secret. ``where`` is
    the line that reads the setting.
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


def declaration(
    app: str, kind: str, name: str, default: object, help_text: str, where: str
) -> Declaration:
    """Return the declaration of a setting that is read as ``kind`` (a reader's name)."""
    section, option = place(app, name)
    required = default is MISSING
    text = "" if required else as_text(default, kind)
    secret = is_secret(kind, name) or holds_secret(text)
    return Declaration(
        section, option, name, kind, required, secret, "" if secret else text, help_text, where
    )


def place(app: str, name: str) -> tuple[str, str]:
    """Return the section and the option for the name of an environment variable.

    >>> place("shop", "DATABASE_URL"), place("shop", "SECRET_KEY"), place("shop", "STRIPE_KEY")
    (('database', 'url'), ('django', 'secret_key'), ('stripe', 'key'))
    """
    return place_of(app, name, is_django)


def is_django(name: str) -> bool:
    """Whether Django itself has a setting of this name."""
    from django.conf import global_settings

    return hasattr(global_settings, name)


def as_text(value: object, kind: str = "") -> str:
    """Return a default as text for an INI file."""
    if kind == "json" and not isinstance(value, str):
        import json  # slow to load, and rarely needed

        return json.dumps(value, default=str)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return str(value)


def sample(declarations: Sequence[Declaration], app: str = "") -> str:
    """Return a commented INI file with required options to fill in, and defaults for the others.

    ``secret_key`` is ``{generate}``, which is replaced with a new key when a host is set up.
    """
    sections: dict[str, list[Declaration]] = {}
    for one in declarations:
        sections.setdefault(one.section, []).append(one)
    blocks = [_HEAD.format(name=app or "this project", unit=app or "PROJECT")]
    for section in sorted(sections, key=lambda name: (name != "django", name)):
        options = sorted(sections[section], key=lambda one: not one.required)
        blocks.append("\n".join([f"[{section}]", *(_option(one, app) for one in options)]))
    return "\n\n".join(blocks) + "\n"


def sample_of_variables(names: Sequence[str], app: str, before: str) -> str:
    """Return the sample INI ``before`` with a section of required environment variables, if any."""
    from django_deploykit.runtime.base.configuration import GENERATE

    if not names:
        return before
    head = before or _HEAD.format(name=app, unit=app) + "\n"
    values = {"SECRET_KEY": GENERATE}
    lines = [f"{name} = {values.get(name, '')}".rstrip() for name in names]
    return "\n".join(
        [head, f"[{ENVIRONMENT}]", "# Required, here or in the .env file.", *lines, ""]
    )


_HEAD = """# Configuration of {name}. Releases read this file and never write it.
# Changes take effect when the site's processes restart: with the next release, or at once with
#   ./BUNDLE deploykit restart              (as the deploy user; it checks the changes first)
#   sudo systemctl restart '{unit}-*@*'     (without a check)
# (in the environment local: manage.py release stop, then manage.py release).
# Fill in the options that have nothing after the =. A commented option shows its default;
# remove the # to set another value.
# Environment variables override this file; each option's description ends with its name there.
# Write them to {unit}.env beside this file, a line NAME=value for each, or to a section of this file
# that is called environment: all processes and commands of the site get them."""


# Descriptions for settings that have no help= of their own.
_HELP = {
    "DEBUG": "Shows settings and source code to visitors; for development only",
    "SECRET_KEY": "Signs sessions and links; different on every site",
    "ALLOWED_HOSTS": "The site's host names, separated by commas: www.example.com, example.com",
    "cache": "A URL such as redis://host:6379/0",
    "email": "A URL such as submission://user:password@host:587",
}


def _without_value(one: Declaration) -> list[str]:
    """Return the comment on what applies without a value, unless the option's line shows it."""
    if one.required:
        return ["required"]
    if one.secret:
        return ["the default is not shown"]
    return [] if one.default else ["empty by default"]


def _option(one: Declaration, app: str) -> str:
    import textwrap  # only samples need these

    from django_deploykit.conf.drivers import database_help
    from django_deploykit.runtime.base.configuration import GENERATE

    words = [one.kind, *_without_value(one), one.env]
    usual = database_help(app) if one.kind == "database" else _HELP.get(one.kind, "")
    help_text = one.help or _HELP.get(one.env) or usual
    text = (
        f"{help_text.rstrip('.')}. ({', '.join(words)})" if help_text else f"({', '.join(words)})"
    )
    lines = [f"# {line}" for line in textwrap.wrap(text, 96)]
    if one.env == "SECRET_KEY":
        return "\n".join([*lines, f"{one.option} = {GENERATE}"])
    if one.required:
        return "\n".join([*lines, f"{one.option} ="])
    default = one.default.replace("\n", "\n#   ")
    return "\n".join([*lines, f"# {one.option} = {default}".rstrip()])
