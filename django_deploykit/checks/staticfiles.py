"""Checks of static files, media and templates."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.errorpage import why_page_fails
from django_deploykit.checks.subject import Subject

_STATIC_TAG = re.compile(r"{%\s*static\s+(['\"])(?P<name>[^'\"{}]+)\1")


def _staticfiles(subject: Subject) -> bool:
    return subject.installed("django.contrib.staticfiles")


def _manifest(subject: Subject) -> dict[str, Any] | None:
    """Return the paths of the static manifest where one was collected, {} where it cannot be read."""
    backend = str(_storages().get("staticfiles", {}).get("BACKEND", ""))
    if "Manifest" not in backend or not settings.STATIC_ROOT:
        return None
    try:
        data = json.loads(
            (Path(settings.STATIC_ROOT) / "staticfiles.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return {} if subject.server else None
    paths = data.get("paths", {})
    return dict(paths)


def _storages() -> dict[str, Any]:
    found = getattr(settings, "STORAGES", None)
    if found and "staticfiles" in found:
        return dict(found)
    return {"staticfiles": {"BACKEND": getattr(settings, "STATICFILES_STORAGE", "")}}


@check("E601")
def no_static_root(subject: Subject) -> Iterator[Found]:
    """STATIC_ROOT is not set.

    collectstatic has nowhere to put the files, and the site has no styles.
    """
    if _staticfiles(subject) and not settings.STATIC_ROOT:
        yield Found(
            "STATIC_ROOT is not set, so collectstatic fails",
            'Write STATIC_ROOT = BASE_DIR / "staticfiles".',
            "STATIC_ROOT",
        )


@check("E602")
def no_static_manifest(subject: Subject) -> Iterator[Found]:
    """The manifest of static files is missing or cannot be read.

    Every page with a {% static %} answers 500.
    """
    if _manifest(subject) == {}:
        yield Found(
            f"there is no readable staticfiles.json in {settings.STATIC_ROOT}",
            "Run collectstatic; manage.py bundle does.",
            "STATIC_ROOT",
        )


@check("E603")
def static_name_unknown(subject: Subject) -> Iterator[Found]:
    """A template names a static file that no app has.

    With a manifest the page answers 500, without it the file is missing.
    """
    if not _staticfiles(subject):
        return
    manifest = _manifest(subject)
    from django.contrib.staticfiles import finders

    seen: set[str] = set()
    for path, text in _templates(subject):
        for match in _STATIC_TAG.finditer(text):
            name = match["name"]
            if name in seen or name.endswith("/"):
                continue
            seen.add(name)
            if (manifest and name in manifest) or finders.find(name):
                continue
            yield Found(
                f"{{% static {name!r} %}} names a file that does not exist",
                "Mend the name, or add the file.",
                path=os.path.relpath(path, subject.root),
                line=text.count("\n", 0, match.start()) + 1,
            )


@check("E605")
def media_in_release(subject: Subject) -> Iterator[Found]:
    """Uploaded files lie where a release replaces them, or among the static files.

    The next release loses them, or everybody can read what was uploaded.
    """
    if not settings.MEDIA_ROOT:
        return
    media = os.path.abspath(settings.MEDIA_ROOT)
    static = os.path.abspath(settings.STATIC_ROOT) if settings.STATIC_ROOT else ""
    if static and (Path(media).is_relative_to(static) or Path(static).is_relative_to(media)):
        yield Found(
            "MEDIA_ROOT and STATIC_ROOT lie within each other",
            "Give each a folder of its own.",
            "MEDIA_ROOT",
        )
    elif subject.inside(media):
        yield Found(
            "MEDIA_ROOT lies inside the release: the next one loses every upload",
            'Write MEDIA_ROOT = config.data / "media".',
            "MEDIA_ROOT",
        )


@check("W607")
def nobody_serves_static(subject: Subject) -> Iterator[Found]:
    """Nothing serves static files when DEBUG is off.

    Django's own view is for development; the site has no styles.
    """
    if not _staticfiles(subject) or not settings.STATIC_URL:
        return
    remote = settings.STATIC_URL.startswith(("http://", "https://", "//"))
    noise = any("whitenoise" in name.lower() for name in settings.MIDDLEWARE)
    backend = str(_storages().get("staticfiles", {}).get("BACKEND", ""))
    stored = not backend.startswith(("django.contrib.staticfiles", "whitenoise", ""))
    if not remote and not noise and not stored and not _web_server_serves(subject):
        yield Found(
            "nothing serves static files when DEBUG is off",
            'Add "whitenoise.middleware.WhiteNoiseMiddleware" right behind SecurityMiddleware.',
            "MIDDLEWARE",
        )


def _web_server_serves(subject: Subject) -> bool:
    return "static-map" in subject.command("web")


@check("E608")
def broken_template(subject: Subject) -> Iterator[Found]:
    """A template of the project does not compile.

    Its page answers 500 when somebody opens it.
    """
    from django.template import TemplateSyntaxError, engines

    engine = next((one for one in engines.all() if hasattr(one, "engine")), None)
    if engine is None:
        return
    for path, text in _templates(subject):
        try:
            engine.from_string(text)
        except TemplateSyntaxError as error:
            token = getattr(error, "token", None)
            yield Found(
                f"the template does not compile: {error}",
                "",
                path=os.path.relpath(path, subject.root),
                line=getattr(token, "lineno", 0) or 1,
            )
        except Exception:  # noqa: BLE001, S112 - a library's own tag: the page's problem, not the syntax's
            continue


@check("E609")
def broken_error_page(subject: Subject) -> Iterator[Found]:
    """The 404 or 500 page itself fails.

    Visitors get a bare line when they need help most.
    """
    from django.template import TemplateDoesNotExist, loader

    for name in ("404.html", "500.html"):
        try:
            template = loader.get_template(name)
        except TemplateDoesNotExist:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a template raises
            yield Found(f"{name} does not compile: {error}", "")
            continue
        problem = why_page_fails(name, template)
        if problem:
            given = "without a request" if name == "500.html" else "without a view's variables"
            yield Found(
                f"{name} fails {given}: {problem}",
                "Keep the error pages free of views' variables and tags that need them.",
            )


@check("W611")
def no_error_pages(subject: Subject) -> Iterator[Found]:
    """The site has pages, but no 404.html or 500.html.

    Visitors get Django's bare line. A site without templates of its own, as an API, needs none.
    """
    from django.template import TemplateDoesNotExist, loader

    if not any(path.endswith(".html") for path, _ in _templates(subject)):
        return
    missing = []
    for name in ("404.html", "500.html"):
        try:
            loader.get_template(name)
        except TemplateDoesNotExist:
            missing.append(name)
        except Exception:  # noqa: BLE001, S112 - E609 tells it
            continue
    if missing:
        yield Found(
            f"there is no {' and no '.join(missing)}: visitors get a bare line",
            "Add them to a templates folder of the project.",
        )


@check("W610")
def stale_translations(subject: Subject) -> Iterator[Found]:
    """A .po file has no .mo beside it in the repository, and nothing compiles it.

    The site is not translated.
    """
    if not settings.USE_I18N or subject.tracked is None:
        return
    for name in subject.tracked:
        if not name.endswith("LC_MESSAGES/django.po"):
            continue
        compiled = name[:-3] + ".mo"
        if compiled not in subject.tracked and not _compiles(subject):
            yield Found(
                f"{name} is not compiled: {os.path.basename(compiled)} is not in the repository",
                "Add `build = python manage.py compilemessages` to [bundle] of deploykit.ini.",
                path=name,
            )


def _compiles(subject: Subject) -> bool:
    path = subject.root / "deploykit.ini"
    return path.is_file() and "compilemessages" in path.read_text(
        encoding="utf-8", errors="replace"
    )


def _templates(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield path and text of the project's own templates, as Django's loaders find them."""
    from django.template import engines

    for engine in engines.all():
        if not hasattr(engine, "engine"):
            continue
        for folder in engine.template_dirs:
            if not subject.inside(folder) or "site-packages" in str(folder):
                continue
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix in (".html", ".txt", ".xml", ".svg") and path.is_file():
                    yield str(path), path.read_text(encoding="utf-8", errors="replace")
