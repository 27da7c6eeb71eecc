"""What visitors and operations meet: nginx and Caddy in front, styles of pages loaded before, a host
that comes later, a process more, a database that hosts share.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import BootHost, Fleet
from tests.lab.fleet import Controller, facts_of, fill_in
from tests.lab.hosts import Host
from tests.projects import commit, manage, run, uv

SOCKET = "/run/shop/web.sock"
NAME = "shop.example.com"
DATABASE = "/etc/shop/conf.d/database.ini"
_PROCFILE = """\
web: gunicorn shop.wsgi --workers ${WEB_CONCURRENCY:-2} --threads 8
worker: python manage.py restock --watch
mailer: python manage.py restock --watch
"""


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host, which listens where it does by default, with ``one`` live."""
    made = fleet(1)
    write(made)
    made.setup().well()
    fill_in(*made.hosts)
    made.release("one").well()
    return made


@pytest.fixture(scope="module")
def host(controller: Controller) -> Host:
    return controller.hosts[0]


@pytest.fixture(scope="module")
def crowd(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with psycopg and a process more, of a commit behind ``two``."""
    project = tmp_path_factory.mktemp("crowd") / "shop"
    shutil.copytree(controller.bundles.repository, project)
    run("git", "checkout", "-q", "two", cwd=project)
    lock, wanted = project / "requirements.txt", project / "requirements.in"
    ours = lock.read_text().partition("./vendor/")
    wanted.write_text(wanted.read_text() + "psycopg[binary]\n")
    python = controller.bundles.python
    compiling = ("pip", "compile", "-q", "--generate-hashes", "--no-emit-index-url")
    files = (wanted.name, "-o", lock.name)
    run(uv(), *compiling, "--python-version", python, *files, cwd=project)
    lock.write_text(lock.read_text() + "".join(ours[1:]))
    (project / "Procfile").write_text(_PROCFILE)
    commit(project, "Make it a crowd", "2026-11-24T04:09:00Z")
    target = project.parent / "crowd.pyz"
    done = manage(project, "bundle", "--python", python, "--output", str(target))
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of this module's own; its URL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        reason = "a shared database needs PostgreSQL: apt-get install postgresql"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    binaries, folder = found[-1].parent, Path("/var/tmp") / f"deploykit-lab-{os.getpid()}"
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.2.1", 0))
        port = str(free.getsockname()[1])
    given: Any = {"cwd": folder, "user": "postgres", "group": "postgres", "extra_groups": []}
    words = ["--auth=trust", "--username=shop", "--no-sync", "-D", str(folder / "data")]
    subprocess.run([binaries / "initdb", *words], check=True, stdout=subprocess.DEVNULL, **given)
    serving = ["-D", f"{folder}/data", "-h", "127.0.2.1", "-p", port, "-k", str(folder), "-F"]
    process = subprocess.Popen(
        [binaries / "postgres", *serving], stderr=subprocess.DEVNULL, **given
    )
    try:
        reach = ["-h", "127.0.2.1", "-p", port, "-U", "shop"]
        until(lambda: not subprocess.run([binaries / "pg_isready", "-q", *reach]).returncode)
        subprocess.run([binaries / "createdb", *reach, "shop"], check=True)
        yield f"postgres://shop@127.0.2.1:{port}/shop"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)


def write(controller: Controller, environment: str = "", dead: str = "") -> None:
    """Write ``deploykit.ini`` for all hosts, and one that does not answer."""
    controller.write_ini(environment, listen=SOCKET)
    if dead:
        ini = controller.project / "deploykit.ini"
        ini.write_text(ini.read_text().replace("hosts =", f"hosts =\n    {dead}", 1))


def until(done: Callable[[], object]) -> None:
    """Wait until something is so."""
    for _ in range(600):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to that")


def ask(host: Host, path: str, *words: str) -> tuple[str, str]:
    """Ask the live socket as the proxy does; returns head and body."""
    proxy = f"--unix-socket {SOCKET} -H 'Host: {NAME}' -H 'X-Forwarded-Proto: https'"
    return curl(host, f"{proxy} http://{NAME}{path}", *words)


def browse(host: Host, path: str, *words: str) -> tuple[str, str]:
    """Ask the web server in front as a browser does; returns head and body."""
    return curl(
        host, f"--insecure --resolve {NAME}:443:{host.address} https://{NAME}{path}", *words
    )


def curl(host: Host, line: str, *words: str) -> tuple[str, str]:
    done = host.run(f"curl -s --compressed -i {' '.join(words)} {line}")
    head, _, body = done.replace("\r\n", "\n").partition("\n\n")
    return head.lower(), body


def style(page: str) -> str:
    """Return the address of a page's style."""
    match = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert match is not None, page
    return match[1]


def well(answer: tuple[str, str], body: str = "") -> None:
    head, text = answer
    assert re.match(r"http/[0-9.]+ 200", head), head
    assert body in text


def test_styles_of_pages_loaded_before_stay_there_on_both_ways(
    controller: Controller, host: Host, tmp_path: Path
) -> None:
    old = style(ask(host, "/")[1])
    report = tmp_path / "report.html"
    controller.release("two", "--report", str(report)).well()
    new = style(ask(host, "/")[1])
    assert new != old
    for path in (old, new):
        well(ask(host, path), "}")
    assert "immutable" in ask(host, new)[0]
    assert "letter-spacing" not in ask(host, old)[1]
    assert "letter-spacing" in ask(host, new)[1]
    text = report.read_text()
    for part in (host.address, controller.id("two"), "switch", "ms", "<svg"):
        assert part in text
    controller.run("--rollback", "--json").well()
    assert style(ask(host, "/")[1]) == old
    well(ask(host, new), "letter-spacing")
    row = facts_of(controller.run("--status", "--json").well().data["hosts"], host)
    assert row["changed"] == []
    controller.release("two").well()


@pytest.mark.parametrize("static", ["whitenoise", "direct"])
def test_nginx_in_front(controller: Controller, host: Host, static: str) -> None:
    host.copy(controller.bundles.two, "/root/two.pyz")
    certify(host)
    text = host.run(f"./two.pyz deploykit site nginx --name {NAME} --static {static}")
    listens = "    listen 80;\n    listen [::]:80;\n"
    assert listens in text
    # What certbot does to it, on the one address that is this host's.
    tls = f"    listen {host.address}:443 ssl;\n    ssl_certificate /etc/lab.pem;\n    ssl_certificate_key /etc/lab.key;\n"
    host.run(
        "cat > /etc/nginx/sites-available/shop; rm -f /etc/nginx/sites-enabled/default",
        data=text.replace(listens, tls),
    )
    host.run(
        "ln -sf ../sites-available/shop /etc/nginx/sites-enabled/ && nginx -t && : > /var/log/nginx/access.log"
    )
    host.run("systemctl unmask -q nginx && systemctl restart nginx")
    try:
        fronted(host, controller)
        logged = ".css" in host.run("cat /var/log/nginx/access.log")
        assert logged == (static == "whitenoise")  # else nginx reads it from the release itself
    finally:
        host.run("systemctl stop nginx")


@pytest.mark.parametrize("static", ["whitenoise", "direct"])
def test_caddy_in_front(controller: Controller, host: Host, static: str) -> None:
    text = host.run(f"./two.pyz deploykit site caddy --name {NAME} --static {static}")
    first = f"{NAME} {{\n"
    assert first in text
    alone = f"{first}\tbind {host.address}\n\ttls internal\n"
    host.run("cat > /etc/caddy/shop.caddy", data=text.replace(first, alone))
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"
    host.run("cat > /etc/caddy/Caddyfile", data=f"{options}import shop.caddy\n")
    host.run("systemctl unmask -q caddy && systemctl restart caddy")
    try:
        fronted(host, controller)
    finally:
        host.run("systemctl stop caddy")


def certify(host: Host) -> None:
    host.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop "
        "-keyout /etc/lab.key -out /etc/lab.pem 2>/dev/null"
    )


