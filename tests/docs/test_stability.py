"""What docs/reference/stability.md promises: nothing public goes away that was not announced before.

The oldest version that is supported (``tests/kept``) shows what was public.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable

import pytest

from django_deploykit import __version__
from tests.docs.markdown import ROOT

(KEPT,) = (ROOT / "tests" / "kept").glob("*.whl")
# What is gone since the kept version, and the version that announced it with a warning.
GONE: dict[str, str] = {}
_LATER = 2  # the minor versions in which it still works after that
# Prints all that is public and has a name: modules' names with their arguments, commands, actions,
# options, keys and checks.
_LIST = """
import inspect, json, sys
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure()
from django.core.management import load_command_class
from django_deploykit import conf, health, management
from django_deploykit.checks.catalogue import catalogue
from django_deploykit.checks.options import OPTIONS as CHECK
from django_deploykit.management.actions import ACTIONS
from django_deploykit.project import OPTIONS
from django_deploykit.project.inventory import ENVIRONMENT, HOST

found = {f"check {one}" for one in catalogue()}
def add(name, value):
    found.add(name)
    if inspect.isfunction(value):
        found.update(f"{name}({one})" for one in inspect.signature(value).parameters if one != "self")
for name in conf.__all__:
    value = getattr(conf, name)
    add(f"conf.{name}", value)
    if inspect.isclass(value):
        for part in dir(value):
            if not part.startswith("_"):
                add(f"conf.{name}.{part}", inspect.getattr_static(value, part))
add("health.HealthMiddleware", health.HealthMiddleware)
add("management.execute_from_command_line", management.execute_from_command_line)
for command in ("deploy_check", "bundle", "release"):
    parser = load_command_class("django_deploykit", command).create_parser("manage.py", command)
    parsers = {command: parser}
    for action, one in getattr(parser, "actions", {}).items():
        parsers[f"{command} {action}".strip()] = one
    for words, one in parsers.items():
        found.add(words)
        found.update(f"{words} {option}" for option in one._option_string_actions)
for section, keys in {**OPTIONS, "environment": ENVIRONMENT, "host": HOST, "check": CHECK}.items():
    found.update(f"[{section}] {key}" for key in keys)
print(json.dumps(sorted(found)))
"""


@functools.cache
def public(place: str) -> frozenset[str]:
    """Return what is public in a version of the package: the one in a folder or a wheel."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": ""}
    line = [sys.executable, "-c", _LIST, place]
    done = subprocess.run(line, env=env, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


def minor(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version."""
    first, second = version.split(".")[:2]
    return int(first), int(second)


def may_go(announced: str, now: str, released: Iterable[str]) -> bool:
    """Whether something may be gone: it still worked in two minor versions after the first warning."""
    if minor(now)[0] == 0:
        return True  # before 1.0 the changelog is enough
    between = {minor(one) for one in released if minor(announced) < minor(one) < minor(now)}
    return len(between) >= _LATER


def released() -> list[str]:
    """Return the versions of the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## \[?(\d+\.\d+\.\d+)", text, re.M)


@pytest.mark.parametrize(
    ("announced", "now", "allowed"),
    [
        ("0.1.0", "0.2.0", True),
        ("1.3.0", "1.4.0", False),
        ("1.3.0", "1.5.2", False),
        ("1.3.0", "1.6.0", True),
        ("1.5.0", "2.0.0", False),
    ],
)
def test_what_was_announced_works_in_two_more_minor_versions(
    announced: str, now: str, allowed: bool
) -> None:
    versions = ["0.1.0", "1.3.0", "1.3.1", "1.4.0", "1.4.1", "1.5.0", "1.6.0", "2.0.0"]
    assert may_go(announced, now, versions) is allowed


def test_nothing_public_is_gone_that_was_not_announced() -> None:
    gone = public(str(KEPT)) - public(str(ROOT))
    assert gone == {
        name for name, announced in GONE.items() if may_go(announced, __version__, released())
    }


def test_much_is_public() -> None:
    found = public(str(ROOT))
    assert len(found) > 300
    assert {
        "conf.Config.bool(default)",
        "release rollback --plan",
        "[environment] hosts",
        "check deploykit.E101",
        "bundle --rev",
    } <= found
