"""What is measured of Debian packages: ours beside dh-virtualenv's of the same project, on one host."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab_shop import change
from benchmarks.measure import Samples, Taken, timed
from benchmarks.tools import Place
from tests.lab.fleet import PORT
from tests.lab.hosts import Host
from tests.projects import run as run_command

_CONTROL = """\
Source: shop-venv
Maintainer: Operations <operations@example.com>
Build-Depends: debhelper-compat (= 13), dh-virtualenv, python3-venv

Package: shop-venv
Architecture: any
Depends: python3, ${misc:Depends}
Description: the shop
"""
# Their documents' way for a project without setup.py. Libraries inside wheels are left as they are.
_RULES = """\
#!/usr/bin/make -f
folder = debian/shop-venv/opt/venvs/shop-venv
%:
	dh $@ --with python-virtualenv --buildsystem none
override_dh_virtualenv:
	dh_virtualenv --builtin-venv --python /usr/bin/python3 --skip-install --requirements LOCK
	mkdir $(folder)/app && git -C PROJECT archive HEAD | tar -x -C $(folder)/app
	cd $(folder)/app && ../bin/python manage.py collectstatic --noinput
override_dh_strip override_dh_dwz override_dh_shlibdeps override_dh_auto_test:
"""
_POSTINST = """\
#!/bin/sh
set -e
cd /opt/venvs/shop-venv/app
set -a; . /etc/default/shop-venv; set +a
../bin/python manage.py migrate --noinput > /dev/null
#DEBHELPER#
"""
_UNIT = """\
[Service]
EnvironmentFile=/etc/default/shop-venv
WorkingDirectory=/opt/venvs/shop-venv/app
ExecStart=/opt/venvs/shop-venv/bin/python -m gunicorn shop.wsgi --bind ${LISTEN} --workers 2 --threads 8
Type=notify
NotifyAccess=all
KillMode=mixed

