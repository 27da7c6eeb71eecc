"""What visitors and operations meet: web servers in front, styles of pages loaded before, a host
that comes later.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.lab.conftest import BootHost, Fleet
from tests.lab.fleet import Controller, facts_of, fill_in
from tests.lab.fronts import FRONTS, NAME, browse, curl
from tests.lab.hosts import Host
from tests.load import Load
from tests.waiting import until

SOCKET = "/run/shop/web.sock"


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host, which listens where it does by default, with ``one`` live."""
    made = fleet(1)
    write(made)
    made.setup().well()
    fill_in(*made.hosts)
    made.release("one").well()
    return made


@pytest.fixture
def one(controller: Controller) -> None:
    """``one`` is live."""
    controller.be_live("one")


@pytest.fixture
def two(controller: Controller, host: Host) -> None:
    """``two`` is live, with the styles of ``one``, and its bundle is where its owner can read it."""
    controller.be_live("two")
    host.copy(controller.bundles.two, "/tmp/two.pyz")


def write(controller: Controller, environment: str = "", dead: str = "") -> None:
    """Write ``deploykit.ini`` for all hosts, and one that does not answer."""
    controller.write_ini(environment, listen=SOCKET)
    if dead:
        ini = controller.project / "deploykit.ini"
        ini.write_text(ini.read_text().replace("hosts =", f"hosts =\n    {dead}", 1))


def ask(host: Host, path: str, *words: str) -> tuple[str, str]:
    """Ask the live socket as the proxy does; returns head and body."""
    proxy = f"--unix-socket {SOCKET} -H 'Host: {NAME}' -H 'X-Forwarded-Proto: https'"
    return curl(host, f"{proxy} http://{NAME}{path}", *words)


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
    controller: Controller, host: Host, one: None, tmp_path: Path
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
    controller.run("rollback", "--json").well()
    assert style(ask(host, "/")[1]) == old
    well(ask(host, new), "letter-spacing")
    row = facts_of(controller.run("status", "--json").well().data["hosts"], host)
    assert row["changed"] == []


@pytest.mark.parametrize("static", ["whitenoise", "direct"])
@pytest.mark.parametrize("front", FRONTS)
def test_a_web_server_in_front(
    controller: Controller, host: Host, two: None, front: str, static: str
) -> None:
    server = FRONTS[front]
    text = server.text(host, "/tmp/two.pyz", f"--static {static} --media /media/")
    with server.runs(host, text):
        fronted(host, controller)
        media_is_served(host, server.service)
        if front == "nginx":
            logged = ".css" in host.run("cat /var/log/nginx/access.log")
            assert logged == (static == "whitenoise")  # else nginx reads it from the release itself


def media_is_served(host: Host, service: str) -> None:
    """The web server serves uploads, as soon as it may read them."""
    user = "caddy" if service == "caddy" else "www-data"
    folder = "/var/lib/shop/media"
    host.run(
        f"install -d -o shop -g shop -m 750 {folder} && setfacl -m u:{user}:x /var/lib/shop"
        f" && setfacl -R -m u:{user}:rX,d:u:{user}:rX {folder}"
    )
    host.run(f"echo upload > {folder}/one.txt && ln -sf /etc/hostname {folder}/link.txt")
    head, body = browse(host, "/media/one.txt")
    assert " 200" in head
    assert "x-content-type-options: nosniff" in head
    assert body == "upload\n"
    if service != "caddy":  # which has no option for it
        assert " 403" in browse(host, "/media/link.txt")[0]


@pytest.mark.parametrize("front", FRONTS)
def test_no_visitor_notices_switches_and_reloads_of_the_front(
    controller: Controller, host: Host, two: None, front: str
) -> None:
    server = FRONTS[front]
    with server.runs(host, server.text(host, "/tmp/two.pyz")):
        until(lambda: " 200" in browse(host, "/up", "--retry 5 --retry-all-errors")[0])
        visitors = partial(
            Load,
            443,
            path="/up",
            host=host.address,
            connections=4,
            pause=0.01,
            tls=server.context(host),
            name=NAME,
        )
        with visitors() as kept:
            controller.run("rollback").well()
        with visitors(per_connection=1) as fresh:
            host.run(f"systemctl reload {server.service}")
            controller.run("rollback", controller.id("two")).well()
            host.run(f"systemctl reload {server.service}")
    assert (kept.failed, fresh.failed) == ([], [])
    assert min(kept.sent, fresh.sent) > 50


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
    process = controller.start("logs", "--follow")
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
    process.stdout.close()
    process.stderr.close()
    until(
        lambda: host.try_run("pgrep -u deploy -f -- --follow").returncode
    )  # nothing goes on there


@pytest.fixture
def new(controller: Controller, boot_host: BootHost) -> Iterator[Host]:
    """A second host, in ``deploykit.ini`` while the test runs."""
    made = boot_host()
    controller.hosts.append(made)
    controller.know(*controller.hosts)
    yield made
    controller.hosts.remove(made)
    controller.know(*controller.hosts)
    write(controller)


def test_a_new_host_is_set_up_beside_one_that_serves(
    controller: Controller, host: Host, two: None, new: Host
) -> None:
    dead = "deploy@127.0.1.251"
    write(controller, "drain = 40", dead)
    refused = controller.release("two")
    assert refused.code == 1
    said = refused.data["error"]["message"]
    for part in (
        f"{dead}: ",
        f"deploy@{new.address}: ",
        f"deploy@{host.address}: its setup differs from deploykit.ini",
    ):
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
