"""Reuse of collected static files: when an earlier answer holds, and when it is not kept."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle import build_cache, static_cache
from django_deploykit.bundle.build_cache import layer_folder
from django_deploykit.bundle.commands import ProjectAnswer
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.files import Exported
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.static_cache import (
    CollectedStatic,
    Question,
    changed_sources,
    keep,
    make_question,
    sources_of,
    watched,
)
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Layer

TARGET = TargetPython("3.11", "/usr/bin/python3", "3.11.7", "linux-x86_64")
STATIC = Layer("static", "static", "", "5" * 64, 10, 1)
FILES = {
    "manage.py": "",
    "shop/settings.py": "A = 1\n",
    "shop/views.py": "",
    "static/a.css": "a {}",
}

Traces = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a cache of this test, with a static layer in it, on a disk that updates access times."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    for end in (".zip", ".json", ".sum"):
        (layer_folder() / f"{STATIC.sha256}{end}").touch()
    if not static_cache._reading_shows(tmp_path):
        pytest.skip("the disk does not update access times")
    return tmp_path


def export(place: Path, name: str, **changed: str | None) -> Question:
    """Write an export and return its question; ``changed`` are texts by file name."""
    folder = place / name / "export"
    for path, text in FILES.items():
        key = path.rpartition("/")[2].partition(".")[0]
        value = changed.pop(key, text)
        if value is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(value)
    for path, added in changed.items():
        (folder / path).write_text(added or "")
    return question_of(folder)


def question_of(
    folder: Path, *build: str, ids: dict[str, str] | None = None, **options: tuple[str, ...]
) -> Question:
    environment = InstalledEnvironment(Path("/env"), (), "any", "", (), (), ())
    project = Project(
        folder,
        "shop",
        folder / "deploykit.ini",
        settings="shop.settings",
        build=build,
        **options,  # type: ignore[arg-type]
    )
    exported = Exported(folder.parent, folder, folder, frozenset(), None, ids or {})
    return make_question(project, environment, TARGET, exported)


def recall(question: Question) -> CollectedStatic | None:
    """Return the earlier answer if its sources are unchanged."""
    found = static_cache.recall(question)
    return found if found and not changed_sources(found) else None


def answer_of(question: Question, trace: Traces | None = None, **facts: Any) -> ProjectAnswer:
    """Return the answer of a project that read its settings and a style sheet."""
    (question.folder / "shop/settings.py").read_text()
    (question.folder / "static/a.css").read_text()
    root = str(question.folder.resolve() / "staticfiles")
    found = replace(ProjectFacts(static_root=root, wsgi="shop.wsgi"), **facts)
    return ProjectAnswer(found, ("debug.log",), tuple(trace or ()))


def asked(place: Path) -> Question:
    """Return a first export that was not asked yet, and is watched."""
    question = export(place, "first")
    assert recall(question) is None
    return watched(question)


def first(place: Path, trace: Traces | None = None, **facts: str) -> None:
    """Ask once, and cache the answer if that is possible."""
    question = asked(place)
    answer = answer_of(question, trace, **facts)
    keep(CollectedStatic(question, answer, sources=sources_of(question, answer)), [STATIC])


def test_reuses_the_answer_if_nothing_changed(place: Path) -> None:
    first(place)
    question = export(place, "second")
    found = recall(question)
    assert found is not None
    assert found.static == (STATIC,)
    assert found.answer.stray == ("debug.log",)
    assert found.answer.facts.wsgi == "shop.wsgi"
    assert found.answer.facts.static_root == str(question.folder.resolve() / "staticfiles")


def test_reuses_the_answer_if_only_unread_files_changed(place: Path) -> None:
    first(place)
    assert recall(export(place, "second", views="B = 2\n"))


@pytest.mark.parametrize("changed", ["settings", "a"])
def test_asks_again_if_a_read_file_changed(place: Path, changed: str) -> None:
    first(place)
    assert recall(export(place, "second", **{changed: "B = 2\n"})) is None


def test_asks_again_if_a_file_was_added_or_removed(place: Path) -> None:
    first(place)
    assert recall(export(place, "second", **{"shop/local.py": ""})) is None
    assert recall(export(place, "third", views=None)) is None


def test_asks_again_if_a_file_became_executable(place: Path) -> None:
    first(place)
    folder = export(place, "second").folder
    (folder / "manage.py").chmod(0o755)
    assert recall(question_of(folder)) is None


def test_records_a_file_that_another_process_read(place: Path) -> None:
    question = asked(place)
    answer = answer_of(question)
    subprocess.run(["cat", str(question.folder / "shop/views.py")], check=True)
    sources = sources_of(question, answer)
    assert sources is not None
    assert set(sources) == {"shop/settings.py", "shop/views.py", "static/a.css"}


def test_records_a_file_that_an_event_names(place: Path) -> None:
    question = asked(place)
    answer = answer_of(question, [("os.link", str(question.folder / "shop/views.py"))])
    sources = sources_of(question, answer)
    assert sources is not None
    assert "shop/views.py" in sources


def test_records_what_was_in_static_root_before(place: Path) -> None:
    question = asked(place)
    answer = answer_of(question, static_root=str(question.folder.resolve() / "shop"))
    sources = sources_of(question, answer)
    assert sources is not None
    assert "shop/views.py" in sources


def test_asks_again_if_a_file_outside_the_export_changed(place: Path) -> None:
    outside = place / "machine.ini"
    first(place, [("open", str(outside))])
    assert recall(export(place, "second"))
    outside.write_text("now it is there")
    assert recall(export(place, "third")) is None


@pytest.mark.parametrize(
    "event",
    [
        ("subprocess.Popen", "sass a.scss"),
        ("subprocess.Popen", "git log"),
        ("database", ""),
        ("child process", ""),
        ("open", "/proc/loadavg"),
        ("open", "/dev/urandom"),
        ("socket.connect", ""),
        ("os.fork", ""),
        ("os.listdir", "/srv/pictures"),
        ("sqlite3.connect", "/srv/shop.sqlite3"),
        ("open", "/etc"),
    ],
)
def test_does_not_cache_an_answer_that_depends_on_more_than_files(
    place: Path, event: tuple[str, str]
) -> None:
    first(place, [event])
    assert recall(export(place, "second")) is None


@pytest.mark.parametrize(
    "event",
    [
        ("subprocess.Popen", "git rev-parse HEAD"),
        ("subprocess.Popen", "ldconfig -p"),
        ("open", "/proc/stat"),
        ("open", "/dev/null"),
    ],
)
def test_accepts_what_common_packages_do(place: Path, event: tuple[str, str]) -> None:
    first(place, [event])
    assert recall(export(place, "second"))


def test_does_not_cache_the_answer_of_a_project_that_changes_its_files(place: Path) -> None:
    question = asked(place)
    answer = answer_of(question)
    (question.folder / "shop/views.py").write_text("VERSION = 3\n")
    assert sources_of(question, answer) is None
    (question.folder / "shop/views.py").unlink()
    assert sources_of(question, answer) is None


def test_does_not_cache_an_answer_without_a_trace(place: Path) -> None:
    question = asked(place)
    assert sources_of(question, replace(answer_of(question), trace=None)) is None


def test_does_not_cache_an_answer_that_contains_the_path_of_the_export(place: Path) -> None:
    first(place, sample=f"media = {place / 'first' / 'export'}/media")
    assert recall(export(place, "second")) is None


def test_does_not_cache_on_a_disk_without_access_times(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_cache, "_reading_shows", lambda _: False)
    first(place)
    assert recall(export(place, "second")) is None


def test_does_not_cache_the_answer_if_commands_read_more_than_their_inputs(place: Path) -> None:
    folder = export(place, "first").folder
    assert question_of(folder).key
    assert not question_of(folder, "npm run build").key
    assert question_of(folder, "npm run build", inputs=("assets",)).key
    assert not question_of(folder, after_collectstatic=("python manage.py compress",)).key


def test_asks_again_if_the_static_layer_is_missing(place: Path) -> None:
    first(place)
    (layer_folder() / f"{STATIC.sha256}.sum").unlink()
    assert recall(export(place, "second")) is None


@pytest.mark.parametrize("text", ["{", '{"facts": {"stage": 1}}'])
def test_asks_again_if_the_cached_text_is_damaged(place: Path, text: str) -> None:
    first(place)
    question = export(place, "second")
    build_cache.keep_text("collected-6", question.key, text)
    assert recall(question) is None


def test_keeps_the_answers_that_were_used_last(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_cache, "_MOST_TEXTS", 1)
    first(place)
    question = export(place, "second", **{"shop/local.py": ""})
    question = watched(question)
    answer = answer_of(question)
    keep(CollectedStatic(question, answer, sources=sources_of(question, answer)), [STATIC])
    assert recall(export(place, "third")) is None
    assert recall(export(place, "fourth", **{"shop/local.py": ""}))


def ids_of(folder: Path, **changed: str) -> dict[str, str]:
    """Return content ids of an export; ``changed`` has other ones, by the file's name."""
    return {path: f"100644:{changed.get(Path(path).stem, 'a')}:" for path in FILES}


def test_committed_files_are_compared_without_reading_them(place: Path) -> None:
    first_export = export(place, "first").folder
    question = watched(question_of(first_export, ids=ids_of(first_export)))
    answer = answer_of(question)
    sources = sources_of(question, answer)
    assert sources == {"shop/settings.py": "100644:a:", "static/a.css": "100644:a:"}
    keep(CollectedStatic(question, answer, sources=sources), [STATIC])
    empty = place / "second" / "export"  # nothing has been written
    assert recall(question_of(empty, ids=ids_of(empty)))
    assert recall(question_of(empty, ids=ids_of(empty, views="b")))
    assert recall(question_of(empty, ids=ids_of(empty, settings="b"))) is None
    assert recall(question_of(empty, ids={**ids_of(empty), "new.txt": "100644:a:"})) is None
    # Without ids, for example since a file has export-subst, the ids say nothing.
    assert recall(export(place, "third")) is None
