"""Striking at a release: a controller that halts at a moment, and what must hold afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.lab.fleet import PORT, Controller, Done, fill_in, live
from tests.lab.hosts import Host
from tests.load import Load
from tests.projects import IDENTITY
from tests.waiting import until

ALL = os.environ.get("DEPLOYKIT_LAB") == "all"  # try every fault at every moment
OPTIONS = "boot = 20\ndrain = 4"  # of a host that is struck at
_LONGEST = 180.0  # seconds for a release, on a busy machine
_SCRIPT = Path(__file__).with_name("faulty.py")


class Struck:
    """A release that halts at ``at`` (as ``faulty.py`` says); in a ``with`` block it is there.

    ``go`` lets it go on, ``end`` waits for its end and returns what it did.
    """

    def __init__(
        self, controller: Controller, words: tuple[str, ...], at: str, **env: object
    ) -> None:
        self.at = at
        self._folder = tempfile.TemporaryDirectory(prefix="strike-")
        path = os.path.join(self._folder.name, "socket")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._done: Done | None = None
        given = {"FAULT_AT": at, "FAULT_SOCKET": path, **{k: str(v) for k, v in env.items()}}
        self.process = start(controller, words, **given)

    def __enter__(self) -> Struck:
        try:
            self._arrive()
        except BaseException:
            self.__exit__()  # else it would hold the lock, and the tests behind it would fail too
            raise
        return self

    def _arrive(self) -> None:
        self._listener.settimeout(0.2)
        end = time.monotonic() + _LONGEST
        while self._connection is None:
            try:
                self._connection, _ = self._listener.accept()
            except TimeoutError:
                if self.process.poll() is not None:
                    raise AssertionError(f"never came to {self.at}: {self.end()}") from None
                assert time.monotonic() < end, f"never came to {self.at}"

    def __exit__(self, *_: object) -> None:
        if self._done is None:
            self.process.kill()
            self.end()

    def go(self) -> None:
        """Let it go on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> Done:
        """Let it go on, and return what it did."""
        self.go()
        if self._done is not None:
            return self._done
        out, err = self.process.communicate(timeout=_LONGEST)
        self._listener.close()
        self._folder.cleanup()
        self._done = Done(self.process.returncode, out, err)
        return self._done


