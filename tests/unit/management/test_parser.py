"""The parser of all three commands."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from django_deploykit.management.parser import GroupedParser


def made() -> GroupedParser:
    parser = GroupedParser(BaseCommand().create_parser("manage.py", "bundle"))
    parser.add_argument_group("what to bundle").add_argument("--rev")
    return parser


def test_own_groups_come_before_django_s_options() -> None:
    text = made().format_help()
    assert text.startswith("usage: manage.py bundle")
    assert text.index("what to bundle:") < text.index("Verbosity level")
    assert text.count("--settings SETTINGS") == 2  # in the usage and in the list


def test_knows_its_options_and_names() -> None:
    assert {"--rev", "-v", "--settings"} < made().options
    assert {"rev", "verbosity"} < made().names
