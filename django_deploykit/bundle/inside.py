"""Run by the locked environment's Python in the export: what the project says of itself, and collectstatic.

Usage: ``python inside.py ANSWER``; the answer is written there as JSON, output goes to the streams.
It depends on nothing but Django, and starts it once.
"""

import importlib
import io
import json
import os
import sys
import traceback
from typing import Any


def main(answer: str) -> None:
    """Ask the project, collect its static files, write the answer."""
    sys.path.insert(0, os.getcwd())
    facts: dict[str, Any] = {"stage": "settings", "problem": "", "where": ""}
    try:
        collect(facts)
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
    )
    configuration(facts)
    if facts["staticfiles"] and facts["static_root"]:
        facts["stage"] = "collectstatic"
        if os.path.commonpath([facts["static_root"], os.getcwd()]) != os.getcwd():
            raise RuntimeError(f"STATIC_ROOT is {facts['static_root']}, outside the project")
        from django.core.management import call_command

        out = io.StringIO()
        call_command("collectstatic", interactive=False, verbosity=1, stdout=out, clear=False)
        facts["collected"] = out.getvalue().strip().splitlines()[-1:]
    facts["stage"] = "done"


def configuration(facts: dict[str, Any]) -> None:
    """Ask django_deploykit.conf, where the project uses it, what it has to be told."""
    try:
        conf = importlib.import_module("django_deploykit.conf")
    except ImportError:
        return
    declared: Any = getattr(conf, "declared", tuple)()
    facts["required"] = [f"[{one.section}] {one.option}" for one in declared if one.required]
    facts["sample"] = conf.sample(declared) if declared else ""


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
