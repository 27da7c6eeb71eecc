"""One real host: set up, release, change, roll back, reboot."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, current, fill_in, get, live
from tests.lab.hosts import Host
from tests.lab.striking import OPTIONS, file_on, one_host, other, serves
from tests.load import Load


@pytest.fixture(scope="module")
def bare(fleet: Fleet) -> Controller:
    """A host that no test sets up."""
    return fleet(1)


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host where ``one`` and ``two`` are known, as the tests below leave it and find it."""
    return one_host(fleet)


@pytest.fixture
def one(controller: Controller) -> None:
    """``one`` is live."""
    controller.be_live("one")


@pytest.fixture
def two_after_one(controller: Controller) -> None:
    """``two`` is live, and a rollback goes back to ``one``."""
    controller.release("one").well()
    controller.release("two").well()


@pytest.fixture
def load(host: Host) -> Iterator[Load]:
    """Ask for pages while the test runs; not one may fail."""
    with Load(PORT, "/", host=host.address, connections=4, pause=0.01) as running:
        yield running
    assert running.sent > 20
    assert running.failed == []


def acts(controller: Controller) -> list[tuple[str, str, str]]:
    """Return action, release and result of what the journal holds, the oldest first."""
    (records,) = controller.run("history", "--json").well().data["hosts"].values()
    return [(row["action"], row["release"], row["result"]) for row in records]


def test_refuses_a_host_that_was_not_set_up(bare: Controller) -> None:
    done = bare.release("one")
    assert done.code == 1
    assert "does not let deploy in" in done.data["error"]["message"]
    assert "On a new host, setup makes" in done.data["error"]["hint"]
    done = bare.release("one", "--user", "root")
    assert done.code == 1
    assert "root must not release" in done.data["error"]["message"]
    host = bare.hosts[0]
    host.run("useradd -m -s /bin/bash ann; cp -r /root/.ssh ~ann/; chown -R ann: ~ann/.ssh")
    try:
        done = bare.release("one", "--user", "ann")
        assert done.code == 1
        assert "is not set up" in done.data["error"]["message"]
    finally:
        host.run("userdel -r ann")


def test_setup_shows_its_plan_and_changes_nothing(bare: Controller) -> None:
    done = bare.setup("--plan").well()
    (row,) = done.data["hosts"].values()
    assert "create the account deploy" in row["plan"]
    assert row["changed"] is False
    assert (
        bare.hosts[0]
        .run("ls /srv /etc/shop 2>&1; getent passwd shop deploy || echo none")
        .endswith("none\n")
    )


def test_setup_asks_nobody_without_a_terminal(bare: Controller) -> None:
    done = bare.run("setup", "--user", "root", "--bundle", str(bare.bundles.one))
    assert done.code == 1
    assert "--noinput" in done.err
    assert bare.hosts[0].try_run("test -e /srv/shop").returncode == 1


def test_setup_asks_on_a_terminal(bare: Controller) -> None:
    words = ("setup", "--user", "root", "--bundle", str(bare.bundles.one))
    code, screen = bare.on_terminal(*words, typed="n\n", after="[y/N]")
    assert code == 1
    assert screen.index("create the account deploy") < screen.index("[y/N]")
    assert bare.hosts[0].try_run("test -e /srv/shop").returncode == 1


def test_setup_makes_a_host_ready_once_and_a_plan_writes_nothing(new_fleet: Fleet) -> None:
    controller = new_fleet(1)
    (host,) = controller.hosts
    first = controller.setup().well()
    (row,) = first.data["hosts"].values()
    assert row["changed"] is True
    second = controller.setup().well()
    (row,) = second.data["hosts"].values()
    assert row["plan"] == []
    ini = host.run("stat -c '%U %a' /etc/shop/shop.ini; cat /etc/shop/shop.ini")
    assert ini.startswith("root 600\n")
    assert "{generate}" not in ini
    assert host.run("id -un", user="deploy") == "deploy\n"
    fill_in(host)
    before = host.run("find /srv/shop | sort")
    done = controller.release("one", "--plan").well()
    kinds = [step["kind"] for step in done.data["plan"]["steps"]]
    assert kinds == [
        *("lock", "send", "stage", "check", "compatibility", "migrate", "switch", "prune")
    ]
    assert max(done.data["plan"]["steps"][1]["bytes"].values()) > 1_000_000
    assert host.run("find /srv/shop | sort") == before
    done = controller.release("one").well()
    assert live(host) == controller.id("one")
    assert done.data["live"] == {f"deploy@{host.address}": controller.id("one")}
    assert "Two" not in get(host, "/")


