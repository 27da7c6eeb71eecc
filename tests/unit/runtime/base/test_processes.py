"""Commands of a release, and what they print."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from django_deploykit.runtime.base.processes import CommandLine, capture, run


def python(code: str, **options: object) -> CommandLine:
    return CommandLine([sys.executable, "-c", code], **options)  # type: ignore[arg-type]


def test_captures_output_errors_and_exit_code() -> None:
    code = "import sys; print('out'); print('bad', file=sys.stderr); sys.exit(3)"
    assert capture(python(code)) == (3, "out\n", "bad")


def test_each_line_is_handed_on_as_it_comes() -> None:
    seen: list[str] = []
    capture(python("import sys; print('a'); print('b', file=sys.stderr)"), seen.append)
    assert sorted(seen) == ["a", "b"]


def test_only_the_end_of_the_errors_is_kept() -> None:
    code = "import sys; [print(n, file=sys.stderr) for n in range(500)]"
    lines = capture(python(code))[2].splitlines()
    assert (len(lines), lines[-1]) == (200, "499")


def test_output_that_is_not_utf_8_is_replaced() -> None:
    out = capture(python("import os; os.write(1, b'caf\\xe9\\n')"))[1]
    assert out == "caf\ufffd\n"


def test_a_command_has_its_folder_and_environment(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['NAME'])"
    out = capture(python(code, cwd=tmp_path, env={"NAME": "shop"}))[1]
    assert out == f"{tmp_path} shop\n"


def test_an_interrupted_command_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()

    def press(line: str) -> None:
        if line == "ready":
            raise KeyboardInterrupt

    code = "import time; print('ready', flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        capture(python(code, cancel=cancelled.set), press)
    assert cancelled.is_set()


def test_a_command_may_use_the_streams_of_this_process(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(python("print('shown'); raise SystemExit(4)")) == 4
    assert capfd.readouterr().out == "shown\n"


def test_interrupting_a_command_that_has_the_streams_waits_for_its_end(tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    os.mkfifo(started)
    code = f"""
import time
try:
    open({str(started)!r}, "w").close()
    time.sleep(60)
except KeyboardInterrupt:
    open({str(ended)!r}, "w").close()
"""
    pids: list[int] = []

    def press() -> None:
        started.read_text()
        os.kill(os.getpid(), signal.SIGINT)

    def cancel() -> None:
        for name in os.listdir("/proc"):
            if name.isdigit() and _is_child_with(name, str(ended)):
                pids.append(int(name))
                os.kill(int(name), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        run(python(code, cancel=cancel))
    presser.join()
    assert pids
    assert ended.exists()


def _is_child_with(pid: str, text: str) -> bool:
    try:
        return text in Path("/proc", pid, "cmdline").read_text(errors="replace")
    except OSError:
        return False