def fronted(host: Host, controller: Controller) -> None:
    """The site is whole behind the web server, and believes it of HTTPS alone."""
    start = f"curl -sk -o /dev/null --resolve {NAME}:443:{host.address} https://{NAME}/up"
    until(lambda: host.try_run(start).returncode == 0)
    head, page = browse(host, "/", "-H", "'X-Forwarded-Proto: http'")
    assert " 200" in head, head
    assert controller.id("two") in page
    assert "strict-transport-security" in head  # Django knows that it was HTTPS
    path = style(page)
    head, body = browse(host, path)
    assert " 200" in head
    assert "letter-spacing" in body
    assert "immutable" in head
    assert re.search(r"content-encoding: (gzip|br)", head), head
    old = next(
        line
        for line in host.run(
            f"cd /srv/shop/current/app/staticfiles && ls {Path(path).parent.name}"
        ).split()
        if re.fullmatch(r"shop\.[0-9a-f]{12}\.css", line) and line != Path(path).name
    )
    well(browse(host, f"{path.rpartition('/')[0]}/{old}"))
    assert " 404" in browse(host, "/static/none.css")[0]
    assert "csrfmiddlewaretoken" in browse(host, "/office/login/")[1]


def test_the_log_is_followed_until_ctrl_c(controller: Controller, host: Host) -> None:
    process = controller.start("--logs", "--follow")
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        until(lambda: lines)
        assert not any("nobody-asked-yet" in line for line in lines)
        ask(host, "/nobody-asked-yet")
        until(lambda: any("nobody-asked-yet" in line for line in lines))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        reader.join()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    until(
        lambda: host.try_run("pgrep -u deploy -f -- --follow").returncode
    )  # nothing goes on there


