"""Root on a host whose deploy user is hostile, or whose operator is in a hurry."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.lab.conftest import BootHost
from tests.lab.hosts import Host
from tests.lab.shop import install_gunicorn, last_result, make_bundle, release_id

FIRST, SECOND, THIRD = (release_id(number) for number in (1, 2, 3))
DATABASE = "[database]\nurl = sqlite:////var/lib/shop/db.sqlite3\n"
SECRET = "Lab5ecret"


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host with two releases, the second one live, and an account that has nothing to do with it."""
    folder = tmp_path_factory.mktemp("bundles")
    gunicorn = install_gunicorn(folder / "gunicorn")
    made = boot_module_host("bookworm")
    for number in (1, 2, 3):
        path = make_bundle(folder / f"shop-{number}.pyz", gunicorn, number, health="200 OK")
        made.copy(path, f"/tmp/shop-{number}.pyz")
    set_up(made)
    made.run("cat >> /etc/shop/conf.d/database.ini", data=DATABASE)
    for number in (1, 2):
        made.run(f"/tmp/shop-{number}.pyz deploykit install", user="deploy")
    made.run("useradd -m -s /bin/bash ann && cp -r /root/.ssh ~ann/ && chown -R ann: ~ann/.ssh")
    made.run(f"umask 077; echo {SECRET} > /root/target; mkdir /root/folder")
    return made


@pytest.fixture(autouse=True)
def second_is_live(host: Host) -> None:
    """A test before may have switched."""
    if SECOND not in host.run("readlink /srv/shop/current"):
        host.run("/tmp/shop-2.pyz deploykit install", user="deploy")


def set_up(host: Host) -> dict[str, object]:
    words = "deploykit setup --user deploy --health /up --json"
    result = last_result(host.run(f"/tmp/shop-1.pyz {words}"))["result"]
    assert isinstance(result, dict)
    return result


def strangers(host: Host) -> list[str]:
    """Return what is in the site's folder and is not the deploy user's."""
    return host.run("find /srv/shop ! -user deploy").splitlines()


LINKS = {
    "journal.jsonl": "/root/target",
    "lock": "/root/target",
    "switch.lock": "/root/target",
    "switching.json": "/root/target",
    "enabled": "/root/target",
    f"releases/{SECOND}/manifest.json": "/root/target",
    "checked": "/root/folder",
    "inbox": "/root/folder",
}
PIPES = ("inbox", "journal.jsonl", "lock", "switching.json", f"releases/{SECOND}/manifest.json")
HOSTILE = [
    *((place, f"ln -s {target}") for place, target in LINKS.items()),
    *((place, "mkfifo") for place in PIPES),
]
VERBS = """\
for verb in "status --quick" history hold prune install "switch --release @FIRST@ --action rollback"; do
    timeout 60 /tmp/shop-2.pyz deploykit $verb </dev/null || [ $? -lt 124 ] || echo "HUNG: $verb"
done""".replace("@FIRST@", FIRST)


@pytest.mark.parametrize(("place", "make"), HOSTILE)
def test_root_is_led_nowhere(host: Host, place: str, make: str) -> None:
    path = shlex.quote(f"/srv/shop/{place}")
    host.run(f"mv {path} /home/deploy/kept 2>/dev/null; {make} {path}", user="deploy")
    try:
        done = host.try_run(VERBS, timeout=400)
        assert "HUNG" not in done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert strangers(host) == []
    finally:
        host.run(f"rm -rf {path}; [ ! -e ~/kept ] || mv -T ~/kept {path}", user="deploy")
    assert host.run("cat /root/target; ls -A /root/folder") == f"{SECRET}\n"


def test_the_owner_goes_on_afterwards(host: Host) -> None:
    host.run("/tmp/shop-2.pyz deploykit install", user="deploy")
    assert host.run("readlink /srv/shop/current").strip() == f"releases/{SECOND}"
    assert strangers(host) == []


def test_root_installs_as_the_owner_of_the_folder(host: Host) -> None:
    for number, release in ((1, FIRST), (2, SECOND)):
        host.run(f"/tmp/shop-{number}.pyz deploykit install")
        assert host.run("readlink /srv/shop/current").strip() == f"releases/{release}"
    assert strangers(host) == []


