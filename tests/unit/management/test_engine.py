"""Engines: one file and one row in a table add one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.management.actions import ACTIONS
from django_deploykit.management.commands.release import Command
from django_deploykit.management.engine import Engine, engine_of
from django_deploykit.project.engines import ENGINES
from django_deploykit.project.inventory import Environment
from django_deploykit.runtime.base.documents import Document
from tests.unit.engines.paper import ON_PAPER
from tests.unit.management.sessions import shop_bundle
from tests.unit.release.fakes import NEW


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose environment ``archive`` has an engine that was just added."""
    monkeypatch.setitem(ENGINES, "paper", "tests.unit.engines.paper")
    found = tmp_path / "paper.txt"
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text(
        f"[project]\nname = shop\n[environment:archive]\nengine = paper\npaper = {found}\n"
    )
    monkeypatch.chdir(tmp_path)
    return found


def run(*argv: str) -> int:
    """Run a command line of ``release``; return its exit code."""
    try:
        Command().run_from_argv(["manage.py", "release", *argv])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_a_new_engine_needs_one_row(
    paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(shop_bundle(tmp_path))
    assert run("archive", "--bundle", bundle, "--plan") == 0
    assert capsys.readouterr().out == f"write          this machine: write to {paper}\n"
    assert not paper.exists()
    assert run("archive", "--bundle", bundle) == 0
    assert f"{NEW} is live on paper" in capsys.readouterr().out
    assert paper.read_text() == f"{NEW}\n"
    assert run("archive", "--bundle", bundle, "--json") == 0
    data: Document = json.loads(capsys.readouterr().out)
    assert (data["changed"], data["live"]) == (False, {"paper": NEW})


@pytest.mark.parametrize(
    "action",
    ["rollback", "setup", "status", "history", "logs", "exec", "cancel", "stop", "teardown"],
)
def test_what_an_engine_does_not_offer_is_refused_in_words(
    paper: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("archive", action) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: the engine paper of archive has no {action}",
        ON_PAPER,
    ]


def test_options_for_servers_are_refused_without_servers(
    paper: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(shop_bundle(tmp_path))
    assert run("archive", "--bundle", bundle, "--hosts", "web1") == 2
    assert "--hosts is for servers; archive is for the engine paper" in capsys.readouterr().err
    assert not paper.exists()


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_offers_an_action_or_says_what_to_do_instead(name: str) -> None:
    engine = engine_of(Environment("production", engine=name))
    actions = {word or "release" for word in ACTIONS}
    offered = {one for one in actions if getattr(type(engine), one) is not getattr(Engine, one)}
    assert offered | {*engine.missing} == actions
    assert not offered & {*engine.missing}


@pytest.mark.parametrize("name", ENGINES)
def test_reading_the_keys_of_an_engine_needs_no_tool_for_releases(name: str) -> None:
    code = (
        "import sys; from django_deploykit.project.engines import engine_keys;"
        f"engine_keys({name!r});"
        "print({'fabric', 'paramiko', 'cryptography', 'rich', 'uv'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
