"""Verbs over one channel, held against the process that really serves them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.channels import RunningVerbs
from django_deploykit.release.transports.limits import Limits
from django_deploykit.release.transports.multiplexer import Multiplexer
from django_deploykit.runtime.base.patience import GOODBYE
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.facts import HostFacts
from django_deploykit.runtime.wire.releasing import STAGE

_SAID = "import sys; sys.stdout.write({!r}); sys.stdout.flush()"


class Channel:
    """A process as a channel is one."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def sendall(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def makefile(self, _: str) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def close(self) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(60)


class Killed(Channel):
    """A process that ends when its channel is closed, as a host's does not have to."""

    def close(self) -> None:
        with self.process:  # closes its pipes, and waits
            self.process.kill()


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    path = runtime_archive().write(tmp_path)
    made = Channel(sys.executable, "-IS", str(path), "serve", "--root", str(tmp_path))
    yield made
    made.close()
    assert made.process.stdout is not None
    made.process.stdout.close()


@pytest.fixture
def multiplexer(channel: Channel) -> Multiplexer:
    made = Multiplexer(channel)
    assert made.ready()
    return made


HOSTILE = """
import sys, time
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
while True:
    sys.stdout.write({said!r})
    sys.stdout.flush()
    time.sleep({pause})
"""


@pytest.mark.parametrize(
    ("said", "pause", "message"),
    [
        ("", 1, "it did not answer within 2 s"),
        ("alive\n", 0.1, "it did not answer within 2 s"),
        ("e1 x\n" * 1000, 0, "it prints errors without end"),
        ('o1 {"event": "activity", "what": "x"}\n' * 1000, 0, "events without end"),
    ],
    ids=["silent", "alive", "errors", "events"],
)
def test_a_host_that_never_answers_is_given_up(said: str, pause: float, message: str) -> None:
    wire = Killed(sys.executable, "-c", HOSTILE.format(said=said, pause=pause))
    multiplexer, limits = Multiplexer(wire), Limits(errors=5000, events=200_000)
    assert multiplexer.ready()
    # A flood may take this machine long; silence must not.
    verb = Call("facts", HostFacts, 60.0 if pause == 0 else 2.0)
    with pytest.raises(LostError, match=message):
        RunningVerbs("web1", limits).run(multiplexer.start(["facts"]), verb)
    multiplexer.close()


def test_all_verbs_of_a_host_that_falls_silent_are_lost() -> None:
    wire = Killed(sys.executable, "-c", HOSTILE.format(said="", pause=1))
    multiplexer = Multiplexer(wire)
    assert multiplexer.ready()
    other = multiplexer.start(["hold"])
    with pytest.raises(LostError, match=r"it fell silent for 0.2 s"):
        RunningVerbs("web1", Limits(silence=0.2)).run(multiplexer.start(["stage"]), STAGE)
    assert list(other.makefile("rb")) == []
    assert other.problem == "it fell silent for 0.2 s"
    with pytest.raises(EOFError):
        multiplexer.start(["facts"])


def words(verb: str, root: Path) -> list[str]:
    return [verb, "--root", str(root)]


def test_verbs_answer_as_they_do_by_hand(multiplexer: Multiplexer, tmp_path: Path) -> None:
    verb = multiplexer.start(words("facts", tmp_path))
    (line,) = verb.makefile("rb")
    assert line.startswith(b'{"result": {"setup": false, "python": "')
    assert verb.recv_exit_status() == 0
    assert verb.recv_stderr(1) == b""


def test_what_is_wrong_is_told_and_ends_one_verb_only(
    multiplexer: Multiplexer, tmp_path: Path
) -> None:
    verb = multiplexer.start(words("history", tmp_path))
    (line,) = verb.makefile("rb")
    assert b"this host is not set up" in line
    assert verb.recv_exit_status() == 1
    verb = multiplexer.start([*words("history", tmp_path), "--nonsense"])
    assert list(verb.makefile("rb")) == []
    assert verb.recv_exit_status() == 2
    errors = b"".join(iter(lambda: verb.recv_stderr(1), b""))
    assert b"unrecognized arguments: --nonsense" in errors
    assert multiplexer.alive


def test_a_verb_is_held_as_long_as_its_input(multiplexer: Multiplexer, tmp_path: Path) -> None:
    hold = multiplexer.start([*words("hold", tmp_path), "--owner", "anna"])
    told = hold.makefile("rb")
    assert next(told).startswith(b'{"event": "held"')
    other = multiplexer.start([*words("hold", tmp_path), "--owner", "bert"])
    (refused,) = other.makefile("rb")
    assert b"anna, a release, since" in refused
    hold.sendall(b".\n")
    hold.sendall(GOODBYE)
    hold.shutdown_write()
    assert list(told) == [b'{"result": {"ended": "released"}}\n']


def test_what_runs_is_lost_with_the_channel(
    multiplexer: Multiplexer, channel: Channel, tmp_path: Path
) -> None:
    hold = multiplexer.start(words("hold", tmp_path))
    told = hold.makefile("rb")
    next(told)
    channel.process.kill()
    assert list(told) == []
    assert hold.recv_exit_status() == -1
    assert not multiplexer.alive
    with pytest.raises(EOFError):
        multiplexer.start(words("facts", tmp_path))


def test_what_a_shell_prints_first_is_passed_over(tmp_path: Path) -> None:
    path = runtime_archive().write(tmp_path)
    script = (
        f"seq 30; echo already; printf 'is ready'; echo; exec {sys.executable} -IS {path} serve"
    )
    channel = Channel("sh", "-c", f"{script} --root {tmp_path}")
    multiplexer = Multiplexer(channel)
    assert multiplexer.ready()
    assert list(multiplexer.start(words("facts", tmp_path)).makefile("rb"))
    channel.close()
    channel.makefile("rb").close()


@pytest.mark.parametrize("said", ['{"need": "runtime"}\n', "Last login: yesterday\n", ""])
def test_a_host_that_does_not_serve_is_known_by_what_it_prints(said: str) -> None:
    made: Any = Channel(sys.executable, "-c", _SAID.format(said))
    multiplexer = Multiplexer(made)
    assert not multiplexer.ready()
    assert b"".join(multiplexer.printed) == said.encode()
    made.close()
    made.process.stdout.close()


@pytest.mark.parametrize(
    ("command", "patience", "problem"),
    [
        (("yes", "welcome"), 600.0, "its shell prints without end when it starts"),
        (("cat",), 0.2, "it did not run a verb within 0.2 s"),
    ],
    ids=["prints", "hangs"],
)
def test_a_shell_that_never_ends_is_given_up(
    command: tuple[str, ...], patience: float, problem: str
) -> None:
    channel = Killed(*command)
    multiplexer = Multiplexer(channel, patience)
    assert not multiplexer.ready()
    assert multiplexer.problem == problem
    assert b"".join(multiplexer.printed) in (b"welcome\n" * 20, b"")
    with pytest.raises(EOFError):
        multiplexer.start(["facts"])


def test_a_long_line_of_a_shell_is_kept_in_part() -> None:
    channel: Any = Channel(sys.executable, "-c", "print('x' * (1 << 19))")
    multiplexer = Multiplexer(channel)
    assert not multiplexer.ready()
    assert [len(line) for line in multiplexer.printed] == [1 << 12]
    channel.close()
    channel.process.stdout.close()
