"""The transport to a server: verbs of the runtime, run over SSH.

The runtime lies on the host in the login's own cache, named by its digest; it is sent where it is
missing. A verb costs one round trip. What is told and answered are JSON lines, as with ``local``.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import paramiko

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import Host
from django_deploykit.release.runtime_archive import RuntimeArchive
from django_deploykit.release.transports.base import LostError, read_answer
from django_deploykit.release.transports.login import Login
from django_deploykit.release.transports.session import Call as SessionCall
from django_deploykit.release.transports.session import Session
from django_deploykit.release.transports.sshconfig import resolve
from django_deploykit.release.transports.terminal import converse
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need, read_message
from django_deploykit.runtime.wire.reader import iter_lines

T = TypeVar("T")

# Ours first: its bytecode is in the archive. Then what Debian calls its own, then any that will do.
_PYTHONS = (
    f"python3.{sys.version_info[1]}",
    "python3",
    *(f"python3.{n}" for n in range(13, 8, -1)),
)
_CHOOSE = f"for n in {' '.join(dict.fromkeys(_PYTHONS))}; do p=$(command -v $n) && break; done;"
_FOLDER = '"${XDG_CACHE_HOME:-$HOME/.cache}/django-deploykit/runtime"'
_RUN = """\
{pythons} \
f={folder}/{digest}.pyz; \
if [ -z "$p" ]; then echo '{{"need": "python"}}'; exit 0; fi; \
if [ ! -f "$f" ]; then echo '{{"need": "runtime"}}'; exit 0; fi; \
{sudo}exec $s "$p" -IS "$f" "$@\""""
_SUDO = '[ "$(id -u)" = 0 ] || s="sudo -n --"; '
_THERE = """\
if [ -f {folder}/{digest}.pyz ]; then echo '{{"result": {{}}}}'; else echo '{{"need": "runtime"}}'; fi"""
_TAKE = """\
set -e; umask 077; d={folder}; mkdir -p "$d"; t="$d/.{digest}.$$"; \
trap 'rm -f "$t"' EXIT; cat > "$t"; \
echo "{sha256}  $t" | sha256sum -c --status; \
{pythons} "$p" -I -c {compile} "$t" || :; \
find "$d" -name '*.pyz' -mtime +30 -exec rm -f '{{}}' +; \
mv "$t" "$d/{digest}.pyz"; echo '{{"result": {{}}}}'"""
# Bytecode is for one version of Python; on a host with another, every verb would compile anew.
_COMPILE = """\
import importlib.util as u, marshal, os, sys, zipfile
p = sys.argv[1]
a = zipfile.ZipFile(p)
if a.read("__main__.pyc")[:4] != u.MAGIC_NUMBER:
    with zipfile.ZipFile(p + "x", "w", zipfile.ZIP_DEFLATED) as b:
        for n in a.namelist():
            d = a.read(n)
            if n.endswith(".pyc"):
                s = a.read(n[:-1])
                d = u.MAGIC_NUMBER + bytes((1, 0, 0, 0)) + u.source_hash(s)
                d += marshal.dumps(compile(s, n[:-1], "exec", dont_inherit=True))
            b.writestr(n, d)
    os.replace(p + "x", p)
"""
_PULSE = 5.0  # seconds between signs of life that the host must answer
_SILENCE = 30.0  # seconds without one after which the connection counts as lost
_MUCH = 1 << 20  # bytes: a stream as long gets a channel of its own, beside what keeps locks alive
_SIGN = 16  # bytes that a sign of life of this side has at most


@dataclass(frozen=True)
class _Nothing:
    """What the scripts above answer."""


_LOOK, _TAKEN = Call("facts", _Nothing), Call("receive", _Nothing)


def quote(words: Sequence[str]) -> str:
    """Return words as one line for a remote shell; the only place where values are quoted.

    >>> quote(["sh", "-c", 'echo "$1"', "sh", "it's; rm -rf /"])
    'sh -c \\'echo "$1"\\' sh \\'it\\'"\\'"\\'s; rm -rf /\\''
    """
    if any("\0" in word for word in words):
        raise DeployKitError("a word for the host holds a NUL character")
    return shlex.join(words)


