"""Reads from OpenSSH's configuration where a host is and how to connect to it.

OpenSSH itself is asked (``ssh -G``), so ``Include``, ``Match`` and later additions are supported.
"""

from __future__ import annotations

import functools
import getpass
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import Host
from django_deploykit.runtime.base.names import is_number

# Names a file to use instead of ~/.ssh/config, like `ssh -F`.
CONFIG_VARIABLE = "DEPLOYKIT_SSH_CONFIG"
_CONNECT = 10.0  # seconds, if the configuration sets no timeout
_INSTALL = "Run: apt-get install openssh-client"
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
# ssh uses the first value that it reads, and passes `-F` on to the ssh of each jump host.
_STRICT = """\
StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
VerifyHostKeyDNS no
UpdateHostKeys no
BatchMode yes
LogLevel ERROR
ControlPath none
RemoteCommand none
ClearAllForwardings yes
"""


@dataclass(frozen=True)
class Destination:
    """A host and how to reach it.

    ``agent`` is the agent's socket, or empty for none. ``alias`` is the host's name in known_hosts
    if it differs. ``proxy_command`` is a shell command whose streams are the connection, or empty
    for TCP; with ``proxy_passes`` it passes a connected socket to its caller and ends. ``bind`` is
    the local address of a TCP connection. ``known_hosts_command`` prints lines of known_hosts; its
    words still have the tokens of a host key. ``revoked_keys`` is a file of revoked host keys.
    ``words`` are the arguments for ``ssh``. ``timeout`` is in seconds.
    """

    name: str
    hostname: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str = ""
    known_hosts: tuple[str, ...] = ()
    alias: str = ""
    proxy_command: str = ""
    proxy_passes: bool = False
    family: socket.AddressFamily = socket.AF_UNSPEC
    bind: str = ""
    known_hosts_command: tuple[str, ...] = ()
    revoked_keys: str = ""
    words: tuple[str, ...] = ()
    timeout: float = _CONNECT

    @property
    def key_name(self) -> str:
        """The host's name in known_hosts."""
        name = self.alias or self.hostname
        return name if self.port == 22 or self.alias else f"[{name}]:{self.port}"

    def by_hand(self) -> str:
        """Return the command to log in by hand."""
        return shlex.join([*_users_ssh(), *self.words])

    def run(self, command: str) -> int:
        """Run a command on the host with this process's terminal; return its exit code."""
        on_terminal = os.isatty(0) and os.isatty(1)
        sys.stdout.flush()
        try:
            return subprocess.call(
                [*_strict_ssh(), "-t" if on_terminal else "-T", *self.words, command]
            )
        except KeyboardInterrupt:
            return 130


def resolve(host: Host) -> Destination:
    """Return how to reach a host. A user or port in deploykit.ini overrides the configuration."""
    words = ["-l", host.user] if host.user else []
    words += ["-p", str(host.port)] if host.port else []
    words.append(host.address)
    command = [*_users_ssh(), "-G", *words]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise DeployKitError("OpenSSH's client is needed to reach servers", _INSTALL) from None
    if done.returncode:
        raise DeployKitError(
            f"ssh cannot use its configuration: {done.stderr.strip()}",
            f"Try: {shlex.join(command)}",
        )
    options: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        options.setdefault(key.lower(), []).append(value)
    return read_options(host.name, options, os.environ, words)


