"""Checks of static files, media, templates and translations."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django.apps import apps as django_apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.template import TemplateDoesNotExist, TemplateSyntaxError, loader
from django.template.backends.base import BaseEngine
from django.urls import Resolver404, get_resolver, resolve
from django.utils.module_loading import import_string

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.error_pages import why_page_fails
from django_deploykit.checks.finding import Finding, Undecided
from django_deploykit.checks.front_end import ignored, why_built_later
from django_deploykit.checks.project_templates import engines_of, iter_templates
from django_deploykit.checks.subject import Subject

# A filter after the name makes another name of it. What follows the tag may be the rest of it.
_STATIC_TAG = re.compile(
    r"{%\s*static\s+(['\"])(?P<name>[^'\"{}]+)\1(?!\|)(?:\s*%}(?P<rest>\w|{{))?"
)
_COMMENT = re.compile(
    r"{#.*?#}|{%\s*comment\b.*?%}.*?{%\s*endcomment\s*%}|{%\s*verbatim\b.*?{%\s*endverbatim\b",
    re.DOTALL,
)
# Of middleware and of wrappers of the application.
_STATIC_SERVERS = ("whitenoise", "servestatic", "dj_static", "static3", "staticfileshandler")
# Configuration of web servers in a repository, and what in it serves files from a folder.
_SERVER_FILE = re.compile(
    r"(nginx|uwsgi|caddy|apache|httpd|lighttpd|traefik)|\.(vhost|nginx|conf)\b", re.I
)
_SERVES = re.compile(
    r"static-map|location\s+[^{]*static|alias\s+\S*static|file_server|^\s*Alias\s+\S*static|alias\.url",
    re.IGNORECASE | re.MULTILINE,
)
_ERROR_PAGES = ("404.html", "500.html")


def _uses_staticfiles(subject: Subject) -> bool:
    return subject.installed("django.contrib.staticfiles")


def _backend(alias: str, old: str) -> str:
    """Return the storage with an alias, or that of the setting that named it until Django 5.0."""
    storages = getattr(settings, "STORAGES", None) or {}
    return str(storages.get(alias, {"BACKEND": getattr(settings, old, "")}).get("BACKEND", ""))


def _static_backend() -> str:
    return _backend("staticfiles", "STATICFILES_STORAGE")


def _manifest_path(subject: Subject) -> Path | None:
    """Return the manifest that the storage of static files writes, or None if it writes none."""
    if "Manifest" not in _static_backend() or not settings.STATIC_ROOT or _is_remote():
        return None
    return Path(settings.STATIC_ROOT) / "staticfiles.json"


def _read_manifest(path: Path | None) -> dict[str, object] | None:
    """Return the paths in a manifest, or None if it cannot be read. A site may have no files."""
    try:
        text = path.read_text(encoding="utf-8") if path else "null"
        return dict(json.loads(text)["paths"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_remote(path: str = "") -> bool:
    """Whether a storage, by default that of static files, is no folder, such as S3."""
    try:
        backend = import_string(path or _static_backend())
    except ImportError:
        return False  # Django's own checks report it
    return isinstance(backend, type) and not issubclass(backend, FileSystemStorage)


@check("E601")
def no_static_root(subject: Subject) -> Iterator[Finding]:
    """STATIC_ROOT is not set.

    collectstatic does not know where to put the files, and the site has no styles.
    """
    if _uses_staticfiles(subject) and not settings.STATIC_ROOT and not _is_remote():
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
    path = _manifest_path(subject)
    if subject.server and path and _read_manifest(path) is None:
        yield Finding(
            f"there is no readable {path.name} in {path.parent}",
            "Run collectstatic, or release a bundle, which includes static files.",
            "STATIC_ROOT",
        )


@check("E603")
def static_name_unknown(subject: Subject) -> Iterator[Finding]:
    """A template uses a static file that does not exist.

    With a manifest the page returns a 500, without one the file is missing. Files that a front-end
    build writes are only known when it has run.
    """
    if not _uses_staticfiles(subject):
        return
    manifest = _read_manifest(_manifest_path(subject)) or {}
    missing = [one for one in _static_names(subject) if not _is_static_file(one.message, manifest)]
    if missing and not manifest and (why := _why_built_later(subject)):
        raise Undecided(_several(missing, why))
    places = {one.message: _places(one.message) for one in missing}
    unknown = ignored(subject, [path for paths in places.values() for path in paths])
    later = [one for one in missing if unknown.intersection(places[one.message])]
    for one in missing:
        if one not in later:
            text = f"{{% static {one.message!r} %}}: there is no such static file"
            yield replace(one, message=text, hint="Correct the name, or add the file.")
    if later:
        raise Undecided(_several(later, "git ignores them, as what a build writes"))


def _several(names: Sequence[Finding], why: str) -> str:
    return f"{len(names)} names of static files, {names[0].message} first: {why}"


def _places(name: str) -> list[str]:
    """Return the paths where the project may have a static file."""
    apps = [Path(config.path) / "static" for config in django_apps.get_app_configs()]
    return [str(folder / name) for folder in (*map(_folder_of, settings.STATICFILES_DIRS), *apps)]


def _static_names(subject: Subject) -> Iterator[Finding]:
    """Yield each name in a {% static %} tag once, as a message with its place."""
    seen: set[str] = set()
    hashed = "Manifest" in _static_backend()  # this storage only knows whole names
    for path, text in iter_templates(subject):
        plain = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for match in _STATIC_TAG.finditer(plain):
            name = match["name"]
            whole = not (name.endswith("/") or (match["rest"] and not hashed))
            if whole and name not in seen:
                seen.add(name)
                line = text.count("\n", 0, match.start()) + 1
                yield Finding(name, path=os.path.relpath(path, subject.root), line=line)


def _is_static_file(name: str, manifest: Mapping[str, object]) -> bool:
    from django.contrib.staticfiles import finders

    return name in manifest or bool(finders.find(name))


def _why_built_later(subject: Subject) -> str:
    """Return why static files may be missing here, or an empty string."""
    for folder in map(_folder_of, settings.STATICFILES_DIRS):
        if not folder.is_dir() and not subject.project.build:
            return f"STATICFILES_DIRS has {folder.name}, which does not exist here"
    return why_built_later(subject)


def _folder_of(entry: str | Path | tuple[str, str | Path]) -> Path:
    return Path(entry[1] if isinstance(entry, (tuple, list)) else entry)


@check("E605")
def media_in_release(subject: Subject) -> Iterator[Finding]:
    """Uploads are stored inside the release, or among the static files.

    The next release loses them, or every upload is public.
    """
    if not settings.MEDIA_ROOT or _is_remote(_backend("default", "DEFAULT_FILE_STORAGE")):
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

    Django's own view is only for development, so the site has no styles. A web server in front that
    serves them is known by its configuration in the repository, or by `static = proxy` in [check].
    """
    if not _uses_staticfiles(subject) or not settings.STATIC_URL:
        return
    remote = settings.STATIC_URL.startswith(("http://", "https://", "//")) or _is_remote()
    served = remote or subject.topology.static == "proxy" or _site_serves_static(subject)
    if not served and not _server_serves_static(subject):
        yield Finding(
            "nothing serves static files if DEBUG is off",
            'Add "whitenoise.middleware.WhiteNoiseMiddleware" directly after SecurityMiddleware, '
            "or write `static = proxy` in [check] of deploykit.ini.",
            "MIDDLEWARE",
        )


