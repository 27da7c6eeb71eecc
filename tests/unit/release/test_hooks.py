"""The user's own commands around a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.release.hooks import run_hooks


def run(tmp_path: Path, name: str, *commands: str) -> list[str]:
    notes: list[str] = []
    run_hooks({name: commands}, name, {"release": "r1"}, tmp_path, notes.append)
    return notes


def test_commands_run_in_the_folder_with_the_facts_in_their_environment(tmp_path: Path) -> None:
    command = 'echo "$DEPLOYKIT_HOOK $DEPLOYKIT_RELEASE" > seen'
    assert run(tmp_path, "before_switch", command) == [f"before_switch: {command}"]
    assert (tmp_path / "seen").read_text() == "before_switch r1\n"


def test_one_that_fails_before_the_switch_stops_the_release(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="before_switch failed with exit code 7") as caught:
        run(tmp_path, "before_switch", "echo the till is open; exit 7", "touch never")
    assert caught.value.hint == "the till is open"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["after_switch", "after_failure"])
def test_one_that_fails_afterwards_is_only_noted(name: str, tmp_path: Path) -> None:
    notes = run(tmp_path, name, "exit 1", "touch next")
    assert f"warning: the hook {name} failed with exit code 1: exit 1" in notes
    assert (tmp_path / "next").exists()


def test_a_hook_without_commands_does_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "before_switch") == []