def read_options(
    name: str,
    options: Mapping[str, Sequence[str]],
    env: Mapping[str, str],
    words: Sequence[str] = (),
) -> Destination:
    """Return the destination that ``ssh -G`` describes. ``options`` are its values by keyword.

    >>> options = {"hostname": ["10.0.0.5"], "port": ["2222"], "user": ["deploy"]}
    >>> read_options("web1", options, {}).key_name
    '[10.0.0.5]:2222'
    """

    def one(key: str, default: str = "") -> str:
        value = options.get(key, [default])[0].strip()
        return "" if value.lower() == "none" else value

    hostname, user, port, alias = (
        one("hostname"),
        one("user"),
        one("port", "22"),
        one("hostkeyalias"),
    )
    tokens = {"h": hostname, "k": alias or name, "n": name, "p": port, "r": user, **_own_tokens()}
    path = functools.partial(_expand_path, tokens=tokens, env=env)
    known = f"{one('userknownhostsfile')} {one('globalknownhostsfile')}"
    agent, timeout = one("identityagent", "SSH_AUTH_SOCK"), one("connecttimeout")
    proxy_command = expand_tokens(one("proxycommand"), tokens)
    if one("bindinterface") and not proxy_command:
        raise DeployKitError(
            f"ssh's configuration sets BindInterface for {name}, which a release does not support",
            "Set BindAddress to the address of that interface instead.",
        )
    if jumps := one("proxyjump"):
        proxy_command = _jump_command(jumps, f"[{hostname}]:{port}")
    return Destination(
        name=name,
        hostname=hostname,
        port=int(port),
        user=user,
        identities=tuple(path(file) for file in options.get("identityfile", ()) if file != "none"),
        certificates=tuple(
            path(file) for file in options.get("certificatefile", ()) if file != "none"
        ),
        identities_only=one("identitiesonly") == "yes",
        agent=env.get(agent.lstrip("$"), "") if re.fullmatch(r"\$?\w+", agent) else path(agent),
        # ssh prints these paths without quotes. A space before the start of a path separates two.
        known_hosts=tuple(path(file) for file in re.split(r" +(?=[/~])", known.strip()) if file),
        alias=alias,
        proxy_command=proxy_command,
        proxy_passes=one("proxyusefdpass") == "yes" and bool(one("proxycommand")),
        family=_FAMILIES.get(one("addressfamily"), socket.AF_UNSPEC),
        bind=one("bindaddress"),
        known_hosts_command=_command_words(one("knownhostscommand"), tokens, env),
        revoked_keys=path(one("revokedhostkeys")),
        words=tuple(words),
        timeout=float(timeout) if is_number(timeout) and int(timeout) else _CONNECT,
    )


def _jump_command(jumps: str, target: str) -> str:
    """Return the command that reaches ``target`` over jump hosts, nearest first, as ssh does."""
    *others, last = (hop.strip().removeprefix("ssh://") for hop in jumps.split(","))
    before = ["-J", ",".join(others)] if others else []
    return shlex.join([*_strict_ssh(), *before, "-W", target, f"ssh://{last}"])


def _users_ssh() -> list[str]:
    named = os.environ.get(CONFIG_VARIABLE)
    return ["ssh", *(["-F", named] if named else [])]


def _strict_ssh() -> list[str]:
    return ["ssh", "-F", _strict_config(os.environ.get(CONFIG_VARIABLE)).name]


@functools.cache  # the file is deleted when the process ends
def _strict_config(named: str | None) -> IO[str]:
    """Return a configuration file for ssh: the user's, but host keys are always checked."""
    users = [os.path.abspath(named)] if named else ["~/.ssh/config", "/etc/ssh/ssh_config"]
    file = tempfile.NamedTemporaryFile("w", prefix="deploykit-ssh-")  # noqa: SIM115
    file.write(_STRICT + "".join(f'Include "{path}"\n' for path in users))
    file.flush()
    return file


def _own_tokens() -> dict[str, str]:
    return {
        "%": "%",
        "d": str(Path.home()),
        "u": getpass.getuser(),
        "i": str(os.getuid()),
        "l": socket.gethostname(),
        "L": socket.gethostname().partition(".")[0],
    }


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """Expand ``%h`` and the like. ``$VAR`` in a command is left to its shell."""
    return re.sub(r"%([%\w])", lambda match: tokens.get(match[1], match[0]), text)


def _expand_path(text: str, tokens: Mapping[str, str], env: Mapping[str, str]) -> str:
    return os.path.expanduser(expand_tokens(_expand_variables(text, env), tokens))


def _expand_variables(text: str, env: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: env.get(match[1], match[0]), text)


def _command_words(text: str, tokens: Mapping[str, str], env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of a command that ssh runs without a shell, when a host key is known."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DeployKitError(
            f"ssh's configuration has a KnownHostsCommand that cannot be read: {error}",
            f"Correct its quotes: {text}",
        ) from None
    later = {**tokens, "%": "%%"}  # they are expanded once more
    return tuple(expand_tokens(_expand_variables(word, env), later) for word in words)
