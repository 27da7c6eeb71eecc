"""A bundle with its own Python, made of a real interpreter."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.host_python import host_python
from django_deploykit.project import read_project
from django_deploykit.project.formats import FORMATS
from django_deploykit.project.inventory import parse_host
from django_deploykit.release.host_python import FindPython
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.release.transports.ssh import Ssh
from django_deploykit.runtime.wire.facts import FACTS
from tests.images import write_python_base
from tests.integration.bundling import KEY, PYTHON, Shop, copy_shop
from tests.projects import commit, manage
from tests.relocatable import make_interpreter, why_not
from tests.sshd import Sshd

Start = Callable[..., Sshd]
VERSION = "{}.{}".format(*sys.version_info)
pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@dataclass(frozen=True)
class WithPython:
    """A shop, its interpreter, and a bundle with it."""

    project: Path
    python: Path
    facts: dict[str, Any]

    @property
    def bundle(self) -> Path:
        """The bundle's path."""
        return Path(self.facts["path"])

    @property
    def layers(self) -> dict[tuple[str, str], str]:
        """The digests of the bundle's layers."""
        return digests(self.facts)


@pytest.fixture(scope="module")
def made(built_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> WithPython:
    folder = tmp_path_factory.mktemp("interpreter")
    python = make_interpreter(folder / "python")
    project = copy_shop(built_shop, folder)
    with (project / "deploykit.ini").open("a") as file:
        file.write(f"\n[bundle]\ninterpreter = {python}\n")
    commit(project, "Bring a Python along")
    return WithPython(project, python, build(project))


def build(project: Path, *words: str) -> dict[str, Any]:
    done = manage(project, "bundle", "--json", *words)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def digests(facts: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["kind"], one["name"]): one["sha256"] for one in facts["layers"]}


def start(made: WithPython, cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "DEPLOYKIT_CACHE": str(cache), "SECRET_KEY": KEY}
    return subprocess.run([str(made.bundle), *words], env=env, capture_output=True, text=True)


def test_adds_at_most_10_mb(made: WithPython, built_shop: Shop) -> None:
    assert made.bundle.stat().st_size - built_shop.bundle.stat().st_size < 10_000_000


def test_runs_with_its_own_python_cold_and_warm(made: WithPython, tmp_path: Path) -> None:
    code = "import ssl, sqlite3, sys; print(sys.base_prefix, ssl.__cached__)"
    for _ in range(2):
        done = start(made, tmp_path, "shell", "-v0", "-c", code)
        assert done.returncode == 0, done.stderr
        (release,) = (tmp_path / "shop" / "releases").iterdir()
        prefix, bytecode = done.stdout.split()
        assert prefix == str(release / "python")
        assert Path(bytecode).is_file()
    verified = start(made, tmp_path, "deploykit", "verify")
    assert verified.returncode == 0, verified.stderr


def test_another_python_can_start_it(made: WithPython, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "DEPLOYKIT_CACHE": str(tmp_path), "SECRET_KEY": KEY}
    words = [PYTHON, str(made.bundle), "shell", "-v0", "-c", "import sys; print(sys.base_prefix)"]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.stdout.strip().startswith(str(tmp_path)), done.stderr


def test_the_same_commit_and_python_give_the_same_bytes(made: WithPython, tmp_path: Path) -> None:
    env = {"DEPLOYKIT_BUILD_CACHE": str(tmp_path / "cache")}
    done = manage(made.project, "bundle", "--json", "--output", f"{tmp_path}/x.pyz", **env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sha256"] == made.facts["sha256"]


def test_a_patch_of_python_is_one_layer(made: WithPython, tmp_path: Path) -> None:
    library = next(made.python.glob("lib/python3.*"))
    patched = library / "patched.py"
    patched.write_text("VALUE = 1\n")
    try:
        facts = build(made.project, "--output", f"{tmp_path}/x.pyz")
    finally:
        patched.unlink()
    changed = {key for key, sha256 in digests(facts).items() if made.layers[key] != sha256}
    assert changed == {("interpreter", "python")}


def test_a_host_without_python_gets_it_over_ssh(
    made: WithPython, start_sshd: Start, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for path in Path("/usr/bin").iterdir():
        if not path.name.startswith("python"):
            (tools / path.name).symlink_to(path)
    sshd = start_sshd(profile=f"PATH={tools}")
    digest = made.layers["interpreter", "python"]
    sent = sshd.home / "django-deploykit" / "python" / digest / "python"
    with closing(ssh_to(tmp_path)) as bare, pytest.raises(DeployKitError, match="has no python"):
        bare.call(FACTS)
    assert not sent.exists()
    python = host_python(read_project(made.project))
    for as_root in (False, True):
        with closing(ssh_to(tmp_path, python, as_root=as_root)) as ssh:
            assert ssh.call(FACTS, "--python", VERSION).python == f"{sent}/bin/python{VERSION}"
        assert len([*sent.parents[1].iterdir()]) == 2


def ssh_to(folder: Path, python: FindPython | None = None, *, as_root: bool = False) -> Ssh:
    archive = runtime_archive()
    return Ssh(parse_host("web"), folder / "site", archive, as_root=as_root, python=python)


def test_every_format_can_be_made_of_it(made: WithPython, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    shutil.copytree(made.project, project, ignore=shutil.ignore_patterns(".deploykit"))
    named = write_python_base(tmp_path / "python.oci.tar").replace(str(tmp_path), "..")
    with (project / "deploykit.ini").open("a") as file:
        file.write(f"\n[format:oci]\nbase = {named}\n")
    commit(project, "Build images")
    words = [word for name in FORMATS for word in ("--format", name)]
    done = manage(project, "bundle", *words, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["files"]) == len(FORMATS)
