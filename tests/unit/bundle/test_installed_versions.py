"""Which differences between the lock file and the environment count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.installed_versions import validate_versions
from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.errors import DeployKitError
from tests.wheels import write_tree

APPS = ["shelves.apps.ShelvesConfig", "django.contrib.auth", "django_deploykit"]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install an app, a library, and our package, each in version 2.5.3."""
    for name, module in (
        ("django_shelves", "shelves"),
        ("certificates", "certificates"),
        ("django_deploykit", "django_deploykit"),
    ):
        files = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5.3\n",
            "top_level.txt": f"{module}\n",
        }
        write_tree(tmp_path / "site" / f"{name}-2.5.3.dist-info", files)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])


def different(*lines: str, path: str = "requirements.txt") -> str:
    """Return the error for a lock file with these lines, or an empty string."""
    lock = LockFile(path, tuple(Requirement(line, (), f"{path}:1") for line in lines))
    try:
        validate_versions(lock, APPS)
    except DeployKitError as error:
        return f"{error.message}. {error.hint}"
    return ""


@pytest.mark.parametrize(
    "line",
    [
        "django-shelves==2.5.3",
        "Django_Shelves==2.5.9",  # a patch release
        "django-shelves==2.5",
        "certificates==2026.1",  # the project does not name it
        "django-deploykit==1.0",
        "django-shelves @ git+https://example.org/shelves@" + "a" * 40,
        "./vendor/django_shelves-3.0-py3-none-any.whl",
        "django-nothing-like-it==1.0",  # not installed
    ],
)
def test_harmless_differences_do_not_count(line: str) -> None:
    assert different(line) == ""


@pytest.mark.parametrize("version", ["2.6.0", "3.0", "1!2.6", "2.4rc1"])
def test_another_series_of_an_app_counts(version: str) -> None:
    assert different(f"django-shelves=={version} ; python_version > '3'") == (
        f"requirements.txt has other versions than this environment: "
        f"django-shelves 2.5.3 instead of {version}. The checks ran with what is installed. "
        "Install what is locked: pip install -r requirements.txt."
    )


def test_a_distribution_may_be_locked_for_several_pythons() -> None:
    old, new = "django-shelves==2.5.1 ; x", "django-shelves==3.0 ; y"
    assert different(old, new) == ""
    assert "instead of 3.0 or 4.0" in different(new, "django-shelves==4.0 ; z", path="uv.lock")
