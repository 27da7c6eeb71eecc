"""The importer of django-configurations, here a module that records the call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.conf.class_settings import class_hint

IMPORTER = "def install(check_options):\n    print('installed', check_options)\n"
BOTH = {"DJANGO_SETTINGS_MODULE": "shop.settings", "DJANGO_CONFIGURATION": "Production"}
CODE = "from django_deploykit.conf.class_settings import install_importer; install_importer()"


def install(folder: Path, *words: str, **env: str) -> str:
    """Return what the importer prints."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("words", "env", "installed"),
    [
        ((), BOTH, True),
        ((), {"DJANGO_SETTINGS_MODULE": "shop.settings"}, False),
        ((), {"DJANGO_CONFIGURATION": "Production"}, False),
        (("--settings", "shop.settings"), {"DJANGO_CONFIGURATION": "Production"}, True),
        (("--configuration=Live",), {"DJANGO_SETTINGS_MODULE": "shop.settings"}, True),
    ],
)
def test_it_is_installed_if_a_module_and_a_class_are_chosen(
    words: tuple[str, ...], env: dict[str, str], installed: bool, tmp_path: Path
) -> None:
    (tmp_path / "configurations").mkdir()
    (tmp_path / "configurations" / "__init__.py").touch()
    (tmp_path / "configurations" / "importer.py").write_text(IMPORTER)
    assert install(tmp_path, *words, **env) == ("installed True\n" if installed else "")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("django-configurations settings importer wasn't correctly installed.", True),
        ("Couldn't find configuration 'Live' in module 'shop'", True),
        ("ImproperlyConfigured: The SECRET_KEY setting must not be empty.", False),
    ],
)
def test_an_unchosen_class_has_a_hint(text: str, known: bool) -> None:
    assert ("configuration = Production" in class_hint(text)) == known
