"""The code that hints show, and running it as a user who follows the hint."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django_deploykit.conf import Config
from django_deploykit.conf.ini import parse_ini
from django_deploykit.project import OPTIONS
from django_deploykit.project.procfile import parse_procfile

# A setting's line, or the update of several, up to the end of the sentence.
_CODE = re.compile(
    r"(?:Write|Set|Remove SECURE_HSTS_PRELOAD, or set) "
    r"((?:[A-Z][A-Z_]+ = |globals\(\)\.update).+?)"
    r"(?=\.?$|\. |; |, and | and [A-Z]| \(in|, if the|, which|, or )"
)
_LINE = re.compile(r"Write ([a-z]+: .+?)(?=\.?$|\. )")
_OPTION = re.compile(r"`(\w+ = [^`]+)` in \[(project|bundle)\]")
ENVIRON = {
    "DEBUG": "no",
    "SECRET_KEY": "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl",
    "EMAIL_URL": "submission://user:password@host:587",
    "ALLOWED_HOSTS": "www.example.com",
    "DATABASE_URL": "postgres://user:password@host/name",
    "CACHE_URL": "redis://host:6379/1",
}


def code_in(text: str) -> list[str]:
    """Return the lines of settings that a hint shows."""
    return _CODE.findall(text)


def settings_after(code: str, folder: Path) -> dict[str, Any]:
    """Return the settings after a line of code, as in settings that follow the README."""
    config = Config("shop", etc=folder, environ=ENVIRON)
    known = {**vars(builtins), "SHOP": "shop"}  # what stands for a value in an f-string
    names: dict[str, Any] = {"config": config, "BASE_DIR": folder, "__builtins__": known}
    exec(code, names)
    return {name: value for name, value in names.items() if name.isupper() and name != "BASE_DIR"}


def follow(hint: str, folder: Path) -> int:
    """Use what a hint shows: settings, lines of a Procfile and options. Return how many they are."""
    code, lines, options = code_in(hint), _LINE.findall(hint), _OPTION.findall(hint)
    for one in code:
        assert settings_after(one, folder), one
    for one in lines:
        assert parse_procfile(one), one
    for one, section in options:
        ini = parse_ini(f"[{section}]\n{one}\n", folder / "deploykit.ini")
        assert {*ini.sections[section]} <= {*OPTIONS[section]}, one
    return len(code) + len(lines) + len(options)


def texts(path: Path) -> Iterator[str]:
    """Yield the texts in a file. What an f-string inserts is a name, or a text if it is quoted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(map(_part, node.values))


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.FormattedValue):
        return "'shop'" if node.conversion == ord("r") else "SHOP"
    return str(getattr(node, "value", ""))
