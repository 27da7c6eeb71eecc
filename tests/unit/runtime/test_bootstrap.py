"""Running a bundle without installing it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime import bootstrap
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.main_script import cache_key
from django_deploykit.runtime.supervisors.root_helper import helper
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

TREE: Tree = {"app/manage.py": b"import sys; print('managed', *sys.argv[1:])\n"}
SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))
MANIFEST = make_manifest((make_layer("app", "app", "", TREE),), required=("[django] secret_key",))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "shop.pyz", MANIFEST, {"app": TREE})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEPLOYKIT_CACHE", str(folder))
    return folder


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["--version"]])
def test_without_a_command_it_explains_the_bundle(
    bundle: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(bundle.parent)
    assert bootstrap.main([str(bundle), *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith("shop 20261123T041500-ab12cd3 (commit ab12cd300000")
    for part in (
        "./shop.pyz check",
        "./shop.pyz run web",
        "deploykit setup",
        "[django] secret_key",
    ):
        assert part in out
    assert not cache.exists()


def test_run_without_a_process_is_a_wrong_use(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main([str(bundle), "run"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == (
        "",
        ["error: run needs the name of a process", "This bundle has: web"],
    )


def test_an_error_is_shown_with_its_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "damaged.pyz"
    path.write_bytes(b"damaged")
    assert bootstrap.main([str(path), "check"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path} is not a bundle, or it is damaged")
    assert err.endswith("Copy the file again, or build it again.\n")


@pytest.mark.parametrize(
    ("arguments", "output"), [(["check", "-v 2"], "managed check -v 2\n"), (["run", "none"], "")]
)
def test_the_command_of_the_release_replaces_the_process(
    bundle: Path, arguments: list[str], output: str
) -> None:
    command = [sys.executable, str(bundle), *arguments]
    for _ in range(2):  # from the bundle, then from the cache
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
        assert done.stdout == output
        assert ("unknown process none" in done.stderr) == (not output)


def test_where_the_project_is_set_up_a_command_runs_as_the_site(
    bundle: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helpers = tmp_path / "helpers"
    helpers.mkdir()
    root = tmp_path / "site"
    (helpers / "deploykit-shop").write_text(helper(replace(SITE, root=root), ()))
    assert bootstrap.main([str(bundle), "migrate"], str(helpers)) == 1
    assert f"{root}/site.json is missing" in capsys.readouterr().err
    assert not cache.exists()


def test_the_site_of_another_project_is_not_ones_own(bundle: Path, tmp_path: Path) -> None:
    assert bootstrap.set_up_here(bundle, str(tmp_path)) is None
    (tmp_path / "deploykit-blog").write_text(helper(replace(SITE, app="blog"), ()))
    assert bootstrap.set_up_here(bundle, str(tmp_path)) is None
    (tmp_path / "deploykit-shop").write_text(helper(replace(SITE, root=Path("/opt/x")), ()))
    assert bootstrap.set_up_here(bundle, str(tmp_path)) == Path("/opt/x")


def test_a_bundle_is_extracted_once(bundle: Path, cache: Path) -> None:
    release = bootstrap.ensure(bundle)
    assert release == cache / "shop" / "releases" / cache_key(MANIFEST.dumps().encode())
    assert (release / "app" / "manage.py").read_bytes() == TREE["app/manage.py"]
    before = release.stat().st_ino
    assert bootstrap.ensure(bundle).stat().st_ino == before


def test_a_damaged_bundle_is_not_extracted(bundle: Path, cache: Path) -> None:
    data = bytearray(bundle.read_bytes())
    data[data.index(b"sample.ini") - 5] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(DeployKitError, match="damaged"):
        bootstrap.ensure(bundle)
    assert not [*cache.glob("shop/releases/*")]


@pytest.mark.parametrize(
    ("change", "problem"), [({"platform": "plan9-mips"}, "plan9"), ({"python": "3.99"}, "3.99")]
)
def test_a_bundle_for_another_machine_is_refused(
    tmp_path: Path, change: dict[str, str], problem: str
) -> None:
    path = write_bundle(tmp_path / "x.pyz", make_manifest((), **change), {})
    with pytest.raises(DeployKitError, match=problem):
        bootstrap.ensure(path)


def test_the_cache_is_the_named_folder(cache: Path) -> None:
    assert bootstrap.cache_folder({"DEPLOYKIT_CACHE": str(cache)}) == cache
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_to_is_no_cache(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    assert bootstrap.cache_folder({"DEPLOYKIT_CACHE": str(cache)}) != cache


def test_a_file_is_no_cache(cache: Path) -> None:
    cache.write_text("")
    found = bootstrap.cache_folder({"DEPLOYKIT_CACHE": str(cache)})
    assert found.is_dir()
    assert found.stat().st_uid == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "DEPLOYKIT_CACHE", "TMPDIR"])
def test_a_folder_in_another_user_s_folder_is_no_cache(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "bob"
    home.mkdir()
    os.chown(home, 65534, 65534)
    monkeypatch.setenv(variable, str(home))
    monkeypatch.setattr("tempfile.tempdir", None)
    if variable != "DEPLOYKIT_CACHE":
        monkeypatch.delenv("DEPLOYKIT_CACHE")
    if variable == "TMPDIR":  # it is only used if the others cannot be
        monkeypatch.setattr(bootstrap, "cache_folders", lambda _: [home, home])
    found = bootstrap.cache_folder(os.environ)
    assert home not in found.parents
    assert list(home.iterdir()) == []
    if variable == "TMPDIR":
        found.rmdir()


def test_foreign_text_in_errors_is_cleaned(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> Path:
        raise DeployKitError("bad \x1b]52;c;cm0=\x07 name", "Look at \x9b1m and \u202egnp.exe")

    monkeypatch.setattr(bootstrap, "ensure", refuse)
    assert bootstrap.main([str(bundle), "check"]) == 1
    assert capsys.readouterr().err == (
        "error: bad \\x1b]52;c;cm0=\\x07 name\nLook at \\x9b1m and \\u202egnp.exe\n"
    )
