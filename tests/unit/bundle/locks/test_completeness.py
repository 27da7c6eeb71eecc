"""Settings that use this package need it in the lock file."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.bundle.locks.completeness import deploykit_problem
from tests.wheels import write_tree


def lock(*lines: str) -> LockFile:
    return LockFile("r.txt", tuple(Requirement(one, (), "r.txt:1") for one in lines))


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"shop/settings.py": "\nINSTALLED_APPS = ['django_deploykit']\n"}, "shop/settings.py:2"),
        ({"shop/settings/__init__.py": "from .base import *\n"}, "shop/settings/base.py:1"),
        ({"shop/settings.py": "from shop.settings_base import A\n"}, "shop/settings_base.py:1"),
        ({"shop/settings.py": "from . import settings_base\n"}, "shop/settings_base.py:1"),
        ({"shop/settings.py": "if DEBUG:\n    import django_deploykit\n"}, ""),
        ({"shop/settings.py": "try:\n    import django_deploykit\nexcept ImportError: 0\n"}, ""),
        ({"shop/settings.py": "import (\n"}, ""),
        ({}, ""),
    ],
)
def test_finds_where_settings_always_use_it(
    files: dict[str, str], place: str, tmp_path: Path
) -> None:
    ours = "from django_deploykit.conf import Config\n"
    write_tree(tmp_path, {"shop/settings_base.py": ours, **files})
    if "shop/settings/__init__.py" in files:
        write_tree(tmp_path, {"shop/settings/base.py": ours})
    problem = deploykit_problem(lock("django==5.2"), tmp_path, "shop.settings")
    assert problem.partition(" uses ")[0] == place


@pytest.mark.parametrize(
    "line",
    [
        "Django_Deploykit==1",
        "./vendor/django_deploykit-0.1.0-py3-none-any.whl",
        "django-deploykit @ git+https://e.org/x@" + "a" * 40,
        "./libs/unknown",
        "https://e.org/x.whl",
    ],
)
def test_a_lock_file_that_has_it_or_may_have_it_is_good(line: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {"shop/settings.py": "import django_deploykit\n"})
    assert deploykit_problem(lock(line), tmp_path, "shop.settings") == ""
