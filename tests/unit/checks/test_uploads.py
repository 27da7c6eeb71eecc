"""Checks of uploads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db.models import FileField
from django.test import override_settings
from django.urls import include, path, re_path
from django.views.static import serve

from django_deploykit.checks import uploads
from tests.unit.checks.cases import Cases, case_tests, run_check, setting

media = [re_path(r"^media/(?P<path>.*)$", serve, {"document_root": "/srv/media"})]
urlpatterns = [path("files/", include(media))]

FILES = "django.core.files.storage.FileSystemStorage"
CASES: Cases = {
    "W612": (
        [
            setting(DATA_UPLOAD_MAX_MEMORY_SIZE=None),
            setting(DATA_UPLOAD_MAX_NUMBER_FIELDS=None),
            setting(DATA_UPLOAD_MAX_NUMBER_FILES=None),
        ],
        [setting(), setting(DATA_UPLOAD_MAX_MEMORY_SIZE=50_000_000)],
    ),
    "W613": (
        [setting(ROOT_URLCONF=__name__, DEBUG=False)],
        [
            setting(ROOT_URLCONF="tests.unit.checks.urls", DEBUG=False),
            setting(ROOT_URLCONF=__name__, DEBUG=True),
        ],
    ),
    "W614": (
        [
            setting(FILE_UPLOAD_PERMISSIONS=0o777),
            setting(FILE_UPLOAD_PERMISSIONS=0o755),
            setting(FILE_UPLOAD_PERMISSIONS=0o666),
            setting(FILE_UPLOAD_DIRECTORY_PERMISSIONS=0o777),
        ],
        [
            setting(FILE_UPLOAD_PERMISSIONS=0o644, FILE_UPLOAD_DIRECTORY_PERMISSIONS=0o755),
            setting(FILE_UPLOAD_PERMISSIONS=None, FILE_UPLOAD_DIRECTORY_PERMISSIONS=None),
        ],
    ),
}

test_finds, test_finds_nothing = case_tests(CASES)


def test_file_fields_without_a_folder_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_first_file_field", lambda _: "shop.Picture.file")
    with override_settings(MEDIA_ROOT=""):
        (found,) = run_check("E617", tmp_path)
        assert found.message == "MEDIA_ROOT is empty, but shop.Picture.file stores files"
        storages = {"default": {"BACKEND": FILES, "OPTIONS": {"location": "/srv/media"}}}
    with override_settings(MEDIA_ROOT="", STORAGES=storages):
        assert run_check("E617", tmp_path) == []
    with override_settings(MEDIA_ROOT="/srv/media"):
        assert run_check("E617", tmp_path) == []


def test_only_the_file_fields_of_the_project_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = FileField()
    field.set_attributes_from_name("file")
    meta = SimpleNamespace(app_label="shop", get_fields=lambda: [object(), field])
    monkeypatch.setattr(apps, "get_models", lambda: [SimpleNamespace(_meta=meta)])

    def place(folder: Path) -> Callable[[str], SimpleNamespace]:
        return lambda _: SimpleNamespace(path=str(folder))

    with override_settings(MEDIA_ROOT=""):
        monkeypatch.setattr(apps, "get_app_config", place(tmp_path / "shop"))
        assert [one.id for one in run_check("E617", tmp_path)] == ["deploykit.E617"]
        monkeypatch.setattr(apps, "get_app_config", place(Path("/usr/lib/shop")))
        assert run_check("E617", tmp_path) == []