def test_a_new_host_is_set_up_beside_one_that_serves(
    controller: Controller, host: Host, boot_module_host: BootHost
) -> None:
    controller.hosts.append(boot_module_host())
    controller.know(*controller.hosts)
    new, dead = controller.hosts[1], "deploy@127.0.1.251"
    write(controller, "drain = 40", dead)
    refused = controller.release("two")
    assert refused.code == 1
    said = refused.data["error"]["message"]
    for part in (f"{dead}: ", f"deploy@{new.address}: ", f"deploy@{host.address} it was set up"):
        assert part in said
    write(controller)
    rows = controller.setup().well().data["hosts"]
    assert facts_of(rows, host)["plan"] == []
    assert facts_of(rows, new)["changed"] is True
    fill_in(new)
    done = controller.release("two").well()
    assert done.data["bytes"][f"deploy@{new.address}"] > 1_000_000  # the whole of it
    for one in controller.hosts:
        well(ask(one, "/"), controller.id("two"))


def test_a_line_more_in_the_procfile_is_a_unit_more(controller: Controller, crowd: Path) -> None:
    refused = controller.run("--bundle", str(crowd), "--noinput", "--json")
    assert refused.code == 1
    assert "it has no unit for mailer" in refused.data["error"]["message"]
    rows = controller.setup("--bundle", str(crowd)).well().data["hosts"]
    for row in rows.values():
        assert units_in(row["plan"]) == {"shop-mailer@.service"}


def units_in(plan: list[str]) -> set[str]:
    """Return the units that a plan names."""
    return set(re.findall(r"shop[a-z@-]*\.(?:service|socket|slice)", " ".join(plan)))


def test_a_database_that_hosts_share_is_migrated_once(
    controller: Controller, crowd: Path, database: str
) -> None:
    first, second = controller.hosts
    for host in controller.hosts:
        host.run(f"cat > {DATABASE}; chmod 600 {DATABASE}", data=f"[database]\nurl = {database}\n")
    write(controller, f"migrate_on = deploy@{second.address}")
    done = controller.run("--bundle", str(crowd), "--noinput", "--json").well()
    assert done.data["migrated"] == [f"deploy@{second.address}: default"]
    acts = {
        one.address: [
            record["action"]
            for record in facts_of(controller.run("--history", "--json").data["hosts"], one)
            if record["release"] == done.data["release"]
        ]
        for one in controller.hosts
    }
    assert acts[second.address].count("migrate") == 1
    assert "migrate" not in acts[first.address]
    for host in controller.hosts:
        host.run(f"rm {DATABASE}")
