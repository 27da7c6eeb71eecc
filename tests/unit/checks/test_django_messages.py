"""Django's messages as findings, and findings as Django's messages."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.checks import check_finders
from django.core import checks as django_checks
from django.core.checks.registry import registry
from django.test import override_settings

from django_deploykit.checks.django_messages import (
    add_place,
    from_message,
    irrelevant_ids,
    iter_django_checks,
    to_message,
)
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.options import Topology
from django_deploykit.checks.subject import Subject
from django_deploykit.project import Project


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(Project(tmp_path, "shop", tmp_path / "deploykit.ini"))


def found(subject: Subject, *tags: str) -> list[Finding]:
    """Return what Django's checks with these tags find."""
    return [one for _, work in iter_django_checks(subject, tags) for one in work()]


@pytest.fixture
def throw_away() -> Iterator[None]:
    """A check of the registry, as an app may register one."""

    def warn(**_: Any) -> list[django_checks.CheckMessage]:
        return [
            django_checks.Warning("SECURE_SSL_HOST is odd", id="shop.W001"),
            django_checks.Warning("x", id="security.W018"),
        ]

    django_checks.register(warn, "shop")
    yield
    registry.registered_checks.discard(warn)


@pytest.fixture
def finders_check() -> Iterator[None]:
    """Django's check of static files, which is only registered once its app has been loaded."""
    registered: Any = registry.registered_checks
    known = check_finders in registered
    django_checks.register(check_finders, "staticfiles")
    yield
    if not known:
        registered.discard(check_finders)


def test_runs_checks_of_other_apps_but_not_those_that_ours_replace(
    throw_away: None, subject: Subject
) -> None:
    placed = replace(subject, places={"SECURE_SSL_HOST": ("shop/settings.py", 3)})
    assert found(placed, "shop") == [
        Finding(
            "SECURE_SSL_HOST is odd",
            path="shop/settings.py",
            line=3,
            id="shop.W001",
            level="WARNING",
        )
    ]
    with override_settings(SILENCED_SYSTEM_CHECKS=["shop.W001"]):
        assert found(placed, "shop") == []


@pytest.mark.parametrize(
    ("value", "server", "expected"),
    [
        ("os.environ.get('NO_HOSTS_HERE', '').split()", False, "ALLOWED_HOSTS has no value here"),
        ("os.environ.get('NO_HOSTS_HERE', '').split()", True, ""),
        ("[]", False, ""),
    ],
)
def test_hosts_without_a_value_are_not_decided_here(
    value: str,
    server: bool,
    expected: str,
    project: Path,
    write_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_settings(f"import os\nALLOWED_HOSTS = {value}\n")
    subject = Subject(Project(project, "shop", project / "deploykit.ini"), server=server)
    (work,) = (
        work
        for name, work in iter_django_checks(subject, ["security"])
        if name.endswith("check_allowed_hosts")
    )
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", [])
    if expected:
        with pytest.raises(Undecided, match=expected):
            list(work())
    else:
        assert [one.id for one in work()] == ["security.W020"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"package.json": '{"scripts": {"build": "vite"}}'}, "the build of package.json may write"),
        ({"package.json": "{}"}, ""),
        ({}, ""),
    ],
)
def test_folders_that_a_front_end_build_writes_are_not_decided_here(
    files: dict[str, str], expected: str, project: Path, finders_check: None
) -> None:
    for name, text in files.items():
        (project / name).write_text(text, encoding="utf-8")
    subject = Subject(Project(project, "shop", project / "deploykit.ini"))
    (work,) = (
        work
        for name, work in iter_django_checks(subject, ["staticfiles"])
        if name.endswith("check_finders")
    )
    with override_settings(
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        STATICFILES_DIRS=[project / "dist"],
    ):
        if expected:
            with pytest.raises(Undecided, match=expected):
                list(work())
        else:
            assert [one.id for one in work()] == ["staticfiles.W004"]


@pytest.fixture
def manifest_check(project: Path) -> Iterator[None]:
    """The check of an app that reads the manifest of a front-end build."""

    def warn(**_: Any) -> list[django_checks.CheckMessage]:
        text = f"Cannot read the manifest at {project}/static/dist/manifest.json: no such file"
        return [
            django_checks.Warning(text, id="vite.W001"),
            django_checks.Warning("x /y", id="b.W1"),
        ]

    django_checks.register(warn, "manifest")
    yield
    registry.registered_checks.discard(warn)


