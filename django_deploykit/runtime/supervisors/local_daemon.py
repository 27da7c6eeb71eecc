"""A small daemon that runs a site's processes without systemd, in the environment ``local``.

It listens on the site's address and starts instances with that socket and one of their own (the
protocol of systemd's socket activation). It restarts instances that end, and answers each line of
JSON on its control socket with another. It outlives releases, and never imports their code.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import selectors
import signal
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Set, Tuple

from ..base.documents import Document
from ..base.errors import DeployKitError
from ..base.files import open_file
from ..base.site import Site, load_site
from ..base.trusted_folders import is_trusted
from ..base.variables import site_variables

Key = Tuple[str, str]  # release, process
_FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)
_LONGEST_PAUSE = 30.0
_LONGEST_LOG = 10 << 20  # bytes; a longer log is rotated when its process starts
# Variables that processes inherit from the shell of the release. No others, because an exported
# DEBUG or DATABASE_URL would override the site's configuration. ``manage.py release`` prints
# a note about exported variables that are not used.
_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@dataclass
class Instance:
    """A process of a release; times are of the monotonic clock."""

    release: str
    process: str
    pid: int = 0
    restarts: int = 0
    started: float = 0.0
    again: float = 0.0  # time of the next restart; 0 while it runs
    stopping: float = 0.0  # time to kill it; 0 while it should run
    exit: Optional[int] = field(default=None)


def run_folder(root: Path) -> Path:
    """Return the private folder of a site's sockets; its path is short, as socket paths must be."""
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
    base = Path(tempfile.gettempdir()) / f"deploykit-{os.getuid()}"
    folder = base / name
    for path in (base, folder):
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
        if (
            not stat.S_ISDIR(status.st_mode)
            or status.st_uid != os.getuid()
            or status.st_mode & 0o077
        ):
            raise DeployKitError(f"{path} belongs to another user", "Remove it, or set TMPDIR.")
    if not is_trusted(str(folder)):
        raise DeployKitError(f"{folder} can be replaced by other users", "Set TMPDIR.")
    return folder


def listener(address: str) -> socket.socket:
    """Return a listening socket for ``127.0.0.1:8000``, ``[::1]:8000`` or a path."""
    if address.startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        Path(address).unlink(missing_ok=True)
        sock.bind(address)
    else:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, int(port)))
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                raise DeployKitError(
                    f"{address} is in use by another program",
                    "Stop that program, or set `listen` in [environment:local] of deploykit.ini.",
                ) from None
            raise DeployKitError(f"cannot listen on {address}: {error.strerror}") from None
    sock.listen(2048)
    return sock


class Daemon:
    """Owns the sockets, runs the instances and answers the control socket."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = run_folder(site.root)
        self.shared = _with_high_number(listener(site.listen))
        self.control = _with_high_number(listener(str(self.folder / "control.sock")))
        self.instances: Dict[Key, Instance] = {}
        self.probes: Dict[str, socket.socket] = {}
        self.killed: Set[Key] = set()  # did not end within the drain time
        self.ending = False
        self.selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Run until asked to end, and until every instance has ended."""
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        self.control.settimeout(5)
        self.selector.register(self.control, selectors.EVENT_READ)
        self.selector.register(reader, selectors.EVENT_READ)
        while not (self.ending and not self.instances):
            for key, _ in self.selector.select(timeout=self._pause()):
                if key.fileobj is self.control:
                    self._handle_connection()
                else:
                    os.read(reader, 4096)
            self._reap()
            self._advance()
        # Without the control socket another daemon may start, so the address must be free before.
        self.shared.close()
        (self.folder / "control.sock").unlink(missing_ok=True)

    def end(self) -> None:
        """Stop everything, then end."""
        self.ending = True
        for instance in self.instances.values():
            self._stop(instance)

    def _pause(self) -> float:
        now = time.monotonic()
        times = [i.again for i in self.instances.values() if i.again]
        times += [i.stopping for i in self.instances.values() if i.stopping]
        return max(0.05, min([60.0, *(moment - now for moment in times)]))

    def _handle_connection(self) -> None:
        try:
            connection, _ = self.control.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            try:
                request = json.loads(connection.makefile("rb").readline() or b"{}")
                reply = self._handle(request)
            except (OSError, ValueError, DeployKitError) as error:
                reply = {"error": str(error)}
            try:
                connection.sendall(json.dumps(reply).encode("utf-8") + b"\n")
            except OSError:
                return

    def _handle(self, request: Document) -> Document:
        verb = request.get("verb")
        keys: List[Key] = [
            (str(request.get("release")), str(name)) for name in request.get("processes", [])
        ]
        if verb == "start":
            for key in keys:
                self._start(key)
        elif verb == "stop":
            for key in keys:
                if key in self.instances:
                    self._stop(self.instances[key])
        elif verb == "end":
            self.end()
        return {
            "pid": os.getpid(),
            "instances": [asdict(one) for one in self.instances.values()],
            "killed": sorted(self.killed),
        }

    def _start(self, key: Key) -> None:
        self.killed.discard(key)
        instance = self.instances.get(key)
        if instance is None or instance.stopping:
            instance = self.instances[key] = self._replace(key)
        if not instance.pid:
            instance.restarts = 0
            self._spawn(instance)

    def _replace(self, key: Key) -> Instance:
        old = self.instances.pop(key, None)
        if old is not None and old.pid:
            _kill(old.pid, signal.SIGKILL)
            os.waitpid(old.pid, 0)
        return Instance(*key)

    def _spawn(self, instance: Instance) -> None:
        site = self.site
        release = site.releases / instance.release
        env = process_environment(site)
        log = self._open_log(instance)
        files = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        if instance.process == "web":
            env["LISTEN_FDS"] = "2"
            env["PORT"] = site.listen.rpartition(":")[2]
            shared, probe = self.shared.fileno(), self._probe(instance.release).fileno()
            files += [
                (os.POSIX_SPAWN_DUP2, shared, _FIRST_FD),
                (os.POSIX_SPAWN_DUP2, probe, _FIRST_FD + 1),
            ]
        command = ["/bin/sh", str(release / "bin" / "deploykit-run"), instance.process]
        try:
            instance.pid = os.posix_spawn(
                "/bin/sh",
                command,
                env,
                file_actions=files,
                setpgroup=0,
                setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGQUIT],
            )
        finally:
            os.close(log)
        instance.started, instance.again, instance.exit = time.monotonic(), 0.0, None

    def _open_log(self, instance: Instance) -> int:
        path = log_path(self.site, instance.release, instance.process)
        path.parent.mkdir(parents=True, exist_ok=True)
        rotate(path)
        return open_log(path)

    def _probe(self, release: str) -> socket.socket:
        if release not in self.probes:
            self.probes[release] = _with_high_number(
                listener(str(probe_path(self.folder, release)))
            )
        return self.probes[release]

    def _stop(self, instance: Instance) -> None:
        if not instance.stopping:
            instance.stopping = time.monotonic() + self.site.drain
            instance.again = 0.0
            if instance.pid:
                # Only the main process: gunicorn and celery stop their workers themselves, in order.
                _kill(instance.pid, signal.SIGTERM, group=False)

    def _reap(self) -> None:
        for instance in list(self.instances.values()):
            if instance.pid:
                pid, status = os.waitpid(instance.pid, os.WNOHANG)
                if pid:
                    _kill(instance.pid, signal.SIGKILL)  # and processes left in its group
                    instance.pid, instance.exit = 0, status
                    if not instance.stopping:
                        instance.again = time.monotonic() + _pause_before(instance.restarts)

    def _advance(self) -> None:
        now = time.monotonic()
        for key, instance in list(self.instances.items()):
            if instance.stopping and not instance.pid:
                del self.instances[key]
                self._close_probe(instance)
            elif instance.stopping and now >= instance.stopping:
                _kill(instance.pid, signal.SIGKILL)
                self.killed.add(key)
            elif instance.again and now >= instance.again:
                instance.restarts += 1
                try:
                    self._spawn(instance)
                except DeployKitError as error:  # the configuration was changed
                    print(error, flush=True)
                    instance.again = now + _pause_before(instance.restarts)

    def _close_probe(self, instance: Instance) -> None:
        if instance.process == "web" and instance.release in self.probes:
            self.probes.pop(instance.release).close()
            probe_path(self.folder, instance.release).unlink(missing_ok=True)


