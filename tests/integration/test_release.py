"""Releasing to ``local`` for real: live, again under load, back, and looking at it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.reader import BundleFile
from tests.bundles import release_id
from tests.integration.shop_states import greet
from tests.integration.sites import Shop, wait_for_line
from tests.projects import commit


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def distributions(shop: Shop, name: str) -> dict[str, str]:
    """Return the digests of a bundle's distributions by name."""
    with BundleFile(shop.workshop.bundle(name)) as bundle:
        layers = bundle.manifest.layers
    return {layer.name: layer.sha256 for layer in layers if layer.kind == "distribution"}


def test_releases_and_goes_back_without_a_failed_request(live_shop: Shop) -> None:
    first, shop = live_shop.live, live_shop
    assert "Welcome to the shop" in shop.get()
    with shop.load() as keeping, shop.load(per_connection=1) as closing:
        done = shop.release("second", "--json")
        assert done.code == 0, done.err
        assert "Welcome back to the shop" in shop.get()
        back = shop.run("rollback", "--noinput", "--json")
        assert back.code == 0, back.err
    assert "Welcome to the shop" in shop.get()
    assert (keeping.failed, closing.failed) == ([], [])
    assert keeping.sent > 50
    assert closing.sent > 50
    facts = done.data
    assert facts["live"] == {"local": release_id(shop.workshop.bundle("second"))}
    # A line changed: were a distribution packed in other bytes again, it would travel whole.
    assert distributions(shop, "first") == distributions(shop, "second")
    assert facts["bytes"]["local"] < 65536
    assert facts["bundle_size"] > 1 << 20
    assert back.data["live"] == {"local": first}


def test_a_first_release_makes_the_site_and_says_where_it_is(shop: Shop) -> None:
    done = shop.release("first")
    assert done.code == 0, done.err
    assert f"http://127.0.0.1:{shop.port}/" in done.out
    assert shop.live == release_id(shop.workshop.bundle("first"))
    assert shop.get("/up") == "up\n"
    configuration = shop.project / ".deploykit/local/etc/shop.ini"
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert [one["action"] for one in shop.records()] == ["migrate", "release"]


def test_releasing_what_is_live_changes_nothing_and_says_so(live_shop: Shop) -> None:
    before = files_below(live_shop.root)
    done = live_shop.release("first")
    assert done.code == 0, done.err
    assert f"nothing to do: {live_shop.live} is live" in done.out
    again = live_shop.release("first", "--json")
    assert again.data["changed"] is False
    assert files_below(live_shop.root) == before


def test_a_plan_writes_nothing(shop: Shop) -> None:
    bundle = shop.workshop.bundle("first")
    before = files_below(shop.project)
    done = shop.run("--plan", "--bundle", str(bundle))
    assert done.code == 0, done.err
    for step in ("prepare", "lock", "send", "stage", "check", "migrate", "switch", "prune"):
        assert f"\n{step}" in f"\n{done.out}"
    assert "MiB" in done.out
    # Python's own bytecode of the settings is none of ours.
    assert {one for one in files_below(shop.project) if "__pycache__" not in one} == before
    steps = shop.run("--plan", "--bundle", str(bundle), "--json").data["plan"]["steps"]
    assert steps[0]["kind"] == "prepare"
    assert max(one["bytes"].get("local", 0) for one in steps) > 1 << 20


def test_a_plan_for_a_live_site_writes_nothing_either(live_shop: Shop) -> None:
    before = files_below(live_shop.root)
    done = live_shop.release("second", "--plan")
    assert done.code == 0, done.err
    assert f"let it take over ({live_shop.live} is live)" in done.out
    assert files_below(live_shop.root) == before


def test_a_commit_is_bundled_once_and_released_by_name(live_shop: Shop) -> None:
    shop = live_shop
    greet(shop.project)
    commit(shop.project, "Greet again", "2026-11-23T06:00:00Z")
    (shop.project / "shop/views.py").write_text("broken(", encoding="utf-8")
    refused = shop.run("--noinput")
    assert refused.code == 1
    assert "shop/views.py" in refused.err
    done = shop.run("--noinput", "--rev", "HEAD", "--json")
    assert done.code == 0, done.err
    assert shop.live.startswith("20261123T060000-")
    assert "Welcome back" in shop.get()
    again = shop.run("--noinput", "--rev", "HEAD")
    assert again.code == 0, again.err
    assert "built before" in again.err
    assert "nothing to do" in again.out


