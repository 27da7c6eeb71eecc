"""Workers that have work at hand, lines that come to and go from a Procfile, a database that hosts share.

The shop's worker is a real Celery; its tasks wait in a queue below the site's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.bundles import release_id
from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, Done, facts_of, fill_in, live
from tests.lab.hosts import Host
from tests.lab.packing import write_bundles
from tests.lab.postgres import Postgres, serving
from tests.lab.striking import file_on
from tests.load import Load
from tests.waiting import until

DATABASE = "/etc/shop/conf.d/database.ini"
# Takes back what the migrations of ``rich`` did.
_UNDO = (
    "ALTER TABLE shop_product DROP COLUMN IF EXISTS note; DELETE FROM shop_product; "
    "DELETE FROM django_migrations WHERE app = 'shop' AND name <> '0001_initial'"
)
HOLD, LOG = "/var/lib/shop/hold", "/var/lib/shop/packed"


@dataclass(frozen=True)
class First:
    """What the first release said with ``--json``, and each host's history after it."""

    done: Document
    history: Document


@pytest.fixture(scope="module")
def bundles(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles with Celery and psycopg, of commits behind ``two``."""
    return write_bundles(controller, tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """Two hosts, bare."""
    made = fleet(2)
    write(made)
    return made


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def first(controller: Controller, bundles: dict[str, Path], database: Postgres) -> First:
    """The first release to both hosts: what it did, and the journals after it."""
    controller.setup("--bundle", str(bundles["lean"])).well()
    fill_in(*controller.hosts)
    for host in controller.hosts:
        text = f"[database]\nurl = {database.url}\n"
        host.run(f"cat > {DATABASE}; chmod 600 {DATABASE}", data=text)
    done = release(controller, bundles["lean"]).well()
    return First(done.data, controller.run("history", "--json").well().data["hosts"])


@pytest.fixture
def lean(
    controller: Controller, bundles: dict[str, Path], database: Postgres, first: First
) -> None:
    """Hosts and database as the first release left them: ``rich`` is known nowhere."""
    write(controller)
    controller.setup("--bundle", str(bundles["lean"])).well()
    release(controller, bundles["lean"]).well()
    for host in controller.hosts:
        host.run(f"rm -rf /srv/shop/releases/{release_id(bundles['rich'])} {HOLD} {LOG}")
        host.run("find /var/lib/shop/queue -name '*.msg' -delete 2>/dev/null || true")
    database.ask(_UNDO)
    controller.setup("--bundle", str(bundles["lean"])).well()


@pytest.fixture
def rich(controller: Controller, bundles: dict[str, Path], lean: None) -> None:
    """``rich`` is live, ``lean`` before it."""
    controller.setup("--bundle", str(bundles["rich"])).well()
    release(controller, bundles["rich"]).well()


@pytest.fixture
def flow(host: Host) -> Iterator[Load]:
    """Ask for pages while the test runs; not one may fail."""
    with Load(PORT, "/", host=host.address, connections=2, pause=0.1) as running:
        yield running
    assert running.sent > 20
    assert running.failed == []


def write(controller: Controller, options: str = "drain = 60") -> None:
    """Write the environment; the second host migrates, and has no worker."""
    second = controller.hosts[1].address
    controller.write_ini(
        f"batch = 2\nmigrate_on = deploy@{second}\n{options}",
        f"[host:{second}]\nroles = web, mailer\n",
    )


def release(controller: Controller, bundle: Path, *words: str) -> Done:
    return controller.run("--bundle", str(bundle), "--noinput", "--json", *words)


def units_in(plan: list[str]) -> set[str]:
    """Return the units that a plan names."""
    return set(re.findall(r"shop[a-z@-]*\.(?:service|socket|slice)", " ".join(plan)))


def running(host: Host) -> dict[str, str]:
    """Return the process that each running unit of the site is, by the unit's name."""
    shown = host.run(
        "for u in $(systemctl list-units --plain --no-legend 'shop-*@*.service' | cut -d' ' -f1); "
        "do echo $u $(systemctl show -P MainPID $u); done"
    )
    return dict(line.split() for line in shown.splitlines())


def files_of(host: Host) -> dict[str, str]:
    """Return when each unit's file was written, by its name."""
    shown = host.run("cd /etc/systemd/system && stat -c '%n %y' shop* | sed 's/ /|/'")
    return dict(line.split("|") for line in shown.splitlines())


def queue(controller: Controller, host: Host, *names: str) -> None:
    """Put things to pack into a host's queue, as the site does."""
    task = f"from shop.tasks import pack; [pack.delay(name) for name in {names}]"
    controller.run("exec", "--hosts", host.address, "--", "shell", "-v0", "-c", task).well()


def packed(host: Host) -> list[str]:
    """Return what workers wrote."""
    return host.run(f"cat {LOG} 2>/dev/null || true").splitlines()


def test_a_database_that_hosts_share_is_migrated_once(controller: Controller, first: First) -> None:
    assert first.done["migrated"] == [f"deploy@{controller.hosts[1].address}: default"]
    acts = [
        [
            row["action"]
            for row in facts_of(first.history, host)
            if row["release"] == first.done["release"]
        ]
        for host in controller.hosts
    ]
    assert [act.count("migrate") for act in acts] == [0, 1]


def test_a_line_more_in_the_procfile_is_a_unit_more(
    controller: Controller, host: Host, bundles: dict[str, Path], lean: None, flow: Load
) -> None:
    refused = release(controller, bundles["rich"])
    assert refused.code == 1
    assert "it has no unit for mailer" in refused.data["error"]["message"]
    processes, files = running(host), files_of(host)
    rows = controller.setup("--bundle", str(bundles["rich"])).well().data["hosts"]
    for row in rows.values():
        assert units_in(row["plan"]) == {"shop-mailer@.service"}
    assert running(host) == processes
    after = files_of(host)
    del after["shop-mailer@.service"]
    assert after == files


def columns(database: Postgres) -> list[str]:
    found = "SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_product'"
    return sorted(database.ask(found))


def test_a_migration_that_fails_half_way_leaves_nothing_where_it_is_atomic(
    controller: Controller, bundles: dict[str, Path], database: Postgres, lean: None, flow: Load
) -> None:
    controller.setup("--bundle", str(bundles["rich"])).well()
    before = {live(host) for host in controller.hosts}
    with file_on(controller.hosts[1], "/var/lib/shop/unlucky"):
        failed = release(controller, bundles["rich"])
    assert failed.code == 1
    error = failed.data["error"]
    assert "nothing was switched" in error["message"]
    assert "there is no note to write" in error["message"] + error["hint"]
    assert "note" not in columns(database)
    assert database.ask("SELECT name FROM shop_product") == []
    assert {live(host) for host in controller.hosts} == before


def test_one_that_is_not_atomic_goes_on_where_it_stopped(
    controller: Controller, bundles: dict[str, Path], database: Postgres, lean: None, flow: Load
) -> None:
    controller.setup("--bundle", str(bundles["rich"])).well()
    database.ask("INSERT INTO shop_product (name, price, stock) VALUES ('Ink', 1, 1)")
    with file_on(controller.hosts[1], "/var/lib/shop/unfortunate"):
        failed = release(controller, bundles["rich"])
        assert failed.code == 1
        assert "the ink ran out" in json.dumps(failed.data["error"])
    assert database.ask("SELECT name FROM shop_product WHERE note IS NOT NULL") == ["Ink"]
    done = release(controller, bundles["rich"]).well()
    assert [line for line in done.data["pending"] if "shop." in line] == [
        "shop.0003_fill_notes on default"
    ]
    names = "SELECT name FROM shop_product WHERE note = name ORDER BY name"
    assert database.ask(names) == ["Ink", "Note"]  # the other migration made a Note
    assert {live(host) for host in controller.hosts} == {done.data["release"]}


def test_a_worker_finishes_what_it_has_begun_and_leaves_the_rest_to_the_next(
    controller: Controller, host: Host, bundles: dict[str, Path], lean: None, flow: Load
) -> None:
    old = live(host)
    with file_on(host, HOLD):
        queue(controller, host, *"abcd")
        until(lambda: packed(host))
        (begun,) = packed(host)  # any of them: they were queued in one moment
        first = begun.split()[1]
        assert begun == f"begun {first} {old}"
        # Only this start of the unit: an earlier test may have ended one.
        started = host.run(f"systemctl show --value -p InvocationID shop-worker@{old}").strip()
        journal = f"journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID={started}"
        words = ("--bundle", str(bundles["spare"]), "--noinput", "--json")
        process = controller.start(*words)
        until(lambda: "fetches no more" in host.run(journal))
        assert packed(host) == [begun]
        assert process.poll() is None
    out, err = process.communicate(timeout=180)
    done = Done(process.returncode, out, err).well()
    new = done.data["release"]
    assert new != old
    assert done.data["warnings"] == []
    until(lambda: len(packed(host)) == 8)
    rows = [line.split() for line in packed(host)]
    begins, ended = rows[::2], rows[1::2]
    assert [row[1:] for row in begins] == [row[1:] for row in ended]
    assert {row[0] for row in begins} == {"begun"}
    assert {row[0] for row in ended} == {"packed"}
    by = {name: release for _, name, release in ended}
    assert sorted(by) == list("abcd")
    assert by[first] == old
    # What it had fetched before it stopped fetching may be the old one's: one ahead.
    assert list(by.values()).count(new) >= 2
    assert [row[2] for row in ended] == sorted((row[2] for row in ended), key=[old, new].index)
    assert set(running(host)) == {f"shop-web@{new}.service", f"shop-worker@{new}.service"}


def test_a_worker_that_is_not_finished_in_time_is_ended_and_the_release_says_so(
    controller: Controller, host: Host, bundles: dict[str, Path], lean: None, flow: Load
) -> None:
    write(controller, "drain = 15")
    controller.setup("--bundle", str(bundles["lean"])).well()
    old = live(host)
    with file_on(host, HOLD):
        queue(controller, host, "slow")
        until(lambda: f"begun slow {old}" in packed(host))
        done = release(controller, bundles["spare"]).well()
    killed = f"deploy@{host.address}: worker of {old} did not finish within 15 s and was killed"
    assert [one.partition(";")[0] for one in done.data["warnings"]] == [killed]
    assert f"packed slow {old}" not in packed(host)
    queue(controller, host, "next")
    until(lambda: f"packed next {done.data['release']}" in packed(host))


def test_a_line_less_in_the_procfile_is_a_unit_less_once_no_release_can_come_back_with_it(
    controller: Controller, host: Host, bundles: dict[str, Path], rich: None, flow: Load
) -> None:
    write(controller, "keep = 1")
    controller.setup("--bundle", str(bundles["rich"])).well()
    release(controller, bundles["lean"]).well()
    rows = controller.setup("--bundle", str(bundles["lean"])).well().data["hosts"]
    assert [row["plan"] for row in rows.values()] == [[], []]
    release(controller, bundles["spare"]).well()  # with it the last that had a mailer goes
    processes, files = running(host), files_of(host)
    rows = controller.setup("--bundle", str(bundles["spare"])).well().data["hosts"]
    for row in rows.values():
        assert units_in(row["plan"]) == {"shop-mailer@.service"}
    assert running(host) == processes
    del files["shop-mailer@.service"]
    assert files_of(host) == files
    controller.run("rollback", "--plan", "--json").well()