def test_works_where_sudo_requires_a_terminal(new_fleet: Fleet) -> None:
    made = new_fleet(1)
    made.write_ini()
    host = made.hosts[0]
    # After the line that reads sudoers.d, so that it is not the order of files that decides.
    host.run("echo 'Defaults requiretty' >> /etc/sudoers && visudo -cq")
    host.run("useradd -m -s /bin/bash ann; echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann")
    host.run("cp -r /root/.ssh ~ann/ && chown -R ann: ~ann/.ssh")
    refused = host.try_run("sudo -n true", "ann")
    assert "sudo: sorry, you must have a tty" in refused.stderr
    by_ann = made.run(
        "setup", "--user", "ann", "--noinput", "--json", "--bundle", str(made.bundles.one)
    )
    assert by_ann.code == 1
    assert "!requiretty" in by_ann.data["error"]["hint"]
    made.setup().well()
    fill_in(host)
    made.release("one").well()
    made.run("exec", "--", "check").well()
    made.run("logs").well()
    made.release("two").well()
    assert live(host) == made.id("two")


def test_setup_after_a_change_touches_only_the_units_concerned(new_fleet: Fleet) -> None:
    controller = new_fleet(1, ready=True)
    controller.write_ini("roles = web")
    refused = controller.release("one")
    assert "roles" in refused.data["error"]["message"]
    (row,) = controller.setup().well().data["hosts"].values()
    assert not any("shop-web@" in step or "socket" in step for step in row["plan"])
    assert any("shop-worker@.service" in step for step in row["plan"])


def test_what_is_live_is_not_released_again(controller: Controller, one: None) -> None:
    done = controller.release("one").well()
    assert done.data["changed"] is False


def test_releases_a_change_while_requests_flow(
    controller: Controller, host: Host, one: None, load: Load
) -> None:
    done = controller.release("two").well()
    assert live(host) == controller.id("two")
    assert sum(done.data["bytes"].values()) < 64 << 10
    assert acts(controller)[-1] == ("release", controller.id("two"), "live")


def test_rolls_back_while_requests_flow(
    controller: Controller, host: Host, two_after_one: None, load: Load
) -> None:
    controller.run("rollback", "--json").well()
    assert live(host) == controller.id("one")
    assert acts(controller)[-1] == ("rollback", controller.id("one"), "live")


def test_rolls_back_with_a_changed_list_of_hosts(
    controller: Controller, host: Host, two_after_one: None
) -> None:
    host.run("cp -p /etc/shop/shop.ini /root/shop.ini")
    try:
        host.run("sed -i 's/, localhost$//; s/shop.example/www.example/' /etc/shop/shop.ini")
        controller.run("rollback", "--json").well()
        assert live(host) == controller.id("one")
    finally:
        host.run("mv /root/shop.ini /etc/shop/shop.ini")


def test_a_sick_release_is_taken_back_while_requests_flow(
    controller: Controller, host: Host, load: Load
) -> None:
    before = live(host)
    done = controller.release("sick")
    assert done.code == 4
    assert "answered 500" in " ".join(done.data["errors"].values())
    assert live(host) == before
    assert ("release", controller.id("sick"), "failed") in acts(controller)


def test_status_names_what_runs_and_what_drifted(
    controller: Controller, host: Host, one: None
) -> None:
    (row,) = controller.run("status", "--json").well().data["hosts"].values()
    assert row["live"] == controller.id("one")
    running = {(one["process"], one["release"]) for one in row["instances"] if one["active"]}
    assert running == {("web", controller.id("one")), ("worker", controller.id("one"))}
    assert row["drift"] == []
    assert row["changed"] == []
    unit = "/etc/systemd/system/shop-web@.service"
    host.run(f"cp -p {unit} /root/unit && sed -i 's/^Restart=.*/Restart=no/' {unit}")
    try:
        (row,) = controller.run("status", "--json").well().data["hosts"].values()
        assert row["drift"] == ["shop-web@.service"]
        refused = controller.release("two")
        assert refused.code == 1
        assert "shop-web@.service" in refused.data["error"]["message"]
    finally:
        host.run(f"mv /root/unit {unit}")


def test_logs_of_a_process(controller: Controller) -> None:
    assert "on the shelves" in controller.run("logs", "--process", "worker").well().out
    shown = controller.run("logs", "--json", "--lines", "200").well().data
    assert any("gunicorn" in line["text"] for line in shown["lines"])
    assert {line["process"] for line in shown["lines"]} == {"web"}


