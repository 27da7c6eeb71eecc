"""Finding, reading and validating lock files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle.export import export
from django_deploykit.bundle.locks import READERS, pylock, requirements, uv
from django_deploykit.bundle.locks.base import LockFile, Reader, Requirement, Wanted
from django_deploykit.bundle.locks.discovery import (
    Place,
    find_lock,
    locate_locks,
    missing_lock,
    read_lock,
    reader_of,
    validate_lock,
)
from django_deploykit.bundle.source import find_commit
from django_deploykit.errors import BundleError, Problems
from django_deploykit.project import Project
from tests.projects import commit as add_all
from tests.projects import start_repository
from tests.wheels import write_tree

HASH = "sha256:" + "b" * 64


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    return Project(tmp_path, "shop", tmp_path / "deploykit.ini")


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("uv.lock", uv.READER),
        ("sub/uv.lock", uv.READER),
        ("pylock.toml", pylock.READER),
        ("deps/pylock.production.toml", pylock.READER),
        ("requirements/prod.txt", requirements.READER),
        ("deps/anything", requirements.READER),
    ],
)
def test_each_name_has_a_reader(name: str, reader: Reader) -> None:
    assert reader_of(name) is reader


def find(project: Project, prefix: str, *files: str) -> str:
    return find_lock(project, prefix, lambda path: path in files)


def test_finds_the_first_known_name_in_the_nearest_folder(project: Project) -> None:
    assert find(project, "", "requirements.txt", "uv.lock", "sub/uv.lock") == "uv.lock"
    assert find(project, "a/b/", "uv.lock", "a/pylock.toml") == "a/pylock.toml"
    assert find(project, "a/b/", "uv.lock", "a/b/requirements.txt") == "a/b/requirements.txt"
    assert find(project, "a/b/", "c/uv.lock") == ""


def test_finds_only_the_file_that_deploykit_ini_names(project: Project) -> None:
    named = replace(project, lock="../deps/all.txt")
    assert find(named, "a/", "deps/all.txt", "a/uv.lock") == "deps/all.txt"
    assert find(named, "", "../deps/all.txt") == ""
    assert find(replace(project, lock="/etc/all.txt"), "", "/etc/all.txt") == ""


def test_a_missing_lock_file_has_the_command_that_creates_one(project: Project) -> None:
    error = missing_lock(project, ["pyproject.toml", "requirements.in"], "the commit")
    assert error.message.startswith("there is no lock file in the commit; looked for uv.lock, ")
    assert "--generate-hashes requirements.in -o requirements.txt, and commit" in error.hint
    assert error.hint.endswith(" Or let python -m django_deploykit init --lock do it.")
    error = missing_lock(replace(project, lock="all.txt"), [], "the commit")
    assert error.message == "the lock file all.txt is not in the commit"
    assert error.hint.startswith("Write what the project needs to requirements.in")


@pytest.mark.parametrize(
    ("pyproject", "source", "command"),
    [
        ("[tool.poetry]\n", "pyproject.toml", "poetry lock"),
        ("[tool.pdm]\n", "pyproject.toml", "pdm lock"),
        ("[project]\n", "pyproject.toml", "uv lock"),
        ("[project", "pyproject.toml", "uv lock"),
        ("", "Pipfile", "pipenv lock"),
    ],
)
def test_the_command_is_that_of_the_tool_that_the_project_uses(
    project: Project, pyproject: str, source: str, command: str
) -> None:
    (project.root / "pyproject.toml").write_text(pyproject)
    error = missing_lock(project, [source], "the commit")
    start = f"Lock the dependencies: {command}, and commit the result. Or let "
    assert error.hint.startswith(start)


def test_a_path_on_this_machine_has_a_way_that_leads_out(project: Project) -> None:
    (project.root / "r.txt").write_text("django-deploykit @ file:///home/ann/deploykit\n")
    with pytest.raises(Problems) as caught:
        validate_lock(read_lock(project.root, "r.txt"), allow_unhashed=False)
    assert "pip wheel --no-deps -w vendor PATH" in caught.value.hint


def test_exports_what_a_lock_file_names_beside_the_project(project: Project) -> None:
    top = project.root / "repository"
    write_tree(
        top,
        {
            "web/manage.py": "",
            "web/requirements.txt": "-r base.txt\n./x.whl\n",
            "web/base.txt": "-r ../deps/all.txt\n../libs/common\n",
            "deps/all.txt": "../libs/more\n../../../outside\n",
            "libs/common/a.py": "",
            "libs/more/b.py": "",
            "other/c.py": "",
        },
    )
    start_repository(top)
    commit, _ = find_commit(top / "web")
    exported = project.root / "export"
    export(commit, exported)
    assert locate_locks(project, commit, exported) == [Place(exported / "web", "requirements.txt")]
    assert sorted(path.name for path in exported.iterdir()) == ["deps", "libs", "web"]
    assert sorted(path.name for path in (exported / "libs").iterdir()) == ["common", "more"]


def test_refuses_what_is_not_locked_with_the_command(project: Project) -> None:
    (project.root / "prod.txt").write_text("a>=1\nb==1\n")
    with pytest.raises(Problems, match=r"prod\.txt is not a lock file") as caught:
        validate_lock(read_lock(project.root, "prod.txt"), allow_unhashed=False)
    assert len(caught.value.problems) == 2
    assert "--generate-hashes prod.in -o prod.txt" in caught.value.hint
    assert "allow_unhashed = yes" in caught.value.hint
    with pytest.raises(Problems) as caught:
        validate_lock(read_lock(project.root, "prod.txt"), allow_unhashed=True)
    assert "allow_unhashed" not in caught.value.hint  # it would not help


def test_requirements_that_no_file_was_made_from_become_that_file(project: Project) -> None:
    place = Place.of(project.root, "requirements.txt")
    assert "git mv requirements.txt requirements.in && uv pip compile" in place.hint
    assert place.hint.endswith("Or let python -m django_deploykit init --lock do it")
    assert "init --lock" not in Place.of(project.root, "deps/prod.txt").hint
    (project.root / "requirements.in").touch()
    assert place.hint == READERS["requirements.txt"].hint()


def test_requirements_of_a_project_that_uses_a_tool_are_replaced_by_its_lock_file(
    project: Project,
) -> None:
    place = Place.of(project.root, "requirements.txt")
    (project.root / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    assert "git mv requirements.txt" in place.hint  # many projects have only their name there
    (project.root / "Pipfile").touch()
    assert place.hint == (
        "Lock the dependencies: pipenv lock, and commit the result. "
        "Or let python -m django_deploykit init --lock do it"
    )


def test_exports_the_repository_for_a_lock_file_above_the_project(project: Project) -> None:
    top = project.root / "repository"
    (top / "site").mkdir(parents=True)
    (top / "site" / "manage.py").write_text("")
    (top / "requirements.txt").write_text("./parts/x\n")
    start_repository(top)
    commit, _ = find_commit(top / "site")
    exported = project.root / "export"
    export(commit, exported)
    assert not (exported / "requirements.txt").exists()
    assert locate_locks(project, commit, exported) == [Place(exported, "requirements.txt")]
    assert (exported / "requirements.txt").is_file()
    (exported / "site" / "uv.lock").write_text("")
    assert locate_locks(project, commit, exported) == [Place(exported / "site", "uv.lock")]
    (exported / "site" / "parts").mkdir()
    (exported / "site" / "parts" / "pylock.toml").write_text("")
    named = replace(project, lock="parts/pylock.toml")
    assert locate_locks(named, commit, exported) == [
        Place(exported / "site" / "parts", "pylock.toml")
    ]
    with pytest.raises(BundleError, match=r"the lock file x\.txt is not in the commit"):
        locate_locks(replace(project, lock="x.txt"), commit, exported)


@pytest.mark.parametrize("name", [one for one in READERS if "*" not in one])
def test_a_lock_file_that_git_ignores_is_named(name: str, project: Project) -> None:
    top = project.root / "repository"
    write_tree(top, {"web/manage.py": "", ".gitignore": f"# none\n{Path(name).name}\n"})
    start_repository(top)
    commit, _ = find_commit(top / "web")
    export(commit, project.root / "export")
    write_tree(top, {f"web/{name}": ""})
    with pytest.raises(BundleError) as caught:
        locate_locks(project, commit, project.root / "export")
    assert caught.value.message == (
        f"the lock file web/{name} is not in the commit: git ignores it (.gitignore:2)"
    )
    assert f"git add web/{name} && git commit" in caught.value.hint


def test_a_lock_file_that_the_commit_lacks_is_named(project: Project) -> None:
    top = project.root / "repository"
    write_tree(top, {"manage.py": ""})
    start_repository(top)
    commit, _ = find_commit(top)
    export(commit, project.root / "export")

    def error(one: Project) -> str:
        with pytest.raises(BundleError) as caught:
            locate_locks(one, commit, project.root / "export")
        return caught.value.message

    write_tree(top, {"Pipfile.lock": "", "deps/all.txt": ""})
    assert error(project).endswith("Pipfile.lock is not in the commit: git does not track it")
    named = replace(project, lock="deps/all.txt")
    assert error(named).endswith("deps/all.txt is not in the commit: git does not track it")
    add_all(top)
    later = f"Pipfile.lock is not in the commit: commit {commit.sha[:12]} does not have it"
    assert error(project).endswith(later)
    (top / "Pipfile.lock").unlink()
    write_tree(project.root / "export", {"pylock.toml": ""})
    write_tree(top, {"plugins.txt": ""})
    with_plugins = replace(project, plugins="plugins.txt")
    assert "plugins.txt is not in the commit: git does not track it" in error(with_plugins)


def test_the_hint_names_a_better_lock_file_that_git_ignores(project: Project) -> None:
    top = project.root / "repository"
    write_tree(top, {"manage.py": "", "requirements.txt": "a>=1\n", ".gitignore": "*.lock\n"})
    start_repository(top)
    commit, _ = find_commit(top)
    export(commit, project.root / "export")
    (place,) = locate_locks(project, commit, project.root / "export")
    assert "instead" not in place.hint
    write_tree(top, {"poetry.lock": ""})
    (place,) = locate_locks(project, commit, project.root / "export")
    assert place.name == "requirements.txt"
    assert "Or use poetry.lock instead; git ignores it (.gitignore:1). Remove the" in place.hint


def test_a_new_reader_needs_one_row(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of "How to add …": found by its name, read, and validated with its own hint."""

    def read(folder: Path, name: str, wanted: Wanted) -> LockFile:
        rows = [line.split() for line in (folder / name).read_text().splitlines()]
        found = [
            Requirement(f"{title}=={version}", (digest,), f"{name}:{number}")
            for number, (title, version, digest) in enumerate(rows, 1)
        ]
        return LockFile(name, tuple(found))

    made = Reader(read, command="made lock", name="made.lock", source="made.in")
    monkeypatch.setitem(READERS, "made.lock", made)
    hint = missing_lock(project, ["made.in"], "the commit").hint
    assert hint.startswith("Lock the dependencies: made lock, and commit the result.")
    (project.root / "made.lock").write_text(f"django 5.2 {HASH}\nother 1 sha256:short\n")
    name = find_lock(project, "", lambda path: (project.root / path).is_file())
    lock = read_lock(project.root, name)
    assert lock.requirements[0].line() == f"django==5.2 --hash={HASH}"
    with pytest.raises(
        Problems, match=r"made\.lock:2: other: 'sha256:short' is not a hash"
    ) as caught:
        validate_lock(lock, allow_unhashed=False)
    assert caught.value.hint == "Lock the dependencies: made lock"
