import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle import build_cache, static_cache
from django_deploykit.bundle.commands import Answer
from django_deploykit.bundle.environment import Environment, Target
from django_deploykit.bundle.layers import layer_folder
from django_deploykit.bundle.project_side import ask_project_traced
from django_deploykit.bundle.static_cache import (
    Question,
    make_question,
    recall,
    remember,
    sources_of,
)
from django_deploykit.project import Project
from django_deploykit.runtime.bundle.manifest import Layer

TARGET = Target("3.11", "/usr/bin/python3", "3.11.7", "linux-x86_64")
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
    """Use a cache of this test alone, with a static layer in it, on a disk that notes reading."""
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    for end in (".zip", ".json", ".sum"):
        (layer_folder() / f"{STATIC.sha256}{end}").touch()
    if not static_cache._reading_shows(tmp_path):
        pytest.skip("the disk does not note when a file is read")
    return tmp_path


def export(place: Path, name: str, **changed: str | None) -> Question:
    """Write an export and return what is asked of it; ``changed`` has texts by name of the file."""
    folder = place / name / "export"
    for path, text in FILES.items():
        key = path.rpartition("/")[2].partition(".")[0]
        value = changed.pop(key, text)
        if value is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(value)
    for path, added in changed.items():
        (folder / path).write_text(added or "")
    return ask(folder)


def ask(folder: Path, *build: str) -> Question:
    environment = Environment(Path("/env"), (), "any", "", (), (), ())
    project = Project(
        folder, "shop", folder / "deploykit.ini", settings="shop.settings", build=build
    )
    return make_question(project, environment, TARGET, folder)


def answer_of(question: Question, trace: Traces | None = None, **facts: str) -> Answer:
    """Return what the project said, having read its settings and a style sheet."""
    (question.folder / "shop/settings.py").read_text()
    (question.folder / "static/a.css").read_text()
    root = {"static_root": str(question.folder.resolve() / "staticfiles")}
    return Answer({**root, "wsgi": "shop.wsgi", **facts}, ("debug.log",), tuple(trace or ()))


def first(place: Path, trace: Traces | None = None, **facts: str) -> None:
    """Ask once, and keep the answer where it can be kept."""
    question = export(place, "first")
    assert recall(question) is None
    answer = answer_of(question, trace, **facts)
    remember(question, answer, sources_of(question, answer), STATIC)


def test_gives_the_answer_of_before_where_nothing_changed(place: Path) -> None:
    first(place)
    question = export(place, "second")
    found = recall(question)
    assert found is not None
    assert found.static == STATIC
    assert found.answer.stray == ("debug.log",)
    assert found.answer.facts["wsgi"] == "shop.wsgi"
    assert found.answer.facts["static_root"] == str(question.folder.resolve() / "staticfiles")


def test_gives_the_answer_of_before_where_only_unread_files_changed(place: Path) -> None:
    first(place)
    assert recall(export(place, "second", views="B = 2\n"))


@pytest.mark.parametrize("changed", ["settings", "a"])
def test_asks_again_where_a_read_file_changed(place: Path, changed: str) -> None:
    first(place)
    assert recall(export(place, "second", **{changed: "B = 2\n"})) is None


def test_asks_again_where_a_file_came_or_went(place: Path) -> None:
    first(place)
    assert recall(export(place, "second", **{"shop/local.py": ""})) is None
    assert recall(export(place, "third", views=None)) is None


def test_asks_again_where_a_file_became_executable(place: Path) -> None:
    first(place)
    folder = export(place, "second").folder
    (folder / "manage.py").chmod(0o755)
    assert recall(ask(folder)) is None


def test_counts_a_file_that_another_process_read(place: Path) -> None:
    question = export(place, "first")
    assert recall(question) is None
    answer = answer_of(question)
    subprocess.run(["cat", str(question.folder / "shop/views.py")], check=True)
    sources = sources_of(question, answer)
    assert sources is not None
    assert sources.reads == {"shop/settings.py", "shop/views.py", "static/a.css"}


def test_counts_a_file_that_an_event_names(place: Path) -> None:
    question = export(place, "first")
    assert recall(question) is None
    answer = answer_of(question, [("os.link", str(question.folder / "shop/views.py"))])
    sources = sources_of(question, answer)
    assert sources is not None
    assert "shop/views.py" in sources.reads


def test_counts_what_lay_in_the_folder_of_static_files(place: Path) -> None:
    question = export(place, "first")
    assert recall(question) is None
    answer = answer_of(question, static_root=str(question.folder.resolve() / "shop"))
    sources = sources_of(question, answer)
    assert sources is not None
    assert "shop/views.py" in sources.reads


