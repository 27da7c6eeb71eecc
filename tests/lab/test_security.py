"""What the deploy user, the runtime user and a stolen bundle can do on a real host, and what not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.lab.conftest import BootHost
from tests.lab.hosts import Host
from tests.lab.shop import install_gunicorn, last_result, make_bundle, release_id

HELPER = "/usr/local/libexec/deploykit-shop"
FIRST, SECOND = release_id(1), release_id(2)
DATABASE = "[database]\nurl = sqlite:////var/lib/shop/db.sqlite3\n"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    gunicorn = install_gunicorn(folder / "gunicorn")
    return [make_bundle(folder / f"shop-{n}.pyz", gunicorn, n, health="200 OK") for n in (1, 2)]


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost, bundles: list[Path]) -> Host:
    """A host that was set up and released to by hand, with the bundle alone."""
    made = boot_module_host("bookworm")
    for number, path in enumerate(bundles, 1):
        made.copy(path, f"/tmp/shop-{number}.pyz")
    setup(made)
    made.run("cat >> /etc/shop/conf.d/database.ini", data=DATABASE)
    made.run("/tmp/shop-1.pyz deploykit install", user="deploy")
    made.run("/tmp/shop-2.pyz deploykit install", user="deploy")
    return made


def setup(host: Host, *words: str) -> dict[str, object]:
    command = [
        "/tmp/shop-1.pyz",
        "deploykit",
        "setup",
        "--user",
        "deploy",
        "--health",
        "/up",
        "--json",
        *words,
    ]
    result = last_result(host.run(shlex.join(command)))["result"]
    assert isinstance(result, dict)
    return result


def snapshot(host: Host) -> str:
    """Return owner, mode and content of all that root trusts."""
    folders = "/etc /root /usr/local /var/spool /boot"
    return host.run(
        f"find {folders} -xdev -printf '%u %m %y %p %l\\n' | sort; "
        f"find {folders} -xdev -type f -print0 | sort -z | xargs -0 sha256sum"
    )


def as_deploy(host: Host, *words: str) -> tuple[int, str]:
    """Run the helper as the deploy user would; the exit code and all that it said."""
    done = host.try_run(shlex.join(["sudo", "-n", HELPER, *words]), user="deploy")
    return done.returncode, done.stdout + done.stderr


def test_sudo_lets_the_deploy_user_run_the_helper_and_nothing_else(host: Host) -> None:
    rules = [line.strip() for line in host.run("sudo -n -l", user="deploy").splitlines()]
    assert [line for line in rules if "NOPASSWD" in line or line.startswith("(")] == [
        f"(root) NOPASSWD: {HELPER}"
    ]
    for command in (
        "sh -c id",
        "-u shop id",
        "/usr/bin/python3 -c 1",
        "-e /etc/passwd",
        "-s",
        "systemctl daemon-reload",
        "LD_PRELOAD=/tmp/x.so " + HELPER + " keys",
        "PYTHONPATH=/tmp " + HELPER + " keys",
        "-E " + HELPER + " keys",
        "--chdir=/tmp " + HELPER + " keys",
    ):
        done = host.try_run(f"sudo -n {command}", user="deploy")
        assert done.returncode != 0, command
        assert "uid=0" not in done.stdout


_HOSTILE_WORDS = (
    ("start", FIRST, "web; touch /root/pwned"),
    ("start", FIRST, "web\nssh"),
    ("start", f"{FIRST}.service ssh", "web"),
    ("start", "../../../../etc", "web"),
    ("start", "--now", "web"),
    ("start", FIRST, "-h"),
    ("stop", FIRST, "../ssh"),
    ("stop", "*", "web"),
    ("log", FIRST, "web", "1 --unit=ssh"),
    ("log", FIRST, "ssh", "10"),
    ("run", FIRST, "0123456789abcdef", "PATH=/tmp", "--", "x"),
    ("run", FIRST, "0123456789abcdef", "--property=User=root", "--", "x"),
    ("run", FIRST, "../../etc/systemd", "--", "x"),
    ("run", "..", "0123456789abcdef", "--", "x"),
    ("cancel", "ssh"),
    ("boot",),
    ("verify", "/etc/shadow"),
    ("daemon-reload",),
    ("start", FIRST, "w\u00e9b"),
)


def test_the_helper_refuses_hostile_words(host: Host) -> None:
    units = "systemctl list-units --all --no-legend --plain 'shop*' | awk '{print $1,$3,$4}'"
    before = host.run(units)
    lines = [shlex.join(["sudo", "-n", HELPER, *words]) for words in _HOSTILE_WORDS]
    codes = host.run("".join(f"{line} >&2; echo $?\n" for line in lines), user="deploy").split()
    refused = dict(zip(_HOSTILE_WORDS, codes, strict=True))
    assert {words: code for words, code in refused.items() if code != "64"} == {}
    assert host.try_run("test -e /root/pwned").returncode == 1
    assert host.run(units) == before


def test_nothing_of_the_callers_environment_reaches_root(host: Host) -> None:
    """Also where an administrator took sudo's own guards away."""
    host.run("printf 'Defaults !secure_path\\nDefaults:deploy !env_reset\\n' > /etc/sudoers.d/weak")
    trap = "#!/bin/sh\nid > /tmp/evil/caught-$(id -u)\n"
    try:
        host.run("mkdir -p /tmp/evil", user="deploy")
        for name in ("systemctl", "journalctl", "systemd-run", "ssh-keygen", "python3", "sh"):
            host.run(
                f"cat > /tmp/evil/{name}; chmod 755 /tmp/evil/{name}", user="deploy", data=trap
            )
        code = "import os; open('/tmp/evil/caught-%d' % os.getuid(), 'w')\n"
        for name in ("re.py", "sitecustomize.py", "subprocess.py"):
            host.run(f"cat > /tmp/evil/{name}", user="deploy", data=code)
        for words in (
            f"stop {FIRST} worker",
            f"start {SECOND} worker",
            f"log {SECOND} web 1",
            "keys",
        ):
            host.try_run(
                "cd /tmp/evil; export PATH=/tmp/evil:/usr/bin:/bin PYTHONPATH=/tmp/evil "
                "PYTHONSTARTUP=/tmp/evil/re.py PYTHONHOME=/tmp/evil BASH_ENV=/tmp/evil/sh "
                "ENV=/tmp/evil/sh LD_LIBRARY_PATH=/tmp/evil PAGER=/tmp/evil/sh SYSTEMD_PAGER=/tmp/evil/sh; "
                f"/usr/bin/sudo -n {HELPER} {words}",
                user="deploy",
            )
        assert "caught-0" not in host.run("ls /tmp/evil")
    finally:
        host.run("rm -f /etc/sudoers.d/weak")


