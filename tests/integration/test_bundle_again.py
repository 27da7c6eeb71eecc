"""Bundling again: collected static files are reused while nothing they depend on changes."""

import json
from pathlib import Path
from uuid import uuid4
from zipfile import ZipFile

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.integration.bundling import Shop, copy_shop
from tests.projects import commit, manage

REUSED = "settings and static files unchanged; reusing them"


def bundle(project: Path, *options: str, **env: str) -> Document:
    done = manage(
        project, "bundle", "--json", *options, **{"CI": "", **env}
    )  # nothing is reused under CI
    assert done.returncode == 0, done.stderr
    facts: Document = json.loads(done.stdout)
    return facts


def change(project: Path, name: str, text: str) -> None:
    with (project / name).open("a", encoding="utf-8") as file:
        file.write(text)
    commit(project, f"Change {name}", "2026-11-23T05:00:00Z")


def reused(facts: Document) -> bool:
    return any(REUSED in note for note in facts["notes"])


@pytest.fixture
def shop(built_shop: Shop, tmp_path: Path) -> Path:
    """Return a copy of the shop with a file name of its own, since tests share a cache."""
    project = copy_shop(built_shop, tmp_path)
    (project / f"{tmp_path.name}-{uuid4().hex}.txt").write_text("mine")
    commit(project)
    return project


def test_reuses_static_files_if_only_a_view_changed(shop: Path, tmp_path: Path) -> None:
    bundle(shop)
    change(shop, "shop/views.py", "\n# Neither settings nor static files depend on it.\n")
    again = bundle(shop)
    assert reused(again)
    fresh = bundle(shop, DEPLOYKIT_BUILD_CACHE=str(tmp_path / "fresh"))
    assert not reused(fresh)
    assert again["sha256"] == fresh["sha256"]


def test_collects_again_under_ci_and_with_fresh(shop: Path) -> None:
    first = bundle(shop)
    assert not reused(bundle(shop, CI="true"))
    done = manage(shop, "bundle", "--json", "--fresh", CI="")
    facts = json.loads(done.stdout)
    assert not reused(facts)
    assert facts["sha256"] == first["sha256"]
    assert reused(bundle(shop))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop/models.py", "\n# Models are loaded to collect.\n"),
        ("shop/settings.py", "\nSTATIC_URL = 'files/'\n"),
        ("shop/static/shop/new.css", "p { color: red }\n"),
    ],
)
def test_collects_again_if_the_result_could_differ(shop: Path, name: str, text: str) -> None:
    bundle(shop)
    (shop / name).parent.mkdir(parents=True, exist_ok=True)
    change(shop, name, text)
    facts = bundle(shop)
    assert not reused(facts)
    assert reused(bundle(shop))
    if name.endswith(".css"):
        digest = next(row["sha256"] for row in facts["layers"] if row["kind"] == "static")
        with ZipFile(facts["path"]) as archive:
            paths = [row[0] for row in json.loads(archive.read(f"layers/{digest}.json"))]
        assert any(path.startswith("app/staticfiles/shop/new.") for path in paths), paths


def test_a_project_with_many_files_gives_the_same_bytes_as_from_nothing(
    shop: Path, tmp_path: Path
) -> None:
    folder = shop / "shop" / "static" / "many"
    folder.mkdir(parents=True)
    for number in range(1100):
        (folder / f"{number}.css").write_text(f"a {{ margin: {number}px }}")
    change(shop, "shop/views.py", "\n# Many files.\n")
    first = bundle(shop)
    change(shop, "shop/views.py", "\n# Another line.\n")
    again = bundle(shop)
    assert reused(again)
    before, after = ({row["sha256"] for row in one["layers"]} for one in (first, again))
    assert len(after - before) == 1
    change(shop, "shop/static/many/7.css", "b { color: red }")
    static = bundle(shop)
    for facts, rev in ((static, "HEAD"), (again, "HEAD~1")):
        name = "DEPLOYKIT_BUILD_CACHE"
        fresh = bundle(shop, "--rev", rev, **{name: str(tmp_path / rev)})
        assert fresh["sha256"] == facts["sha256"]