def _pause_before(restarts: int) -> float:
    return min(_LONGEST_PAUSE, 2.0**restarts)


def process_environment(site: Site) -> Dict[str, str]:
    """Return the environment of a site's processes and commands; raises :class:`DeployKitError`."""
    ours = {**passed_environment(os.environ), **environment(site)}
    return site_variables(site.etc, site.app).added_to(ours)


def passed_environment(env: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables that a site's processes inherit from the environment.

    >>> passed_environment({"PATH": "/bin", "LC_ALL": "C", "DEBUG": "1"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {key: value for key, value in env.items() if key in _PASSED or key.startswith("LC_")}


def environment(site: Site) -> Dict[str, str]:
    """Return the variables that name a site's configuration and data."""
    name = site.app.upper().replace("-", "_")
    return {
        f"{name}_CONFIG": str(site.ini),
        "DEPLOYKIT_ENVIRONMENT": "local",
        "STATE_DIRECTORY": str(site.data),
        "PYTHONUNBUFFERED": "1",
    }


def probe_path(folder: Path, release: str) -> Path:
    """Return the path of the socket on which only that release's web instance listens."""
    return folder / f"probe-{release}.sock"


def log_path(site: Site, release: str, process: str) -> Path:
    """Return the path of an instance's log."""
    return site.root / "log" / f"{process}-{release}.log"


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log, in blocking mode for the processes."""
    log = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640, top=path.parent.parent)
    os.set_blocking(log, True)
    return log


def rotate(path: Path, longest: int = _LONGEST_LOG) -> None:
    """If a log is too long, rename it to ``NAME.1``, replacing the previous one."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > longest:
            os.replace(path, path.with_name(f"{path.name}.1"))


def _with_high_number(sock: socket.socket) -> socket.socket:
    """Return the socket with a descriptor above those that instances inherit."""
    high = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 64))
    sock.close()
    return high


def _kill(pid: int, number: int, group: bool = True) -> None:
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def main(root: str) -> int:
    """Run the daemon of the site at ``root``; print one line of JSON: "up", or an error."""
    try:
        daemon = Daemon(load_site(Path(root)))
    except (DeployKitError, OSError) as error:
        print(
            json.dumps(
                {"error": getattr(error, "message", str(error)), "hint": getattr(error, "hint", "")}
            ),
            flush=True,
        )
        return 1
    print(json.dumps({"up": os.getpid()}), flush=True)
    null = os.open(os.devnull, os.O_RDWR)
    path = daemon.site.root / "log" / "daemon.log"
    rotate(path)
    log = open_log(path)
    for fd, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, fd)
    os.chdir("/")
    daemon.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
