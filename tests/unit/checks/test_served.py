"""How releases serve the checked project, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from django_deploykit.checks.served import (
    find_applications,
    why_no_asgi_server,
    why_served_by_asgi,
)
from django_deploykit.checks.subject import Subject, read_subject
from django_deploykit.project import read_project

SITE = {
    "SETTINGS_MODULE": "shop.settings",
    "WSGI_APPLICATION": "shop.wsgi.application",
    "INSTALLED_APPS": [],
}


def subject(folder: Path, **files: str) -> Subject:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path if path.name == "Procfile" else path.with_suffix(path.suffix or ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_subject(read_project(folder))


@pytest.mark.parametrize(
    ("given", "asgi", "why"),
    [
        ({}, "", ""),
        ({"ASGI_APPLICATION": "shop.asgi.application"}, "", "the settings have ASGI_APPLICATION"),
        ({"INSTALLED_APPS": ["daphne"]}, "", "daphne is in INSTALLED_APPS"),
        ({}, "ProtocolTypeRouter({})", "asgi.py routes WebSockets"),
        ({"WSGI_APPLICATION": None}, "", "there is no wsgi.py"),
    ],
)
def test_without_a_web_line_the_project_says_it(
    given: dict[str, object],
    asgi: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**SITE, **given}.items():
        monkeypatch.setattr(
            settings, name, value, raising=False
        )  # apps that are not installed here
    assert why_served_by_asgi(subject(tmp_path, shop__asgi=asgi)) == why


def test_the_web_line_decides(tmp_path: Path) -> None:
    with override_settings(**SITE, ASGI_APPLICATION="shop.asgi.application"):
        web = "web: gunicorn shop.wsgi\n"
        assert why_served_by_asgi(subject(tmp_path, shop__asgi="", Procfile=web)) == ""
        web = "web: daphne shop.asgi:application\n"
        assert why_served_by_asgi(subject(tmp_path, Procfile=web))


def test_the_application_may_be_in_another_module(tmp_path: Path) -> None:
    with override_settings(**SITE, ASGI_APPLICATION="shop.routing.application"):
        made = subject(tmp_path, shop__routing="ProtocolTypeRouter({})")
        found = find_applications(made)
    assert (found.module, found.websockets, found.wsgi) == ("shop.routing", True, True)


def test_asgi_needs_a_server_or_a_web_line(tmp_path: Path, installed: set[str]) -> None:
    with override_settings(**SITE, ASGI_APPLICATION="shop.asgi.application"):
        made = subject(tmp_path, shop__asgi="")
        assert why_no_asgi_server(made) == "the settings have ASGI_APPLICATION"
        assert why_no_asgi_server(replace(made, released=True)) == ""
        installed |= {"gunicorn", "uvicorn"}
        assert made.has_distribution("gunicorn")
        assert not made.has_distribution("daphne")
        assert why_no_asgi_server(made) == ""
        other = replace(made, locked=frozenset({"django"}))  # what is locked counts more
        assert why_no_asgi_server(other) == "the settings have ASGI_APPLICATION"
        installed.clear()
        assert why_no_asgi_server(replace(made, locked=frozenset({"uvicorn", "gunicorn"}))) == ""
        assert why_no_asgi_server(subject(tmp_path, Procfile="web: daphne shop.asgi:app\n")) == ""