class Ssh:
    """A :class:`~.transport.Transport` to a server; ``as_root`` runs verbs with sudo where need be."""

    def __init__(
        self, host: Host, root: Path, archive: RuntimeArchive, *, as_root: bool = False
    ) -> None:
        self.host, self.root = host, root
        self._archive, self._as_root = archive, as_root
        self._login: Login | None = None
        self._session: Session | None = None
        self._opening, self._beginning = threading.Lock(), threading.Lock()
        self._heard = 0.0
        self._ready = False  # the runtime is known to be there
        self._running: dict[paramiko.Channel | SessionCall, str] = {}
        self._cut: set[paramiko.Channel | SessionCall] = set()

    @property
    def name(self) -> str:
        """The host as the user wrote it."""
        return self.host.name

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Run a verb; the runtime is sent first where it is missing."""
        begin: Callable[[], paramiko.Channel | SessionCall]
        if self._as_root or getattr(stream, "size", 0) > _MUCH:
            if stream is not None:
                self._ensure_runtime()  # what was read from a stream cannot be read again
            command = self._command(verb.name, arguments)
            begin = lambda: self._executed(command)  # noqa: E731
        else:
            begin = lambda: self._serving().call([*self._words(verb.name), *arguments])  # noqa: E731
        answer = self._ask(begin, verb, stream, on_event)
        if answer == Need("runtime"):
            self._send_runtime()
            answer = self._ask(begin, verb, stream, on_event)
        self._ready = True
        if isinstance(answer, Need):
            raise _lacking(answer)
        return answer

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal."""
        self._ensure_runtime()
        channel = self._channel()
        return converse(channel, self._command(verb, arguments), self.name)

    def interrupt(self) -> None:
        """Tell the verbs that run to take back what they do; end what is being sent."""
        for channel, verb in list(self._running.items()):
            with contextlib.suppress(OSError):
                if verb == "receive":
                    self._cut.add(channel)
                    channel.shutdown_write()
                elif verb != "hold":
                    channel.sendall(b"interrupt\n")

    def close(self) -> None:
        """End the connection."""
        with self._opening:
            if self._session is not None:
                self._session.close()
                self._session = None
            if self._login is not None:
                self._login.close()
                self._login = None

    def _words(self, verb: str) -> tuple[str, ...]:
        return (verb, "--root", str(self.root))

    def _command(self, verb: str, arguments: Sequence[str]) -> str:
        script = _RUN.format(
            pythons=_CHOOSE,
            folder=_FOLDER,
            digest=self._archive.digest,
            sudo=_SUDO if self._as_root else "",
        )
        return quote(["exec", "sh", "-c", script, "sh", *self._words(verb), *arguments])

    def _serving(self) -> Session:
        """Return what runs verbs there, started where it does not run; sends the runtime if need be."""
        with self._beginning:
            if self._session is None or not self._session.alive:
                self._session = self._served()
                if not self._session.ready() and _first_need(self._session) == Need("runtime"):
                    self._send_runtime()
                    self._session = self._served()
            session = self._session
            if not session.ready():
                need = _first_need(session)
                if need is not None:
                    raise _lacking(need)
                raise LostError("the connection was lost", session.first.decode("utf-8", "replace"))
            self._ready = True
        return session

    def _served(self) -> Session:
        try:
            return Session(self._executed(self._command("serve", ())))
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error

    def _executed(self, command: str) -> paramiko.Channel:
        channel = self._channel()
        try:
            channel.exec_command(command)
        except BaseException:
            channel.close()
            raise
        return channel

    def _ensure_runtime(self) -> None:
        if self._ready:
            return
        script = _THERE.format(folder=_FOLDER, digest=self._archive.digest)
        command = quote(["exec", "sh", "-c", script])
        found = self._ask(lambda: self._executed(command), _LOOK, None, None)
        if isinstance(found, Need):
            self._send_runtime()
        self._ready = True

    def _send_runtime(self) -> None:
        script = _TAKE.format(
            folder=_FOLDER,
            digest=self._archive.digest,
            sha256=self._archive.sha256,
            pythons=_CHOOSE,
            compile=quote([_COMPILE]),
        )
        command = quote(["exec", "sh", "-c", script])
        try:
            data = io.BytesIO(self._archive.data)
            self._ask(lambda: self._executed(command), _TAKEN, data, None)
        except LostError as error:
            raise LostError(f"the runtime cannot be sent: {error.message}", error.hint) from None

    def _ask(
        self,
        begin: Callable[[], paramiko.Channel | SessionCall],
        verb: Call[T],
        stream: BinaryIO | None,
        on_event: Callable[[Event], None] | None,
    ) -> T | Need:
        """Begin a command and return its answer, or what it needs."""
        channel: paramiko.Channel | SessionCall | None = None
        errors: list[bytes] = []
        try:
            channel = begin()
            self._running[channel] = verb.name
            drain = _thread(self._drain, channel, errors)
            if stream is not None:
                _thread(self._feed, channel, stream)
            return self._outcome(channel, verb, on_event, errors, drain)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error
        finally:
            if channel is not None:
                self._running.pop(channel, None)
                self._cut.discard(channel)
                channel.close()

    def _outcome(
        self,
        channel: paramiko.Channel | SessionCall,
        verb: Call[T],
        on_event: Callable[[Event], None] | None,
        errors: list[bytes],
        drain: threading.Thread,
    ) -> T | Need:
        lines = self._lines(channel)
        answer = read_answer(verb, lines, on_event)
        if answer is not None:
            if not isinstance(channel, SessionCall):
                deque(lines, 0)  # the command ends by itself
            return answer
        code = channel.recv_exit_status()
        drain.join(2)
        text = b"".join(errors).decode("utf-8", "replace").strip()
        if code < 0:
            raise LostError(
                "the connection was lost", "What was under way there goes on by itself."
            )
        raise LostError(f"the verb ended with {code}", text[-2000:])

    def _lines(self, channel: paramiko.Channel | SessionCall) -> Iterator[bytes]:
        if isinstance(channel, SessionCall):
            lines = channel.makefile("rb")
        else:
            lines = iter_lines(channel.makefile("rb").readline)
        for line in lines:
            self._heard = time.monotonic()
            yield line

    def _drain(self, channel: paramiko.Channel | SessionCall, errors: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while piece := channel.recv_stderr(1 << 15):
                errors.append(piece)
                del errors[:-50]

    def _feed(self, channel: paramiko.Channel | SessionCall, stream: BinaryIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            while channel not in self._cut and (piece := stream.read(1 << 16)):
                channel.sendall(piece)
                # What flows was read there. A sign of life of ours was not: the kernel alone takes it.
                if len(piece) > _SIGN:
                    self._heard = time.monotonic()
        with contextlib.suppress(OSError):
            channel.shutdown_write()

    def open(self) -> None:
        """Log in, so that the first verb finds a connection, and a process that runs it."""
        if self._as_root:
            self._connection()
        else:
            self._serving()

    def _connection(self) -> paramiko.Transport:
        """Return the connection, a new one where there is none or the old one died."""
        with self._opening:
            if self._login is not None and not self._login.is_connected:
                self._login.close()
                self._login = None
            if self._login is None:
                login = Login(resolve(self.host))
                login.open()
                self._login = login
                self._heard = time.monotonic()
                transport = login.transport
                _thread(self._pulse, transport)
                _thread(self._watch, transport)
            found: paramiko.Transport = self._login.transport
        return found

    def _channel(self) -> paramiko.Channel:
        transport = self._connection()
        try:
            channel: paramiko.Channel = transport.open_session(timeout=_SILENCE)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error
        return channel

    def _pulse(self, transport: paramiko.Transport) -> None:
        """Ask for a sign of life; a host that is gone, or whose sshd hangs, does not answer."""
        while transport.is_active():
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                transport.global_request("keepalive@openssh.com", wait=True)
                self._heard = time.monotonic()
            time.sleep(_PULSE)

    def _watch(self, transport: paramiko.Transport) -> None:
        while transport.is_active():
            if time.monotonic() - self._heard > _SILENCE:
                transport.close()
            time.sleep(1.0)


def _first_need(session: Session) -> Need | None:
    """Return what the host lacks, where it said so instead of serving."""
    message = read_message(_LOOK, session.first)
    return message if isinstance(message, Need) else None


def _lacking(need: Need) -> DeployKitError:
    return DeployKitError(
        f"it has no {need.need}", "Install Python 3.9 or newer there: apt-get install python3"
    )


def _thread(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread
