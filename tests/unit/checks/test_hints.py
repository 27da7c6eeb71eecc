"""The code that hints of checks show is run as it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.test import override_settings

from django_deploykit import checks
from django_deploykit.conf import Config

# A setting's line, or the update of several, up to the end of the sentence.
_CODE = re.compile(
    r"(?:Write|Set|Remove SECURE_HSTS_PRELOAD, or set) "
    r"((?:[A-Z][A-Z_]+ = |globals\(\)\.update).+?)"
    r"(?=\.?$|\. |; |, and | and [A-Z]| \(in|, if the|, which|, or )"
)
ENVIRON = {
    "DEBUG": "no",
    "SECRET_KEY": "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl",
    "EMAIL_URL": "submission://user:password@host:587",
    "ALLOWED_HOSTS": "www.example.com",
    "DATABASE_URL": "postgres://user:password@host/name",
    "CACHE_URL": "redis://host:6379/1",
}


def hints() -> Iterator[str]:
    """Yield the code in the texts of all checks."""
    for path in sorted(Path(checks.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _CODE.findall(node.value)


CODE = sorted(set(hints()))


def settings_after(code: str, folder: Path) -> dict[str, Any]:
    """Return the settings after a line of code, as in settings that follow the README."""
    config = Config("shop", etc=folder, environ=ENVIRON)
    names: dict[str, Any] = {"config": config, "BASE_DIR": folder}
    exec(code, names)
    return {name: value for name, value in names.items() if name.isupper() and name != "BASE_DIR"}


def test_there_is_code_in_hints() -> None:
    assert len(CODE) >= 14
    assert "globals().update(config.email())" in CODE


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_hint_is_a_line_of_settings(code: str, tmp_path: Path) -> None:
    assert settings_after(code, tmp_path)


def test_mail_of_the_hint_is_delivered_by_a_server(tmp_path: Path) -> None:
    made = settings_after("globals().update(config.email())", tmp_path)
    with override_settings(**made):
        backend = get_connection()
        assert isinstance(backend, EmailBackend)
        assert (backend.host, backend.port, backend.use_tls) == ("host", 587, True)
