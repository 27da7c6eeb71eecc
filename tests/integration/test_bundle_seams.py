"""New lock readers, formats and stores: one row in a table, and ``bundle`` uses it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from django_deploykit.bundle.build import BuildRequest, build
from django_deploykit.bundle.locks import READERS, requirements
from django_deploykit.bundle.locks.base import LockFile, Reader, Wanted
from django_deploykit.bundle.stores import STORES
from django_deploykit.bundle.stores.base import Store
from django_deploykit.progress import Quiet
from django_deploykit.project import load_project
from django_deploykit.project.formats import FORMATS
from django_deploykit.runtime.base.documents import Document
from tests.integration.bundling import Shop, copy_shop
from tests.projects import commit


@pytest.fixture
def shop(built_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the shop, in the current folder."""
    project = copy_shop(built_shop, tmp_path)
    monkeypatch.chdir(project)
    return project


def bundle(*argv: str) -> Document:
    out = io.StringIO()
    call_command("bundle", "--json", *argv, stdout=out)
    facts: Document = json.loads(out.getvalue())
    return facts


def test_a_made_up_lock_file(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
        text = (folder / name).read_text().removeprefix("MADE 1\n")
        rows = requirements.parse_requirements(text, name).requirements
        return LockFile(name, tuple(rows))

    monkeypatch.setitem(READERS, "made.lock", Reader(read, "made lock", "made.lock"))
    text = (shop / "requirements.txt").read_text()
    (shop / "requirements.txt").unlink()
    (shop / "made.lock").write_text(f"MADE 1\n{text}")
    commit(shop)
    facts = bundle()
    assert "gunicorn" in [layer["name"] for layer in facts["layers"]]


def test_a_made_up_format_beside_the_usual_one(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "text", "tests.unit.bundle.formats.text")
    with (shop / "deploykit.ini").open("a") as ini:
        ini.write("\n[format:text]\ngreeting = Good day\n")
    commit(shop)
    facts = bundle("--format", "text", "--format", "pyz")
    path, usual = (Path(one["path"]) for one in facts["files"])
    assert path.name == f"shop-{facts['release_id']}.txt"
    assert path.read_text().startswith("Good day\n{")
    assert (usual.parent, usual.suffix) == (path.parent, ".pyz")
    assert facts["path"] == str(path)


def test_a_made_up_store(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Path] = []
    made = Store(
        path=lambda _, name: tmp_path / "made" / name,
        add=lambda _, path: added.append(path),
        find=lambda *_: None,
        bundles=lambda _: added,
    )
    monkeypatch.setitem(STORES, "made", made)
    built = build(BuildRequest(load_project(shop), store="made"), Quiet())
    assert added == [built.path]
    assert built.path.parent == tmp_path / "made"
    assert built.path.is_file()
    assert not (shop / ".deploykit" / "bundles").exists()


def test_call_command_writes_to_the_given_stream_and_ends_with_the_exit_code(
    shop: Path, tmp_path: Path
) -> None:
    facts = bundle("--output", f"{tmp_path}/out/")
    assert Path(facts["path"]).parent == tmp_path / "out"
    (shop / "manage.py").write_text("# changed")
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("bundle", stdout=out, stderr=err)
    assert caught.value.code == 1
    assert "the working copy differs from the last commit" in err.getvalue()