def test_systemd_listens_to_the_deploy_user_in_nothing(host: Host) -> None:
    for command in (
        "systemctl daemon-reload",
        f"systemctl start shop-web@{FIRST}.service",
        "systemctl set-environment LD_PRELOAD=/tmp/x.so",
        "systemd-run --wait id",
        "mkdir -p /etc/systemd/system/shop-web@.service.d",
        "mkdir -p /run/systemd/system/shop-web@.service.d",
        "touch /etc/systemd/system/x.service",
        "touch /run/shop/x",
        "cat /etc/shop/shop.ini",
        f"sh -c 'echo >> {HELPER}'",
        "journalctl _UID=0 --lines=1 --quiet --output=cat | grep .",
    ):
        assert host.try_run(command, user="deploy").returncode != 0, command


@pytest.mark.parametrize("user", ["deploy", "shop"])
def test_nothing_that_root_uses_can_be_written(host: Host, user: str) -> None:
    own = {"deploy": ("/srv/shop", "/home/deploy"), "shop": ("/var/lib/shop",)}[user]
    found = host.run(
        f"runuser -u {user} -- find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/sys/*' "
        "2>/dev/null || true"
    ).splitlines()
    usual = ("/tmp", "/var/tmp", "/run/lock", "/dev", "/run/screen", "/run/user")
    left = [path for path in found if not path.startswith((*own, *usual))]
    assert left == []
    assert found  # the search itself works


