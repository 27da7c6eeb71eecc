"""Ctrl-C and kill -9 in the middle of releases to ``local``: the site answers, a rerun completes."""

from __future__ import annotations

import signal

import pytest

from tests.bundles import release_id
from tests.integration.sites import Shop, kill, wait_for_line
from tests.waiting import until

# A controller is stopped when the line of one of these steps appears: while the next one runs.
MOMENTS = ("ask", "lock", "send", "stage", "check", "switch")
# What keeps the release from getting further before the signal arrives, however slow this machine is.
HELD = {
    **dict.fromkeys(("ask", "lock", "send", "stage"), "hang when checked"),
    "check": "hang",
    "switch": "",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_step_leaves_one_release_serving_and_a_rerun_completes(
    live_shop: Shop, moment: str
) -> None:
    shop, first = live_shop, live_shop.live
    sick = release_id(shop.workshop.bundle("sick"))
    shop.make_sick(HELD[moment])
    with shop.load() as visitors:
        with shop.start("sick") as process:
            wait_for_line(process, (moment,))
            if moment == "check":  # the steps up to the switch take no time, the switch hangs
                until((shop.root / "switching.json").exists)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        if moment == "switch":  # it is live; only pruning was left
            assert shop.live == sick
        else:
            assert process.returncode == (4 if moment == "check" else 130), err
            assert "interrupted" in err
            assert shop.live == first
        assert shop.answers()
        shop.make_sick("")
        done = shop.release("sick")
    assert done.code == 0, done.err
    assert shop.live == sick
    assert visitors.failed == []


def test_a_controller_killed_at_any_step_leaves_a_site_and_a_rerun_completes(
    live_shop: Shop,
) -> None:
    shop = live_shop
    ids = {name: release_id(shop.workshop.bundle(name)) for name in ("first", "second")}
    with shop.load() as visitors:
        for moment in MOMENTS:
            target = "second" if shop.live == ids["first"] else "first"
            with shop.start(target) as process:
                wait_for_line(process, (moment,))
                kill(process)
            assert shop.live in ids.values(), moment
            assert shop.answers(), moment
            if moment in ("send", "check", "switch"):  # elsewhere the next round is the rerun
                done = shop.release(target, "--wait", "30")
                assert done.code == 0, (moment, done.err)
                assert shop.live == ids[target]
    assert visitors.failed == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_first_release_that_is_stopped_early_can_be_run_again(
    shop: Shop, number: signal.Signals
) -> None:
    with shop.start("first") as process:
        wait_for_line(process, ("lock",))
        process.send_signal(number)
        process.communicate(timeout=120)
    done = shop.release("first", "--wait", "30")
    assert done.code == 0, done.err
    assert shop.answers()
