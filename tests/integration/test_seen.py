"""What a person sees of real releases: on a terminal, in a report, and what machines get."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bundles import release_id
from tests.integration.sites import Shop
from tests.projects import IDENTITY
from tests.screens import Terminal


def on_terminal(*argv: str) -> tuple[Sequence[str], dict[str, str]]:
    """Return the command line and the environment of ``manage.py release`` on a terminal."""
    hidden = ("DJANGO_SETTINGS_MODULE", "NO_COLOR", "CI", "COLUMNS", "LINES")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    env |= {**IDENTITY, "TERM": "xterm-256color"}
    return [sys.executable, "manage.py", "release", *argv], env


def test_a_terminal_shows_the_release_and_keeps_its_end(live_shop: Shop) -> None:
    before, bundle = live_shop.live, live_shop.workshop.bundle("second")
    with Terminal() as terminal:
        command, env = on_terminal("--bundle", str(bundle))
        process = terminal.start(command, cwd=live_shop.project, env=env)
        terminal.wait_for("verify /up")  # drawn while it goes on
        assert process.wait(60) == 0
    shown = terminal.screen
    steps = [line.split()[1] for line in shown if line.startswith("✓")]
    assert steps == [
        *("ask", "lock", "send", "stage", "check", "compatibility", "migrate", "recheck"),
        *("switch", "prune"),
    ]
    release = release_id(bundle)
    end = shown.index(f"{release} is live on local")
    assert shown[end + 2].split()[:3] == ["local", release, before]
    assert any(f"http://127.0.0.1:{live_shop.port}/" in line for line in shown[end:])
    assert shown[-1] == "  to go back: manage.py release rollback"
    assert not any("verify" in line for line in shown)  # nothing of the drawing is left
    assert max(len(line) for line in shown) < 80


def test_ctrl_c_during_the_switch_takes_it_back_and_says_so(live_shop: Shop) -> None:
    before, bundle = live_shop.live, live_shop.workshop.bundle("sick")
    live_shop.make_sick("hang")
    with Terminal() as terminal:
        command, env = on_terminal("--bundle", str(bundle))
        process = terminal.start(command, cwd=live_shop.project, env=env)
        terminal.wait_for("verify /up")
        terminal.type("\x03")
        code = process.wait(60)
    shown = terminal.screen
    assert code == 4, shown
    assert f"{release_id(bundle)} failed and was taken back" in shown
    assert not any("Traceback" in line for line in shown)
    assert not any(
        line.startswith(("⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏")) for line in shown
    )
    assert live_shop.live == before
    assert live_shop.answers()


def test_ctrl_c_before_the_switch_changes_nothing(live_shop: Shop) -> None:
    before, bundle = live_shop.live, live_shop.workshop.bundle("sick")
    live_shop.make_sick("hang when checked")
    with Terminal() as terminal:
        command, env = on_terminal("--bundle", str(bundle))
        process = terminal.start(command, cwd=live_shop.project, env=env)
        terminal.wait_for("check")
        terminal.type("\x03")
        code = process.wait(60)
    assert code == 130, terminal.screen
    assert terminal.screen[-1] == "error: interrupted; nothing was switched"
    assert live_shop.live == before


def test_a_report_draws_a_release_with_its_visitors(live_shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    done = live_shop.release("second", "--report", str(path), "--json")
    assert done.code == 0, done.err
    page = path.read_text(encoding="utf-8")
    (latency,) = done.data["latency"]
    assert latency["count"] > 3
    assert latency["failed"] == 0
    assert f"{latency['count']} requests, 0 failed" in page
    steps = set(re.findall(r"<title>local: (\w+), [\d.]+ s, done</title>", page))
    assert {"ask", "lock", "send", "stage", "check", "switch", "prune"} <= steps
    assert done.data["commit"][:12] in page


def test_a_report_is_written_when_a_release_fails(live_shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    done = live_shop.release_sick("500 when served", "--report", str(path))
    assert done.code == 4, done.err
    page = path.read_text(encoding="utf-8")
    assert "failed and taken back" in page
    assert "answered 500" in page
    assert re.search(r"<title>local: switch, [\d.]+ s, failed</title>", page)


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_done(
    live_shop: Shop, tmp_path: Path
) -> None:
    before = len(live_shop.records())
    done = live_shop.release("second", "--report", str(tmp_path / "away" / "report.html"))
    assert done.code == 1
    assert "nothing was changed" in done.err
    assert len(live_shop.records()) == before


def with_json(line: str) -> list[str]:
    """Return a command line with ``--json`` behind its action."""
    words = line.split()
    place = 0 if line.startswith("-") else 1
    return [*words[:place], "--json", *words[place:]]


def test_machines_get_exactly_one_object_of_every_action(live_shop: Shop) -> None:
    for words, code in (
        ("--plan --bundle away.pyz", 1),
        ("status", 0),
        ("history", 0),
        ("rollback", 1),
        ("logs --lines 3", 0),
        ("setup --bundle away.pyz", 2),
        ("exec -- showmigrations shop", 0),
        ("exec -- no-such-command", 1),
        ("--rev away", 1),
    ):
        done = live_shop.run(*with_json(words))
        data = json.loads(done.out)  # one object, nothing before or after it
        assert done.code == code, (words, done.err)
        if "error" in data:
            assert data["error"]["exit_code"] == code
            assert data["error"]["message"]
        elif code:
            assert data["code"] == code