def test_the_runtime_user_owns_nothing_and_no_root_process_runs_a_release(host: Host) -> None:
    assert host.run("find / -xdev -user shop ! -path '/proc/*' ! -path '/var/lib/shop*'") == ""
    assert host.run("find /srv/shop ! -user deploy") == ""
    assert host.run("find /srv/shop -perm /6022 ! -type l") == ""
    inside = (
        "for p in /proc/[0-9]*; do readlink $p/cwd $p/exe | grep -q ^/srv/shop/ "
        "&& awk '/^Uid/ {print $2, $3, $4, $5}' $p/status; done; true"
    )
    uid = host.run("id -u shop").strip()
    assert set(host.run(inside).splitlines()) == {" ".join([uid] * 4)}
    assert host.run("stat -c '%U %a' /etc/shop/shop.ini").strip() == "root 600"


HOSTILE_COMMAND = """#!/bin/sh
id -u
for f in /etc/shadow /etc/shop/shop.ini /root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys; do
    cat "$f" >/dev/null 2>&1 && echo "READ $f"
done
for f in /srv/shop/x /srv/shop/releases/x /srv/shop/current/x /etc/x /usr/local/x /root/x /run/shop/x \\
         /home/deploy/x /var/lib/x /boot/x; do
    touch "$f" 2>/dev/null && echo "WROTE $f"
done
mount -t tmpfs tmpfs /tmp 2>/dev/null && echo MOUNTED
unshare -Ur true 2>/dev/null && echo UNSHARED
cp /bin/sh /var/lib/shop/suid && chmod 4755 /var/lib/shop/suid 2>/dev/null && echo SUID
kill -0 1 2>/dev/null && echo KILLED
sudo -n id 2>/dev/null && echo SUDO
echo done
"""


def test_a_replaced_release_runs_as_the_site_in_its_sandbox(host: Host) -> None:
    """The deploy user may replace all code of a release; root runs none of it."""
    folder = f"/srv/shop/releases/{FIRST}"
    host.run(f"cp {folder}/bin/shop /tmp/shop.kept", user="deploy")
    try:
        host.run(
            f"rm {folder}/bin/shop; cat > {folder}/bin/shop", user="deploy", data=HOSTILE_COMMAND
        )
        said = as_deploy(host, "run", FIRST, "0123456789abcdef", "--", "x")[1]
        uid = host.run("id -u shop").strip()
        assert said.split() == [uid, "done"], said
    finally:
        host.run(f"rm -f {folder}/bin/shop; cp /tmp/shop.kept {folder}/bin/shop", user="deploy")
        host.run("rm -f /var/lib/shop/suid")


def test_words_of_a_command_arrive_as_they_were_given(host: Host) -> None:
    words = ["$HOME", "${PATH}", "$$", "%h", "a b", "a\nb", ";", "-x", "--", "'", '"', "\\", "é"]
    command = ["sudo", "-n", HELPER, "run", SECOND, "0123456789abcde0", "--", "facts", *words]
    facts = json.loads(host.run(shlex.join(command), user="deploy"))
    assert facts["arguments"] == words