def start(controller: Controller, words: tuple[str, ...], **env: str) -> subprocess.Popen[str]:
    """Start the faulty controller."""
    clean = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    config = {"DEPLOYKIT_SSH_CONFIG": str(controller.ssh_config)}
    return subprocess.Popen(
        [sys.executable, str(_SCRIPT), "release", "production", *words],
        cwd=controller.project,
        env={**clean, **IDENTITY, **config, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def to(controller: Controller, name: str, *more: str) -> tuple[str, ...]:
    """Return the words that release a bundle."""
    return ("--bundle", str(controller.bundles.path(name)), "--noinput", "--json", *more)


def kill_controller(struck: Struck, _: Host) -> None:
    """End the controller as ``kill -9`` does."""
    struck.signal(signal.SIGKILL)
    struck.end()


def press_ctrl_c(struck: Struck, _: Host) -> None:
    """Interrupt the controller as a terminal does."""
    struck.signal(signal.SIGINT)
    time.sleep(0.3)  # it passes the word on before the verb is let go on
    struck.go()


def kill_session(struck: Struck, host: Host) -> None:
    """End the deploy user's SSH session on the host; the controller sees a lost connection."""
    signal_sessions(host, "KILL")
    struck.go()


def signal_sessions(host: Host, name: str) -> None:
    """Send a signal to the processes that keep the deploy user's SSH sessions."""
    host.run(
        'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = sshd ] && '
        f'[ "$(stat -c %U $p 2>/dev/null)" = deploy ] && kill -{name} ${{p#/proc/}}; done; true'
    )


@contextmanager
def stopped_sshd(host: Host) -> Iterator[None]:
    """Stop the host's sshd while the block runs: connections are accepted, and nothing answers."""
    # A session that is open already needs no new connection; it ends with its standard input.
    script = (
        "p=$(systemctl show -P MainPID ssh); kill -STOP $p; echo stopped; read x; kill -CONT $p"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([*host.ssh(), script], stdin=pipe, stdout=pipe, text=True) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "stopped\n"
        try:
            yield
        finally:
            shell.communicate()


def cut_power(struck: Struck, host: Host) -> None:
    """Cut the host's power, and boot it."""
    host.cut()
    host.boot()
    struck.go()


Strike = Callable[[Struck, Host], None]
STRIKES: dict[str, Strike] = {
    "killed": kill_controller,
    "interrupted": press_ctrl_c,
    "session-killed": kill_session,
}


def other(controller: Controller, host: Host) -> str:
    """Return the name of a release that is not live: ``one`` or ``two``."""
    return "two" if live(host) == controller.id("one") else "one"


def forget(controller: Controller, host: Host, name: str) -> None:
    """Make a release strange to the host: neither staged, nor its application's files there.

    The layer of Django goes too: what is sent is more than a few packets then.
    """
    script = """\
import json, pathlib, shutil, sys
root, release = pathlib.Path("/srv/shop"), sys.argv[1]
here = root / "releases" / release
if not here.exists():
    sys.exit()
live = json.loads((root / "current" / "manifest.json").read_text())
used = {one["sha256"] for one in live["layers"] if one["name"].lower() != "django"}
for one in json.loads((here / "manifest.json").read_text())["layers"]:
    if one["sha256"] not in used:
        (root / "store" / (one["sha256"] + ".json")).unlink(missing_ok=True)
        shutil.rmtree(root / "store" / one["sha256"], ignore_errors=True)
shutil.rmtree(here)
"""
    host.run(f"python3 - {controller.id(name)}", user="deploy", data=script)


def serves(host: Host) -> str:
    """Return the release that is live, waiting while a host that boots does not answer yet."""
    end = time.monotonic() + 60
    while True:
        try:
            return live(host)
        except (OSError, AssertionError):
            assert time.monotonic() < end, f"{host.name} does not serve"
            time.sleep(0.2)


def left_over(host: Host) -> list[str]:
    """Return what no finished release leaves on a host.

    A process of low priority removes what was moved away, so that is waited for.
    """
    with suppress(AssertionError):
        until(lambda: not any(".gone-" in path for path in _left_over(host)), every=0.5)
    return _left_over(host)


def _left_over(host: Host) -> list[str]:
    found = host.run(
        "cd /srv/shop && find . -path './releases/2*' -prune -o -path './store/[0-9a-f]*' -prune -o "
        "-path './shared/[0-9a-f]*' -prune -o "
        "\\( -name '.?*' -o -name 'switching*' -o -path './inbox/*' \\) -print"
    )
    return found.splitlines()


def completes(controller: Controller, host: Host, name: str, *words: str) -> Done:
    """Run the release again: it goes live, and nothing is left over."""
    done = controller.release(name, *words).well()
    assert serves(host) == controller.id(name)
    assert (left := left_over(host)) == [], left
    return done


def check_outcome(controller: Controller, host: Host, done: Done, target: str, before: str) -> None:
    """Check that exit code and JSON agree with what serves."""
    now = serves(host)
    assert "Traceback" not in done.err, done.err
    if done.code == 0:
        assert now == controller.id(target)
    elif done.code in (1, 4, 130):
        assert now == controller.id(before)
    told = done.data.get("live") if done.out.startswith("{") else None
    for release in (told or {}).values():
        assert release in (now, None)
        assert release is not None or done.code == 5


@contextmanager
def file_on(host: Host, path: str, text: str = "") -> Iterator[None]:
    """Let a file be there while the block runs."""
    host.run(f"mkdir -p $(dirname {path}); cat > {path}; chmod 644 {path}", data=text)
    try:
        yield
    finally:
        host.run(f"rm -f {path}")


@contextmanager
def struck(controller: Controller, name: str, at: str, **env: object) -> Iterator[Struck]:
    """Release ``name`` and be at a moment."""
    with Struck(controller, to(controller, name), at, **env) as one:
        if at.startswith("during"):
            time.sleep(0.3)
        yield one


def name_of(controller: Controller, release: str) -> str:
    """Return the name of a release."""
    (name,) = [name for name in ("one", "two", "grown") if controller.id(name) == release]
    return name


def one_host(fleet: Callable[..., Controller]) -> Controller:
    """Return a controller with one host where ``one`` is live and ``two`` known."""
    made = fleet(1)
    made.write_ini(OPTIONS)
    made.setup().well()
    fill_in(*made.hosts)
    made.release("two").well()
    made.release("one").well()
    return made


@contextmanager
def asked(host: Host) -> Iterator[Load]:
    """Ask for pages while the block runs, about thirty times a second; not one may fail."""
    # More would keep a processor busy with little but these pages; test_release.py does ask more.
    with Load(PORT, "/", host=host.address, connections=3, pause=0.1) as running:
        yield running
    assert running.sent > 20
    assert running.failed == [], running.failed
    pages = b"".join(running.bodies)
    assert b"</html>" in pages
