"""The site's health endpoint: whether the process is alive, and whether it can serve.

It is one middleware, and belongs first in ``MIDDLEWARE``, so that a probe needs no host name in
``ALLOWED_HOSTS``, no TLS, no session and no login. The setting ``HEALTH_MIDDLEWARE`` changes
:class:`Health`; its keys are the names of the fields.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare

from django_deploykit.time_limits import NoAnswerError, within

MIDDLEWARE = "django_deploykit.health.HealthMiddleware"


@dataclass(frozen=True)
class Health:
    """The endpoint's settings.

    ``live`` and ``ready`` are its paths. ``token`` is what a request must send to see details; they
    are never shown without one. ``timeout`` is the limit for each service, and ``keep`` how long a
    result is used again, in seconds.
    """

    live: str = "/livez"
    ready: str = "/readyz"
    token: str = ""
    timeout: float = 2.0
    keep: float = 5.0


def read_health() -> Health:
    """Return the endpoint's settings. Raise ImproperlyConfigured for an unknown key."""
    given = dict(getattr(settings, "HEALTH_MIDDLEWARE", {}))
    unknown = sorted(set(given) - {one.name for one in fields(Health)})
    if unknown:
        known = ", ".join(one.name for one in fields(Health))
        raise ImproperlyConfigured(
            f"HEALTH_MIDDLEWARE has the unknown key {unknown[0]!r}; the keys are {known}"
        )
    return Health(**given)


class HealthMiddleware:
    """Answers the two paths, and passes every other request on.

    ``live`` uses no service: a process that cannot reach its database must not be restarted for it.
    ``ready`` asks the databases and the caches, and answers 503 if one of them fails.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
    ) -> None:
        self.get_response = get_response
        self.health = read_health()
        self._lock = threading.Lock()
        self._until = 0.0
        self._results: dict[str, str] = {}
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer, or pass the request on."""
        if request.path_info not in (self.health.live, self.health.ready):
            return self.get_response(request)
        if self._is_async:
            return sync_to_async(self.respond, thread_sensitive=False)(request)
        return self.respond(request)

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request for one of the two paths."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        if request.path_info == self.health.live:
            return _plain("ok\n", 200)
        results = self._recent_results()
        status = 503 if any(results.values()) else 200
        if self._may_see_details(request):
            shown = {name: problem or "ok" for name, problem in results.items()}
            response: HttpResponse = JsonResponse({"checks": shown}, status=status)
            response.headers["Cache-Control"] = "no-store"
            return response
        return _plain("ok\n" if status == 200 else "not ready\n", status)

    def _may_see_details(self, request: HttpRequest) -> bool:
        sent = request.META.get("HTTP_AUTHORIZATION", "")
        expected = f"Bearer {self.health.token}"
        return bool(self.health.token) and constant_time_compare(sent, expected)

    def _recent_results(self) -> Mapping[str, str]:
        """Return the results; many probes at once cause only one round of questions."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._results = ask_services(self.health.timeout)
                self._until = time.monotonic() + self.health.keep
            return self._results


def ask_services(timeout: float) -> dict[str, str]:
    """Return what is wrong with each database and cache: an error's type, or an empty string."""
    from django.core.cache import caches
    from django.db import connections

    questions: dict[str, Callable[[], object]] = {}
    for alias in connections:
        if not connections[alias].settings_dict["ENGINE"].endswith("dummy"):
            questions[f"database {alias}"] = lambda alias=alias: _select(alias)  # type: ignore[misc]
    for alias in settings.CACHES:
        questions[f"cache {alias}"] = lambda alias=alias: caches[alias].get("health")  # type: ignore[misc]
    return {name: _problem(question, timeout) for name, question in questions.items()}


def _select(alias: str) -> None:
    from django.db import connections

    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM DUAL" if connections[alias].vendor == "oracle" else "SELECT 1"
        )


def _problem(question: Callable[[], object], timeout: float) -> str:
    """Return the error's type only, as its text may contain host names and passwords."""
    try:
        within(timeout, question)
    except NoAnswerError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - drivers raise errors of their own
        return type(error).__name__
    return ""


def _plain(text: str, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store", "Content-Type": "text/plain"}
    return HttpResponse(text, status=status, headers=headers)