def test_logs_of_all_processes_since_a_moment(controller: Controller, host: Host) -> None:
    since = host.run("date -u +%Y-%m-%dT%H:%M:%S").strip()
    controller.release(other(controller, host)).well()
    words = ("logs", "--process", "web", "--process", "worker", "--since", since)
    lines = controller.run(*words, "--json").well().data["lines"]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert {line["process"] for line in lines} == {"web", "worker"}
    # Both releases of the switch, of which only one is live now.
    assert {line["release"] for line in lines} == {controller.id("one"), controller.id("two")}
    found = controller.run(*words, "--grep", "(?i)listening AT").well().out.splitlines()
    assert found
    assert all("Listening at" in line and "  web  " in line for line in found)
    assert controller.run(*words, "--grep", "no such words").well().out == ""


def test_workers_finish_what_is_at_hand(controller: Controller, host: Host) -> None:
    unit = f"shop-worker@{live(host)}"
    controller.release(other(controller, host)).well()
    assert "finished what was at hand" in host.run(f"journalctl --no-pager -u {unit}")


def test_commands_run_as_the_site_in_its_sandbox(controller: Controller, host: Host) -> None:
    code = (
        "import os, pwd; from pathlib import Path; from django.conf import settings\n"
        "Path(settings.MEDIA_ROOT).mkdir(exist_ok=True); Path(settings.MEDIA_ROOT, 'x').touch()\n"
        "print(pwd.getpwuid(os.getuid()).pw_name, settings.ALLOWED_HOSTS[0], os.access('/home', os.R_OK))"
    )
    done = controller.run("exec", "--", "shell", "-v0", "-c", code).well()
    assert done.out.split() == ["shop", "shop.example.com", "False"]
    assert host.run("stat -c %U /var/lib/shop/media/x") == "shop\n"


def test_a_command_s_exit_code_comes_back(controller: Controller) -> None:
    assert controller.run("exec", "--", "nothing").code == 1
    ended = controller.run("exec", "--json", "--", "shell", "-v0", "-c", "raise SystemExit(7)")
    assert ended.code == 7
    assert ended.data["code"] == 7


def test_a_command_on_a_terminal_talks_to_it(controller: Controller) -> None:
    code = "import os, sys; print(os.isatty(0), input('Word? ')[::-1]); sys.exit(9)"
    ended, screen = controller.on_terminal(
        "exec", "--", "shell", "-v0", "-c", code, typed="stressed\n", after="Word? "
    )
    assert ended == 9, screen
    assert "True desserts" in screen


def test_ctrl_c_takes_a_switch_back(controller: Controller, host: Host) -> None:
    before, target = live(host), controller.bundles.path(other(controller, host))
    # Its web process comes up only when a file is gone, so that there is time to change one's mind.
    hold, drop_in = "/run/held", "/etc/systemd/system/shop-web@.service.d/slow.conf"
    wait = f"[Service]\nExecStartPre=+/bin/sh -c 'while test -e {hold}; do sleep 0.1; done'\n"
    with file_on(host, hold), file_on(host, drop_in, wait):
        host.run("systemctl daemon-reload")
        process = controller.start("--bundle", str(target), "--noinput")
        try:
            host.run("until test -e /srv/shop/switching.json; do sleep 0.1; done")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    host.run("systemctl daemon-reload")
    assert process.returncode == 4, out + err
    assert live(host) == before
    assert host.try_run("test -e /srv/shop/switching.json").returncode == 1


def test_serves_the_live_release_after_a_power_cut(controller: Controller, host: Host) -> None:
    before = live(host)
    host.cut()
    host.boot()
    assert serves(host) == before
    (row,) = controller.run("status", "--json").well().data["hosts"].values()
    assert {one["process"] for one in row["instances"] if one["active"]} == {"web", "worker"}


def test_a_breaking_migration_needs_a_yes(controller: Controller, host: Host) -> None:
    before = live(host)
    refused = controller.release("narrow")
    assert refused.code == 1
    assert "shop.0002_remove_product_stock" in refused.data["error"]["message"]
    assert live(host) == before


@pytest.fixture
def breaking(controller: Controller) -> Iterator[None]:
    """Migrations may break the code that runs."""
    controller.write_ini(f"{OPTIONS}\nallow_breaking_migrations = yes")
    yield
    controller.write_ini(OPTIONS)


def test_rollback_refuses_where_migrations_forbid_it(
    controller: Controller, host: Host, breaking: None
) -> None:
    before = current(host)
    assert controller.release("narrow").well().data["migrated"]
    refused = controller.run("rollback", "--json")
    assert refused.code == 1
    message = refused.data["error"]["message"]
    assert live(host) == controller.id("narrow")
    (command,) = [line for line in message.splitlines() if "exec --" in line]
    controller.run("exec", "--", *command.partition("exec -- ")[2].split()).well()
    controller.run("rollback", "--json").well()
    assert live(host) == before
