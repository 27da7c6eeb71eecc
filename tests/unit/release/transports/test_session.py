"""Verbs over one channel, held against the process that really serves them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.session import Session

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
        self.process.wait(20)


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    path = runtime_archive().write(tmp_path)
    made = Channel(sys.executable, "-IS", str(path), "serve", "--root", str(tmp_path))
    yield made
    made.close()
    assert made.process.stdout is not None
    made.process.stdout.close()


@pytest.fixture
def session(channel: Channel) -> Session:
    made = Session(channel)
    assert made.ready()
    return made


def words(verb: str, root: Path) -> list[str]:
    return [verb, "--root", str(root)]


def test_verbs_answer_as_they_do_by_hand(session: Session, tmp_path: Path) -> None:
    call = session.call(words("facts", tmp_path))
    (line,) = call.makefile("rb")
    assert line.startswith(b'{"result": {"setup": false, "python": "')
    assert call.recv_exit_status() == 0
    assert call.recv_stderr(1) == b""


def test_what_is_wrong_is_told_and_ends_one_verb_only(session: Session, tmp_path: Path) -> None:
    call = session.call(words("history", tmp_path))
    (line,) = call.makefile("rb")
    assert b"this host is not set up" in line
    assert call.recv_exit_status() == 1
    call = session.call(["history", "--nonsense"])
    assert list(call.makefile("rb")) == []
    assert call.recv_exit_status() == 2
    errors = b"".join(iter(lambda: call.recv_stderr(1), b""))
    assert b"unrecognized arguments: --nonsense" in errors
    assert session.alive


def test_a_verb_is_held_as_long_as_its_input(session: Session, tmp_path: Path) -> None:
    hold = session.call([*words("hold", tmp_path), "--owner", "anna"])
    told = hold.makefile("rb")
    assert next(told).startswith(b'{"event": "held"')
    other = session.call([*words("hold", tmp_path), "--owner", "bert"])
    (refused,) = other.makefile("rb")
    assert b"anna, a release, since" in refused
    hold.sendall(b".\n")
    hold.shutdown_write()
    assert list(told) == [b'{"result": {"ended": "released"}}\n']


def test_what_runs_is_lost_with_the_channel(
    session: Session, channel: Channel, tmp_path: Path
) -> None:
    hold = session.call(words("hold", tmp_path))
    told = hold.makefile("rb")
    next(told)
    channel.process.kill()
    assert list(told) == []
    assert hold.recv_exit_status() == -1
    assert not session.alive
    with pytest.raises(EOFError):
        session.call(words("facts", tmp_path))


@pytest.mark.parametrize("said", ['{"need": "runtime"}\n', "Last login: yesterday\n", ""])
def test_a_host_that_does_not_serve_is_known_by_its_first_line(said: str) -> None:
    made: Any = Channel(sys.executable, "-c", _SAID.format(said))
    session = Session(made)
    assert not session.ready()
    assert session.first == said.encode()
    made.close()
    made.process.stdout.close()
