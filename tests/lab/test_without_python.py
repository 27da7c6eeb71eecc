"""Bundles with their own Python, on hosts that have none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import releases
from tests.lab.fleet import PORT, Controller, fill_in, get, live
from tests.lab.hosts import Host
from tests.lab.images import SUITES
from tests.lab.striking import serves
from tests.projects import commit, make_shop, manage
from tests.relocatable import make_interpreter

PYTHON = "/srv/shop/current/bin/python"


@dataclass(frozen=True)
class Bundles:
    """Two commits of a shop: the second one has another patch release of its Python."""

    project: Path
    python: Path
    one: Path
    two: Path


@pytest.fixture(scope="module")
def bundles(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    folder = tmp_path_factory.mktemp("bundles")
    python = make_interpreter(folder / "python")
    project = make_shop(folder)
    with (project / "deploykit.ini").open("a") as file:
        file.write(f"\n[bundle]\ninterpreter = {python}\n")
    made = []
    for minute, name in enumerate(("one", "two")):
        commit(project, f"Make it {name}", f"2026-11-24T04:0{minute}:00Z")
        done = manage(project, "bundle", "--output", f"{folder}/{name}.pyz", "--json")
        assert done.returncode == 0, done.stderr
        made.append(Path(json.loads(done.stdout)["path"]))
        library = next(python.glob("lib/python3.*"))
        (library / "patched.py").write_text("RELEASE = 2\n")
        home = project / "shop/templates/shop/home.html"
        home.write_text(home.read_text().replace("<h1>", "<h1>Two: "))
    (library / "patched.py").unlink()  # the first one is the project's present Python
    return Bundles(project, python, *made)


@pytest.fixture(params=SUITES)
def host(bundles: Bundles, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host without Python, with the bundles in a person's home."""
    with Host(request.param, python=False) as made:
        assert made.try_run("ls /usr/bin/python3* /usr/local/bin/python3*").stdout == ""
        made.run(
            "useradd -m -s /bin/bash ann; echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann"
        )
        made.run("cp -r /root/.ssh ~ann/ && chown -R ann: ~ann/.ssh")
        made.copy(bundles.one, "one.pyz", "ann")
        made.copy(bundles.two, "two.pyz", "ann")
        yield made


def set_up(host: Host) -> None:
    options = f"--listen {host.address}:{PORT} --health /up"
    host.run(f"sudo ./one.pyz deploykit setup {options}", "ann")


def test_says_what_it_is_and_serves_without_being_installed(host: Host) -> None:
    host.run("cp ~ann/one.pyz ~ann/alone.pyz && chown ann: ~ann/alone.pyz")
    assert "its own Python" in host.run("./alone.pyz", "ann")
    data = "SECRET_KEY=of-this-test-0123456789-0123456789-0123456789-0123456789 SECURE=no"
    host.run(f"{data} ./alone.pyz migrate", "ann")
    port = PORT + 1
    served = host.run(
        f"{data} PORT={port} ./alone.pyz run web >web.log 2>&1 & p=$!; "
        f"curl -sf --retry 60 --retry-delay 1 --retry-all-errors http://127.0.0.1:{port}/up; "
        "kill $p || cat web.log",
        "ann",
    )
    assert served == "up\n"


def test_goes_live_by_hand_and_back_to_the_older_python(host: Host) -> None:
    set_up(host)
    fill_in(host)
    for name in ("one", "two"):
        host.run(f"./{name}.pyz deploykit install", "ann")
        assert ("Two" in get(host, "/")) == (name == "two")
    patched = f"{PYTHON} -c 'import patched'"
    host.run(patched)
    assert host.run("ls -d /srv/shop/store/*/python | wc -l") == "2\n"
    before = live(host)
    host.reboot()
    assert serves(host) == before
    host.run("./two.pyz deploykit rollback", "ann")
    assert live(host) != before
    assert host.try_run(patched).returncode == 1
    assert '"drift": []' in host.run("./one.pyz deploykit status --json", "ann")
    set_up(host)


def test_is_set_up_and_released_to_over_ssh(bundles: Bundles, host: Host, tmp_path: Path) -> None:
    """Root and the deploy user get the Python first; then everything is as with any bundle."""
    host.run("sudo ./one.pyz deploykit remove --noinput --data || :", "ann")
    controller = Controller(tmp_path, releases.Bundles(bundles.project, ""), [host])
    controller.write_ini(more=f"[bundle]\ninterpreter = {bundles.python}\n")
    controller.setup("--bundle", str(bundles.one)).well()
    fill_in(host)
    for name, path in (("one", bundles.one), ("two", bundles.two)):
        controller.run("--bundle", str(path), "--noinput", "--json").well()
        assert ("Two" in get(host, "/")) == (name == "two")
    controller.run("rollback", "--noinput").well()
    assert "Two" not in get(host, "/")