def test_boot_follows_no_file_of_the_deploy_user_elsewhere(host: Host) -> None:
    enabled, kept = "/srv/shop/enabled", host.run("cat /srv/shop/enabled")
    secret = "Lab5ecret"
    host.run("umask 077; cat > /etc/lab-secret", data=f"{secret} web\n")
    start = f"{HELPER} boot"
    try:
        for make in (
            f"ln -s /etc/lab-secret {enabled}",
            f"mkfifo {enabled}",
            f"mkdir {enabled}",
            f"echo '{FIRST} ssh' > {enabled}",
            f"printf '{FIRST} web\\n--force' > {enabled}",
            f"echo '../x web' > {enabled}",
        ):
            host.run(f"rm -rf {enabled}; {make}", user="deploy")
            done = host.try_run(start, timeout=20)
            assert done.returncode == 64, make
            assert secret not in done.stdout + done.stderr
    finally:
        host.run(f"rm -rf {enabled}", user="deploy")
        host.run(f"cat > {enabled}", user="deploy", data=kept)
    assert host.try_run(start).returncode == 0


def test_setup_over_a_hostile_folder_writes_and_reads_nothing_elsewhere(host: Host) -> None:
    """The deploy user prepared its folder; then root runs setup again."""
    host.run("cp -a /srv/shop/site.json /tmp/site.json.kept; cp -a /home/deploy/.ssh /tmp/ssh.kept")
    kept = json.loads(host.run("cat /srv/shop/site.json"))
    before = snapshot(host)
    elsewhere = "/run/systemd/private-lab.sock"
    hostile = {
        "a link": "ln -s /etc/shadow /srv/shop/site.json",
        "a pipe": "mkfifo /srv/shop/site.json",
        "a folder": "mkdir /srv/shop/site.json",
        "endless": "ln -s /dev/zero /srv/shop/site.json",
        "deep": "python3 -c \"print('[' * 100000)\" > /srv/shop/site.json",
        "another address": "cat > /srv/shop/site.json",
        "odd values": "cat > /srv/shop/site.json",
    }
    texts = {
        "another address": json.dumps(
            {**kept, "listen": elsewhere, "etc": "/root", "root": "/etc"}
        ),
        "odd values": json.dumps({**kept, "listen": 5, "roles": [[1]], "boot": "x"}),
    }
    manifest = f"/srv/shop/releases/{FIRST}/manifest.json"
    host.run(f"cp -a {manifest} /tmp/manifest.kept")
    try:
        for name, make in hostile.items():
            host.run(
                f"rm -rf /srv/shop/site.json /srv/shop/.site.json-*; {make}",
                user="deploy",
                data=texts.get(name, ""),
            )
            host.run(
                "mv /srv/shop/store /srv/shop/store.kept; ln -s /etc /srv/shop/store; "
                f"rm {manifest}; mkfifo {manifest}; "
                "for i in $(seq 1 300); do ln -sf /etc/shadow /srv/shop/.site.json-$i; done",
                user="deploy",
            )
            done = host.try_run(
                "timeout 30 /tmp/shop-1.pyz deploykit setup --user deploy --health /up", timeout=60
            )
            assert done.returncode in (0, 1), (name, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr, (name, done.stderr)
            assert "root:" not in done.stdout + done.stderr, name
            host.run(
                "rm -f /srv/shop/store; mv /srv/shop/store.kept /srv/shop/store; "
                f"rm -f {manifest}; cp -a /tmp/manifest.kept {manifest}",
                user="deploy",
            )
            assert snapshot(host) == before, name
            assert host.try_run(f"test -e {elsewhere}").returncode == 1
    finally:
        host.run("rm -rf /srv/shop/site.json /srv/shop/.site.json-*", user="deploy")
        host.run("cp -a /tmp/site.json.kept /srv/shop/site.json")
    assert setup(host)["changed"] is False


def test_setup_refuses_places_that_others_can_change(host: Host) -> None:
    host.run("chown deploy /etc/shop")
    try:
        done = host.try_run("/tmp/shop-1.pyz deploykit setup --user deploy --health /up")
        assert done.returncode == 1
        assert "/etc/shop can be changed by other users than root" in done.stderr
    finally:
        host.run("chown root /etc/shop")
    done = host.try_run("/tmp/shop-1.pyz deploykit setup --user ALL")
    assert done.returncode == 1
    assert "'ALL' cannot be the deploy user" in done.stderr
