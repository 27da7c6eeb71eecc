"""What people do today, on the same host with the same shop: shiv with scp, and Capistrano's way."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import timed
from benchmarks.tools import Pex, Place, Shiv
from benchmarks.wire import Relay
from tests.lab.hosts import Host
from tests.projects import run, uv

_DATABASE = "?transaction_mode=IMMEDIATE&timeout=20&init_command=PRAGMA journal_mode=WAL"
_UNIT = """\
[Service]
Type=notify
NotifyAccess=all
KillMode=mixed
TimeoutStopSec=30
WorkingDirectory={folder}
{environment}
ExecStart={command} shop.wsgi --bind {address}:{port} --workers 2 --threads 8
"""


@dataclass
class Peer:
    """One way to release, to one host, as root; ``port`` is where its site answers."""

    place: Place
    host: Host
    port: int = 0
    name: str = ""
    relay: Relay | None = None

    @property
    def folder(self) -> str:
        """Where it keeps what it releases on the host."""
        return f"/opt/{self.name}"

    @property
    def variables(self) -> dict[str, str]:
        """The site's configuration."""
        return {
            "SECRET_KEY": self.place.env()["SECRET_KEY"],
            "ALLOWED_HOSTS": f"{self.host.address},localhost",
            "DATABASE_URL": f"sqlite:////var/lib/{self.name}/shop.sqlite3{_DATABASE}",
            "DJANGO_SETTINGS_MODULE": "shop.settings",
        }

    def shell(self, command: str) -> None:
        """Run a shell command on the host, as a script of theirs does."""
        argv = [*self.program("ssh"), f"root@{self._address}", command]
        run(*argv)

    def program(self, name: str) -> list[str]:
        """Return ssh or scp with the options that reach the host."""
        words = self.host.ssh()[1:-1]
        port = ["-o", f"Port={self.relay.port}"] if self.relay else []
        return [name, *words, "-o", f"HostKeyAlias={self.host.address}", *port]

    @property
    def _address(self) -> str:
        return "127.0.0.1" if self.relay else self.host.address

    def prepare(self) -> None:
        """Do once what their documents call provisioning."""
        self.shell(f"mkdir -p {self.folder} /var/lib/{self.name}")

    def unit(self, command: str, folder: str, **more: str) -> None:
        """Install the unit."""
        rows = {**self.variables, **more}
        lines = "\n".join(f'Environment="{key}={value}"' for key, value in rows.items())
        text = _UNIT.format(
            folder=folder,
            environment=lines.replace("%", "%%"),
            command=command,
            address=self.host.address,
            port=self.port,
        )
        self.host.run(f"cat > /etc/systemd/system/{self.name}.service", data=text)
        self.host.run("systemctl daemon-reload")

    def release(self, number: int) -> None:
        """Put HEAD live, from the repository to the restart."""
        raise NotImplementedError

    def export(self, number: int) -> Path:
        """Return HEAD exported, with collected static files, as a packer has to."""
        folder = self.place.root / "exports" / f"{self.name}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        script = (
            f"mkdir -p {folder} && git archive HEAD | tar -x -C {folder} && "
            f"cd {folder} && {self.place.dev} manage.py collectstatic --noinput"
        )
        timed(("sh", "-c", script), self.place.project, self.place.env())
        return folder


class ShivPeer(Peer):
    """``shiv``, ``scp``, ``systemctl restart``."""

    def prepare(self) -> None:
        """Install the unit."""
        super().prepare()
        self.unit(
            f"/usr/bin/python3 {self.folder}/shop.pyz",
            self.folder,
            SHIV_ROOT=f"/var/lib/{self.name}/shiv",
            SHIV_ENTRY_POINT="gunicorn.app.wsgiapp:run",
        )

    def build(self, number: int) -> Path:
        """Pack HEAD."""
        tool = Shiv(self.name, self.place)
        job = tool.build(self.export(number), number)
        timed(job.argv, job.cwd, job.env)
        return tool.artifact(number)

    def release(self, number: int) -> None:
        """Build, copy beside, rename, migrate, restart."""
        path = self.build(number)
        new = f"{self.folder}/shop.new"
        run(*self.program("scp"), "-q", path, f"root@{self._address}:{new}")
        words = " ".join(shlex.quote(f"{key}={value}") for key, value in self.variables.items())
        migrate = f"SHIV_ROOT=/var/lib/{self.name}/shiv python3 {new} migrate --noinput"
        self.shell(
            f"set -e; env {words} {migrate} > /dev/null; mv {new} {self.folder}/shop.pyz; "
            f"systemctl restart {self.name}"
        )


class CapistranoPeer(Peer):
    """``git archive`` into ``releases/<time>``, a virtualenv there, the link ``current``, a restart."""

    def prepare(self) -> None:
        """Copy uv and the wheelhouse there, once; install the unit."""
        super().prepare()
        self.host.copy(Path(uv()), "/usr/local/bin/uv")
        self.host.run(f"mkdir -p {self.folder}/wheels {self.folder}/releases")
        pack = subprocess.Popen(
            ["tar", "-C", self.place.root / "wheels", "-c", "."], stdout=subprocess.PIPE
        )
        unpack = [*self.host.ssh(), f"tar -x -C {self.folder}/wheels"]
        subprocess.run(unpack, stdin=pack.stdout, check=True)
        pack.wait()
        current = f"{self.folder}/current"
        self.unit(f"{current}/venv/bin/gunicorn", current)

    def release(self, number: int) -> None:
        """Send the tree, install, collect, migrate, link, restart."""
        release = f"{self.folder}/releases/{number:014}"
        send = (
            f"git archive --format=tar.gz HEAD | "
            f"{shlex.join([*self.program('ssh'), f'root@{self._address}'])} "
            f"{shlex.quote(f'mkdir -p {release} && tar -xz -C {release}')}"
        )
        timed(("sh", "-c", send), self.place.project, self.place.env())
        words = " ".join(shlex.quote(f"{key}={value}") for key, value in self.variables.items())
        self.shell(
            f"set -e; cd {release}; export {words}; uv venv -q venv; "
            f"uv pip install -q --python venv/bin/python --offline --no-index --no-deps "
            f"--compile-bytecode --find-links {self.folder}/wheels -r requirements.txt; "
            "venv/bin/python manage.py collectstatic --noinput > /dev/null; "
            "venv/bin/python manage.py migrate --noinput > /dev/null; "
            f"ln -sfn {release} {self.folder}/current.new; "
            f"mv -T {self.folder}/current.new {self.folder}/current; "
            f"systemctl restart {self.name}; "
            f"ls -d {self.folder}/releases/* | head -n -5 | xargs -r rm -rf"
        )


def copies(place: Place, host: Host, relay: Relay, numbers: tuple[int, int]) -> dict[str, int]:
    """Return the bytes that scp and rsync send of a shiv and a pex, the older being on the host.

    ``place.root/out`` holds both tools' files of both numbers.
    """
    peer = Peer(place, host, name="copies", relay=relay)
    peer.prepare()
    found = {}
    for tool in (Shiv("shiv", place), Pex("pex", place)):
        before, after = (tool.artifact(number) for number in numbers)
        target = f"root@127.0.0.1:{peer.folder}/{tool.name}"
        scp = peer.program("scp")
        rsync = ["rsync", "-e", shlex.join(peer.program("ssh")), "--no-whole-file"]
        run(*scp, "-q", before, target)
        relay.taken()
        run(*rsync, after, target)
        found[f"rsync of a {tool.name}"] = relay.taken()
        run(*scp, "-q", after, target)
        found[f"scp of a {tool.name}"] = relay.taken()
    return found
