"""The verb remove: it shows what goes, asks, and does it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.provision.plan import Action
from django_deploykit.runtime.provision.removal import Installed
from django_deploykit.runtime.provision.remove import (
    RemoveEffects,
    add_arguments,
    ask,
    remove,
    validate_host,
)
from django_deploykit.runtime.wire.operating import RemoveResult
from django_deploykit.runtime.wire.voice import Voice

FOUND = Installed("shop", {}, folder="/srv/shop", configuration=("/etc/shop",))


def run(
    *words: str, found: Installed = FOUND, answer: bool = True, mounts: Sequence[str] = ()
) -> tuple[RemoveResult, list[Action]]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    done: list[Action] = []

    def look(app: str, root: Path, websites: Mapping[str, str]) -> Installed:
        return found

    effects = RemoveEffects(lambda: None, look, done.append, lambda: mounts, lambda _: answer)
    options = parser.parse_args(words)
    result = remove("shop", Path("/srv/shop"), {}, options, Voice(person=False), effects)
    return result, done


def test_removes_what_it_showed_after_a_yes() -> None:
    result, done = run()
    assert result == RemoveResult(
        True, ("remove with everything in it /srv/shop",), kept=("/etc/shop",)
    )
    assert [str(one) for one in done] == list(result.plan)


def test_a_plan_removes_nothing() -> None:
    result, done = run("--plan")
    assert (result.changed, len(result.plan), done) == (False, 1, [])


def test_without_a_yes_nothing_is_removed() -> None:
    with pytest.raises(DeployKitError, match="nothing was removed"):
        run(answer=False)
    assert run("--noinput", answer=False)[0].changed


def test_the_second_time_there_is_nothing_to_do() -> None:
    result, done = run(found=Installed("shop", {}, configuration=("/etc/shop",)), answer=False)
    assert (result, done) == (RemoveResult(False, (), ("/etc/shop",)), [])


def test_data_and_configuration_go_when_that_is_asked_for() -> None:
    result, done = run("--data", "--noinput")
    assert [one.target for one in done] == ["/srv/shop", "/etc/shop"]
    assert result.kept == ()


def test_nobody_at_a_terminal_is_nobody_who_can_confirm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "empty").open("w+", encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(DeployKitError, match="not a terminal") as caught:
            ask("Remove shop?")
    assert "--noinput" in caught.value.hint


def test_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DeployKitError, match="remove needs root"):
        validate_host()


@pytest.mark.parametrize("mounted", ["/srv/shop", "/srv/shop/media", "/srv/shop/a b/c"])
@pytest.mark.parametrize("words", [(), ("--plan",)])
def test_what_somebody_mounted_in_the_folder_is_not_removed(
    mounted: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(DeployKitError, match=f"nothing was removed: .* mounted on {mounted}"):
        run(*words, mounts=["/", "/srv", mounted])
    assert run(mounts=["/", "/srv", "/srv/shops", "/srv/blog/media"])[0].changed
