"""Real Debian hosts on this machine: systemd, sshd, a file system of their own, on loopback only.

``python -m tests.lab.hosts boot`` boots some by hand; tests use the fixtures of ``conftest.py``.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.lab.images import SUITES, cache, image, locked, why_not
from tests.lab.internet import Internet
from tests.measuring.pythons import host_files, host_options

_MASKED = (
    "ssh.socket",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "systemd-firstboot.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "caddy.service",
    "apache2.service",
)
# They would listen on the addresses of all hosts, or change the firewall of this machine.
_MASKED_WITHOUT_NETWORK = (
    "nginx.service",
    "postgresql.service",
    "postgresql@.service",
    "ufw.service",
    "unattended-upgrades.service",
    "certbot.timer",
)
_SSHD = """\
ListenAddress {address}
HostKey /etc/ssh/lab_key
PasswordAuthentication no
MaxStartups 100
UseDNS no
"""
_PATIENCE = 60.0  # seconds for a boot, on a busy machine


class Host:
    """A host: booted, reached over SSH at ``address`` with the key ``key``, thrown away by close().

    It shares this machine's network, or is alone behind a cable of an :class:`Internet`.
    """

    def __init__(
        self,
        suite: str = "bookworm",
        extra: tuple[str, ...] = (),
        internet: Internet | None = None,
        *,
        python: bool = True,
    ) -> None:
        """Make a host of a suite, if asked without Python, and boot it."""
        base = image(suite, extra, python=python)
        self.suite = suite
        self.internet = internet
        self.folder, self.number, self._claim = _claim()
        self.name = f"lab{self.number}"
        self.address = internet.server if internet else f"127.0.1.{self.number}"
        self.key = self.folder / "id_ed25519"
        self.known_hosts = self.folder / "known_hosts"
        for name in ("upper", "disk", "root"):
            (self.folder / name).mkdir()
        self._write_root(host_files(base))
        here = Path(__file__).with_name("guard.py")
        self._guard = subprocess.Popen(
            [
                *(*_scope(self.name), *_NAMESPACES, *(["--net"] if internet else [])),
                *(sys.executable, str(here)),
                *(str(self.folder), str(base), self.name),
                # Its network is its own, so it may have a firewall.
                *(["--capability=CAP_NET_ADMIN"] if internet else []),
                *host_options(base),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self._answer()
            if internet:
                internet.connect(self._guard.pid)
            self.boot()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def guard_pid(self) -> int:
        """The process that all of the host's descend from."""
        return self._guard.pid

    def boot(self) -> None:
        """Boot it, or boot it again, and wait until it runs."""
        self._order("boot")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            done = self.try_run("systemctl is-system-running --wait")
            if done.returncode in (0, 1):
                return
            time.sleep(0.1)
        log = (self.folder / "console.log").read_text(errors="replace")
        raise TimeoutError(f"{self.name} ({self.suite}) did not boot:\n{log[-3000:]}")

    def off(self) -> None:
        """Shut it down cleanly."""
        self._order("off")

    def cut(self) -> None:
        """Cut its power."""
        self._order("cut")

    def reboot(self) -> None:
        """Shut it down and boot it."""
        self.off()
        self.boot()

    def close(self) -> None:
        """Clear it away; safe to call twice."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
            try:
                self._guard.wait(30)
            except subprocess.TimeoutExpired:
                self._guard.kill()  # the kernel ends what is in its namespaces
                self._guard.wait()
            if self._guard.stdout is not None:
                self._guard.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            self._claim.close()

    def ssh(self, user: str = "root") -> list[str]:
        """Return the command that logs in."""
        return [*self._outside(), "ssh", *self._options(), f"{user}@{self.address}"]

    def try_run(
        self, command: str, user: str = "root", data: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command there; the result has its exit code and output."""
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(
            [*self.ssh(user), command],
            **stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def run(
        self, command: str, user: str = "root", data: str | None = None, timeout: float = 120
    ) -> str:
        """Run a shell command there, return its output; :class:`RuntimeError` where it fails."""
        done = self.try_run(command, user, data, timeout)
        if done.returncode:
            raise RuntimeError(
                f"{user}@{self.name}: {command}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def copy(self, source: Path, target: str, user: str = "root") -> None:
        """Copy a file there with scp."""
        words = ["scp", "-q", *self._options(), str(source), f"{user}@{self.address}:{target}"]
        subprocess.run([*self._outside(), *words], check=True, stdin=subprocess.DEVNULL)

    def _outside(self) -> list[str]:
        return self.internet.enter if self.internet else []

    def _options(self) -> list[str]:
        return [
            *("-i", str(self.key)),
            *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-F", "/dev/null"),
            *("-o", "LogLevel=ERROR"),
        ]

    def _order(self, word: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(word + "\n")
        self._guard.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self._guard.stdout is not None
        if not self._guard.stdout.readline():
            raise RuntimeError(f"the guard of {self.name} died; see its messages above")

    def _write_root(self, more: Mapping[str, tuple[str, int]]) -> None:
        """Write what makes this host itself, and more files, into the upper layer."""
        upper = self.folder / "upper"
        _keygen(self.key)
        _keygen(self.folder / "host_key")
        host_key = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"{self.address} {host_key}")
        files = {
            "etc/hostname": (f"{self.name}\n", 0o644),
            "etc/hosts": (f"127.0.0.1 localhost\n{self.address} {self.name}\n", 0o644),
            # Without one, trixie's first boot re-enables presets.
            "etc/machine-id": (uuid.uuid4().hex + "\n", 0o444),
            "etc/ssh/sshd_config.d/lab.conf": (
                _SSHD.format(address=self.address),
                0o644,
            ),
            "etc/ssh/lab_key": ((self.folder / "host_key").read_text(), 0o600),
            "root/.ssh/authorized_keys": (self.key.with_suffix(".pub").read_text(), 0o600),
            **more,
        }
        for name, (text, mode) in files.items():
            path = upper / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)
        for name in ("root", "root/.ssh"):
            (upper / name).chmod(0o700)
        units = upper / "etc/systemd/system"
        units.mkdir(parents=True)
        for name in _MASKED if self.internet else (*_MASKED, *_MASKED_WITHOUT_NETWORK):
            (units / name).symlink_to("/dev/null")


# Whatever happens to this process or to the guard, the kernel takes mounts and processes along.
_NAMESPACES = (
    *("unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)


def _scope(name: str) -> tuple[str, ...]:
    """Return what gives the host control groups of its own where systemd keeps this machine's."""
    if not Path("/run/systemd/system").is_dir():
        return ()
    scope = ("systemd-run", "--quiet", "--scope", "--property=Delegate=yes")
    return (*scope, f"--unit=deploykit-{name}")


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _claim() -> tuple[Path, int, IO[str]]:
    """Claim a free number; returns the host's folder, the number and the open claim."""
    folder = cache() / "hosts"
    folder.mkdir(exist_ok=True)
    with locked(cache() / "hosts.lock"):
        for number in range(11, 250):
            claim = (folder / f"{number}.claim").open("a")
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                claim.close()
                continue
            mine = folder / str(number)
            shutil.rmtree(mine, ignore_errors=True)  # of a process that was killed
            mine.mkdir()
            return mine, number, claim
    raise RuntimeError("every lab address is taken")


def main(arguments: Sequence[str]) -> int:
    """Boot hosts by hand and keep them until Enter or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.hosts", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    boot = verbs.add_parser("boot", help="boot hosts and say how to log in")
    boot.add_argument("suite", nargs="?", choices=SUITES, default="bookworm")
    boot.add_argument("--count", type=int, default=1)
    options = parser.parse_args(arguments)
    reason = why_not()
    if reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    hosts: list[Host] = []
    try:
        for _ in range(options.count):
            hosts.append(Host(options.suite))
            print(shlex.join(hosts[-1].ssh()), flush=True)
        print("They run until Enter or Ctrl-C.", flush=True)
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass
    finally:
        for host in hosts:
            host.close()
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])
    sys.exit(main(sys.argv[1:]))
