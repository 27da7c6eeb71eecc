"""Reading the project's settings: their values, and the lines of source that set them."""

from __future__ import annotations

import ast
import functools
import ipaddress
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from django_deploykit.conf import Config
from django_deploykit.conf.declarations import Declaration
from django_deploykit.conf.secret import HIDDEN, PLACEHOLDER
from django_deploykit.conf.sources import Sources

_IN_URL = re.compile(r"(\w://[^\s:/@]*:)[^\s@]+@")
_CONFIGURATION = re.compile(r"env|config|^decouple$", re.IGNORECASE)
Assignment = ast.Assign | ast.AnnAssign
T = TypeVar("T")


def is_overridden(*names: str) -> bool:
    """Whether the project's settings set one of these themselves."""
    asked: Any = settings  # its stubs lack the method
    return any(asked.is_overridden(name) for name in names)


def secret_key() -> str | bytes:
    """Return SECRET_KEY, or an empty string if it is empty. Django raises an error in this case."""
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        return ""


def without_secrets(text: str) -> str:
    """Return the first line of an error's text, without passwords in URLs or of the settings."""
    line = next(iter(text.strip().splitlines()), "")
    for secret in _secrets():
        line = line.replace(secret, HIDDEN)
    return _IN_URL.sub(rf"\1{HIDDEN}@", line)


def error_text(error: BaseException) -> str:
    """Return the first line of an error's text without secrets, or its type if it has no text."""
    return without_secrets(str(error)) or type(error).__name__


def _secrets() -> list[str]:
    with warnings.catch_warnings():  # Django 6.1 deprecates EMAIL_HOST_PASSWORD
        warnings.simplefilter("ignore")
        values = [secret_key(), getattr(settings, "EMAIL_HOST_PASSWORD", "")]
    for entry in (getattr(settings, "DATABASES", None) or {}).values():
        values.append(entry.get("PASSWORD", "") if isinstance(entry, dict) else "")
    return [str(one) for one in values if one and len(str(one)) > 3]


def iter_options(
    configs: Iterable[Config], read: Callable[[Sources, str], T]
) -> Iterator[tuple[Declaration, T]]:
    """Yield each option that the settings declare, and what ``read`` returns for it.

    An option is left out if its ``NAME_FILE`` names a file that cannot be read.
    """
    for config in configs:
        for one in config.declarations:
            try:
                found = read(config.sources, one.env)
            except (OSError, UnicodeDecodeError):
                continue
            yield one, found


def is_private_host(host: str) -> bool:
    """Whether a host is on a private network, judging by its address or name."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.endswith((".internal", ".local", ".lan"))


def setting_places(root: Path) -> dict[str, tuple[str, int]]:
    """Return the file, relative to ``root``, and the line that sets each setting."""
    found: dict[str, tuple[str, int]] = {}
    for path in settings_files(root):
        for name, node in assignments(path).items():
            found.setdefault(name, (os.path.relpath(path, root), node.lineno))
    return found


def find_assignment(root: Path, name: str) -> Assignment | None:
    """Return the assignment that sets a setting, or None."""
    found = (assignments(path).get(name) for path in settings_files(root))
    return next((node for node in found if node is not None), None)


def has_no_value(root: Path, name: str) -> bool:
    """Whether a setting is empty here, but is read from the environment or a configuration.

    That is how settings look where a project is checked, as in CI: only hosts have the value.
    """
    value = getattr(settings, name, None) if name != "SECRET_KEY" else secret_key()
    if value == PLACEHOLDER:
        return True
    node = find_assignment(root, name)
    empty = not value or (isinstance(value, (list, tuple)) and not any(value))
    return empty and node is not None and reads_configuration(node)


def reads_configuration(node: ast.AST) -> bool:
    """Whether an expression uses something that is named for the environment or a configuration.

    >>> reads_configuration(ast.parse("os.environ['A']")), reads_configuration(ast.parse("[]"))
    (True, False)
    """
    names = (getattr(one, "attr", getattr(one, "id", "")) for one in ast.walk(node))
    return any(_CONFIGURATION.search(str(name)) for name in names)


def settings_files(root: Path) -> list[str]:
    """Return the settings module's file, then the files of its package that it imports."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    file = getattr(module, "__file__", None)
    if not file:
        return []
    package = (getattr(module, "__package__", "") or "") + "."
    others = [
        getattr(other, "__file__", "") or ""
        for name, other in list(sys.modules.items())
        if (name + ".").startswith(package) and other is not module and _has_settings(other)
    ]
    return [file, *(one for one in others if one.startswith(str(root)))]


def settings_sources(root: Path) -> list[str]:
    """Return the files of :func:`settings_files` that are Python source."""
    return [path for path in settings_files(root) if path.endswith(".py")]


def _has_settings(module: object) -> bool:
    names = getattr(module, "__dict__", {})
    return "INSTALLED_APPS" in names or "DATABASES" in names or "SECRET_KEY" in names


@functools.lru_cache(maxsize=32)
def assignments(path: str) -> dict[str, Assignment]:
    """Return the last assignment of every upper-case name in a Python file."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, Assignment] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            pairs = [one.elts if isinstance(one, ast.Tuple) else [one] for one in targets]
            for target in (one for pair in pairs for one in pair):
                if isinstance(target, ast.Name) and target.id.isupper():
                    found[target.id] = node
    return found