def test_status_history_and_commands_on_the_site(live_shop: Shop) -> None:
    shop = live_shop
    status = shop.run("status")
    assert f"{shop.live} is live on 127.0.0.1:{shop.port}" in status.out
    assert shop.run("status", "--json").data["hosts"]["local"]["live"] == shop.live
    records = shop.run("history", "--json").data["hosts"]["local"]
    assert [one["result"] for one in records] == ["done", "live"]
    assert shop.live in shop.run("history").out
    done = shop.run("exec", "--", "restock")
    assert done.code == 0, done.err
    assert "Nothing on the shelves" not in shop.get()
    failing = shop.run("exec", "--", "no_such_command")
    assert failing.code == 1
    assert "no_such_command" in failing.err


def test_status_names_what_was_changed_by_hand(live_shop: Shop) -> None:
    path = live_shop.root / "current/app/shop/views.py"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    path.write_text(text + "# quick fix\n", encoding="utf-8")
    assert "drift: app/shop/views.py was changed by hand" in live_shop.run("status").out


def test_logs_follow_what_the_site_writes(live_shop: Shop) -> None:
    shop = live_shop
    assert "Listening at" in shop.run("logs").out
    process = shop.begin("logs", "-f")
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        log = next((shop.root / "log").glob("web-*.log"))
        with log.open("a") as file:
            file.write("a customer came in\n")
        assert any(line == "a customer came in\n" for line in process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def test_stop_ends_the_site_and_a_release_brings_it_back(live_shop: Shop) -> None:
    assert live_shop.run("stop", "--plan").out.split() == ["stop", "local:", "stop", "web"]
    assert live_shop.answers()
    assert live_shop.run("stop").out.strip() == "stopped"
    assert not live_shop.answers()
    status = live_shop.run("status", "--json")
    row = status.data["hosts"]["local"]
    assert (status.code, row["live"], row["answers"]) == (1, live_shop.live, False)
    assert "does not answer" in live_shop.run("status").out
    assert "nothing was running" in live_shop.run("stop").out
    assert "nothing is running" in live_shop.run("stop", "--plan").out
    done = live_shop.release("first")
    assert done.code == 0, done.err
    assert live_shop.answers()
    assert live_shop.run("status").code == 0


@pytest.mark.parametrize("words", [["rollback"], ["rollback", "20261123T041500-0000000"]])
def test_a_rollback_to_nowhere_is_refused(live_shop: Shop, words: list[str]) -> None:
    done = live_shop.run(*words)
    assert done.code == 1
    assert "these hosts cannot be rolled back" in done.err
    assert live_shop.answers()


def test_a_rollback_where_nothing_was_released_is_refused(shop: Shop) -> None:
    done = shop.run("rollback")
    assert done.code == 1
    assert "nothing is live there" in done.err
    assert not shop.root.exists()


def test_old_releases_go_and_the_last_good_one_stays(live_shop: Shop) -> None:
    shop = live_shop
    shop.configure(keep="1")
    first = shop.live
    assert shop.release_sick("500 when served").code == 4
    done = shop.release("second")
    assert done.code == 0, done.err
    staged = {path.name for path in (shop.root / "releases").glob("2*")}
    assert staged == {first, shop.live}


def test_hooks_get_the_facts_and_one_before_the_switch_can_stop_it(live_shop: Shop) -> None:
    shop = live_shop
    shop.configure(
        before_switch='test -z "$STOP_IT" || { echo "the till is open"; exit 7; }',
        after_switch='echo "$DEPLOYKIT_HOOK $DEPLOYKIT_RELEASE $DEPLOYKIT_ENVIRONMENT" > after.txt',
        after_failure="echo failed > failure.txt",
    )
    first = shop.live
    stopped = shop.release("second", STOP_IT="1")
    assert stopped.code == 1
    assert "before_switch failed with exit code 7" in stopped.err
    assert "the till is open" in stopped.err
    assert shop.live == first
    assert (shop.project / "failure.txt").exists()
    assert not (shop.project / "after.txt").exists()
    assert shop.release("second").code == 0
    assert (shop.project / "after.txt").read_text().split() == ["after_switch", shop.live, "local"]


def test_two_releases_at_once_leave_one_refused_or_waiting(live_shop: Shop) -> None:
    shop = live_shop
    hold = shop.project / "hold"
    hold.touch()
    shop.configure(before_switch="while test -e hold; do sleep 0.1; done")
    with shop.start("second") as process:
        wait_for_line(process, ("lock",))
        refused = shop.release("second")
        with shop.start("second", "--wait", "60") as waiting:
            hold.unlink()
            _, err = waiting.communicate()
        process.communicate()
    assert process.returncode == 0
    assert refused.code == 3
    assert "another release holds the deploy lock" in refused.err
    assert "releasing" in refused.err
    assert waiting.returncode == 0, err
    assert time.gmtime(shop.records()[-1]["time"]).tm_year >= 2024
    assert [one["release"] for one in shop.records()].count(shop.live) == 1
