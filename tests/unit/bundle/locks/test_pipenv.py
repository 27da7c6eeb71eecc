"""``Pipfile.lock``, exported by Pipenv. With the real one: integration/test_bundle_lock_tools.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.pipenv import read
from django_deploykit.errors import BundleError

from .conftest import Uv

CORP, MORE = "https://${USER}:${PASS}@corp.example.com/simple", "https://more.example.com/simple"
LOCK = {
    "_meta": {"sources": [{"name": "corp", "url": CORP}, {"name": "more", "url": MORE}]},
    "default": {"django": {}},
    "develop": {"pytest": {}},
    "docs": {},
    "web": {"gunicorn": {}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pipfile.lock").write_text(json.dumps(LOCK))
    return tmp_path


def test_asks_for_packages_and_the_categories_that_are_wanted(tool: Uv, folder: Path) -> None:
    lock = read(folder, "Pipfile.lock", Wanted())
    assert tool.asked[0][-1] == "packages"
    assert lock.left_out == ("dev-packages", "web")
    assert lock.options == (f"--index-url {CORP}", f"--index more={MORE}")
    lock = read(folder, "Pipfile.lock", Wanted(groups=("web",)))
    assert tool.asked[1][-1] == "packages web"
    assert lock.left_out == ("dev-packages",)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted(extras=("pg",)), "has no extras"),
        (
            Wanted(groups=("wbe",)),
            "has no category 'wbe'; it has dev-packages, docs, packages, web",
        ),
    ],
)
def test_refuses_what_the_file_lacks(tool: Uv, folder: Path, wanted: Wanted, problem: str) -> None:
    with pytest.raises(BundleError, match=problem):
        read(folder, "Pipfile.lock", wanted)
    assert tool.asked == []


@pytest.mark.parametrize("text", ["{", "[]", '{"_meta": 3}', "[" * 100_000])
def test_refuses_another_file(tool: Uv, folder: Path, text: str) -> None:
    (folder / "Pipfile.lock").write_text(text)
    with pytest.raises(BundleError, match=r"Pipfile\.lock is not"):
        read(folder, "Pipfile.lock", Wanted())
    assert tool.asked == []
