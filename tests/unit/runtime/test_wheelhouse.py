"""The installer of wheelhouses: what it refuses before it changes anything."""

from __future__ import annotations

import io
import os
import signal
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from django_deploykit.runtime import wheelhouse
from django_deploykit.runtime.base.errors import INTERRUPTED, WRONG_USE, DeployKitError
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.bundle.seal import SEAL, DamagedError, seal_of
from tests.bundles import make_manifest
from tests.waiting import until


def archive(
    folder: Path,
    manifest: Manifest,
    names: tuple[str, ...] = (),
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write a sealed wheelhouse with empty files in place of wheels."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        members = {"manifest.json": manifest.dumps(), "requirements.txt": "", **(more or {})}
        for name, text in {**members, **dict.fromkeys(names, "")}.items():
            made.writestr(zipfile.ZipInfo(name), text)
        made.comment = SEAL + b"0" * 64
    data = target.getvalue()[:-64]
    path = folder / "shop.wheelhouse.zip"
    path.write_bytes(data + seal_of(io.BytesIO(data), len(data)))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "wheels/../../a.whl",
        "wheels/a/b.whl",
        "wheels/.a.whl",
        "wheels/a.txt",
        "wheels/a\n.whl",
        "wheels/a\\b.whl",
    ],
)
def test_refuses_names_that_are_not_wheels(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedError, match="does not belong"):
        wheelhouse.read(archive(tmp_path, make_manifest(()), (name,)))


def test_refuses_what_is_no_wheelhouse(tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    path.write_bytes(b"damage")
    with pytest.raises(DamagedError, match="is not a wheelhouse"):
        wheelhouse.read(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"python": "3.2"}, "needs Python 3.2; this is"),
        ({"platform": "plan9-vax"}, f"is for plan9-vax; this machine is {here_platform()}"),
        ({"platform": here_platform(), "glibc": "99.0"}, "glibc 99.0"),
    ],
)
def test_refuses_another_machine_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], problem: str
) -> None:
    path = archive(tmp_path, make_manifest((), **changes))
    assert wheelhouse.main([str(path), str(tmp_path / "venv")]) == 1
    assert problem in capsys.readouterr().err
    assert os.listdir(tmp_path) == [path.name]


def test_refuses_a_folder_that_exists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = archive(tmp_path, make_manifest(()))
    (tmp_path / "venv").mkdir()
    assert wheelhouse.main([str(path), str(tmp_path / "venv")]) == 1
    assert "exists already" in capsys.readouterr().err
    (tmp_path / "link").symlink_to("nowhere")
    assert wheelhouse.main([str(path), str(tmp_path / "link")]) == 1
    assert wheelhouse.main([str(path), str(tmp_path / "no" / "venv")]) == 1
    assert "there is no folder" in capsys.readouterr().err
    assert wheelhouse.main([str(path), str(tmp_path / 'a"b')]) == 1


def test_refuses_a_damaged_archive(tmp_path: Path) -> None:
    path = archive(tmp_path, make_manifest(()), more={"sample.ini": "[site]"})
    data = bytearray(path.read_bytes())
    data[data.index(b"[site]")] ^= 1
    path.write_bytes(data)
    manifest, wheels = wheelhouse.read(path)
    with pytest.raises(DamagedError, match="does not match its seal"):
        wheelhouse.install(path, manifest, wheels, tmp_path / "venv")
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("words", "code"), [([], 0), (["--help"], 0), (["-x"], WRONG_USE), (["a", "b"], WRONG_USE)]
)
def test_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    path = archive(tmp_path, make_manifest(()), ("wheels/a-1-py3-none-any.whl",))
    assert wheelhouse.main([str(path), *words]) == code
    said = capsys.readouterr().out
    assert "shop 20261123T041500-ab12cd3, 1 wheels" in said
    assert f"python{sys.version_info[0]}.{sys.version_info[1]} {path.name} FOLDER" in said


def test_a_command_that_fails_is_reported_with_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="counting failed; nothing was changed:\nno room"):
        wheelhouse.run_command("counting", ["sh", "-c", "echo no room; exit 3"], tmp_path)


def test_an_interruption_ends_the_command_and_its_children(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/child; kill -TERM {os.getpid()}; wait"
    before = signal.signal(signal.SIGTERM, wheelhouse.interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            wheelhouse.run_command("waiting", ["sh", "-c", script], tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    child = int((tmp_path / "child").read_text())
    until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended may wait for its parent."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_removes_what_a_killed_installer_left(tmp_path: Path) -> None:
    left = tmp_path / ".venv-installing-0123456789ab"
    left.mkdir()
    (left / "lock").touch()
    other = tmp_path / ".venv-installing-nolock"
    other.mkdir()
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "lock").touch()
    link = tmp_path / ".venv-installing-link"
    link.symlink_to(kept)
    with (
        wheelhouse.work_folder(tmp_path / "venv") as folder,
        wheelhouse.work_folder(tmp_path / "venv") as second,
    ):
        assert folder.is_dir()
        assert second.is_dir()
        assert not left.exists()
    assert sorted(os.listdir(tmp_path)) == [link.name, other.name, "kept"]
    assert os.listdir(kept) == ["lock"]


def test_pip_gets_no_configuration_of_the_machine(tmp_path: Path) -> None:
    given = {
        "PATH": "/bin",
        "PIP_INDEX_URL": "https://example.org",
        "PYTHONPATH": "/x",
        "LANG": "C",
    }
    found = wheelhouse.environment(given, tmp_path)
    assert {"PIP_INDEX_URL", "PYTHONPATH"}.isdisjoint(found)
    assert (found["PATH"], found["TMPDIR"], found["PIP_CONFIG_FILE"]) == (
        "/bin",
        str(tmp_path),
        os.devnull,
    )


def test_an_interruption_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path, make_manifest(()))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wheelhouse, "validate_space", interrupted)
    assert wheelhouse.main([str(path), str(tmp_path / "venv")]) == INTERRUPTED
    assert "nothing was changed" in capsys.readouterr().err
