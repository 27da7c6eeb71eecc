"""Migrations of releases to ``local``: shown, guarded, run once, and in the way of rollbacks."""

from __future__ import annotations

import json
import subprocess

from tests.bundles import release_id
from tests.integration.sites import Shop


def test_migrations_run_once_before_the_switch_after_they_were_shown(live_shop: Shop) -> None:
    shop, first = live_shop, live_shop.live
    with shop.load(path="/") as visitors:
        done = shop.release("kind")
        assert done.code == 0, done.err
    lines = [line.strip() for line in done.err.splitlines()]
    shown = lines.index("shop.0002_note on default")
    assert lines[shown + 1] == "Add field note to product"
    applied = lines.index("Applying shop.0002_note... OK")
    switched = next(number for number, line in enumerate(lines) if line.startswith("switch "))
    assert shown < applied < switched
    assert visitors.failed == []
    actions = [(one["action"], one["release"]) for one in shop.records()[-2:]]
    assert actions == [("migrate", shop.live), ("release", shop.live)]
    # What was added does not disturb older code: going back needs nothing.
    back = shop.run("rollback")
    assert back.code == 0, back.err
    assert shop.live == first
    again = shop.release("kind")
    assert again.code == 0, again.err
    assert "shop.0002_note" not in again.err  # it had run


def test_breaking_migrations_need_a_yes_and_stand_in_a_rollbacks_way(live_shop: Shop) -> None:
    shop, first = live_shop, live_shop.live
    refused = shop.release("bad")
    assert refused.code == 1
    for words in (
        "Rename field stock on product to left",
        "Delete model order",
        "Add field shelf to product",
        "allow_breaking_migrations = yes",
    ):
        assert words in refused.err
    assert shop.live == first
    record = shop.records()[-1]
    assert (record["action"], record["result"]) == ("release", "failed")
    assert record["why"].startswith("nothing was switched; these migrations break")
    assert "failed" in shop.run("history").out.splitlines()[-1]
    assert "Welcome to the shop" in shop.get()
    shop.configure(allow_breaking_migrations="yes")
    done = shop.release("bad")
    assert done.code == 0, done.err
    assert "Welcome back to the shop" in shop.get()
    second = shop.live
    back = shop.run("rollback")
    assert back.code == 1
    command = "exec -- migrate --database default shop 0001_initial"
    assert f"./manage.py release local {command}" in back.err
    assert shop.live == second
    reverse = shop.run(*command.split())
    assert reverse.code == 0, reverse.err
    back = shop.run("rollback")
    assert back.code == 0, back.err
    assert shop.live == first
    assert "Welcome to the shop" in shop.get()


def test_an_install_by_hand_refuses_what_a_release_refuses(live_shop: Shop) -> None:
    shop = live_shop
    shop.configure(allow_breaking_migrations="yes")
    assert shop.release("bad").code == 0

    def install(name: str, *argv: str) -> subprocess.CompletedProcess[str]:
        bundle = shop.workshop.bundle(name)
        command = [str(bundle), "deploykit", "install", "--json", "--root", str(shop.root), *argv]
        return subprocess.run(command, capture_output=True, text=True)

    planned = install("first", "--plan")
    assert [
        step["kind"] for step in json.loads(planned.stdout.splitlines()[-1])["result"]["steps"]
    ] == [
        "lock",
        "send",
        "stage",
        "check",
        "compatibility",
        "migrate",
        "recheck",
        "switch",
        "prune",
    ]
    refused = install("first")
    assert refused.returncode == 1
    assert "nothing was switched: applied migrations break the older release" in refused.stdout
    assert "deploykit exec -- migrate --database default shop 0001_initial" in refused.stdout
    assert shop.live == release_id(shop.workshop.bundle("bad"))
    reverse = shop.run("exec", "--", "migrate", "shop", "0001_initial")
    assert reverse.code == 0, reverse.err
    done = install("first")
    assert done.returncode == 0, done.stdout
    assert "Welcome to the shop" in shop.get()