def test_asks_again_where_a_file_elsewhere_changed(place: Path) -> None:
    outside = place / "machine.ini"
    first(place, [("open", str(outside))])
    assert recall(export(place, "second"))
    outside.write_text("now it is there")
    assert recall(export(place, "third")) is None


@pytest.mark.parametrize(
    "event",
    [
        ("subprocess.Popen", "/usr/bin/sass"),
        ("socket.connect", ""),
        ("os.fork", ""),
        ("os.listdir", "/srv/pictures"),
        ("sqlite3.connect", "/srv/shop.sqlite3"),
        ("open", "/etc"),
    ],
)
def test_keeps_no_answer_that_came_from_more_than_files(
    place: Path, event: tuple[str, str]
) -> None:
    first(place, [event])
    assert recall(export(place, "second")) is None


@pytest.mark.parametrize(
    "event",
    [("subprocess.Popen", "git"), ("subprocess.Popen", "/sbin/ldconfig"), ("open", "/proc/stat")],
)
def test_lets_the_project_look_at_the_machine(place: Path, event: tuple[str, str]) -> None:
    first(place, [event])
    assert recall(export(place, "second"))


def test_keeps_no_answer_whose_project_rewrote_its_files(place: Path) -> None:
    question = export(place, "first")
    assert recall(question) is None
    answer = answer_of(question)
    (question.folder / "shop/views.py").write_text("VERSION = 3\n")
    assert sources_of(question, answer) is None
    (question.folder / "shop/views.py").unlink()
    assert sources_of(question, answer) is None


def test_keeps_no_answer_that_nobody_watched(place: Path) -> None:
    question = export(place, "first")
    assert recall(question) is None
    assert sources_of(question, replace(answer_of(question), trace=None)) is None


def test_keeps_no_answer_that_names_the_export(place: Path) -> None:
    first(place, sample=f"media = {place / 'first' / 'export'}/media")
    assert recall(export(place, "second")) is None


def test_keeps_no_answer_on_a_disk_that_does_not_note_reading(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_cache, "_reading_shows", lambda _: False)
    first(place)
    assert recall(export(place, "second")) is None


def test_keeps_no_answer_of_a_project_that_builds(place: Path) -> None:
    folder = export(place, "first").folder
    assert ask(folder).key
    assert not ask(folder, "npm run build").key


def test_asks_again_where_the_static_layer_is_gone(place: Path) -> None:
    first(place)
    (layer_folder() / f"{STATIC.sha256}.sum").unlink()
    assert recall(export(place, "second")) is None


def test_asks_again_where_the_record_is_damaged(place: Path) -> None:
    first(place)
    question = export(place, "second")
    build_cache.keep("collected", question.key, "{")
    assert recall(question) is None


def test_keeps_the_answers_that_were_used_last(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_cache, "_KEPT", 1)
    first(place)
    question = export(place, "second", **{"shop/local.py": ""})
    assert recall(question) is None
    answer = answer_of(question)
    remember(question, answer, sources_of(question, answer), STATIC)
    assert recall(export(place, "third")) is None
    assert recall(export(place, "fourth", **{"shop/local.py": ""}))


def test_a_trace_names_what_is_neither_installed_nor_standard(place: Path) -> None:
    (place / "data.txt").write_text("x")
    (place / "tiny_settings.py").write_text(
        "import json, os, subprocess, sys\n"
        "open('data.txt').close()\n"
        "os.chdir('/')\n"
        f"os.listdir({str(place)!r})\n"
        "subprocess.run(['true'])\n"
        "SECRET_KEY = 'x'\n"
    )
    argv = [sys.executable, str(Path(ask_project_traced.__file__)), "answer.json", "trace.json"]
    paths = [str(place / name) for name in argv[2:]]
    env = {"DJANGO_SETTINGS_MODULE": "tiny_settings", "PATH": "/usr/bin:/bin"}
    subprocess.run([*argv[:2], *paths], cwd=place, env=env, check=True)
    facts = json.loads((place / "answer.json").read_text())
    rows = [tuple(row) for row in json.loads((place / "trace.json").read_text())]
    assert facts["stage"] == "done", facts
    assert ("open", str(place / "data.txt")) in rows
    assert ("os.listdir", str(place)) in rows
    assert "true" in [Path(name).name for event, name in rows if event == "subprocess.Popen"]
    assert not [name for _, name in rows if name.startswith(sys.prefix)]
