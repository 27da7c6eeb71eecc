"""A small internet: a network namespace outside, a cable to one host, names, and a certificate authority.

Its host has a network of its own, so that it can have a firewall and listen on the usual ports.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until

_ACME = "acme.example.org"
_CADDYFILE = """\
{{
	admin off
	skip_install_trust
	auto_https disable_redirects
	storage file_system {folder}
}}
https://{name} {{
	tls internal
	acme_server
}}
"""


class Internet:
    """Where visitors and a person's own machine are; ``enter`` are the words that run a command there.

    ``server`` is the address of the host, ``hosts`` what names it ``name``, ``ssh`` the folder of a
    person's keys outside.
    """

    server, outside = "192.0.2.10", "192.0.2.1"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.hosts = f"127.0.0.1 localhost\n{self.server} {name}\n{self.outside} {_ACME}\n"
        self.root = folder / "pki/authorities/local/root.crt"
        (folder / "hosts").write_text(self.hosts)
        self.ssh = folder / "ssh"
        self.ssh.mkdir(mode=0o700)
        home = Path.home() / ".ssh"  # ssh does not look at HOME
        home.mkdir(mode=0o700, exist_ok=True)
        mounts = f"mount --bind {folder}/hosts /etc/hosts; mount --bind {self.ssh} {home}"
        script = f"set -e; ip link set lo up; {mounts}; echo; exec cat"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"\n"
        self.enter = ["nsenter", f"--target={self._holder.pid}", "--net", "--mount"]

    def connect(self, pid: int) -> None:
        """Join the network of a process to this one."""
        ends = ["eth0", "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
        self.run("ip", "link", "add", *ends)
        self.run("sh", "-c", f"ip address add {self.outside}/24 dev eth0; ip link set eth0 up")
        script = f"ip link set lo up; ip address add {self.server}/24 dev eth0; ip link set eth0 up"
        subprocess.run(["nsenter", f"--target={pid}", "--net", "sh", "-ec", script], check=True)

    def run(self, *words: str) -> str:
        """Run a command outside, return its output."""
        done = subprocess.run([*self.enter, *words], capture_output=True, text=True)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def authority(self, caddy: Path) -> Iterator[str]:
        """Let Caddy be a certificate authority while the block runs; yields its ACME address."""
        file = self.folder / "Caddyfile"
        file.write_text(_CADDYFILE.format(folder=self.folder, name=_ACME))
        words = [str(caddy), "run", "--adapter", "caddyfile", "--config", str(file)]
        with (self.folder / "caddy.log").open("w") as log:
            process = subprocess.Popen([*self.enter, *words], stdout=log, stderr=log)
        try:
            until(self.root.exists)
            yield f"https://{_ACME}/acme/local/directory"
        finally:
            process.terminate()
            process.wait(30)

    def close(self) -> None:
        """Take it away; its namespaces go with the process that holds them."""
        self._holder.communicate()
