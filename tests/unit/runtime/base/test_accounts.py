"""Root becomes the owner of a folder before it works there."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.accounts import (
    Account,
    environment,
    owner_of,
    user_name,
)
from django_deploykit.runtime.base.documents import Document

ME = pwd.getpwuid(os.getuid())
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


# A new interpreter, because a fork of this process could hang on a lock that another thread holds.
CHILD = """
import json, os, sys
from pathlib import Path
from django_deploykit.runtime.base.accounts import become_owner
from django_deploykit.runtime.base.errors import DeployKitError

folder, *needed = sys.argv[1:]
os.environ.update({"DATABASE_URL": "secret", "LANG": "C", "HOME": "/root"})
try:
    become_owner(Path(folder), needed)
    found = {"umask": os.umask(0), "folder": os.getcwd(), "env": dict(os.environ)}
except DeployKitError as error:
    found = {"error": error.message, "hint": error.hint}
ids = {"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups()}
print(json.dumps({**found, **ids}))
"""


def become(folder: Path, *needed: str) -> Document:
    """Become the owner in another process; return what that then is, or its error."""
    words = [sys.executable, "-c", CHILD, str(folder), *needed]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: Document = json.loads(done.stdout)
    return answer


def given(folder: Path, uid: int, gid: int) -> Path:
    folder.mkdir(exist_ok=True)
    os.chown(folder, uid, gid)
    return folder


@needs_root
def test_nothing_of_root_is_left(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    found = become(given(tmp_path / "site", nobody.pw_uid, nobody.pw_gid))
    assert found["uids"] == [nobody.pw_uid] * 3
    assert found["gids"] == [nobody.pw_gid] * 3
    assert set(found["groups"]) == set(os.getgrouplist("nobody", nobody.pw_gid))
    assert (found["umask"], found["folder"]) == (0o022, "/")
    env = found["env"]
    assert (env["HOME"], env["USER"], env["LANG"]) == (nobody.pw_dir, "nobody", "C")
    assert "DATABASE_URL" not in env


@needs_root
def test_an_owner_without_an_account_is_a_number(tmp_path: Path) -> None:
    found = become(given(tmp_path / "site", 54321, 54322))
    assert (found["uids"], found["gids"], found["groups"]) == ([54321] * 3, [54322] * 3, [54322])
    assert (found["env"]["USER"], found["env"]["HOME"]) == ("54321", "/")


@needs_root
def test_the_owner_must_be_able_to_read_the_program(tmp_path: Path) -> None:
    program = tmp_path / "it's shop.pyz"
    program.touch(mode=0o600)
    found = become(given(tmp_path / "site", 54321, 54322), "/etc/passwd", str(program))
    assert found["uids"] == [54321] * 3
    assert found["error"] == (
        f"in {tmp_path}/site, root works as its owner, 54321, who cannot read {program}"
    )
    assert "install -m 755 '" in found["hint"]


@pytest.mark.parametrize("name", ["own", "missing"])
def test_nobody_else_owns_a_folder_of_ones_own_or_a_missing_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "own").mkdir()
    assert become(tmp_path / name)["uids"] == list(os.getresuid())


def test_the_owner_of_a_folder_is_an_account(tmp_path: Path) -> None:
    assert owner_of(tmp_path) == Account(ME.pw_name, ME.pw_uid, ME.pw_gid, ME.pw_dir, ME.pw_shell)
    with pytest.raises(FileNotFoundError):
        owner_of(tmp_path / "missing")


def test_a_user_without_an_account_has_a_number() -> None:
    assert user_name(os.getuid()) == ME.pw_name
    assert user_name(54321) == "54321"


def test_only_what_describes_the_terminal_and_the_language_is_passed_on() -> None:
    owner = Account("deploy", 1000, 1000, "/home/deploy", "/bin/sh")
    before = {"PATH": "/bin", "TERM": "xterm", "LC_ALL": "C", "SSH_AUTH_SOCK": "/x", "TMPDIR": "/y"}
    assert environment(before, owner) == {
        "PATH": "/bin",
        "TERM": "xterm",
        "LC_ALL": "C",
        "HOME": "/home/deploy",
        "USER": "deploy",
        "LOGNAME": "deploy",
        "SHELL": "/bin/sh",
    }
