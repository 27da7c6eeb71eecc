"""The console: live on a terminal, plain lines elsewhere, one JSON object for machines."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import threading

import pytest

from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.management.console import Console, coloured, run_command, wrapped
from django_deploykit.progress import DONE, FAILED, RUNS
from tests.screens import Terminal, pieces


@pytest.fixture(autouse=True)
def terminal_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


def plain(**options: int | bool) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console(out, err, **options), out, err  # type: ignore[arg-type]


def test_says_one_line_for_each_step_without_a_terminal() -> None:
    console, out, err = plain()
    with console.step("export"):
        pass
    with console.step("send", ["web1", "web2"]):
        for host in ("web1", "web2"):
            console.at(host, "send", RUNS)
            console.advance(1024, 4096, host)
            console.advance(2048, 4096, host)
            console.at(host, "send", DONE)
    lines = err.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["export", "send"]
    assert lines[1].endswith("s  4.0 KiB")
    assert out.getvalue() == ""
    assert "\033" not in err.getvalue()


def test_names_the_host_that_failed_and_the_step() -> None:
    console, _, err = plain()
    with console.step("switch", ["web1", "web2"]):
        console.at("web1", "switch", RUNS)
        console.at("web1", "switch", FAILED, "GET / answered 500")
        console.at("web2", "switch", DONE)
    first, second = err.getvalue().splitlines()
    assert first.split(maxsplit=1) == ["switch", "web1 failed"]
    assert second.startswith("switch")
    assert second.endswith("failed")


def test_a_step_that_raises_is_told_as_failed() -> None:
    console, _, err = plain()
    with pytest.raises(ValueError), console.step("write"):
        raise ValueError
    assert err.getvalue().rstrip().endswith("failed")
    assert console.spans[0].result == FAILED
    assert console.current == "write"


def test_verbosity_2_says_what_each_host_does() -> None:
    console, _, err = plain(verbosity=2)
    with console.step("switch", ["web1"]):
        console.at("web1", "switch", RUNS, "verify /up")
    assert "web1 verify /up" in err.getvalue()


def test_verbosity_0_says_notes_and_results_only() -> None:
    console, out, err = plain(verbosity=0)
    with console.step("export"):
        console.note("untracked: x")
    console.print("done")
    assert err.getvalue() == "untracked: x\n"
    assert out.getvalue() == "done\n"


def test_machines_get_one_object_and_nothing_else_on_standard_output() -> None:
    console, out, _ = plain(as_json=True)
    with console.step("export"):
        console.note("a note")
    console.print("for people")
    console.emit({"code": 0})
    assert json.loads(out.getvalue()) == {"code": 0}


def test_a_terminal_keeps_the_lines_and_nothing_of_the_drawing() -> None:
    with Terminal() as terminal:
        console = Console(io.StringIO(), terminal.file)
        with console.step("send", ["web1", "web2"]):
            console.at("web1", "send", RUNS)
            console.advance(512, 2048, "web1")
            terminal.wait_for("512 bytes of 2.0 KiB")
            console.note("web2: layers are sent again")
            console.at("web1", "send", DONE)
        with console.step("prune", ["web1", "web2"]):
            pass
        console.close()
    shown = terminal.screen
    assert shown[0] == "web2: layers are sent again"
    assert shown[1].split()[:2] == ["✓", "send"]
    assert shown[2].split()[:2] == ["✓", "prune"]
    assert len(shown) == 3
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")  # the cursor is back


def test_no_drawn_line_is_as_wide_as_the_terminal() -> None:
    """A full line would be broken, and its rest left behind, by the ^C that a terminal echoes."""
    host = "a-very-long-host-name-of-some-cloud.internal.example.com"
    with Terminal() as terminal:
        console = Console(io.StringIO(), terminal.file)
        with console.step("switch", [host]):
            console.at(host, "switch", RUNS, "verify " + "/long" * 40)
            terminal.wait_for("verify /long")
        console.close()
    assert "^C" not in terminal.raw
    drawn = pieces(terminal.raw)
    assert max(len(line) for line in drawn if "verify" in line) <= 74


def test_results_come_after_the_drawing_is_gone() -> None:
    with Terminal() as terminal:
        console = Console(terminal.file, terminal.file)
        with console.step("switch", ["web1"]):
            console.at("web1", "switch", RUNS, "start web")
            terminal.wait_for("start web")
        console.print("it is live", "good")
    assert terminal.screen[-1] == "it is live"
    assert not any("start web" in line for line in terminal.screen)
    assert "\x1b[1;32mit is live" in terminal.raw


def test_asks_with_the_drawing_out_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with Terminal() as terminal:
        console = Console(io.StringIO(), terminal.file)
        with console.step("check", ["web1"]):
            console.at("web1", "check", RUNS, "asks")
            terminal.wait_for("asks")
        assert console.ask("Run them all the same?")
        before = threading.active_count()
        console.close()
        # Nobody draws any more; a thread of an earlier test may just have ended.
        assert threading.active_count() <= before
    assert terminal.screen[-1] == "Run them all the same? [y/N]"


@pytest.mark.parametrize(
    ("typed", "meant"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, typed: str, meant: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    console, out, err = plain()
    assert console.ask("Sure?") is meant
    assert err.getvalue().startswith("Sure? [y/N] ")
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")], ids=["NO_COLOR", "dumb"]
)
def test_plain_lines_where_the_terminal_wants_no_more(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with Terminal() as terminal:
        console = Console(terminal.file, terminal.file)
        with console.step("export"):
            pass
        console.print("done", "good")
    assert "\x1b" not in terminal.raw
    assert terminal.screen[-1] == "done"


def test_plain_lines_with_no_color_and_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    with Terminal() as terminal:
        with Console(terminal.file, terminal.file, plain=True).step("export"):
            pass
        monkeypatch.setitem(sys.modules, "rich.live", None)
        monkeypatch.delitem(sys.modules, "django_deploykit.management.display", raising=False)
        with Console(terminal.file, terminal.file).step("write"):
            pass
    assert "\x1b" not in terminal.raw
    assert [line.split()[0] for line in terminal.screen] == ["export", "write"]


def test_a_file_is_never_coloured() -> None:
    assert not coloured(io.StringIO(), {"TERM": "xterm"})


def test_a_users_mistake_is_a_message_a_hint_and_a_code() -> None:
    console, out, err = plain()

    def work() -> int:
        raise Problems("cannot:", ["one", "two"], "Do this.", 3)

    assert run_command(work, console) == 3
    assert err.getvalue() == "error: cannot:\n  - one\n  - two\nDo this.\n"
    assert out.getvalue() == ""


def test_machines_get_errors_as_one_object() -> None:
    console, out, _ = plain(as_json=True)

    def work() -> int:
        raise DeployKitError("no", "Do this.", 4)

    assert run_command(work, console) == 4
    assert json.loads(out.getvalue()) == {
        "error": {"message": "no", "hint": "Do this.", "exit_code": 4}
    }


def test_an_interruption_names_the_step() -> None:
    console, _, err = plain()

    def work() -> int:
        with console.step("collectstatic"):
            raise KeyboardInterrupt

    assert run_command(work, console) == 130
    assert err.getvalue().splitlines()[-1] == "error: interrupted during collectstatic"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_cannot_be_written_is_an_error_that_names_the_file(number: int) -> None:
    console, _, err = plain()

    def work() -> int:
        raise OSError(number, os.strerror(number), "/srv/shop/x")

    assert run_command(work, console) == 1
    assert err.getvalue() == (
        f"error: /srv/shop/x: {os.strerror(number)}\nMake room on this disk, or repair it.\n"
    )


def test_other_errors_of_the_system_are_not_swallowed() -> None:
    console, _, _ = plain()

    def work() -> int:
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        run_command(work, console)


def test_what_nobody_expected_is_not_swallowed() -> None:
    console, out, _ = plain(as_json=True)

    def work() -> int:
        raise ZeroDivisionError("secret detail")

    with pytest.raises(ZeroDivisionError):
        run_command(work, console)
    assert json.loads(out.getvalue())["error"]["message"] == "unexpected: ZeroDivisionError"
    assert "secret" not in out.getvalue()


def test_the_display_is_gone_when_an_unexpected_error_ends_the_command() -> None:
    with Terminal() as terminal:
        console = Console(io.StringIO(), terminal.file)

        def work() -> int:
            with console.step("send", ["web1"]):
                console.at("web1", "send", RUNS, "at work")
                terminal.wait_for("at work")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            run_command(work, console)
    assert [line.split()[:2] for line in terminal.screen] == [["✗", "send"]]


def test_commands_stay_whole_where_prose_is_broken() -> None:
    command = (
        "  - ./manage.py release production exec -- migrate --database default shop 0001_initial"
    )
    text = wrapped(f"error: nothing was changed and this is long\n{command}", 30)
    assert text.splitlines()[-1] == command
    assert all(len(line) <= 30 for line in text.splitlines()[:-1])
    assert wrapped("short", 30) == "short"


def test_foreign_text_moves_no_cursor() -> None:
    hostile = "\x1b[2J\x9b1m\u202egnp.exe\r"
    with Terminal() as terminal:
        console = Console(terminal.file, terminal.file)
        with console.step("switch", ["web1"]):
            console.at("web1", "switch", RUNS, hostile)
            terminal.wait_for("gnp.exe")
            console.note(hostile)
        console.print(hostile, "bad")
        console.fail(f"first line\n{hostile}", hostile, 1)
    assert "\x1b[2J" not in terminal.raw
    assert not {"\x9b", "\u202e"} & set(terminal.raw)
    shown = "\n".join(terminal.screen)
    assert shown.count(r"\x1b[2J\x9b1m\u202egnp.exe") == 4
    assert "error: first line\n" in shown
    assert not any(hostile in line for line in terminal.screen)


def test_foreign_text_is_cleaned_in_plain_lines_too() -> None:
    console, out, err = plain(verbosity=2)
    with console.step("switch", ["web1"]):
        console.at("web1", "switch", DONE, "one\n\x1b[2Jtwo")
    console.print("\x07three")
    assert r"web1 one\n\x1b[2Jtwo" in err.getvalue()
    assert out.getvalue() == "\\x07three\n"
