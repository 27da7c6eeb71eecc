"""The verbs that only the controller and the runtime call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.hints import as_root, by_hand
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.verbs import find_verb
from tests.bundles import make_manifest, write_bundle
from tests.unit.runtime.cli.verbs.conftest import Invoke

OLD, NEW = "20261123T041500-aaaaaaa", "20261124T041500-bbbbbbb"

_SERVE = """
import sys
from pathlib import Path
from django_deploykit.runtime.cli.main import main
sys.exit(main(["serve", "--root", sys.argv[1]], Path("x.pyz"), in_bundle=False))
"""


def test_serve_runs_the_verbs_that_arrive(tmp_path: Path) -> None:
    words = f'{{"call": 1, "words": ["facts", "--root", "{tmp_path}"]}}\n'
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(words)
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdin.close()
    assert lines[0] == "ready\n"
    assert lines[1].startswith('o1 {"result": {"setup": false')
    assert lines[2] == "x1 0\n"
    assert process.returncode == 0


def staged(site: Site, *releases: str) -> None:
    for release in releases:
        (site.releases / release).mkdir()


def bundle_of(tmp_path: Path, release: str) -> Path:
    return write_bundle(tmp_path / "shop.pyz", make_manifest((), release_id=release), {})


def test_a_command_runs_in_the_release_of_the_file(
    invoke: Invoke, site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    staged(site, OLD, NEW)
    site.current.symlink_to(f"releases/{NEW}")
    program = site.releases / OLD / "bin" / "shop"
    program.parent.mkdir()
    (site.releases / OLD / "app").mkdir()
    program.write_text("#!/bin/sh\nprintf '%s|' \"$@\"; exit 7\n")
    program.chmod(0o755)
    path = bundle_of(tmp_path, OLD)
    assert invoke("command", "--", "migrate", "--plan", "a b", path=path) == 7
    out, err = capfd.readouterr()
    assert out == "migrate|--plan|a b|"
    assert err == f"note: this is {OLD}, and {NEW} is live\n"
    assert invoke("command", "--", "run", "clock", "-x", path=path) == 7
    assert capfd.readouterr().out == "--process|clock|-x|"


@pytest.mark.parametrize("live", [False, True])
def test_a_file_that_is_not_installed_runs_nothing(
    invoke: Invoke, site: Site, tmp_path: Path, live: bool
) -> None:
    if live:
        staged(site, OLD)
        site.current.symlink_to(f"releases/{OLD}")
    path = bundle_of(tmp_path, NEW)
    with (
        by_hand(path),
        pytest.raises(DeployKitError, match=f"{NEW} of this file is not installed") as caught,
    ):
        invoke("command", "--", "loaddata", "a b", path=path)
    assert (f"{OLD} is live" if live else "nothing is live") in caught.value.message
    line = f"In the live release: {path} deploykit exec -- loaddata 'a b'\n"
    assert caught.value.hint == (
        f"{line if live else ''}To install this file: {path} deploykit install"
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_only_the_owner_of_the_site_runs_commands(
    invoke: Invoke, site: Site, tmp_path: Path
) -> None:
    os.chown(site.root, 54321, 54321)
    path = bundle_of(tmp_path, OLD)
    with pytest.raises(DeployKitError, match="belongs to 54321: only that user") as caught:
        invoke("command", "--", "migrate", path=path)
    assert caught.value.hint == f"Use: {as_root(f'{path} migrate')}"


def test_people_are_not_shown_them() -> None:
    for name in ("serve", "local-daemon", "command"):
        found = find_verb(name)
        assert found is not None
        assert (found.listed, found.prints_text) == (False, True)
