"""The first bytes of a bundle: a line, or a script that unpacks the bundle's own Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.head import PLAIN, head
from django_deploykit.runtime.bundle.reader import BundleFile
from django_deploykit.runtime.bundle.seal import SEAL, DamagedError, seal_of
from tests.bundles import Tree, make_layer, make_manifest, write_bundle
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="interpreters in bundles are for Linux"
)
VERSION = "{}.{}".format(*sys.version_info)
# It says how it was started, and takes note of it.
PROGRAM = b"""\
#!/bin/sh
case "$*" in "-I -S "*) echo "$*" >>"${0%/store/*}/started"; exit 0 ;; esac
printf '%s|' "$0" "$@"
"""
TREE: Tree = {
    f"python/bin/python{VERSION}": (PROGRAM, 0o755),
    "python/lib/data.txt": b"data",
}
LAYER = make_layer("interpreter", "python", f"{VERSION}.1", TREE)
MANIFEST = make_manifest((LAYER,), platform=here_platform(), glibc="2.17")
SHARED = Path(f"/tmp/django-deploykit-{os.getuid()}")


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    """A bundle whose Python no other test has unpacked, because all share a folder in /tmp."""
    tree = {**TREE, "python/lib/test.txt": str(tmp_path).encode()}
    layer = make_layer("interpreter", "python", f"{VERSION}.1", tree)
    manifest = make_manifest((layer,), platform=here_platform(), glibc="2.17")
    yield write_bundle(tmp_path / "my shop.pyz", manifest, {"python": tree})
    for path in store(SHARED).glob(f"{layer.sha256}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "my cache"


def start(
    bundle: Path, cache: Path | str, *words: str, **env: str
) -> subprocess.CompletedProcess[str]:
    known = {"PATH": os.environ["PATH"], "DEPLOYKIT_CACHE": str(cache)}
    return subprocess.run(
        [str(bundle), *words], env={**known, **env}, capture_output=True, text=True
    )


def digest_of(bundle: Path) -> str:
    with BundleFile(bundle) as opened:
        return opened.manifest.layers[0].sha256


def store(cache: Path) -> Path:
    return cache / "shop" / "store"


def test_without_an_interpreter_it_is_a_line() -> None:
    assert head(make_manifest(())) == PLAIN


def test_its_length_is_known_before_the_archive() -> None:
    assert len(head(MANIFEST)) == len(head(MANIFEST, 10**9, 10**8, "a" * 64))


def test_names_in_it_are_quoted() -> None:
    text = head(make_manifest((LAYER,), platform="$(reboot)-x", glibc="`reboot`")).decode()
    assert "platform='$(reboot)-x'" in text
    assert "glibc='`reboot`'" in text


def test_the_whole_file_is_a_bundle(bundle: Path) -> None:
    with BundleFile(bundle) as opened:
        opened.verify()


def test_another_head_is_not_verified(bundle: Path) -> None:
    data = bundle.read_bytes().replace(b"umask 022", b"umask 000", 1)[: -len(SEAL) - 64] + SEAL
    bundle.write_bytes(data)
    with bundle.open("rb") as file:
        seal = seal_of(file, len(data))
    bundle.write_bytes(data + seal)
    with BundleFile(bundle) as opened, pytest.raises(DamagedError, match="does not start as"):
        opened.verify()


def test_unpacks_its_python_once_and_runs_the_file_with_it(bundle: Path, cache: Path) -> None:
    program = store(cache) / digest_of(bundle) / "python" / "bin" / f"python{VERSION}"
    for _ in range(2):
        done = start(bundle, cache, "check", "two words")
        assert done.stdout == f"{program}|{bundle}|check|two words|", done.stderr
    started = (cache / "shop" / "started").read_text().splitlines()
    assert [line.split()[2:4] for line in started] == [["-c"], ["-m", "compileall"]]
    assert sorted(path.name for path in store(cache).iterdir()) == [
        digest_of(bundle),
        f"{digest_of(bundle)}.json",
    ]
    assert (store(cache) / digest_of(bundle) / "python/lib/data.txt").read_bytes() == b"data"
    assert cache.stat().st_mode & 0o777 == 0o700


def test_starts_at_once_unpack_one(bundle: Path, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(lambda number: start(bundle, cache, str(number)), range(4))]
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 4
    assert len([*store(cache).iterdir()]) == 2


def test_a_damaged_archive_is_not_run(bundle: Path, cache: Path) -> None:
    with BundleFile(bundle) as opened:
        archive = opened.archive(opened.manifest.layers[0].sha256).read()
    changed = archive[:-9] + bytes([archive[-9] ^ 1]) + archive[-8:]
    bundle.write_bytes(bundle.read_bytes().replace(archive, changed))
    done = start(bundle, cache)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: {bundle} is damaged" in done.stderr
    assert [*store(cache).iterdir()] == []


def test_a_part_of_the_file_is_not_run(bundle: Path, cache: Path) -> None:
    bundle.write_bytes(bundle.read_bytes()[: len(head(MANIFEST)) + 200])
    done = start(bundle, cache)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is damaged" in done.stderr


def test_another_machine_is_refused(tmp_path: Path, cache: Path) -> None:
    manifest = make_manifest((LAYER,), platform="linux-s390x", glibc="2.17")
    done = start(write_bundle(tmp_path / "x.pyz", manifest, {"python": TREE}), cache)
    assert done.returncode == 1
    assert "the bundle is for linux-s390x; this machine is" in done.stderr


def test_a_python_that_does_not_run_is_not_kept(tmp_path: Path, cache: Path) -> None:
    tree = {f"python/bin/python{VERSION}": (b"#!/nothing\n", 0o755)}
    layer = make_layer("interpreter", "python", "3", tree)
    manifest = make_manifest((layer,), platform=here_platform(), glibc="2.36")
    done = start(write_bundle(tmp_path / "x.pyz", manifest, {"python": tree}), cache)
    assert done.returncode == 1
    assert "does not run on this machine\nIt needs glibc 2.36 or newer" in done.stderr
    assert [*store(cache).iterdir()] == []


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_folder_that_others_can_change_is_not_used(
    bundle: Path, tmp_path: Path, mode: int
) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(mode)
    (tmp_path / "link").symlink_to(open_folder)
    for folder in (
        open_folder / "cache",
        tmp_path / "link" / "cache",
        tmp_path / "link" / "." / "a",
    ):
        done = start(bundle, folder, TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert str(open_folder) not in done.stdout
    assert [*open_folder.iterdir()] == []


def test_a_cache_that_others_could_change_is_not_run(bundle: Path, cache: Path) -> None:
    start(bundle, cache)
    cache.chmod(0o777)
    assert str(cache) not in start(bundle, cache).stdout


def test_a_link_of_ones_own_is_followed(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "private" / "shop").mkdir(parents=True, mode=0o700)
    (tmp_path / "cache").symlink_to("private/shop")
    (tmp_path / "again").symlink_to(tmp_path / "cache")
    done = start(bundle, "", "x", CACHE_DIRECTORY=f"{tmp_path / 'again'}:/other")
    assert done.stdout.startswith(f"{tmp_path}/again/shop/store/")


def test_links_in_a_circle_are_not_followed(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    done = start(bundle, tmp_path / "a" / "cache", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "/a/" not in done.stdout


def test_a_full_disk_is_one_error(bundle: Path, cache: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    write_script(tools / "tar", "echo 'tar: a: No space left on device' >&2; seq 100 >&2; exit 2")
    done = start(bundle, cache, PATH=f"{tools}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    start_of_error = f"error: the Python of the bundle cannot be unpacked into {store(cache)}"
    assert error == f"{start_of_error}: tar: a: No space left on device"
    assert hint.startswith("Free some space there")
    assert [*store(cache).iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_nothing(
    bundle: Path, cache: Path, tmp_path: Path, number: signal.Signals
) -> None:
    tools, begun = tmp_path / "tools", tmp_path / "begun"
    tools.mkdir()
    write_script(tools / "tar", f"touch '{begun}'; exec sleep 600")
    process = subprocess.Popen(
        [str(bundle), "check"],
        env={"PATH": f"{tools}:{os.environ['PATH']}", "DEPLOYKIT_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(begun.exists)
    os.killpg(process.pid, number)
    assert process.wait(60) == {signal.SIGINT: 130}.get(number, 143)
    assert [*store(cache).iterdir()] == []


def write_script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
