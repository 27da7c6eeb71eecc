"""Checks of static files, media, templates and translations."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines, loader

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.error_pages import why_page_fails
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.subject import Subject

_STATIC_TAG = re.compile(r"{%\s*static\s+(['\"])(?P<name>[^'\"{}]+)\1")
_ERROR_PAGES = ("404.html", "500.html")


def _uses_staticfiles(subject: Subject) -> bool:
    return subject.installed("django.contrib.staticfiles")


def _static_backend() -> str:
    storages = getattr(settings, "STORAGES", None) or {}
    old = getattr(settings, "STATICFILES_STORAGE", "")  # until Django 5.0
    return str(storages.get("staticfiles", {"BACKEND": old}).get("BACKEND", ""))


def _manifest(subject: Subject) -> dict[str, Any] | None:
    """Return the paths in the static manifest, None if none is expected, or {} if unreadable."""
    if "Manifest" not in _static_backend() or not settings.STATIC_ROOT:
        return None
    path = Path(settings.STATIC_ROOT) / "staticfiles.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")).get("paths", {}))
    except (OSError, ValueError):
        return {} if subject.server else None


@check("E601")
def no_static_root(subject: Subject) -> Iterator[Finding]:
    """STATIC_ROOT is not set.

    collectstatic does not know where to put the files, and the site has no styles.
    """
    if _uses_staticfiles(subject) and not settings.STATIC_ROOT:
        yield Finding(
            "STATIC_ROOT is not set, so collectstatic fails",
            'Write STATIC_ROOT = BASE_DIR / "staticfiles".',
            "STATIC_ROOT",
        )


@check("E602")
def no_static_manifest(subject: Subject) -> Iterator[Finding]:
    """The manifest of static files is missing or unreadable.

    Every page that uses {% static %} returns a 500.
    """
    if _manifest(subject) == {}:
        yield Finding(
            f"there is no readable staticfiles.json in {settings.STATIC_ROOT}",
            "Run collectstatic, or release a bundle, which includes static files.",
            "STATIC_ROOT",
        )


@check("E603")
def static_name_unknown(subject: Subject) -> Iterator[Finding]:
    """A template uses a static file that does not exist.

    With a manifest the page returns a 500, without one the file is missing.
    """
    if not _uses_staticfiles(subject):
        return
    from django.contrib.staticfiles import finders

    manifest = _manifest(subject) or {}
    seen: set[str] = set()
    for path, text in _templates(subject):
        for match in _STATIC_TAG.finditer(text):
            name = match["name"]
            if name in seen or name.endswith("/"):
                continue
            seen.add(name)
            if name not in manifest and not finders.find(name):
                yield Finding(
                    f"{{% static {name!r} %}}: there is no such static file",
                    "Correct the name, or add the file.",
                    path=os.path.relpath(path, subject.root),
                    line=text.count("\n", 0, match.start()) + 1,
                )


@check("E605")
def media_in_release(subject: Subject) -> Iterator[Finding]:
    """Uploads are stored inside the release, or among the static files.

    The next release loses them, or every upload is public.
    """
    if not settings.MEDIA_ROOT:
        return
    media = Path(os.path.abspath(settings.MEDIA_ROOT))
    static = Path(os.path.abspath(settings.STATIC_ROOT)) if settings.STATIC_ROOT else None
    if static and (media.is_relative_to(static) or static.is_relative_to(media)):
        yield Finding(
            "MEDIA_ROOT and STATIC_ROOT are inside each other",
            "Use a separate folder for each.",
            "MEDIA_ROOT",
        )
    elif subject.inside(media):
        yield Finding(
            "MEDIA_ROOT is inside the release: the next release loses every upload",
            'Write MEDIA_ROOT = config.data / "media".',
            "MEDIA_ROOT",
        )


@check("W607")
def no_static_server(subject: Subject) -> Iterator[Finding]:
    """Nothing serves static files if DEBUG is off.

    Django's own view is only for development, so the site has no styles.
    """
    if not _uses_staticfiles(subject) or not settings.STATIC_URL:
        return
    remote = settings.STATIC_URL.startswith(("http://", "https://", "//"))
    noise = any("whitenoise" in name.lower() for name in settings.MIDDLEWARE)
    if not remote and not noise and "static-map" not in subject.command("web"):
        yield Finding(
            "nothing serves static files if DEBUG is off",
            'Add "whitenoise.middleware.WhiteNoiseMiddleware" directly after SecurityMiddleware.',
            "MIDDLEWARE",
        )


@check("E608")
def broken_template(subject: Subject) -> Iterator[Finding]:
    """A template of the project does not compile.

    Pages that use it return a 500.
    """
    engine = next((one for one in engines.all() if hasattr(one, "engine")), None)
    if engine is None:
        return
    for path, text in _templates(subject):
        try:
            engine.from_string(text)
        except TemplateSyntaxError as error:
            token = getattr(error, "token", None)
            yield Finding(
                f"the template does not compile: {error}",
                path=os.path.relpath(path, subject.root),
                line=getattr(token, "lineno", 0) or 1,
            )
        except Exception:  # noqa: BLE001, S112 - a library's own tag, not a mistake in the syntax
            continue


@check("E609")
def broken_error_page(subject: Subject) -> Iterator[Finding]:
    """The 404 or 500 page itself fails.

    Visitors then get a bare line of text.
    """
    for name in _ERROR_PAGES:
        try:
            template = loader.get_template(name)
        except TemplateDoesNotExist:
            continue
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            yield Finding(f"{name} does not compile: {error}")
            continue
        problem = why_page_fails(name, template)
        if problem:
            given = "without a request" if name == "500.html" else "without the context of a view"
            yield Finding(
                f"{name} fails {given}: {problem}",
                "Use no variables of views in error pages, nor tags that need them.",
            )


@check("W611")
def no_error_pages(subject: Subject) -> Iterator[Finding]:
    """The site has pages, but no 404.html or 500.html.

    Visitors get Django's bare line of text. A site without templates, such as an API, needs none.
    """
    if not any(path.endswith(".html") for path, _ in _templates(subject)):
        return
    missing = []
    for name in _ERROR_PAGES:
        try:
            loader.get_template(name)
        except TemplateDoesNotExist:
            missing.append(name)
        except Exception:  # noqa: BLE001, S112 - E609 reports it
            continue
    if missing:
        yield Finding(
            f"there is no {' and no '.join(missing)}: visitors get a bare line of text",
            "Add them to a templates folder of the project.",
        )


@check("W610")
def uncompiled_translations(subject: Subject) -> Iterator[Finding]:
    """The repository has a .po file without its .mo file, and no build command compiles it.

    The site is not translated.
    """
    if not settings.USE_I18N or subject.tracked is None or _compiles_messages(subject):
        return
    for name in subject.tracked:
        compiled = name[:-3] + ".mo"
        if name.endswith("LC_MESSAGES/django.po") and compiled not in subject.tracked:
            yield Finding(
                f"{name} is not compiled: {os.path.basename(compiled)} is not in the repository",
                "Add `build = python manage.py compilemessages` to [bundle] of deploykit.ini.",
                path=name,
            )


def _compiles_messages(subject: Subject) -> bool:
    sections = subject.project.ini.sections.values()
    return any("compilemessages" in one.value for section in sections for one in section.values())


def _templates(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each of the project's templates that Django's loaders find."""
    for engine in engines.all():
        if not hasattr(engine, "engine"):
            continue
        for folder in engine.template_dirs:
            if not subject.inside(folder) or "site-packages" in str(folder):
                continue
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix in (".html", ".txt", ".xml", ".svg") and path.is_file():
                    yield str(path), path.read_text(encoding="utf-8", errors="replace")
