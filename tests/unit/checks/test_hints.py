"""The code that hints of checks show is run as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.test import override_settings

from django_deploykit import checks
from tests.unit.checks.hints import code_in, follow, settings_after, texts

FILES = sorted(Path(checks.__path__[0]).rglob("*.py"))
CODE = sorted({code for path in FILES for text in texts(path) for code in code_in(text)})


def test_there_is_code_in_hints() -> None:
    assert len(CODE) >= 14
    assert "globals().update(config.email())" in CODE
    assert "SHOP_COOKIE_SECURE = True" in CODE  # an f-string


@pytest.mark.parametrize("code", CODE)
def test_code_in_a_hint_is_a_line_of_settings(code: str, tmp_path: Path) -> None:
    assert settings_after(code, tmp_path)


@pytest.mark.parametrize(
    ("hint", "count"),
    [
        ("Set SESSION_COOKIE_SECURE = True.", 1),
        ("Write web: gunicorn shop.wsgi. Then lock again.", 1),
        ("Write `name = shop` in [project] of deploykit.ini, or Config('shop').", 1),
        ("Remove it.", 0),
    ],
)
def test_a_hint_can_be_followed(hint: str, count: int, tmp_path: Path) -> None:
    assert follow(hint, tmp_path) == count


@pytest.mark.parametrize(
    ("hint", "error"),
    [
        ("Set SESSION_COOKIE_SECURE = yes.", NameError),
        ("Write `nmae = shop` in [project].", AssertionError),
    ],
)
def test_a_hint_with_a_mistake_fails(hint: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        follow(hint, tmp_path)


def test_mail_of_the_hint_is_delivered_by_a_server(tmp_path: Path) -> None:
    made = settings_after("globals().update(config.email())", tmp_path)
    with override_settings(**made):
        backend = get_connection()
        assert isinstance(backend, EmailBackend)
        assert (backend.host, backend.port, backend.use_tls) == ("host", 587, True)
