"""What OpenSSH's own configuration says of a host: aliases, ports, keys, jump hosts, known hosts.

OpenSSH is asked itself (``ssh -G``), so ``Include``, ``Match`` and whatever else it knows count. Where
it is not installed, paramiko reads ``~/.ssh/config``.
"""

from __future__ import annotations

import functools
import getpass
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import Host, parse_host

# Another file than ~/.ssh/config, as `ssh -F` takes it.
CONFIG_VARIABLE = "DEPLOYKIT_SSH_CONFIG"
_CONNECT = 10.0  # seconds, where the configuration names none
_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Target:
    """A host as it is reached. ``agent`` is the agent's socket, "" for none; ``timeout`` is in seconds."""

    name: str
    hostname: str
    port: int
    user: str
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str = ""
    known_hosts: tuple[str, ...] = ()
    alias: str = ""  # the name of its key in known_hosts, where that is another
    jumps: tuple[str, ...] = ()
    proxy_command: str = ""
    timeout: float = _CONNECT

    @property
    def key_name(self) -> str:
        """The name that known_hosts has the host under."""
        name = self.alias or self.hostname
        return name if self.port == 22 or self.alias else f"[{name}]:{self.port}"

    @property
    def command(self) -> str:
        """What logs in by hand, to see for oneself."""
        port = ["-p", str(self.port)] if self.port != 22 else []
        return shlex.join(["ssh", *port, f"{self.user}@{self.hostname}"])


def resolve(host: Host) -> Target:
    """Return how a host is reached; user and port that were written count before the configuration."""
    return read_answer(host.name, _answer(host), os.environ)


def jump_host(text: str) -> Host:
    """Return a hop of ProxyJump, ``[user@]host[:port]`` or ``ssh://…``."""
    return parse_host(text.strip().removeprefix("ssh://"))


def _answer(host: Host) -> dict[str, list[str]]:
    named = os.environ.get(CONFIG_VARIABLE)
    command = ["ssh", "-G"]
    command += ["-F", named] if named else []
    command += ["-l", host.user] if host.user else []
    command += ["-p", str(host.port)] if host.port else []
    try:
        done = subprocess.run(
            [*command, "--", host.address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        return _paramikos(host, named)
    if done.returncode:
        raise DeployKitError(
            f"the configuration of ssh cannot be used: {done.stderr.strip()}",
            f"Try: {shlex.join([*command, '--', host.address])}",
        )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def _paramikos(host: Host, named: str | None) -> dict[str, list[str]]:
    from paramiko import SSHConfig

    path = Path(named).expanduser() if named else Path.home() / ".ssh" / "config"
    config = SSHConfig.from_path(str(path)) if path.exists() else SSHConfig()
    rows = config.lookup(host.address)
    found = {
        key: list(value) if isinstance(value, list) else [str(value)] for key, value in rows.items()
    }
    if host.user:
        found["user"] = [host.user]
    if host.port:
        found["port"] = [str(host.port)]
    found.setdefault("user", [getpass.getuser()])
    names = ("id_rsa", "id_ecdsa", "id_ed25519")
    found.setdefault("identityfile", [f"~/.ssh/{name}" for name in names])
    return found


def read_answer(name: str, found: Mapping[str, Sequence[str]], env: Mapping[str, str]) -> Target:
    """Return the target that ``ssh -G`` describes; ``found`` has its lines by key.

    >>> answer = {"hostname": ["10.0.0.5"], "port": ["2222"], "user": ["deploy"]}
    >>> read_answer("web1", answer, {}).key_name
    '[10.0.0.5]:2222'
    """

    def one(key: str, default: str = "") -> str:
        value = found.get(key, [default])[0].strip()
        return "" if value.lower() == "none" else value

    hostname, user, port = one("hostname"), one("user"), one("port", "22")
    tokens = {"h": hostname, "n": name, "r": user, "p": port, **_own_tokens()}
    fill = functools.partial(_fill, tokens=tokens)
    known = one("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2").split()
    known += one("globalknownhostsfile", "/etc/ssh/ssh_known_hosts").split()
    agent = found.get("identityagent", ["SSH_AUTH_SOCK"])[0].strip().strip('"')
    timeout = one("connecttimeout")
    return Target(
        name=name,
        hostname=hostname,
        port=int(port),
        user=user,
        identities=tuple(fill(path) for path in found.get("identityfile", ()) if path != "none"),
        certificates=tuple(
            fill(path) for path in found.get("certificatefile", ()) if path != "none"
        ),
        identities_only=one("identitiesonly") == "yes",
        agent=_agent(agent, env, fill),
        known_hosts=tuple(fill(path) for path in known),
        alias=one("hostkeyalias"),
        jumps=tuple(part for part in one("proxyjump").split(",") if part)[:_LONGEST_CHAIN],
        proxy_command=_fill(one("proxycommand"), tokens, path=False),
        timeout=float(timeout) if timeout.isdigit() and int(timeout) else _CONNECT,
    )


def _agent(agent: str, env: Mapping[str, str], fill: functools.partial[str]) -> str:
    if agent.lower() == "none":
        return ""
    if agent == "SSH_AUTH_SOCK":
        return env.get("SSH_AUTH_SOCK", "")
    if agent.startswith("$"):
        return env.get(agent.strip("${}"), "")
    return fill(agent)


def _own_tokens() -> dict[str, str]:
    return {
        "%": "%",
        "d": str(Path.home()),
        "u": getpass.getuser(),
        "i": str(os.getuid()),
        "l": socket.gethostname(),
        "L": socket.gethostname().partition(".")[0],
    }


def _fill(text: str, tokens: Mapping[str, str], *, path: bool = True) -> str:
    """Put in what OpenSSH's ``%h`` and the like stand for; a path's ``~`` too."""
    filled = re.sub(r"%([%\w])", lambda match: tokens.get(match[1], match[0]), text.strip('"'))
    return os.path.expanduser(filled) if path else filled