def _site_serves_static(subject: Subject) -> bool:
    """Whether middleware, a URL pattern or a wrapper of the application serves static files."""
    names = " ".join(settings.MIDDLEWARE).lower()
    if any(word in names for word in _STATIC_SERVERS):
        return True
    prefix = "/" + str(settings.STATIC_URL).lstrip("/")
    try:
        route = resolve(f"{prefix}deploy-check.css").route
    except (Resolver404, ImportError, AttributeError):  # or there is no URLconf that loads
        route = ""
    if prefix.strip("/") in route:
        return True
    module = str(settings.WSGI_APPLICATION or "").rpartition(".")[0]
    path = subject.root.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return any(word in text.lower() for word in _STATIC_SERVERS)


def _server_serves_static(subject: Subject) -> bool:
    """Whether uWSGI, or a web server whose configuration git tracks, serves static files."""
    web = subject.command("web")
    if "static-map" in web:
        return True
    names = [*(subject.tracked or ()), *re.findall(r"\S+\.(?:ini|ya?ml|json|toml)", web)]
    for name in dict.fromkeys(names):
        if _SERVER_FILE.search(name):
            path = subject.root / name
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            if _SERVES.search(text):
                return True
    return False


@check("E608")
def broken_template(subject: Subject) -> Iterator[Finding]:
    """A template of the project does not compile.

    Pages that use it return a 500.
    """
    engines: dict[str, list[BaseEngine]] = {}  # by folder
    for path, text in iter_templates(subject):
        folder = os.path.dirname(path)
        if folder not in engines:
            engines[folder] = engines_of(folder)
        problems = [_syntax_problem(engine, text) for engine in engines[folder]]
        if problems and all(problems):
            message, line = problems[0] or ("", 0)
            yield Finding(
                f"the template does not compile: {message}",
                path=os.path.relpath(path, subject.root),
                line=line,
            )


