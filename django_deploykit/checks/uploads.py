"""Checks of uploads: where they go, who serves them, and how large they may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.apps import apps
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models import FileField
from django.urls import URLPattern, URLResolver, get_resolver
from django.views import static

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject

_LIMITS = (
    "DATA_UPLOAD_MAX_MEMORY_SIZE",
    "DATA_UPLOAD_MAX_NUMBER_FIELDS",
    "DATA_UPLOAD_MAX_NUMBER_FILES",
)
_OTHERS_WRITE, _ANYBODY_RUNS = 0o002, 0o111


@check("W612")
def unlimited_requests(subject: Subject) -> Iterator[Finding]:
    """The size of a request, or the number of its fields or files, has no limit.

    One request can then fill the memory, or keep a worker busy for minutes.
    """
    for name in _LIMITS:
        if getattr(settings, name, 0) is None:
            yield Finding(
                f"{name} is None: a request may be of any size",
                "Remove it, or set a limit. Files are not counted in DATA_UPLOAD_MAX_MEMORY_SIZE.",
                name,
            )


@check("W613")
def development_file_view(subject: Subject) -> Iterator[Finding]:
    """The URLconf serves files with Django's view for development.

    django.views.static.serve is slow, and has not been made safe for production.
    """
    if settings.DEBUG:
        return
    for pattern in _patterns(get_resolver().url_patterns):
        view = getattr(pattern, "callback", None)
        if getattr(view, "func", view) is static.serve:
            yield Finding(
                f"the URL pattern {pattern.pattern} serves files with django.views.static.serve",
                "Let the web server in front serve them, or a storage such as S3.",
                "ROOT_URLCONF",
            )


def _patterns(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern | URLResolver]:
    for one in patterns:
        yield one
        yield from _patterns(getattr(one, "url_patterns", ()))


@check("W614")
def open_permissions(subject: Subject) -> Iterator[Finding]:
    """Uploaded files can be written by every user of the host, or run as programs.

    An upload is a stranger's file.
    """
    files, folders = settings.FILE_UPLOAD_PERMISSIONS, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS
    for name, mode, bad in (
        ("FILE_UPLOAD_PERMISSIONS", files, _OTHERS_WRITE | _ANYBODY_RUNS),
        ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", folders, _OTHERS_WRITE),
    ):
        if isinstance(mode, int) and mode & bad:
            usual = "0o644" if name == "FILE_UPLOAD_PERMISSIONS" else "0o755"
            yield Finding(
                f"{name} is {mode:#o}: others can write uploads, or run them",
                f"Write {name} = {usual}.",
                name,
            )


@check("E617")
def uploads_without_folder(subject: Subject) -> Iterator[Finding]:
    """The project has file fields, but MEDIA_ROOT is empty.

    Uploads then go to the folder in which a process starts: inside the release, or nowhere.
    """
    if settings.MEDIA_ROOT or not isinstance(default_storage, FileSystemStorage):
        return
    if _has_location() or not (field := _first_file_field(subject)):
        return
    yield Finding(
        f"MEDIA_ROOT is empty, but {field} stores files",
        'Write MEDIA_ROOT = config.data / "media".',
        "MEDIA_ROOT",
    )


def _has_location() -> bool:
    entry = (getattr(settings, "STORAGES", None) or {}).get("default", {})
    return bool(entry.get("OPTIONS", {}).get("location"))


def _first_file_field(subject: Subject) -> str:
    """Return a file field of the project that uses the default storage, or an empty string."""
    for model in apps.get_models():
        if not subject.inside(apps.get_app_config(model._meta.app_label).path):
            continue
        for field in model._meta.get_fields():
            if isinstance(field, FileField) and field.storage is default_storage:
                return str(field)
    return ""
