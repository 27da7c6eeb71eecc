"""Verbs on a host behind a real sshd on loopback."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from django_deploykit.project.inventory import parse_host
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.base import LostError
from django_deploykit.release.transports.openssh import resolve
from django_deploykit.release.transports.ssh import Ssh
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.facts import FACTS, HOLD, HostFacts
from tests.sshd import Sshd

Start = Callable[..., Sshd]


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Ssh]:
    made = Ssh(parse_host("web"), tmp_path / "site", runtime_archive())
    yield made
    made.close()


class Sized(io.BytesIO):
    """A stream so long that it gets a channel of its own."""

    size = 1 << 30


def test_a_verb_is_run_and_its_runtime_sent_once(sshd: Sshd, ssh: Ssh) -> None:
    assert ssh.call(FACTS).setup is False
    (sent,) = (sshd.home / "django-deploykit" / "runtime").iterdir()
    assert sent.name == f"{runtime_archive().digest}.pyz"
    ssh.close()
    assert ssh.call(FACTS).setup is False
    assert list(sent.parent.iterdir()) == [sent]


@pytest.mark.parametrize("printed", ["echo Welcome to web5", "printf 'no newline'", "seq 100"])
def test_a_shell_that_prints_when_it_starts(start_sshd: Start, ssh: Ssh, printed: str) -> None:
    start_sshd(profile=printed)
    assert ssh.call(FACTS).setup is False


@pytest.mark.parametrize("verbs", ["several", "one"])
def test_a_shell_that_prints_without_end(start_sshd: Start, ssh: Ssh, verbs: str) -> None:
    start_sshd(profile="yes welcome")
    with pytest.raises(LostError, match="without end"):
        ssh.call(FACTS, stream=None if verbs == "several" else Sized())


@pytest.mark.parametrize(
    ("served", "seconds", "message"),
    [
        ("sleep 1000", 3.0, "it did not answer within 3 s"),
        (f"yes 'e1 {'x' * 10_000}'", 60.0, "it prints errors without end"),
        (f"yes '{'x' * 10_000}'", 3.0, "the connection was lost|did not answer within 3 s"),
    ],
    ids=["silent", "errors", "nonsense"],
)
def test_a_host_that_never_answers_is_given_up(
    start_sshd: Start, ssh: Ssh, served: str, seconds: float, message: str
) -> None:
    start_sshd(profile=f"echo ready; exec {served}")
    with pytest.raises(LostError, match=message):
        ssh.call(Call("facts", HostFacts, seconds))


def test_one_session_a_connection_is_enough(start_sshd: Start, ssh: Ssh, tmp_path: Path) -> None:
    start_sshd("MaxSessions 1")
    (tmp_path / "site").mkdir()
    reader, writer = os.pipe()
    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with os.fdopen(reader, "rb", buffering=0) as stream:
            ssh.call(HOLD, stream=stream, on_event=lambda _: held.set())
        ended.set()

    threading.Thread(target=hold, daemon=True).start()
    assert held.wait(20)
    # Each needs a session beside the one that holds the lock.
    for _ in range(2):
        assert ssh.call(FACTS, stream=Sized()).setup is False
    os.close(writer)
    assert ended.wait(20)


def test_exec_runs_on_the_streams_of_this_process(
    sshd: Sshd, ssh: Ssh, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ssh.attach("facts", "--json") == 0
    assert '"setup": false' in capfd.readouterr().out


def test_a_command_runs_with_this_process_s_streams(
    sshd: Sshd, capfd: pytest.CaptureFixture[str]
) -> None:
    # What a configuration may ask for beside a login must not get in the way of a command.
    sshd.write_config("RemoteCommand echo another\nLocalForward 127.0.0.1:1 127.0.0.1:1")
    code = resolve(parse_host("web")).run("echo out; echo err >&2; exit 7")
    assert code == 7
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("out\n", "err\n")


def test_a_command_runs_on_no_unknown_host(sshd: Sshd, capfd: pytest.CaptureFixture[str]) -> None:
    sshd.known_hosts.write_text("")
    sshd.write_config("StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes")
    assert resolve(parse_host("web")).run("echo out") == 255
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "Host key verification failed" in shown.err
