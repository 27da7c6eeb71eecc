"""The layers of the project's own files: which files, in which groups, and which are packed again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle import groups
from django_deploykit.bundle import own_layers as module
from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.commands import ProjectAnswer
from django_deploykit.bundle.content_ids import content_ids
from django_deploykit.bundle.environment import find_target
from django_deploykit.bundle.export import complete, export_without_assets
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.own_layers import own_layers, static_folder, validate_paths
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.source import find_commit
from django_deploykit.bundle.static_cache import CollectedStatic, Question
from django_deploykit.errors import Problems
from django_deploykit.runtime.bundle.manifest import Layer
from tests.projects import commit, run
from tests.wheels import write_tree


def facts_of(folder: Path) -> ProjectFacts:
    return ProjectFacts(static_root=str(folder.resolve() / "staticfiles"), staticfiles=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "export"
    for name in ("manage.py", "debug.log", "staticfiles/a.css"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    return folder


def collected(folder: Path) -> CollectedStatic:
    answer = ProjectAnswer(facts_of(folder), ("debug.log",))
    return CollectedStatic(Question(folder.parent, folder, {}, ""), answer)


def exported(folder: Path, *committed: str) -> Exported:
    return Exported(folder.parent, folder.parent, folder, frozenset(committed))


def test_the_app_and_its_static_files_are_two_layers_without_stray_files(folder: Path) -> None:
    (app, static), _ = own_layers(collected(folder), exported(folder), find_target("", ""))
    assert (app.kind, app.files) == ("app", 2)  # manage.py and its bytecode
    assert (static.kind, static.files) == ("static", 1)


def test_a_reused_static_layer_is_not_packed_again(folder: Path) -> None:
    layer = Layer("static", "static", "", "5" * 64, 10, 1)
    known = replace(collected(folder), reused=True, static=(layer,))
    (folder / "staticfiles" / "a.css").unlink()
    assert own_layers(known, exported(folder), find_target("", ""))[0][1:] == [layer]


def test_refuses_names_and_links_that_a_release_cannot_contain(tmp_path: Path) -> None:
    top = tmp_path / "export"
    top.mkdir()
    (top / "good.txt").write_text("")
    (top / "link.txt").symlink_to("good.txt")
    (top / "out.txt").symlink_to("/etc/passwd")
    (top / "back\\slash").write_text("")
    os.mkfifo(top / "pipe")
    validate_paths(["good.txt", "link.txt"], top)
    with pytest.raises(Problems) as caught:
        validate_paths(["good.txt", "out.txt", "back\\slash", "pipe"], top)
    assert [text.partition(":")[0] for text in caught.value.problems] == [
        "'out.txt'",
        "'back\\\\slash'",
        "'pipe'",
    ]


def test_static_folder_is_relative_and_empty_without_static_files(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    assert static_folder(facts, tmp_path) == "staticfiles"
    assert static_folder(replace(facts, staticfiles=False), tmp_path) == ""
    assert static_folder(replace(facts, static_root=""), tmp_path) == ""


class Repository:
    """A repository that is bundled again and again, with groups of at most four files."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(place / "cache"))
        monkeypatch.setattr(groups, "_MOST", 4)
        self.place, self.top, self.count = place, place / "top", 0
        self.packed: list[str] = []

        def recorded(trees: list[Tree], python: str) -> list[Layer]:
            self.packed = [tree.name for tree in trees if tree.name != "runtime"]
            return pack_all(trees, python)

        monkeypatch.setattr(module, "pack_all", recorded)
        files = {f"site/static/{number}.css": f"{number}" for number in range(9)}
        write_tree(self.top, {"site/manage.py": "", "site/views.py": "A = 1", **files})
        run("git", "init", "-q", cwd=self.top)

    def build(self, *, unchanged: bool = True) -> tuple[list[Layer], Exported]:
        """Return the layers of the files as they are now, and their export."""
        commit(self.top)
        found, _ = find_commit(self.top / "site")
        self.count += 1
        top = self.place / str(self.count)
        export_without_assets(found, top)
        ids = content_ids(found)
        exported = Exported(self.place, top, top / "site", frozenset(ids), found, ids)
        answer = ProjectAnswer(replace(facts_of(exported.folder), staticfiles=False), ())
        question = Question(self.place, exported.folder, {}, "")
        if not unchanged:
            complete(exported)
        known = CollectedStatic(question, answer, unchanged, sources={} if unchanged else None)
        return own_layers(known, exported, find_target("", ""))[0], exported


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(tmp_path, monkeypatch)


def test_packs_and_writes_only_the_groups_that_changed(repository: Repository) -> None:
    before, _ = repository.build()
    assert {layer.kind for layer in before} == {"app"}
    assert sum(layer.files for layer in before) == 13  # with bytecode
    (repository.top / "site/views.py").write_text("A = 2")
    after, exported = repository.build()
    assert repository.packed == ["app"]
    assert not (exported.folder / "static").exists()
    assert len(set(after) - set(before)) == 1
    (repository.top / "site/static/3.css").write_text("new")
    last, exported = repository.build()
    assert len(set(last) - set(after)) == len(repository.packed) == 1
    assert 0 < len(list((exported.folder / "static").iterdir())) < 9


def test_the_layers_are_those_of_a_build_from_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.build()
    (repository.top / "site/static/3.css").write_text("new")
    known, _ = repository.build()
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(repository.place / "other"))
    fresh, _ = repository.build(unchanged=False)
    assert sorted(known, key=str) == sorted(fresh, key=str)


def test_files_that_the_project_may_have_changed_are_packed_again(repository: Repository) -> None:
    groups = len(repository.build()[0])
    repository.build(unchanged=False)
    assert len(repository.packed) == groups


def test_a_group_whose_layer_is_missing_is_packed_again(repository: Repository) -> None:
    layers, _ = repository.build()
    gone = next(layer for layer in layers if "static" in layer.name)
    layer_paths(gone.sha256)[0].unlink()
    assert sorted(repository.build()[0], key=str) == sorted(layers, key=str)
    assert repository.packed == [gone.name]


def test_changed_attributes_are_changed_files(repository: Repository) -> None:
    before, _ = repository.build()
    (repository.top / ".gitattributes").write_text("*.css text eol=crlf\n")
    (repository.top / "site/static/3.css").write_text("a\nb\n")
    repository.build()
    assert len(repository.packed) == len(before)
