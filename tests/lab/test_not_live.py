"""While nothing is live visitors get an error at once: before the first release, after stop and remove."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, get, live
from tests.lab.fronts import FRONTS, NAME, browse
from tests.lab.hosts import Host
from tests.lab.striking import serves
from tests.waiting import until

_PATIENCE = 5  # seconds; visitors in front of a socket where nobody accepts wait longer


@pytest.fixture
def ready(new_fleet: Fleet) -> Controller:
    """One host that is set up, with nothing live, and the bundle ``one`` in /tmp."""
    made = new_fleet(1, ready=True)
    made.hosts[0].copy(made.bundles.one, "/tmp/one.pyz")
    return made


def turned_away(host: Host) -> None:
    """Visitors get an error at once, from the site's address and from the web server in front."""
    direct = host.try_run(f"curl -s -m {_PATIENCE} http://{host.address}:{PORT}/up")
    assert direct.returncode == 7  # refused
    head, page = browse(host, "/up", f"-m {_PATIENCE}")
    assert re.match(r"http/[0-9.]+ 503", head), head
    assert "\nretry-after: " in head
    assert "<h1>Back soon</h1>" in page


@contextmanager
def visited(host: Host) -> Iterator[list[str]]:
    """Ask for pages on new connections while the block runs; yield how each request ended."""
    results: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            begun = time.monotonic()
            try:
                result = "good" if get(host, "/up").startswith("up") else "bad"
            except ConnectionRefusedError:
                result = "refused"
            except OSError as error:
                result = f"{error} after {time.monotonic() - begun:.1f} s"
            results.append(result)
            time.sleep(0.01)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield results
        until(lambda: results[-1] == "good")
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("front", FRONTS)
def test_visitors_never_wait_while_nothing_is_live(ready: Controller, front: str) -> None:
    host = ready.hosts[0]
    text = FRONTS[front].text(host, "/tmp/one.pyz")
    with FRONTS[front].runs(host, text):
        # The web server gets its certificate a moment after its start.
        until(lambda: "503" in host.try_run(visit(host)).stdout)
        turned_away(host)
        assert ready.setup().well().data["hosts"][f"deploy@{host.address}"]["plan"] == []
        turned_away(host)

        assert ready.release("sick").code == 4
        turned_away(host)

        with visited(host) as results:
            ready.release("one").well()
        first = results.index("good")
        assert set(results[:first]) <= {"refused"}
        assert set(results[first:]) == {"good"}
        well, _ = browse(host, "/up")
        assert " 200" in well

        host.run("systemctl stop shop.service shop.socket")
        turned_away(host)
        before = starts(host, ready.id("one"))
        with visited(host):  # they ask while the new release starts to listen
            ready.release("two").well()
        assert live(host) == ready.id("two")
        assert starts(host, ready.id("one")) == before

        host.run("/tmp/one.pyz deploykit remove --noinput")
        direct = host.try_run(f"curl -s -m {_PATIENCE} http://{host.address}:{PORT}/up")
        assert direct.returncode == 7
        assert host.try_run(visit(host)).returncode in (0, 7, 35)  # anything but a timeout


def starts(host: Host, release: str) -> int:
    """Return how often the web process of a release was started."""
    log = host.run(f"journalctl -q -o cat -u 'shop-web@{release}'")
    found = log.count("Started ")
    assert found
    return found


def visit(host: Host) -> str:
    """Return the command that asks the web server in front, and prints the status."""
    options = f"-sk -m {_PATIENCE} -o /dev/null -w '%{{http_code}}'"
    return f"curl {options} --resolve {NAME}:443:{host.address} https://{NAME}/up"


def test_a_host_that_boots_before_its_first_release(ready: Controller) -> None:
    host = ready.hosts[0]
    host.reboot()
    refused = host.try_run(f"curl -s -m {_PATIENCE} http://{host.address}:{PORT}/up")
    assert refused.returncode == 7
    ready.release("one").well()
    host.reboot()
    assert serves(host) == ready.id("one")
    # It is one site, which is stopped and started as a whole.
    host.run("systemctl stop shop.service shop.socket && systemctl start shop.service")
    assert serves(host) == ready.id("one")
