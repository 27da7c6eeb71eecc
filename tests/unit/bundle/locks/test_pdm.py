"""``pdm.lock``, exported by PDM. With the real one: integration/test_bundle_lock_tools.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.locks.base import Wanted
from django_deploykit.bundle.locks.pdm import read
from django_deploykit.errors import BundleError

from .conftest import HASH, Uv

PYLOCK = f"""
[[packages]]
name = "django"
version = "5.2"
wheels = [{{name = "x.whl", url = "https://x.example.com/x.whl", hashes = {{sha256 = "{HASH[7:]}"}}}}]
[[packages]]
name = "shared"
version = "1"
[packages.directory]
path = "../libs/shared"
"""


@pytest.fixture
def folder(tmp_path: Path, tool: Uv) -> Path:
    tool.text = PYLOCK
    (tmp_path / "pdm.lock").write_text('[metadata]\ngroups = ["default", "dev", "pg", "web"]\n')
    (tmp_path / "pyproject.toml").write_text(
        "[dependency-groups]\ndev = []\nweb = []\n"
        '[[tool.pdm.source]]\nname = "pypi"\nurl = "https://corp.example.com/simple"\n'
        '[[tool.pdm.source]]\nname = "more"\nurl = "https://more.example.com/simple"\n'
        '[[tool.pdm.source]]\ntype = "find_links"\nname = "files"\nurl = "https://files.example.com"\n'
    )
    return tmp_path


def test_reads_what_pdm_exports(tool: Uv, folder: Path) -> None:
    lock = read(folder, "pdm.lock", Wanted())
    assert [one.line() for one in lock.requirements] == [
        f"django==5.2 --hash={HASH}",
        "../libs/shared",
    ]
    assert lock.requirements[0].where == "pdm.lock: django"
    assert lock.options == (
        "--default-index pypi=https://corp.example.com/simple",
        "--index more=https://more.example.com/simple",
    )
    assert lock.left_out == ("dev", "web")
    assert tool.asked[0][-1] == "--prod"


def test_groups_for_development_come_only_if_they_are_wanted(tool: Uv, folder: Path) -> None:
    lock = read(folder, "pdm.lock", Wanted(extras=("pg",), groups=("web",)))
    assert tool.asked[0][-4:] == ["--group", "pg", "--group", "web"]
    assert "--prod" not in tool.asked[0]
    assert lock.left_out == ("dev",)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted(groups=("wbe",)), "has no group 'wbe'; it has default, dev, pg, web"),
        (Wanted(extras=("s3",)), "has no extra 's3'; it has default, dev, pg, web"),
    ],
)
def test_refuses_what_is_not_locked(tool: Uv, folder: Path, wanted: Wanted, problem: str) -> None:
    with pytest.raises(BundleError, match=problem) as caught:
        read(folder, "pdm.lock", wanted)
    assert "pdm lock --group :all" in caught.value.hint
    assert tool.asked == []  # PDM would take all groups


def test_an_export_that_is_not_toml_is_named(tool: Uv, folder: Path) -> None:
    tool.text = "[["
    with pytest.raises(BundleError, match=r"the export of pdm\.lock is not TOML"):
        read(folder, "pdm.lock", Wanted())