@pytest.mark.parametrize(
    ("ignores", "expected"), [("dist/", ["b.W1"]), ("other/", ["b.W1", "vite.W001"])]
)
def test_a_file_that_git_ignores_comes_from_a_build(
    ignores: str, expected: list[str], project: Path, manifest_check: None
) -> None:
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    (project / ".gitignore").write_text(ignores, encoding="utf-8")
    subject = Subject(Project(project, "shop", project / "deploykit.ini"))
    found: list[Finding] = []
    with suppress(Undecided):
        for _, work in iter_django_checks(subject, ["manifest"]):
            found.extend(work())
    assert [one.id for one in found] == expected


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        (django_checks.Warning, 3, ["no hint 0", "no hint 1", "no hint 2"]),
        (django_checks.Warning, 4, ["no hint 0 And 3 more like this."]),
        (django_checks.Error, 4, ["no hint 0", "no hint 1", "no hint 2", "no hint 3"]),
    ],
)
def test_many_messages_of_one_kind_are_one_finding(
    kind: Any, number: int, expected: list[str], subject: Subject
) -> None:
    def warn(**_: Any) -> list[django_checks.CheckMessage]:
        return [kind(f"no hint {count}", id="api.W001") for count in range(number)]

    django_checks.register(warn, "api")
    try:
        assert [one.message for one in found(subject, "api")] == expected
    finally:
        registry.registered_checks.discard(warn)


@pytest.mark.parametrize(("value", "reported"), [("SAMEORIGIN", False), ("ALLOWALL", True)])
def test_a_site_may_show_its_own_pages_in_frames(
    value: str, reported: bool, subject: Subject
) -> None:
    middleware = ["django.middleware.clickjacking.XFrameOptionsMiddleware"]
    with override_settings(X_FRAME_OPTIONS=value, MIDDLEWARE=middleware):
        ids = {one.id for one in found(subject, "security")}
    assert ("security.W019" in ids) == reported


def test_never_runs_ours_a_second_time(subject: Subject) -> None:
    assert "deploykit" in registry.tags_available(deployment_checks=True)
    assert found(subject, "deploykit") == []


def test_runs_deployment_checks(subject: Subject) -> None:
    with override_settings(SECURE_SSL_REDIRECT=False, MIDDLEWARE=[]):
        assert "security.W001" in {one.id for one in found(subject, "security")}


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (django_checks.Warning("x", id="security.W020"), "ERROR"),  # promoted
        (django_checks.Warning("x", id="security.W004"), "WARNING"),
        (django_checks.Critical("x", id="a.C1"), "ERROR"),
        (django_checks.Info("x"), "INFO"),
    ],
)
def test_levels(message: django_checks.CheckMessage, level: str) -> None:
    assert from_message(message).level == level


def test_a_message_about_an_object_names_it() -> None:
    model = SimpleNamespace(_meta=SimpleNamespace(label="shop.Order"))
    found = from_message(django_checks.Error("x", hint="y", obj=model, id="models.E001"))
    assert (found.message, found.hint) == ("shop.Order: x", "y")
    assert from_message(django_checks.Error("x", obj="urls")).message == "urls: x"


def test_checks_that_need_https_are_irrelevant_without_it() -> None:
    assert "security.W008" in irrelevant_ids(Topology(tls="none"))
    assert "security.W004" in irrelevant_ids(Topology(hsts="proxy"))
    assert "security.W008" not in irrelevant_ids(Topology(hsts="proxy"))
    assert irrelevant_ids(Topology()) == ()


def test_a_message_about_no_setting_of_the_project_has_no_place(subject: Subject) -> None:
    assert add_place(Finding("SECURE_SSL_HOST is odd"), subject).where == ""


def test_a_finding_becomes_a_message_with_its_place() -> None:
    finding = Finding("x", "y", path="a.py", line=3, id="deploykit.I818", level="INFO")
    message = to_message(finding)
    assert (message.level, message.msg, message.hint) == (django_checks.INFO, "x (a.py:3)", "y")
    assert message.id == "deploykit.I818"
    assert to_message(replace(finding, path="", hint="")).hint is None