[Install]
WantedBy=multi-user.target
"""
# Prints the memory of the largest process of those that dpkg waits for, in KiB.
_INSTALL = """\
import resource, subprocess, sys
done = subprocess.run(["dpkg", "-i", sys.argv[1]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
_SENT = re.compile(r"Total bytes (?:sent|received): ([0-9,.]+)")


@dataclass
class Run:
    """A run: the project, the host, the figures; ``size`` is the name of the project's size."""

    place: Place
    host: Host
    samples: Samples
    say: Callable[[str], None]
    size: str

    def keep(self, row: str, subject: str, number: int, value: float) -> None:
        """Keep a figure and tell it."""
        self.samples.add(f"{self.size}: {row}", subject, number, value)
        self.say(f"{self.size}: {row}, {subject}: {value:,.3f}")

    def keep_time(self, row: str, subject: str, number: int, taken: Taken) -> None:
        """Keep the seconds and the processor time of a command."""
        self.keep(row, subject, number, taken.seconds)
        self.keep(f"{row}, processor", subject, number, taken.processor)


def build_ours(run: Run, number: int, row: str, *, first: bool = False) -> Path:
    """Build our package of HEAD."""
    cache = run.place.root / ("build-first" if first else "build")
    target = run.place.root / "out" / f"ours-{number}.deb"
    words = ("manage.py", "bundle", "--format", "deb", "--output", target)
    env = run.place.env(DEPLOYKIT_BUILD_CACHE=str(cache))
    taken = timed((run.place.dev, *words), run.place.project, env)
    run.keep_time(row, "ours", number, taken)
    run.keep("memory of a build", "ours", number, taken.memory)
    shutil.rmtree(run.place.root / "build-first", ignore_errors=True)
    return target


def build_peer(run: Run, number: int, row: str) -> Path:
    """Build dh-virtualenv's package of HEAD."""
    source = run.place.root / "peer" / "source"
    shutil.rmtree(source.parent, ignore_errors=True)
    (source / "debian").mkdir(parents=True)
    names = {"LOCK": run.place.root / "peers.txt", "PROJECT": run.place.project}
    rules = re.sub("LOCK|PROJECT", lambda found: str(names[found[0]]), _RULES)
    moment = f"{number} Nov 2026 05:00:00 +0000"
    log = f"shop-venv ({number}) unstable; urgency=low\n\n  * {number}\n\n -- Ann <a@example.com>  {moment}\n"
    texts = {"control": _CONTROL, "rules": rules, "postinst": _POSTINST, "changelog": log}
    for name, text in {**texts, "shop-venv.service": _UNIT}.items():
        (source / "debian" / name).write_text(text, encoding="utf-8")
    (source / "debian/rules").chmod(0o755)
    # With the Python of Debian, which is the one that the host has.
    env = run.place.env(PATH="/usr/bin:/bin:/usr/sbin:/sbin", PIP_NO_DEPS="1")
    taken = timed(("dpkg-buildpackage", "-b", "-us", "-uc", "-d"), source, env)
    run.keep_time(row, "dh-virtualenv", number, taken)
    target = run.place.root / "out" / f"peer-{number}.deb"
    shutil.move(next(source.parent.glob("*.deb")), target)
    return target


def configure(run: Run) -> None:
    """Write what operations write before the first installation."""
    host, secret = run.host, run.place.env()["SECRET_KEY"]
    host.run("mkdir -p /etc/shop/conf.d /var/lib/shop-venv")
    names = f"{host.address}, localhost"
    host.run("cat > /etc/shop/conf.d/site.ini", data=f"[django]\nallowed_hosts = {names}\n")
    options = f'SETUP_OPTIONS="--listen {host.address}:{PORT} --health /up"\n'
    host.run("cat > /etc/default/shop", data=options)
    rows = {
        "SECRET_KEY": secret,
        "ALLOWED_HOSTS": names.replace(" ", ""),
        "DATABASE_URL": "sqlite:////var/lib/shop-venv/shop.sqlite3",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "LISTEN": f"{host.address}:{PORT + 1}",
    }
    text = "".join(f"{key}={value}\n" for key, value in rows.items())
    host.run("cat > /etc/default/shop-venv", data=text)


def install(run: Run, package: Path, text: str, row: str, subject: str, number: int) -> None:
    """Take the time from ``dpkg -i`` until the site shows a text."""
    run.host.copy(package, "new.deb")
    port = PORT if subject == "ours" else PORT + 1
    address = f"http://{run.host.address}:{port}/"
    words = f"curl -s -H 'X-Forwarded-Proto: https' {address} | grep -q '{text}'"
    until = f"n=0; until {words}; do n=$((n+1)); test $n -lt 600; sleep 0.05; done"
    begun = time.perf_counter()
    memory = run.host.run(f"set -e; python3 -c '{_INSTALL}' new.deb; {until}", timeout=600)
    run.keep(row, subject, number, time.perf_counter() - begun)
    run.keep("memory on the host", subject, number, int(memory.split()[0]) / 1024)


def wire(run: Run, old: Path, new: Path, subject: str, number: int) -> None:
    """Keep what a mirror sends of a changed package: the file, or the difference by rsync."""
    target = run.place.root / "out" / "copy.deb"
    shutil.copy(old, target)
    said = run_command("rsync", "--no-whole-file", "--stats", new, target)
    sent = sum(int(re.sub("[,.]", "", one)) for one in _SENT.findall(said))
    run.keep("bytes of a mirror", subject, number, new.stat().st_size / 1e6)
    run.keep("bytes of rsync", subject, number, sent / 1e6)


def measure(run: Run, rounds: int, *, with_peer: bool) -> None:
    """Build and install the first package, then a changed line in each round, one way after the other."""
    configure(run)
    text = change(run.place, 1)
    packages = {"ours": build_ours(run, 1, "first build", first=True)}
    packages["ours"] = build_ours(run, 1, "first build, with uv's cache")
    if with_peer:
        packages["dh-virtualenv"] = build_peer(run, 1, "first build")
    for subject, package in packages.items():
        install(run, package, text, "first installation", subject, 1)
    for number in range(2, rounds + 2):
        text = change(run.place, number)
        built = {"ours": build_ours(run, number, "build")}
        if with_peer:
            built["dh-virtualenv"] = build_peer(run, number, "build")
        for subject, package in built.items():
            run.keep("size", subject, number, package.stat().st_size / 1e6)
            wire(run, packages[subject], package, subject, number)
            install(run, package, text, "upgrade", subject, number)
            packages[subject].unlink()
        packages = built
