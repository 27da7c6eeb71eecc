"""The transport to a server, which runs verbs of the runtime over SSH.

The runtime is in the cache folder of the login user on the host, and is named by its digest. It is
sent if it is missing. A verb costs one round trip.
"""

from __future__ import annotations

import functools
import io
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import paramiko

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import Host
from django_deploykit.release.host_python import FindPython, HostPython, find_script
from django_deploykit.release.runtime_archive import RuntimeArchive
from django_deploykit.release.transports.base import LostError, lacking
from django_deploykit.release.transports.channels import Channel, RunningVerbs
from django_deploykit.release.transports.limits import HINT, Limits, within
from django_deploykit.release.transports.login import Login
from django_deploykit.release.transports.multiplexer import Multiplexer
from django_deploykit.release.transports.openssh import resolve
from django_deploykit.runtime.wire.calls import LONG, Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.messages import Need, read_message

T = TypeVar("T")

# Our version first, because the archive has its bytecode. Then Debian's default, then any other.
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
{pythons} \
if [ -z "$p" ]; then echo '{{"need": "python"}}'; \
elif [ -f {folder}/{digest}.pyz ]; then echo '{{"result": {{}}}}'; else echo '{{"need": "runtime"}}'; fi"""
_TAKE = """\
set -e; umask 077; d={folder}; mkdir -p "$d"; t="$d/.{digest}.$$"; \
trap 'rm -f "$t"' EXIT; cat > "$t"; \
echo "{sha256}  $t" | sha256sum -c --status; \
{pythons} "$p" -I -c {compile} "$t" || :; \
find "$d" -name '*.pyz' -mtime +30 -exec rm -f '{{}}' +; \
mv "$t" "$d/{digest}.pyz"; echo '{{"result": {{}}}}'"""
# Bytecode is for one version of Python. With another one, every verb would compile the sources.
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
_OPENING = 30.0  # seconds that a host may take to open a channel
_MUCH = 1 << 20  # bytes; a longer stream gets its own channel, so that it does not delay heartbeats


@dataclass(frozen=True)
class _Nothing:
    """The empty answer of the scripts above."""


_LOOK, _TAKEN = Call("facts", _Nothing), Call("receive", _Nothing, LONG)


def quote(words: Sequence[str]) -> str:
    """Return words as one line for a remote shell. Values are quoted only here.

    >>> quote(["sh", "-c", 'echo "$1"', "sh", "it's; rm -rf /"])
    'sh -c \\'echo "$1"\\' sh \\'it\\'"\\'"\\'s; rm -rf /\\''
    """
    if any("\0" in word for word in words):
        raise DeployKitError("a word for the host holds a NUL character")
    return shlex.join(words)


class Ssh:
    """A :class:`~.base.Transport` to a server; ``as_root`` runs verbs with sudo if needed."""

    def __init__(
        self,
        host: Host,
        root: Path,
        archive: RuntimeArchive,
        *,
        as_root: bool = False,
        limits: Limits | None = None,
        python: FindPython | None = None,
    ) -> None:
        """``python`` finds the Python for a host that has none."""
        self.host, self.root = host, root
        self._find_python = python
        self._archive, self._as_root = archive, as_root
        self._logins: list[Login] = []  # more than one if a connection allows too few sessions
        self._verbs: Multiplexer | None = None
        self._opening, self._beginning = threading.Lock(), threading.Lock()
        self._provided: set[Need] = set()
        self._ready = False  # whether the runtime is known to be on the host
        self._running = RunningVerbs(host.name, limits or Limits())
        self.interrupt = self._running.interrupt

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
        """Run a verb. The runtime is sent first if it is missing."""
        begin: Callable[[], Channel]
        if self._as_root or getattr(stream, "size", 0) > _MUCH:
            if stream is not None:
                self._ensure_runtime()  # what was read from a stream cannot be read again
            command = self._command(verb.name, arguments)
            begin = lambda: self._executed(command)  # noqa: E731
        else:
            begin = lambda: self._serving().start([*self._words(verb.name), *arguments])  # noqa: E731
        answer = self._run(begin, verb, stream, on_event)
        while isinstance(answer, Need) and self._provide(answer):
            answer = self._run(begin, verb, stream, on_event)
        self._ready = True
        if isinstance(answer, Need):
            raise lacking(answer)
        return answer

    def attach(self, verb: str, *arguments: str) -> int:
        """Run a verb on the user's terminal."""
        self._ensure_runtime()
        return resolve(self.host).run(self._command(verb, arguments))

    def close(self) -> None:
        """End the connection."""
        with self._opening:
            if self._verbs is not None:
                self._verbs.close()
                self._verbs = None
            while self._logins:
                self._logins.pop().close()

    def _words(self, verb: str) -> tuple[str, ...]:
        return (verb, "--root", str(self.root))

    def _command(self, verb: str, arguments: Sequence[str]) -> str:
        script = _RUN.format(
            pythons=self._choose,
            folder=_FOLDER,
            digest=self._archive.digest,
            sudo=_SUDO if self._as_root else "",
        )
        return quote(["exec", "sh", "-c", script, "sh", *self._words(verb), *arguments])

    def _serving(self) -> Multiplexer:
        """Return the multiplexer. Start it and send the runtime if needed."""
        with self._beginning:
            if self._verbs is None or not self._verbs.alive:
                self._verbs = self._served()
                while not self._verbs.ready():
                    lacking_there = _first_need(self._verbs)
                    if lacking_there is None or not self._provide(lacking_there):
                        break
                    self._verbs = self._served()
            verbs = self._verbs
            if not verbs.ready():
                need = _first_need(verbs)
                if need is not None:
                    raise lacking(need)
                text = b"".join(verbs.printed).decode("utf-8", "replace").strip()
                raise LostError(verbs.problem, text)
            self._ready = True
        return verbs

    def _served(self) -> Multiplexer:
        try:
            return Multiplexer(self._executed(self._command("serve", ())))
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error

    def _executed(self, command: str) -> paramiko.Channel:
        channel = self._channel()
        with within(_OPENING, channel.close) as late:
            try:
                # A login shell's startup files may print text without a newline at the end.
                channel.exec_command(f"echo; {command}")
            except BaseException:
                channel.close()
                if late.is_set():
                    raise LostError(
                        f"it did not run a command within {_OPENING:g} s", HINT
                    ) from None
                raise
        return channel

    def _ensure_runtime(self) -> None:
        if self._ready:
            return
        script = _THERE.format(pythons=self._choose, folder=_FOLDER, digest=self._archive.digest)
        command = quote(["exec", "sh", "-c", script])
        found = self._run(lambda: self._executed(command), _LOOK)
        while isinstance(found, Need):
            if not self._provide(found):
                raise lacking(found)
            found = self._run(lambda: self._executed(command), _LOOK)
        self._ready = True

    @functools.cached_property
    def _choose(self) -> str:
        """The shell text that sets ``p`` to the Python that runs verbs.

        One that was sent comes last. Setup, as root, copies it, so it must be that of the bundle.
        """
        digest = self._python.digest if self._python and self._as_root else "*"
        return f"{_CHOOSE} {find_script(digest)}"

    @functools.cached_property
    def _python(self) -> HostPython | None:
        return self._find_python() if self._find_python else None

    def _provide(self, need: Need) -> bool:
        """Send what the host lacks, once. Return False if there is nothing to send."""
        if need in self._provided or need not in (Need("runtime"), Need("python")):
            return False
        self._provided.add(need)
        if need == Need("runtime"):
            self._send_runtime()
        elif self._python is None:
            return False
        else:
            with self._python.archive.open("rb") as data:
                self._send(self._python.take_script(), data, "Python")
        return True

    def _send_runtime(self) -> None:
        script = _TAKE.format(
            folder=_FOLDER,
            digest=self._archive.digest,
            sha256=self._archive.sha256,
            pythons=self._choose,
            compile=quote([_COMPILE]),
        )
        self._send(script, io.BytesIO(self._archive.data), "the runtime")

    def _send(self, script: str, data: BinaryIO, what: str) -> None:
        """Run a script that stores what it reads."""
        command = quote(["exec", "sh", "-c", script])
        try:
            self._run(lambda: self._executed(command), _TAKEN, data)
        except LostError as error:
            raise LostError(f"{what} cannot be sent: {error.message}", error.hint) from None

    def _run(
        self,
        begin: Callable[[], Channel],
        verb: Call[T],
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T | Need:
        """Start a verb and return its answer, or what the host lacks to run it."""
        try:
            return self._running.run(begin(), verb, stream, on_event)
        except LostError as error:
            raise (sudo_problem(error.hint) if self._as_root else None) or error from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error

    def open(self) -> None:
        """Log in and start the process that runs verbs. With ``as_root``, only log in."""
        if self._as_root:
            self._connection()
        else:
            self._serving()

    def _connection(self, *, another: bool = False) -> paramiko.Transport:
        """Return the newest connection. Make one if there is none or ``another`` is set."""
        with self._opening:
            for dead in [one for one in self._logins if not one.is_connected]:
                self._logins.remove(dead)
                dead.close()
            if another or not self._logins:
                login = Login(resolve(self.host))
                login.open()
                self._logins.append(login)
            found: paramiko.Transport = self._logins[-1].transport
        return found

    def _channel(self) -> paramiko.Channel:
        transport = self._connection()
        try:
            try:
                channel: paramiko.Channel = transport.open_session(timeout=_OPENING)
            except paramiko.ChannelException:  # sshd's MaxSessions is reached
                channel = self._connection(another=True).open_session(timeout=_OPENING)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise LostError(f"the connection was lost: {error}") from error
        return channel


def sudo_problem(said: str) -> DeployKitError | None:
    """Return the error for what sudo printed when it did not run a verb, or None for other text."""
    if "must have a tty" in said:
        return DeployKitError(
            "sudo on the host only works on a terminal (requiretty)",
            "Let the login user do without one: a line `Defaults:USER !requiretty` in a file of /etc/sudoers.d.",
        )
    if "sudo: a password is required" in said:
        return DeployKitError(
            "sudo on the host asks for a password",
            "Log in as root with --user root, or let the login user run sudo without a password.",
        )
    return None


def _first_need(verbs: Multiplexer) -> Need | None:
    """Return what the host lacks, if it said so instead of serving."""
    messages = (read_message(_LOOK, line) for line in verbs.printed)
    return next((message for message in messages if isinstance(message, Need)), None)
