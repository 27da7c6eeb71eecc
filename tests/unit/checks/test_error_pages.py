"""Error pages are rendered as Django's views render them, without any service."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.template import engines
from django.test import override_settings

from django_deploykit.checks.error_pages import why_page_fails
from django_deploykit.runtime.base.documents import Document
from tests.unit.checks.cases import TEMPLATES

PROCESSORS = [
    "django.template.context_processors.request",
    "tests.unit.checks.test_error_pages.rows",
    "tests.unit.checks.test_error_pages.tenant",
]


def rows(request: Any) -> Document:
    """Give a template something that queries a database."""

    def ask() -> None:
        try:
            connection.cursor()
        except Exception as error:
            raise RuntimeError("no rows") from error

    return {"rows": ask}


def tenant(request: Any) -> Document:
    """Give a template something that needs middleware which did not run."""
    return {"tenant": lambda: _own(request)}


def _own(request: Any) -> Any:
    try:
        return request.tenant
    except AttributeError as error:
        raise LookupError("no tenant") from error


def why(name: str, text: str) -> str:
    engine = {**TEMPLATES, "OPTIONS": {"context_processors": PROCESSORS}}
    with override_settings(
        TEMPLATES=[engine],
        ALLOWED_HOSTS=["shop.example.org"],
        ROOT_URLCONF="tests.unit.checks.urls",
    ):
        return why_page_fails(name, engines["django"].from_string(text))


@pytest.mark.parametrize("name", ["404.html", "500.html"])
def test_a_plain_page_works(name: str) -> None:
    assert why(name, "sorry, {{ request_path }} {{ nothing }}") == ""


def test_the_404_page_has_a_request_and_the_500_page_none() -> None:
    text = "{% include request.path|slice:':0'|default:'no' %}"
    assert "TemplateDoesNotExist: no" in why("500.html", text)
    needs = "{% include page %}{{ request.get_host }}"
    assert why("404.html", needs)
    assert why("404.html", "{{ request.build_absolute_uri }}") == ""
    assert why("404.html", "{% url 'no-such-page' %}").startswith("NoReverseMatch")


@pytest.mark.parametrize("text", ["{{ rows }}", "{{ tenant }}"])
def test_a_page_that_needs_a_service_is_not_checked(text: str) -> None:
    assert why("404.html", text) == ""


def test_the_database_works_again_afterwards() -> None:
    method = BaseDatabaseWrapper.cursor
    why("404.html", "{{ rows }}")
    assert BaseDatabaseWrapper.cursor is method
