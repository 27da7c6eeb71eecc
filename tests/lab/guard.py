"""The process that a lab host lives in: mounts its root, boots it, and clears it away.

It runs in a mount and a process namespace of its own, so whatever becomes of it, the kernel takes
the mounts and the host's processes with it. Its orders come by standard input, a word a line:
``boot``, ``off`` (clean), ``cut`` (as a power cut); the end of the input, which comes when the test
process dies too, clears the host away. Usage: ``python guard.py FOLDER BASE NAME [OPTION]...``,
with options of systemd-nspawn.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


class Guard:
    """One host: ``folder`` holds its upper layer and its log, ``base`` the image below."""

    def __init__(self, folder: Path, base: Path, name: str, options: Sequence[str] = ()) -> None:
        self.folder, self.name, self.options = folder, name, options
        self.root = folder / "root"
        self.nspawn: subprocess.Popen[bytes] | None = None
        self.cgroups: list[Path] = []
        # In memory: a release is ten thousand files, which a disk takes half a minute to remove.
        disk = folder / "disk"
        _mount("tmpfs", disk, "mode=755")
        subprocess.run(["cp", "-a", str(folder / "upper"), str(disk)], check=True)
        (disk / "work").mkdir()
        options = f"lowerdir={base},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        _mount("overlay", self.root, options)

    def boot(self) -> None:
        """Start the host."""
        self._own_cgroup()
        command = ["systemd-nspawn", "-q", "--keep-unit", "-D", str(self.root), "-M", self.name]
        with (self.folder / "console.log").open("ab") as log:
            self.nspawn = subprocess.Popen(
                [*command, "--boot", "--register=no", "--console=pipe", *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def off(self) -> None:
        """Shut the host down, cleanly if it does so within a while."""
        if self.nspawn is not None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self.cut()
            self.nspawn = None

    def cut(self) -> None:
        """End the host at once, as a power cut does: its init dies, and all else with it."""
        if self.nspawn is not None:
            pid = self.nspawn.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            try:
                self.nspawn.wait(10)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
            self.nspawn = None

    def clear(self) -> None:
        """End the host and remove what it left."""
        self.cut()
        for folder in (self.root, self.folder / "disk"):
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        for path in self.cgroups:
            _remove_cgroup(path)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _own_cgroup(self) -> None:
        """Enter control groups of this host's own; hosts that share one get in each other's way."""
        if self.cgroups or Path("/run/systemd/system").is_dir():
            return  # there a scope was made around this process
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "name=systemd"):
                continue
            mounted = [_CGROUPS / "systemd"] if controllers else [_CGROUPS / "unified", _CGROUPS]
            base = next((one for one in mounted if (one / "cgroup.procs").exists()), None)
            if base is not None:
                group = base / path.strip("/") / f"deploykit-lab-{self.name}"
                group.mkdir(exist_ok=True)
                (group / "cgroup.procs").write_text("0")
                self.cgroups.append(group)


def _mount(kind: str, target: Path, options: str) -> None:
    subprocess.run(["mount", "-t", kind, kind, "-o", options, str(target)], check=True)


def _remove_cgroup(path: Path) -> None:
    try:
        (path.parent / "cgroup.procs").write_text("0")
        for _ in range(40):
            folders = sorted((one for one in path.rglob("*") if one.is_dir()), reverse=True)
            try:
                for one in [*folders, path]:
                    one.rmdir()
            except OSError:
                time.sleep(0.05)
                continue
            return
    except OSError:
        return


def main(folder: str, base: str, name: str, *options: str) -> None:
    """Follow the orders until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guard = Guard(Path(folder), Path(base), name, options)
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            getattr(guard, {"boot": "boot", "off": "off", "cut": "cut"}[line.strip()])()
            print("done", flush=True)
    finally:
        guard.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])