def test_a_file_that_the_owner_cannot_read_is_named_with_the_way(host: Host) -> None:
    host.run("mkdir -p -m 700 /root/kept && cp /tmp/shop-2.pyz /root/kept/")
    done = host.try_run("/root/kept/shop-2.pyz deploykit status")
    assert done.returncode == 1
    assert "deploy, who cannot read /root/kept/shop-2.pyz" in done.stderr
    assert "install -m 755 /root/kept/shop-2.pyz /home/deploy/shop-2.pyz" in done.stderr
    assert host.run("/root/kept/shop-2.pyz deploykit verify")


def test_setup_gives_back_what_root_left(host: Host) -> None:
    host.run(
        "cd /srv/shop; chown root: lock switch.lock journal.jsonl checked store/*.json; "
        f"chown -R root: releases/{FIRST}; ln -sfn nowhere link; ln -s /etc/shadow checked/shadow"
    )
    done = host.try_run("/tmp/shop-1.pyz deploykit install", user="deploy")
    assert done.returncode == 1
    assert "It belongs to root. Give it back: " in done.stderr
    assert "give deploy the files of root in /srv/shop" in str(set_up(host)["plan"])
    assert strangers(host) == []
    assert host.run("stat -c %U /etc/shadow").strip() == "root"
    host.run("rm /srv/shop/link /srv/shop/checked/shadow", user="deploy")
    host.run("/tmp/shop-2.pyz deploykit install", user="deploy")
    assert set_up(host)["changed"] is False


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_a_command_of_the_file_runs_as_the_site(host: Host, user: str) -> None:
    facts = json.loads(host.run("/tmp/shop-2.pyz facts -- --all 'a b'", user=user))
    assert facts["uid"] == int(host.run("id -u shop"))
    assert facts["cwd"] == f"/srv/shop/releases/{SECOND}/app"
    assert "secret_key" in facts["credentials"]["shop.ini"]
    assert facts["written"]["/var/lib/shop/file"] == "written"
    assert facts["written"]["/srv/shop/file"] != "written"
    assert facts["arguments"][-2:] == ["--all", "a b"]
    assert host.run("/tmp/shop-2.pyz echo", user=user, data="through\n") == "through\n"
    assert host.try_run("/tmp/shop-2.pyz fail", user=user).returncode == 7
    assert host.run("ls /root/.cache/django-deploykit/run 2>/dev/null || true") == ""


def test_a_release_that_is_not_live_is_named(host: Host) -> None:
    done = host.try_run("/tmp/shop-1.pyz facts")
    assert json.loads(done.stdout)["cwd"] == f"/srv/shop/releases/{FIRST}/app"
    assert f"{FIRST}, and {SECOND} is live" in done.stderr


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_a_file_that_is_not_installed_is_refused_with_the_way(host: Host, user: str) -> None:
    done = host.try_run("/tmp/shop-3.pyz migrate --noinput", user=user)
    assert done.returncode == 1
    assert f"{THIRD} of this file is not installed: {SECOND} is live" in done.stderr
    assert "/tmp/shop-3.pyz deploykit exec -- migrate --noinput" in done.stderr
    assert "/tmp/shop-3.pyz deploykit install" in done.stderr


@pytest.mark.parametrize("mode", ["755", "700"])
def test_another_account_is_refused_with_the_way(host: Host, mode: str) -> None:
    host.run(f"chmod {mode} /srv/shop")
    try:
        done = host.try_run("/tmp/shop-2.pyz createsuperuser", user="ann")
        assert done.returncode == 1
        assert "/srv/shop belongs to deploy" in done.stderr
        assert "you are ann" in done.stderr
        assert "Use: sudo /tmp/shop-2.pyz createsuperuser" in done.stderr
    finally:
        host.run("chmod 755 /srv/shop")


def test_only_the_deploy_user_and_root_reach_a_probe(host: Host) -> None:
    path = f"/run/shop/probe-{SECOND}.sock"
    assert host.run(f"stat -c '%U %a' {path}").strip() == "deploy 600"
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    command = f"python3 -c {shlex.quote(code)}"
    assert host.try_run(command, user="deploy").returncode == 0
    assert "PermissionError" in host.try_run(command, user="ann").stderr


def test_a_folder_that_is_gone_is_said(host: Host) -> None:
    host.run("mv /srv/shop /srv/gone")
    try:
        done = host.try_run("/tmp/shop-2.pyz migrate")
        assert done.returncode == 1
        assert "/srv/shop/site.json is missing" in done.stderr
    finally:
        host.run("mv /srv/gone /srv/shop")
