"""The health endpoint answers whatever the rest of the site does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from django_deploykit.health import Health, HealthMiddleware, ask_services, read_health
from tests.unit.checks.conftest import Connect, connect

__all__ = ["connect"]
LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def passed_on(_: HttpRequest) -> HttpResponse:
    """Answer as the rest of the site."""
    return HttpResponse("the site", status=201)


def get(path: str, middleware: HealthMiddleware | None = None, authorization: str = "") -> Any:
    """Send a request that names no host of the site."""
    request = RequestFactory().get(path, headers={"Host": "203.0.113.7"})
    request.META["HTTP_AUTHORIZATION"] = authorization
    return (middleware or HealthMiddleware(passed_on))(request)


@pytest.fixture(autouse=True)
def site(connect: Connect, tmp_path: Path) -> Iterator[None]:
    """A site with a database and a cache that work."""
    connect(default=tmp_path / "db.sqlite3")
    with override_settings(CACHES=LOCMEM, ALLOWED_HOSTS=[]):
        yield


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_healthy_process_answers_tersely(path: str) -> None:
    response = get(path)
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response.headers["Cache-Control"] == "no-store"


def test_other_requests_are_passed_on() -> None:
    assert get("/").status_code == get("/livez/").status_code == 201


def test_other_methods_are_not_allowed() -> None:
    response = HealthMiddleware(passed_on)(RequestFactory().post("/livez"))
    assert isinstance(response, HttpResponse)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


def test_without_its_database_a_process_is_not_ready_but_lives(
    connect: Connect, tmp_path: Path
) -> None:
    connect(default=tmp_path / "no" / "folder.sqlite3")
    response = get("/readyz")
    assert (response.status_code, response.content) == (503, b"not ready\n")
    assert get("/livez").status_code == 200


def test_details_need_the_token(connect: Connect, tmp_path: Path) -> None:
    connect(default=tmp_path / "no" / "folder.sqlite3")
    with override_settings(HEALTH_MIDDLEWARE={"token": "abc"}):
        for header in ("Bearer wrong", "abc", ""):
            assert get("/readyz", authorization=header).content == b"not ready\n"
        response = get("/readyz", authorization="Bearer abc")
    assert response.status_code == 503
    checks = json.loads(response.content)["checks"]
    assert checks == {"database default": "OperationalError", "cache default": "ok"}
    # Without a token in the settings nothing is shown, not even for an empty one.
    assert get("/readyz", authorization="Bearer ").content == b"not ready\n"


def test_a_result_is_used_again_for_a_while(connect: Connect, tmp_path: Path) -> None:
    broken = tmp_path / "no" / "folder.sqlite3"
    with override_settings(HEALTH_MIDDLEWARE={"keep": 3600}):
        middleware = HealthMiddleware(passed_on)
    assert get("/readyz", middleware).status_code == 200
    connect(default=broken)
    assert get("/readyz", middleware).status_code == 200
    with override_settings(HEALTH_MIDDLEWARE={"keep": 0}):
        middleware = HealthMiddleware(passed_on)
    assert get("/readyz", middleware).status_code == 503
    broken.parent.mkdir()
    assert get("/readyz", middleware).status_code == 200


class HangingCache(LocMemCache):
    """A cache that does not answer until the test is over."""

    release = threading.Event()

    def get(self, *_: Any, **__: Any) -> None:
        """Wait."""
        self.release.wait(60)


def test_a_service_that_does_not_answer_is_not_waited_for() -> None:
    hanging = {"default": {"BACKEND": f"{__name__}.HangingCache"}}
    with override_settings(CACHES=hanging):
        results = ask_services(0.1)
    HangingCache.release.set()
    assert results == {"database default": "", "cache default": "timeout"}


def test_answers_under_asgi_too() -> None:
    async def rest(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=201)

    middleware: Any = HealthMiddleware(rest)

    async def ask(path: str) -> int:
        return int((await middleware(RequestFactory().get(path))).status_code)

    assert [asyncio.run(ask(path)) for path in ("/livez", "/readyz", "/")] == [200, 200, 201]


def test_the_paths_can_be_changed() -> None:
    with override_settings(HEALTH_MIDDLEWARE={"live": "/-/live"}):
        assert read_health() == Health(live="/-/live")
        assert get("/-/live").status_code == 200
        assert get("/livez").status_code == 201


def test_a_typo_in_the_settings_is_an_error() -> None:
    with (
        override_settings(HEALTH_MIDDLEWARE={"tokn": "x"}),
        pytest.raises(ImproperlyConfigured, match="unknown key 'tokn'; the keys are live, ready"),
    ):
        HealthMiddleware(passed_on)
