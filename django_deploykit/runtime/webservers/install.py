"""Installs the site's file for a web server, as root: checks first, and takes back what fails."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Sequence, Tuple

from ..base.errors import DeployKitError
from ..base.files import write_and_replace
from ..base.hints import as_root
from .apache import MODULES
from .base import FrontOptions
from .certificates import certificate_problem, first_certificate

_PATH = f"{os.defpath}:/usr/local/sbin:/usr/sbin:/sbin"
_PATIENCE = 10.0  # seconds until a web server has reloaded
_PORTS = (80, 443)


@dataclass(frozen=True)
class Program:
    """A web server on a host: how its files are enabled and tested.

    ``main`` is a file with lines that import others; without one, links enable files. ``prepare``
    are commands that run before the test.
    """

    name: str
    service: str
    test: Tuple[str, ...]
    main: str = ""
    prepare: Tuple[Tuple[str, ...], ...] = ()


PROGRAMS: Dict[str, Program] = {
    "nginx": Program("nginx", "nginx", ("nginx", "-t", "-q")),
    "caddy": Program(
        "caddy",
        "caddy",
        ("caddy", "validate", "--adapter", "caddyfile", "--config", "/etc/caddy/Caddyfile"),
        main="Caddyfile",
    ),
    "apache": Program(
        "apache2",
        "apache2",
        ("apachectl", "configtest"),
        prepare=(("a2enmod", "--quiet", *MODULES),),
    ),
}


def run(*command: str) -> Tuple[int, str]:
    """Run a command; return its exit code and its output."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PATH": _PATH},
    )
    return done.returncode, done.stdout.strip()


def nginx_version() -> Tuple[int, ...]:
    """Return the version of nginx on this host; empty if it is not installed."""
    if not shutil.which("nginx", path=_PATH):
        return ()
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", run("nginx", "-v")[1])
    return tuple(int(part) for part in found.groups()) if found else ()


def port_is_free(port: int) -> bool:
    """Whether nothing listens on a port of this host."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("", port))
        except OSError:
            return False
    return True


def served(port: int, name: str) -> Optional[bytes]:
    """Return the certificate for a name on a port of this host, or None if nobody answers there.

    It is empty on port 80.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as made:
            if port == 80:
                return b""
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(made, server_hostname=name) as secure:
                return secure.getpeercert(binary_form=True)
    except OSError:
        return None


@dataclass(frozen=True)
class WebserverEffects:
    """The functions of the host that an installation uses."""

    run: Callable[..., Tuple[int, str]] = run
    has_program: Callable[[str], bool] = lambda name: bool(shutil.which(name, path=_PATH))
    port_is_free: Callable[[int], bool] = port_is_free
    served: Callable[[int, str], Optional[bytes]] = served
    patience: float = _PATIENCE


def install_website(
    server: str,
    file: Path,
    text: str,
    names: Sequence[str],
    options: FrontOptions,
    host: WebserverEffects = WebserverEffects(),
) -> Iterator[str]:
    """Write and enable the site's file, and let the web server load it; yield what was done.

    Raises :class:`DeployKitError` before anything changes if the host, the certificate or a port is
    not ready. If the web server refuses the file, everything is as before.
    """
    program = PROGRAMS.get(server)
    if program is None:
        raise DeployKitError(
            f"{server} has to be installed by hand", "`webserver` prints its file."
        )
    validate_host(program, names, options, host)
    for command in program.prepare:
        _must(host, command)
    before = _saved(program, file)
    try:
        for path, content in _wanted(program, file, text).items():
            _put(path, content)
        code, output = host.run(*program.test)
        if code:
            raise DeployKitError(f"{program.name} refuses {file}, which was taken back", output)
        yield f"wrote {file}"
        _load(program, names, options, host)
    except BaseException:
        changed = [path for path, content in before.items() if _put(path, content)]
        if changed:
            host.run("systemctl", "try-reload-or-restart", program.service)
        raise
    yield f"{program.name} serves {', '.join(names)}"


def validate_host(
    program: Program, names: Sequence[str], options: FrontOptions, host: WebserverEffects
) -> None:
    """Raise :class:`DeployKitError` if the web server could not serve the site."""
    if not host.has_program(program.name):
        raise DeployKitError(
            f"{program.name} is not installed on this host",
            f"Install it: {as_root(f'apt-get install {program.service}')}",
        )
    if options.certificate:
        problem = certificate_problem(options.certificate, options.key, names)
        if problem:
            raise DeployKitError(f"nothing was changed: {problem}")
    if host.run("systemctl", "is-active", "--quiet", program.service)[0] == 0:
        return
    taken = [str(port) for port in _PORTS if not host.port_is_free(port)]
    if taken:
        raise DeployKitError(
            f"nothing was changed: {program.name} does not run, and another program listens on port {' and '.join(taken)}",
            f"Find it with `{as_root('ss -ltnp')}`, and stop it.",
        )


def _must(host: WebserverEffects, command: Sequence[str]) -> None:
    code, output = host.run(*command)
    if code:
        raise DeployKitError(f"`{' '.join(command)}` failed with exit code {code}", output)


def _link(file: Path) -> Path:
    return file.parent.parent / "sites-enabled" / file.name


def _saved(program: Program, file: Path) -> Dict[Path, Optional[str]]:
    """Return the content of the files that change; a link's is where it leads, None is missing."""
    other = file.parent / program.main if program.main else _link(file)
    return {path: _content(path) for path in (file, other)}


def _content(path: Path) -> Optional[str]:
    if path.is_symlink():
        return os.readlink(path)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _wanted(program: Program, file: Path, text: str) -> Dict[Path, str]:
    if not program.main:
        return {file: text, _link(file): f"../{file.parent.name}/{file.name}"}
    main = file.parent / program.main
    lines, line = _content(main) or "", f"import {file.name}"
    if line not in (one.strip() for one in lines.splitlines()):
        lines += ("" if not lines or lines.endswith("\n") else "\n") + line + "\n"
    return {file: text, main: lines}


def _put(path: Path, content: Optional[str]) -> bool:
    """Give a file this content, and return whether that changes it."""
    if _content(path) == content:
        return False
    if content is None:
        path.unlink()
    elif path.parent.name == "sites-enabled":
        with suppress(FileNotFoundError):
            path.unlink()
        path.symlink_to(content)
    else:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        write_and_replace(path, content, mode, sync=True)
    return True


def _load(
    program: Program, names: Sequence[str], options: FrontOptions, host: WebserverEffects
) -> None:
    """Let the web server load its files; raise :class:`DeployKitError` unless it then serves them.

    nginx reports no error if it cannot listen on a port, and goes on with its old configuration.
    """
    code, output = host.run("systemctl", "reload-or-restart", program.service)
    if code:
        raise DeployKitError(
            f"{program.name} did not reload, and has its old files again",
            output or f"Its log: {as_root(f'journalctl -u {program.service}')}",
        )
    expected = first_certificate(options.certificate) if options.certificate else None
    port = 443 if options.certificate or program.main else 80
    end = time.monotonic() + host.patience
    while True:
        found = host.served(port, names[0].lstrip("*."))
        if found is not None and expected in (None, found):
            return
        if time.monotonic() >= end:
            break
        time.sleep(0.1)
    raise DeployKitError(
        f"{program.name} does not serve {names[0]} on port {port}, and has its old files again",
        f"Its log: {as_root(f'journalctl -u {program.service}')}",
    )
