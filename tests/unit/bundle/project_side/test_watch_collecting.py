"""Which storages are known, and what their result depends on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from django_deploykit.bundle.project_side.watch_collecting import has_known_code, options_of

APPS = ["django.contrib.staticfiles"]


class Options(ManifestStaticFilesStorage):
    manifest_strict = False


class Method(ManifestStaticFilesStorage):
    def file_hash(self, name: object, content: object = None) -> str:
        return "x"


class Property(StaticFilesStorage):
    prefix = property(lambda _: "x")


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (StaticFilesStorage, True),
        (ManifestStaticFilesStorage, True),
        (Options, True),
        (Method, False),
        (Property, False),
    ],
)
def test_a_storage_with_code_of_its_own_is_not_known(kind: type, known: bool) -> None:
    assert has_known_code(kind) is known


def test_a_replaced_method_of_django_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ManifestStaticFilesStorage, "file_hash", lambda *_: "x")
    assert not has_known_code(ManifestStaticFilesStorage)


def test_settings_and_options_are_part_of_the_record(tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path), STATIC_URL="/static/", INSTALLED_APPS=APPS):
        first = options_of(ManifestStaticFilesStorage())
        assert options_of(ManifestStaticFilesStorage()) == first
        assert options_of(Options()) != first
    with override_settings(STATIC_ROOT=str(tmp_path), STATIC_URL="/other/", INSTALLED_APPS=APPS):
        assert options_of(ManifestStaticFilesStorage()) != first
    with override_settings(
        STATIC_ROOT=str(tmp_path),
        STATIC_URL="/static/",
        INSTALLED_APPS=APPS,
        WHITENOISE_KEEP_ONLY_HASHED_FILES=True,
    ):
        assert options_of(ManifestStaticFilesStorage()) != first


def test_ignored_files_are_part_of_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(STATIC_ROOT=str(tmp_path), STATIC_URL="/static/", INSTALLED_APPS=APPS):
        first = options_of(StaticFilesStorage())
        monkeypatch.setattr(apps.get_app_config("staticfiles"), "ignore_patterns", ["*.map"])
        assert options_of(StaticFilesStorage()) != first


def test_an_option_that_is_evaluated_late_has_the_same_text_before_and_after(
    tmp_path: Path,
) -> None:
    class Lazy(ManifestStaticFilesStorage):
        late = ("y", (SimpleLazyObject(lambda: re.compile("x")),))

    with override_settings(STATIC_ROOT=str(tmp_path), STATIC_URL="/static/", INSTALLED_APPS=APPS):
        first = options_of(Lazy())
        assert "re.compile('x')" in first
        assert options_of(Lazy()) == first
