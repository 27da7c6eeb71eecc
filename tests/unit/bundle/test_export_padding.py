"""What ``git archive`` writes after the end that tarfile reads."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from django_deploykit.bundle.export import _archive
from tests.projects import commit, run

_SLOW = """\
#!{python}
import os, select, signal, subprocess, sys
if "archive" not in sys.argv:
    os.execv("{git}", ["git", *sys.argv[1:]])
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as git has it
data = subprocess.run(["{git}", *sys.argv[1:]], stdout=subprocess.PIPE).stdout
os.write(1, data[:-10240])
closed = select.poll()
closed.register(1, 0)
closed.poll(2000)  # until the reader has gone, if it goes
os.write(1, data[-10240:])
"""


def test_an_archive_whose_last_record_comes_late_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With this size tarfile sees the end in one record and git writes another one after it."""
    repository, shim = tmp_path / "shop", tmp_path / "bin"
    repository.mkdir()
    shim.mkdir()
    run("git", "init", "-q", cwd=repository)
    (repository / "file").write_bytes(b"x" * 16 * 512)
    sha = commit(repository)
    slow = shim / "git"
    slow.write_text(_SLOW.format(python=sys.executable, git=shutil.which("git")))
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim}{os.pathsep}{os.environ['PATH']}")
    _archive(repository, sha, [""], tmp_path / "export")
    assert (tmp_path / "export" / "file").stat().st_size == 16 * 512
