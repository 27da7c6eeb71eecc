"""Build commands with inputs: what they see, when their result is reused, and what a result has."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle import build_results
from django_deploykit.bundle.build_cache import cache_folder
from django_deploykit.bundle.build_results import is_sound, pack_result, read_tree, restore
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.files import Exported, all_files
from django_deploykit.errors import BundleError, Problems
from django_deploykit.progress import Quiet
from django_deploykit.project import Project
from tests.wheels import write_tree

TARGET = TargetPython("3.11", "/usr/bin/python3", "3.11.7", "linux-x86_64")
FILES = {
    "web/src/a.txt": "a",
    "web/src/b.txt": "b",
    "web/templates/x.html": "x",
    "web/static/old.txt": "old",
    "frontend/c.txt": "c",
}
BUILD = "cat src/* >static/all.txt; echo run >>$HOME/runs"


class Noted(Quiet):
    """A progress display that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs commands in a new export with changed files; it returns notes."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    environment = InstalledEnvironment(tmp_path / "env", (), "any", "", (), (), ())
    numbers = iter(range(99))

    def work(
        build: str = BUILD,
        inputs: tuple[str, ...] = ("src",),
        fresh: bool = False,
        target: TargetPython = TARGET,
        **changed: str,
    ) -> list[str]:
        place = tmp_path / str(next(numbers))
        top = write_tree(place / "export", {**FILES, **changed})
        folder = top / "web"
        last = tmp_path / "last"
        last.unlink(missing_ok=True)
        last.symlink_to(folder)
        project = Project(folder, "shop", folder / "deploykit.ini", build=(build,), inputs=inputs)
        exported = Exported(place, top, folder, frozenset(all_files(folder)))
        progress = Noted()
        build_results.run_builds(project, environment, target, exported, progress, fresh=fresh)
        return progress.notes

    return work


def runs(place: Path) -> int:
    """Return how often the command has run."""
    return (place / "runs").read_text().count("run")


def result(place: Path, name: str = "static/all.txt") -> str:
    return (place / "last" / name).read_text()


def test_reuses_the_result_while_no_input_changed(run: Run, tmp_path: Path) -> None:
    assert run() == []
    assert result(tmp_path) == "ab"
    notes = run(**{"web/templates/x.html": "y"})
    assert notes == ["the inputs of the build commands are unchanged; reusing their result"]
    assert (result(tmp_path), result(tmp_path, "templates/x.html")) == ("ab", "y")
    assert runs(tmp_path) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"web/src/a.txt": "A"},
        {"web/src/c.txt": "c"},
        {"build": f"{BUILD} "},
        {"inputs": ("src", "templates")},
        {"target": replace(TARGET, full="3.11.8")},
    ],
)
def test_runs_again_if_anything_that_it_depends_on_changed(
    change: dict[str, str], run: Run, tmp_path: Path
) -> None:
    run()
    run(**change)
    assert runs(tmp_path) == 2


def test_runs_again_if_a_program_or_a_variable_changed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = write_tree(tmp_path / "tools", {"front": "#!/usr/bin/env sh\necho run >>$HOME/runs\n"})
    (tools / "front").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    run(build="front")
    run(build="front")
    assert runs(tmp_path) == 1
    (tools / "front").write_text("#!/usr/bin/env sh\necho run >>$HOME/runs  # newer\n")
    run(build="front")
    assert runs(tmp_path) == 2
    monkeypatch.setenv("NODE_OPTIONS", "--x")
    run(build="front")
    assert runs(tmp_path) == 3


def test_nothing_is_reused_with_fresh_or_under_ci(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    assert run(fresh=True) == []
    monkeypatch.setenv("CI", "true")
    assert run() == []
    assert runs(tmp_path) == 3


def test_a_new_result_that_differs_from_the_kept_one_is_reported(run: Run, tmp_path: Path) -> None:
    build = (
        "cat $HOME/outside >static/all.txt; mkdir -p node_modules; cp $HOME/outside node_modules"
    )
    (tmp_path / "outside").write_text("1")
    run(build=build)
    (tmp_path / "outside").write_text("2")
    assert run(build=build, fresh=True) == [
        "the same inputs gave other files than before: web/static/all.txt"
    ]
    assert run(build=build)  # reuses the newer one
    assert result(tmp_path) == "2"


def test_a_command_sees_only_its_inputs(run: Run) -> None:
    with pytest.raises(BundleError, match="cat templates") as caught:
        run(build="cat templates/x.html src/none.txt")
    assert "only the files that inputs in [bundle]" in caught.value.hint
    with pytest.raises(BundleError):
        run(build="cat templates/*")


def test_without_inputs_a_command_sees_the_export_and_nothing_is_kept(
    run: Run, tmp_path: Path
) -> None:
    build = "cat templates/* >static/all.txt; echo run >>$HOME/runs"
    run(build=build, inputs=())
    run(build=build, inputs=())
    assert (runs(tmp_path), result(tmp_path)) == (2, "x")


def test_reports_patterns_without_files(run: Run) -> None:
    with pytest.raises(Problems, match="srcs"):
        run(inputs=("srcs/**",))


def test_a_result_has_files_modes_links_folders_and_what_is_gone(run: Run, tmp_path: Path) -> None:
    build = (
        "rm src/b.txt; mkdir -p static/empty ../frontend/dist; echo x >static/tool; "
        "chmod 755 static/tool; ln -s tool static/link; ln -s $PWD/src/a.txt ../frontend/dist/abs; "
        "printf 'n' >\"static/$(printf '\\303\\244\\377')\"; echo c >../frontend/dist/c.js"
    )
    for _ in range(2):
        run(build=build)
        folder = (tmp_path / "last").resolve()
        assert not (folder / "src/b.txt").exists()
        assert (folder / "static/empty").is_dir()
        assert (folder / "static/tool").stat().st_mode & 0o777 == 0o755
        assert not (folder / "static/link").is_symlink()  # links of the project become files
        assert (folder / "static/link").read_text() == "x\n"
        assert os.path.exists(os.fsencode(folder) + b"/static/\xc3\xa4\xff")
        assert (folder.parent / "frontend/dist/c.js").read_text() == "c\n"
        assert (folder.parent / "frontend/dist/abs").resolve() == folder / "src/a.txt"
        assert (folder / "static/old.txt").read_text() == "old"


def test_a_result_replaces_a_committed_file(run: Run, tmp_path: Path) -> None:
    run(build="echo new >static/old.txt")
    assert result(tmp_path, "static/old.txt") == "new\n"


def test_a_damaged_result_is_made_again(run: Run, tmp_path: Path) -> None:
    run()
    (kept,) = (cache_folder() / "builds").iterdir()
    data = kept.read_bytes()
    kept.write_bytes(data.replace(b"ab", b"ax", 1))
    assert not is_sound(kept)
    assert run() == []
    kept.write_bytes(data[:40])
    assert run() == []
    assert (runs(tmp_path), result(tmp_path)) == (3, "ab")


def test_equal_results_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        top = write_tree(tmp_path / name, {"a/x.txt": "x", "y.txt": "y"})
        os.utime(top / "y.txt", (len(name) * 1e6, 1e6 + len(tmp_path.name) + ord(name[0])))
        pack_result(top, {}, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    restore(tmp_path / "one.zip", tmp_path / "restored")
    assert read_tree(tmp_path / "restored") == read_tree(tmp_path / "one")
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist()[1:] == ["a/x.txt", "y.txt"]
