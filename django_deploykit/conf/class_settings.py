"""Settings that are classes, with django-configurations: they need its importer."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from importlib.util import find_spec

from django_deploykit.conf.settings_module import CLASS_VARIABLE, MODULE_VARIABLE

OPTION = "--configuration"  # django-configurations adds it to every command


def install_importer() -> None:
    """Install the importer of django-configurations if a settings class is chosen.

    The project's manage.py and wsgi.py do this themselves. Do it before the settings are loaded.
    """
    chosen = _chosen(CLASS_VARIABLE, OPTION) and _chosen(MODULE_VARIABLE, "--settings")
    if chosen and find_spec("configurations") is not None:
        import_module("configurations.importer").install(check_options=True)


def class_hint(error: str) -> str:
    """Return what to do if an error's text says that no settings class is chosen, or "".

    >>> class_hint("Couldn't find configuration 'Live' in module 'shop'")[:38]
    'Name the class of production in deploy'
    """
    if not re.search(r"importer wasn't correctly installed|Couldn't find configuration '", error):
        return ""
    return (
        "Name the class of production in deploykit.ini, below [project]: configuration = Production. "
        f"manage.py and wsgi.py set {CLASS_VARIABLE} too."
    )


def _chosen(variable: str, option: str) -> bool:
    words = (word.partition("=")[0] for word in sys.argv)
    return bool(os.environ.get(variable)) or option in words
