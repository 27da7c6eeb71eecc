"""Loads the project once, collects its static files, and writes facts about it.

Usage: ``python ask_project.py ANSWER``, with the locked environment's Python, in the export. ANSWER
is the JSON file to write. This file imports only Django and the standard library.
"""

import importlib
import io
import json
import os
import re
import sys
import traceback
from typing import Any


class Refusal(Exception):
    """A mistake in the project, with a message and a hint."""


def main(answer: str) -> None:
    """Collect static files and facts, and write the answer."""
    sys.path[0] = os.getcwd()  # in place of this file's folder
    facts: dict[str, Any] = {"stage": "settings", "problem": "", "where": ""}
    try:
        collect(facts)
    except Refusal as error:
        facts["problem"], facts["hint"] = error.args
    except SystemExit as error:
        facts["problem"] = f"the project exited with {error.code!r}"
    except BaseException as error:  # noqa: BLE001 - a project may raise anything
        facts["problem"] = f"{type(error).__name__}: {error}"
        facts["where"] = place_of(error)
        facts["trace"] = traceback.format_exc()
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(facts, file)


def collect(facts: dict[str, Any]) -> None:
    """Collect the facts, stage by stage."""
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise RuntimeError(
            "manage.py names no DJANGO_SETTINGS_MODULE; set it in [project] settings of deploykit.ini"
        )
    import django
    from django.conf import settings

    settings.INSTALLED_APPS  # noqa: B018 - loads the settings
    facts["stage"] = "setup"
    django.setup()
    facts.update(
        stage="facts",
        settings_module=settings.SETTINGS_MODULE,
        wsgi=callable_of(settings.WSGI_APPLICATION, "wsgi", settings.SETTINGS_MODULE),
        asgi=callable_of(
            getattr(settings, "ASGI_APPLICATION", None), "asgi", settings.SETTINGS_MODULE
        ),
        static_root=os.path.abspath(settings.STATIC_ROOT) if settings.STATIC_ROOT else "",
        static_url=settings.STATIC_URL or "",
        staticfiles="django.contrib.staticfiles" in settings.INSTALLED_APPS,
        deploykit="django_deploykit" in settings.INSTALLED_APPS,
        django=django.get_version(),
        required=[],
        sample="",
        configs=[],
    )
    configuration(facts)
    if facts["staticfiles"] and facts["static_root"]:
        facts["stage"] = "collectstatic"
        validate_root(facts["static_root"])
        collect_static()
        forget_times(facts["static_root"])
    facts["stage"] = "done"


def validate_root(root: str) -> None:
    """Raise :class:`Refusal` if STATIC_ROOT is not a folder below the project's folder."""
    inside = os.path.relpath(root, os.getcwd())
    hint = "Set it to a folder of the project: STATIC_ROOT = BASE_DIR / 'staticfiles'."
    if inside == "." or inside.startswith(".."):
        where = "the project's folder itself" if inside == "." else f"{root}, outside the project"
        raise Refusal(f"STATIC_ROOT is {where}; its content would be bundled", hint)


def collect_static() -> None:
    """Collect static files. Raise :class:`Refusal` if a file refers to a missing file."""
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command

    errors = io.StringIO()
    try:
        call_command(
            "collectstatic",
            interactive=False,
            verbosity=1,
            stdout=io.StringIO(),
            stderr=errors,
            no_color=True,
        )
    except Exception as error:
        match = re.search(r"Post-processing '(.+)' failed", errors.getvalue())
        if match is None:
            raise
        found = finders.find(match[1])
        name = os.path.relpath(found) if isinstance(found, str) else match[1]
        text = str(error).strip()
        raise Refusal(
            f"{match[1] if name.startswith('..') else name}: {text}",
            "Add the missing file, or remove the reference to it.",
        ) from error
    order_manifest(staticfiles_storage)


def forget_times(root: str) -> None:
    """Remove the time that some tools (django-compressor) write to gzip files."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".gz") or os.path.islink(path):
                continue
            with open(path, "rb") as file:
                head = file.read(8)
            # Flag 2: the header has a checksum, so it stays unchanged.
            if len(head) == 8 and head[:2] == b"\x1f\x8b" and not head[3] & 2 and any(head[4:]):
                with open(path, "r+b") as file:
                    file.seek(4)
                    file.write(bytes(4))


def order_manifest(storage: Any) -> None:
    """Sort the storage's manifest. Its order is the order in which the disk listed the files."""
    name = getattr(storage, "manifest_name", "")
    place = getattr(storage, "manifest_storage", None)
    try:
        path = place.path(name) if place and name else ""
    except NotImplementedError:
        return
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file, sort_keys=True)


def configuration(facts: dict[str, Any]) -> None:
    """Add the configuration that the project declares with django_deploykit.conf, if any."""
    try:
        conf = importlib.import_module("django_deploykit.conf")
    except ImportError:
        return
    declared: Any = getattr(conf, "declared", tuple)()
    facts["required"] = [f"[{one.section}] {one.option}" for one in declared if one.required]
    facts["sample"] = conf.sample(declared) if declared else ""
    facts["configs"] = [one.app for one in getattr(conf, "configs", tuple)()]


def callable_of(dotted: str | None, name: str, settings: str) -> str:
    """Return the application in gunicorn's notation, such as ``shop.wsgi:application``.

    Return an empty string if there is none.
    """
    if dotted:
        module, _, attribute = dotted.rpartition(".")
        return f"{module}:{attribute}"
    base = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
    path = os.path.join(*base.split("."), name + ".py") if base else name + ".py"
    return f"{base}.{name}:application".lstrip(".") if os.path.exists(path) else ""


def place_of(error: BaseException) -> str:
    """Return the project's file and line that raised an error, as ``shop/settings.py:14``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename)}:{error.lineno}"
    here = os.getcwd() + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith(here)]
    return f"{os.path.relpath(mine[-1].filename)}:{mine[-1].lineno}" if mine else ""


if __name__ == "__main__":
    main(sys.argv[1])
