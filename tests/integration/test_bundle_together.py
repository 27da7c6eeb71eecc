"""Two builds of the same lock at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.projects import IDENTITY, make_shop


def test_two_builds_at_once_do_not_take_the_environment_from_each_other(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    clean = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    env = {**clean, **IDENTITY, "DEPLOYKIT_BUILD_CACHE": str(tmp_path / "cache")}
    builds = [
        subprocess.Popen(
            [sys.executable, "manage.py", "bundle", "--json", "-o", str(tmp_path / f"{n}.pyz")],
            cwd=project,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for one in builds:
        _, told = one.communicate()
        assert one.returncode == 0, told
    assert len({(tmp_path / f"{n}.pyz").read_bytes() for n in range(3)}) == 1
