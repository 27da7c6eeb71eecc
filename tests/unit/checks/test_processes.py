"""Checks of the Procfile."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.urls import path

from django_deploykit import health
from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.offline import no_connections
from django_deploykit.conf import config
from tests.unit.checks import urls
from tests.unit.checks.cases import Case, Cases, case_tests, procfile, run_case, run_check


@pytest.fixture(autouse=True)
def no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the Config objects of other tests."""
    monkeypatch.setattr(config, "_configs", [])


SITE = {"ROOT_URLCONF": "tests.unit.checks.urls", "ALLOWED_HOSTS": ["example.com"]}
urlpatterns = [path("", urls.up)]  # a site with a first page


def health_page(pages: str, **settings: Any) -> Case:
    """Return a project whose releases ask for these pages."""
    ini = f"[environment:production]\nhosts = a\nhealth = {pages}\n"
    return Case({**SITE, **settings}, {"deploykit.ini": ini})


# The site redirects / to /en/, but its middleware needs a service.
TRANSLATED = {
    "ROOT_URLCONF": tuple(i18n_patterns(path("", urls.up))),
    "LANGUAGE_CODE": "en",
    "MIDDLEWARE": [
        "django.middleware.locale.LocaleMiddleware",
        "tests.unit.checks.urls.QueryingMiddleware",
    ],
}
CHANNELS = {
    "WSGI_APPLICATION": "shop.wsgi.application",
    "ASGI_APPLICATION": "shop.asgi.application",
}
PLAIN = {"WSGI_APPLICATION": "shop.wsgi.application", "SETTINGS_MODULE": "shop.settings"}
ASGI = {"shop/asgi.py": "application = ProtocolTypeRouter({})"}

