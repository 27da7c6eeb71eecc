"""Migrations of releases to ``local``: shown, guarded, run once, and in the way of rollbacks."""

from __future__ import annotations

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
    back = shop.run("--rollback")
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
    assert "Welcome to the shop" in shop.get()
    shop.configure(allow_breaking_migrations="yes")
    done = shop.release("bad")
    assert done.code == 0, done.err
    assert "Welcome back to the shop" in shop.get()
    second = shop.live
    back = shop.run("--rollback")
    assert back.code == 1
    command = "--exec -- migrate --database default shop 0001_initial"
    assert f"./manage.py release local {command}" in back.err
    assert shop.live == second
    reverse = shop.run(*command.split())
    assert reverse.code == 0, reverse.err
    back = shop.run("--rollback")
    assert back.code == 0, back.err
    assert shop.live == first
    assert "Welcome to the shop" in shop.get()
