"""Commands of a local site that continue after their caller was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.processes import CommandLine, capture
from django_deploykit.runtime.supervisors.local_commands import WRAPPER, end, record, running
from tests.waiting import until

RELEASE = "20261101T000000-aaaaaaa"
STARTER = """
import sys
from pathlib import Path
from django_deploykit.runtime.base.processes import CommandLine, run
from django_deploykit.runtime.supervisors.local_commands import WRAPPER, record
path, fd = record(Path(sys.argv[1]), "20261101T000000-aaaaaaa", ["migrate", "--secret", "s3cret"])
run(CommandLine([*WRAPPER, str(path), *sys.argv[2:]], inherit=(fd,)))
"""


def started_and_orphaned(folder: Path, *command: str) -> None:
    """Start a command from a process that is then killed."""
    with subprocess.Popen([sys.executable, "-c", STARTER, str(folder), *command]) as process:
        until((folder / "begun").exists)
        process.kill()


def command(folder: Path, *words: str) -> CommandLine:
    path, fd = record(folder, RELEASE, ["migrate"])
    return CommandLine([*WRAPPER, str(path), *words], inherit=(fd,))


def test_a_command_is_known_while_it_runs_and_not_afterwards(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    seen: list[str] = []

    def look(line: str) -> None:
        seen.extend(one.name for one in running(tmp_path))
        (tmp_path / "go").write_text("")

    assert capture(command(tmp_path, "sh", "-c", f"echo; cat {tmp_path}/go"), look)[0] == 0
    assert seen == ["migrate"]
    assert running(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["go"]


def test_a_command_whose_starter_was_killed_is_known_and_can_be_ended(tmp_path: Path) -> None:
    before = time.time()
    child = f"touch {tmp_path}/begun; sleep 600; echo"  # the shell waits for its own child
    started_and_orphaned(tmp_path, "sh", "-c", child)
    (found,) = running(tmp_path)
    assert (found.release, found.name) == (RELEASE, "migrate")
    assert before - 1 < found.since <= time.time()
    end(tmp_path, found.id, 20)
    assert running(tmp_path) == []


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    stubborn = f"trap '' TERM; touch {tmp_path}/begun; while :; do sleep 0.1; done"
    started_and_orphaned(tmp_path, "sh", "-c", stubborn)
    (found,) = running(tmp_path)
    end(tmp_path, found.id, 0.2)
    assert running(tmp_path) == []


def test_a_command_whose_process_is_not_known_is_not_ended(tmp_path: Path) -> None:
    path, fd = record(tmp_path, RELEASE, ["migrate"])
    (found,) = running(tmp_path)
    with pytest.raises(DeployKitError, match="is not known"):
        end(tmp_path, found.id, 0.1)
    os.close(fd)
    assert path.name.endswith(found.id)


@pytest.mark.parametrize("since", ['"soon"', "null", "[]", "1e400", "{}", "-1e18"])
def test_a_damaged_record_is_a_command_without_a_time(tmp_path: Path, since: str) -> None:
    path, fd = record(tmp_path, RELEASE, ["migrate"])
    path.write_text(f'{{"release": "{RELEASE}", "name": "migrate", "since": {since}}}\n²\n')
    (found,) = running(tmp_path)
    assert f"`migrate` of {RELEASE}, which runs since " in str(found)
    with pytest.raises(DeployKitError, match="is not known"):
        end(tmp_path, found.id, 0.1)
    os.close(fd)


def test_a_command_that_cannot_start_leaves_nothing_held(tmp_path: Path) -> None:
    _, fd = record(tmp_path, RELEASE, ["migrate"])
    with pytest.raises(FileNotFoundError):
        capture(CommandLine(["/nothing/here"], inherit=(fd,)))
    assert running(tmp_path) == []