CASES: Cases = {
    "E810": (
        [procfile("web: python manage.py runserver 0.0.0.0:$PORT\n")],
        [procfile("web: gunicorn shop.wsgi\n")],
    ),
    "W811": (
        [
            procfile("web: gunicorn shop.wsgi --reload\n"),
            procfile("web: gunicorn shop.wsgi -t 0\n"),
        ],
        [procfile("web: gunicorn shop.wsgi --timeout 30\n")],
    ),
    "E812": (
        [procfile("web: gunicorn nowhere.wsgi --workers 2\n")],
        [
            procfile("web: gunicorn --workers 2\n"),
            procfile("web: gunicorn tests.unit.checks.wsgi\n"),
        ],
    ),
    "E813": (
        [health_page("/nowhere"), health_page("/up /nowhere"), health_page("/broken"), Case(SITE)],
        [
            health_page("/up"),
            health_page("/readyz", MIDDLEWARE=[health.MIDDLEWARE]),
            Case({**SITE, "ROOT_URLCONF": "tests.unit.checks.test_processes"}),
            Case(SITE, subject={"server": True}),
        ],
    ),
    "E828": (
        [
            procfile("web: gunicorn shop.wsgi --pid gunicorn.pid\n"),
            procfile("worker: celery -A shop worker --statedb=worker.state\n"),
        ],
        [
            procfile("web: gunicorn shop.wsgi --access-logfile - --pid /run/shop/pid\n"),
            procfile("worker: celery -A shop worker\n"),
            procfile('w: celery worker --statedb "${STATE_DIRECTORY:-.}/state"\n'),
        ],
    ),
    "E829": (
        [Case(CHANNELS, {**ASGI, "Procfile": "web: gunicorn shop.wsgi\n"})],
        [
            Case(CHANNELS, {**ASGI, "Procfile": "web: daphne shop.asgi:application\n"}),
            Case(CHANNELS, {**ASGI, "Procfile": "web: gunicorn shop.wsgi\nws: daphne shop.asgi\n"}),
            Case(CHANNELS, {"shop/asgi.py": "", "Procfile": "web: gunicorn shop.wsgi\n"}),
        ],
    ),
    "I831": (
        [Case(CHANNELS, ASGI), Case(PLAIN, ASGI)],
        [
            Case(CHANNELS, {**ASGI, "Procfile": "web: daphne shop.asgi:application\n"}),
            Case(PLAIN, {"shop/asgi.py": "application = get_asgi_application()"}),
        ],
    ),
    "E819": (
        [
            procfile("web: python manage.py migrate && gunicorn a.wsgi\n"),
            procfile("# x\nweb: true; gunicorn a.wsgi\n"),
        ],
        [
            procfile("web: true && exec gunicorn a.wsgi\n"),
            procfile("web: gunicorn --workers $(nproc) a.wsgi 2>&1\n"),
            procfile("worker: a && b\n"),
        ],
    ),
    "W820": (
        [procfile("worker: a && b\n")],
        [procfile("release: a && b\n"), procfile("web: a && b\n")],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


@pytest.mark.parametrize(
    ("page", "settings", "reason"),
    [
        ("/query", {}, "--server"),
        ("/hashed", {}, "the collected static files"),
        ("/nowhere", {"MIDDLEWARE": ["tests.unit.checks.urls.FallbackMiddleware"]}, "a service"),
        ("/", TRANSLATED, "--server"),
        ("/up", {"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS has no value here"),
    ],
)
def test_a_page_that_may_answer_well_on_a_host_is_not_judged(
    page: str, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with no_connections(), pytest.raises(Undecided, match=reason):
        run_case("E813", health_page(page, **settings), tmp_path)


@pytest.mark.parametrize(
    ("version", "procfile", "found"),
    [
        ("23.0.0", "", True),
        ("23.0.0", "web: gunicorn --threads 4 a.wsgi\n", True),
        ("23.0.0", "web: gunicorn a.wsgi\n", False),
        ("23.0.0", "web: uvicorn a.asgi\n", False),
        ("24.0.0", "", False),
        (None, "", False),
    ],
)
def test_finds_a_gunicorn_that_drops_what_it_accepted(
    version: str | None, procfile: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    (tmp_path / "Procfile").write_text(procfile, encoding="utf-8")
    assert bool(run_check("W826", tmp_path)) is found


def test_beat_is_not_judged_without_its_celery_app(tmp_path: Path) -> None:
    case = procfile("beat: celery -A no_such_shop beat\n")
    with pytest.raises(Undecided, match="the Celery app no_such_shop cannot be loaded"):
        run_case("E828", case, tmp_path)


def test_asgi_needs_a_server_that_is_installed(tmp_path: Path, installed: set[str]) -> None:
    (found,) = run_case("E830", Case(CHANNELS, ASGI), tmp_path)
    assert found.message.endswith("the settings have ASGI_APPLICATION")
    assert run_case("E829", Case(CHANNELS, ASGI), tmp_path) == []
    installed |= {"gunicorn", "uvicorn"}
    assert run_case("E830", Case(CHANNELS, ASGI), tmp_path) == []
    (found,) = run_case("E829", Case(CHANNELS, ASGI), tmp_path)
    assert found.message.endswith("but uvicorn needs the package websockets")
    installed.add("wsproto")
    assert run_case("E829", Case(CHANNELS, ASGI), tmp_path) == []


def test_geodjango_needs_libraries_on_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_check("I832", tmp_path) == []
    monkeypatch.setattr(settings, "INSTALLED_APPS", ["django.contrib.gis"])  # not installed here
    (found,) = run_check("I832", tmp_path)
    assert "GDAL and GEOS" in found.message
    engine = {"ENGINE": "django.contrib.gis.db.backends.spatialite", "NAME": "x"}
    monkeypatch.setattr(settings, "DATABASES", {"default": engine})
    (found,) = run_check("I832", tmp_path)
    assert "GDAL, GEOS and SpatiaLite" in found.message
    assert "gdal-bin libsqlite3-mod-spatialite" in found.hint
    assert run_case("I832", Case(subject={"server": True}), tmp_path) == []