def _syntax_problem(engine: BaseEngine, text: str) -> tuple[str, int] | None:
    """Return the error in a template's syntax and its line, or None."""
    try:
        engine.from_string(text)
    except TemplateSyntaxError as error:
        line = getattr(getattr(error, "token", None), "lineno", 0) or 1
        return str(error).partition(". Must be one of:")[0], line
    except Exception:  # noqa: BLE001 - a library's own tag, not a mistake in the syntax
        return None
    return None


@check("E609")
def broken_error_page(subject: Subject) -> Iterator[Finding]:
    """The 404 or 500 page itself fails.

    Visitors then get a bare line of text.
    """
    for name in filter(_is_default_page, _ERROR_PAGES):
        try:
            template = loader.get_template(name)
        except TemplateDoesNotExist:
            continue
        except ImproperlyConfigured:  # the settings are wrong, not the page
            raise
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            if not any(Path(path).name == name for path, _ in iter_templates(subject)):
                yield Finding(f"{name} does not compile: {error}")
            continue  # E608 reports the project's own templates
        problem = why_page_fails(name, template)
        if problem:
            given = "without a request" if name == "500.html" else "without the context of a view"
            yield Finding(
                f"{name} fails {given}: {problem}",
                "Use no variables of views in error pages, nor tags that need them.",
            )


def _is_default_page(name: str) -> bool:
    """Whether Django's own view shows an error page, not a handler of the URLconf."""
    try:
        handler = get_resolver().resolve_error_handler(int(name.partition(".")[0]))
    except Exception:  # noqa: BLE001 - the URLconf does not load, which Django's checks report
        return True
    return str(handler.__module__) == "django.views.defaults"


@check("W611")
def no_error_pages(subject: Subject) -> Iterator[Finding]:
    """The site has pages, but no 404.html or 500.html.

    Visitors get Django's bare line of text. A site without templates, such as an API, needs none.
    """
    if not any(path.endswith(".html") for path, _ in iter_templates(subject)):
        return
    missing = []
    for name in filter(_is_default_page, _ERROR_PAGES):
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
    """The repository has .po files without their .mo files, and no build command compiles them.

    The site is not translated.
    """
    if not settings.USE_I18N or subject.tracked is None or _compiles_messages(subject):
        return
    tracked = set(subject.tracked)
    missing = [
        name
        for name in filter(_is_translation, subject.tracked)
        if name[:-3] + ".mo" not in tracked
    ]
    if missing:
        more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
        yield Finding(
            f"{missing[0]}{more} not compiled: the .mo file is not in the repository",
            "Add `build = python manage.py compilemessages` to [bundle] of deploykit.ini.",
            path=missing[0],
        )


def _is_translation(name: str) -> bool:
    """Whether Django reads a .po file: below ``locale`` of an app, or a folder of LOCALE_PATHS."""
    path = Path(name)
    if path.parent.name != "LC_MESSAGES" or path.name not in ("django.po", "djangojs.po"):
        return False
    folders = {"locale", *(Path(folder).name for folder in settings.LOCALE_PATHS)}
    return len(path.parts) > 3 and path.parts[-4] in folders


def _compiles_messages(subject: Subject) -> bool:
    sections = subject.project.ini.sections.values()
    return any("compilemessages" in one.value for section in sections for one in section.values())
