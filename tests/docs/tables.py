"""The reference's tables that are made from the code: ``python -m tests.docs.tables --write``.

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``; the tests hold it to the code.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.docs.markdown import ROOT, pages

_PLACE = re.compile(
    r"(?P<head><!-- table (?P<name>[\w:]+) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.DOTALL
)
# What Django gives every command.
_DJANGOS = {
    "--help",
    "--version",
    "--verbosity",
    "--settings",
    "--pythonpath",
    "--traceback",
    "--no-color",
    "--force-color",
    "--skip-checks",
}


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    titles = list(head)
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def option_rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield an argument as it is written, and what it is for."""
    for action in parser._actions:
        if set(action.option_strings) & _DJANGOS:
            continue
        value = _value(action)
        names = ", ".join(action.option_strings) or str(action.dest)
        shown = f"`{names}{f' {value}' if value and action.option_strings else ''}`"
        text = action.help or ""
        if action.choices and action.metavar:
            text += f" ({', '.join(str(one) for one in action.choices)})"
        yield shown, text


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices and not action.metavar:
        name = "|".join(str(one) for one in action.choices)
    return f"[{name}]" if action.nargs == "?" else name


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of one of the three commands."""
    from django.core.management import load_command_class

    command = load_command_class("django_deploykit", name)
    parser: argparse.ArgumentParser = command.create_parser("manage.py", name)
    return parser


def _options(name: str) -> str:
    return table(("option", "meaning"), option_rows(command_parser(name)))


def _init() -> str:
    from django_deploykit.init.command import arguments

    return table(("option", "meaning"), option_rows(arguments()))


def _actions() -> str:
    """The actions of ``release``, without the options that all of them have."""
    from django_deploykit.management.actions import ACTIONS
    from django_deploykit.management.release_parser import ReleaseParser

    parser = command_parser("release")
    assert isinstance(parser, ReleaseParser)
    common = frozenset.intersection(*(one.options for one in parser.actions.values()))
    found = []
    for name in filter(None, ACTIONS):
        arguments = parser.actions[name]._get_positional_actions()
        words = [str(one.metavar) if one.nargs != "?" else f"[{one.metavar}]" for one in arguments]
        shown = [row for row, _ in option_rows(parser.actions[name])]
        own = [row for row in shown if row[1] == "-" and row.strip("`").split()[0] not in common]
        found.append((f"`{' '.join([name, *words])}`", ACTIONS[name].help, ", ".join(own)))
    return table(("action", "what it does", "its own options"), found)


def _ini(section: str) -> str:
    from django_deploykit.checks.options import OPTIONS as CHECK
    from django_deploykit.project import OPTIONS
    from django_deploykit.project.inventory import ENVIRONMENT, HOST
    from django_deploykit.project.limits import PROCESS

    sections = {**OPTIONS, "environment": ENVIRONMENT, "process": PROCESS, "host": HOST}
    if section == "check":
        known = {
            key: text + (f" ({', '.join(choices)}; default: {choices[0]})" if choices else "")
            for key, (choices, text) in CHECK.items()
        }
    else:
        known = {key: text for key, (_, text) in sections[section].items()}
    return table(("key", "meaning"), ((f"`{key}`", text) for key, text in known.items()))


def _format(name: str) -> str:
    from django_deploykit.project.formats import format_keys

    rows = ((f"`{key}`", text) for key, (_, text) in format_keys(name).items())
    return table(("key", "meaning"), rows)


def _checks(topic: str) -> str:
    from django_deploykit.checks.catalogue import catalogue

    found = [one for one in catalogue().values() if one.tag == topic]
    return table(
        ("id", "level", "what is wrong", "why it matters"),
        (
            (
                f"`{one.id.removeprefix('deploykit.')}`",
                one.level.lower(),
                f"{one.title}.",
                one.text + (" Only with `--server`." if one.server else ""),
            )
            for one in found
        ),
    )


def readers() -> dict[str, str]:
    """Return what a ``Config`` offers, by name, with the first line of its documentation."""
    from django_deploykit.conf import Config

    found = {}
    offered = {
        name: value for kind in reversed(Config.__mro__[:-1]) for name, value in vars(kind).items()
    }
    for name, value in offered.items():
        if not name.startswith("_"):
            text = (value.__doc__ or "").strip().splitlines()[0]
            plain = re.sub(r":\w+:`[~.]*([^`]+)`", r"`\1`", text)  # Sphinx's roles
            found[name] = plain.replace("``", "`")
    return found


def _readers() -> str:
    return table(("name", "what it returns"), ((f"`{k}`", text) for k, text in readers().items()))


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """Return the parser of a host verb."""
    from django_deploykit.runtime.cli.main import verb_parser as make_parser

    for action in make_parser(verb)._actions:
        if isinstance(action, argparse._SubParsersAction):
            parser: argparse.ArgumentParser = action.choices[verb]
            return parser
    raise AssertionError(verb)


def _verbs() -> str:
    from django_deploykit.runtime.cli.verbs import all_verbs

    return table(
        ("verb", "what it does", "its own arguments"),
        (
            (
                f"`{verb.name}`",
                verb.help,
                ", ".join(
                    shown
                    for shown, _ in option_rows(verb_parser(verb.name))
                    if shown not in ("`-h, --help`", "`--json`", "`--root ROOT`")
                ),
            )
            for verb in all_verbs()
            if verb.listed
        ),
    )


def _verb_options(verb: str) -> str:
    found = option_rows(verb_parser(verb))
    return table(("argument", "meaning"), (one for one in found if "--help" not in one[0]))


_KINDS: dict[str, Callable[[str], str]] = {
    "options": _options,
    "init": lambda _: _init(),
    "actions": lambda _: _actions(),
    "ini": _ini,
    "format": _format,
    "checks": _checks,
    "readers": lambda _: _readers(),
    "verbs": lambda _: _verbs(),
    "verb": _verb_options,
}


def make(name: str) -> str:
    """Return the table of that name, ``options:bundle``."""
    kind, _, detail = name.partition(":")
    return _KINDS[kind](detail)


def places(text: str) -> list[tuple[str, str]]:
    """Return name and body of every table that a page leaves to the code."""
    return [(match["name"], match["body"]) for match in _PLACE.finditer(text)]


def filled(text: str) -> str:
    """Return a page with its tables made anew."""
    return _PLACE.sub(lambda one: one["head"] + make(one["name"]) + one["end"], text)


def main(arguments: list[str]) -> int:
    """Write the tables, or say which pages are out of date."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    stale: list[Path] = []
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(path)
            if "--write" in arguments:
                path.write_text(after, encoding="utf-8")
    for path in stale:
        print(path.relative_to(ROOT))
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
