"""Run by the locked environment's Python in the export: what the project says of itself, and collectstatic.

Usage: ``python ask_project.py ANSWER``; the answer is written there as JSON, output goes to the streams.
It depends on nothing but Django, and starts it once.
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
    """Something that the project must change: what, and how."""


def main(answer: str) -> None:
    """Ask the project, collect its static files, write the answer."""
    sys.path[0] = (
        os.getcwd()
    )  # in the place of this file's own folder, whose modules are no project's
    facts: dict[str, Any] = {"stage": "settings", "problem": "", "where": ""}
    try:
        collect(facts)
    except Refusal as error:
        facts["problem"], facts["hint"] = error.args
    except SystemExit as error:
        facts["problem"] = f"it ended itself with {error.code!r}"
    except BaseException as error:  # noqa: BLE001 - whatever the project raises is told
        facts["problem"] = f"{type(error).__name__}: {error}"
        facts["where"] = place_of(error)
        facts["trace"] = traceback.format_exc()
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(facts, file)


def collect(facts: dict[str, Any]) -> None:
    """Fill in the facts, stage by stage."""
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
        judge_root(facts["static_root"])
        collect_static()
        forget_times(facts["static_root"])
    facts["stage"] = "done"


def judge_root(root: str) -> None:
    """Refuse a STATIC_ROOT that is not a folder of its own in the project."""
    inside = os.path.relpath(root, os.getcwd())
    hint = "Set it to a folder of the project: STATIC_ROOT = BASE_DIR / 'staticfiles'."
    if inside == "." or inside.startswith(".."):
        where = "the project's folder itself" if inside == "." else f"{root}, outside the project"
        raise Refusal(f"STATIC_ROOT is {where}; a bundle holds what is in it", hint)


def collect_static() -> None:
    """Collect the static files; a file that names one that is not there is told by its own name."""
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
            "Add the file that is named there, or take its name out.",
        ) from error
    order_manifest(staticfiles_storage)


def forget_times(root: str) -> None:
    """Take the time out of gzip files, which some tools write as they run (django-compressor)."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".gz") or os.path.islink(path):
                continue
            with open(path, "rb") as file:
                head = file.read(8)
            # A header with a checksum of its own (flag 2) stays as it is.
            if len(head) == 8 and head[:2] == b"\x1f\x8b" and not head[3] & 2 and any(head[4:]):
                with open(path, "r+b") as file:
                    file.seek(4)
                    file.write(bytes(4))


def order_manifest(storage: Any) -> None:
    """Sort what the storage wrote about its files: Django lists them as the disk happened to."""
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
    """Ask django_deploykit.conf, where the project uses it, what it has to be told."""
    try:
        conf = importlib.import_module("django_deploykit.conf")
    except ImportError:
        return
    declared: Any = getattr(conf, "declared", tuple)()
    facts["required"] = [f"[{one.section}] {one.option}" for one in declared if one.required]
    facts["sample"] = conf.sample(declared) if declared else ""
    facts["configs"] = [one.app for one in getattr(conf, "configs", tuple)()]


def callable_of(dotted: str | None, name: str, settings: str) -> str:
    """Return the application as gunicorn takes it, ``shop.wsgi:application``, "" where there is none."""
    if dotted:
        module, _, attribute = dotted.rpartition(".")
        return f"{module}:{attribute}"
    base = settings.rpartition(".settings")[0] or settings.rpartition(".")[0]
    path = os.path.join(*base.split("."), name + ".py") if base else name + ".py"
    return f"{base}.{name}:application".lstrip(".") if os.path.exists(path) else ""


def place_of(error: BaseException) -> str:
    """Return the project's line that an error came from, ``shop/settings.py:14``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename)}:{error.lineno}"
    here = os.getcwd() + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename.startswith(here)]
    return f"{os.path.relpath(mine[-1].filename)}:{mine[-1].lineno}" if mine else ""


if __name__ == "__main__":
    main(sys.argv[1])
