"""The files that the root helper reads: what is live, the configuration, the environment file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.runtime.supervisors.loaded_helper import (
    HOSTILE,
    RELEASE,
    SITE,
    TOKEN,
    Load,
    Root,
    load,
    root,
)

__all__ = ["load", "root"]


def boots(root: Root) -> list[list[str]]:
    assert root("boot") == 0
    return root.calls


def test_boot_is_for_systemd_alone(load: Load, tmp_path: Path) -> None:
    root = load(replace(SITE, root=tmp_path))
    enabled(tmp_path).write_text(f"{RELEASE} web\n")
    root.space["SUDO"] = "1000"
    assert root("boot") == 64
    assert root.calls == []


def enabled(tmp_path: Path) -> Path:
    return tmp_path / "enabled"


def test_boot_starts_what_is_live(load: Load, tmp_path: Path) -> None:
    root = load(replace(SITE, root=tmp_path))
    assert boots(root) == []
    enabled(tmp_path).write_text(f"{RELEASE} web worker\n")
    assert boots(root) == [
        [
            *("systemctl", "--no-block", "start"),
            *(f"shop-web@{RELEASE}.service", f"shop-worker@{RELEASE}.service"),
        ]
    ]
    enabled(tmp_path).write_text(f"{RELEASE}\n")
    assert boots(root) == []


@pytest.mark.parametrize("word", [one for one in HOSTILE if one.split()])
def test_boot_judges_a_file_that_is_not_its_own(load: Load, tmp_path: Path, word: str) -> None:
    root = load(replace(SITE, root=tmp_path))
    for text in (f"{word} web", f"{RELEASE} ssh.service {word}"):
        enabled(tmp_path).write_text(text, encoding="utf-8")
        if text.split() == [RELEASE, "web"]:
            continue  # white space around words is none of them
        assert root("boot") == 64
        assert root.calls == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "long"])
def test_boot_reads_nothing_but_an_ordinary_file(load: Load, tmp_path: Path, kind: str) -> None:
    root, path = load(replace(SITE, root=tmp_path)), enabled(tmp_path)
    other = tmp_path / "other"
    other.write_text(f"{RELEASE} web\n")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(other),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "long": lambda: path.write_text("x " * 5000),
    }
    make[kind]()
    assert root("boot") == 64
    assert root.calls == []


def test_prints_names_of_options_and_no_values(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = load(replace(SITE, etc=tmp_path))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "shop.ini").write_text("[django]\nsecret_key = s3cret\n  s3cret = x\n#a = s3cret\n")
    (tmp_path / "conf.d/more.ini").write_text("[database]\nurl: s3cret\nempty =\n")
    (tmp_path / "shop.env").write_text("TOKEN=s3cret\n")
    assert root("keys") == 0
    printed = capsys.readouterr().out
    assert printed == "[database] url\n[django] secret_key\n[environment] TOKEN\n"


@pytest.mark.parametrize("words", [("keys",), ("run", RELEASE, TOKEN, "--", "check")])
def test_an_environment_file_that_systemd_would_misread_is_refused_with_the_line(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    root = load(replace(SITE, etc=tmp_path))
    path = tmp_path / "shop.env"
    path.write_text("A=s3cret\nexport B=s3cret\nC='s3cret\n")
    assert root(*words) == 66
    said = capsys.readouterr()
    assert [line.rpartition(str(path))[2].split(":")[1] for line in said.err.splitlines()] == [
        "2",
        "3",
    ]
    assert "s3cret" not in said.out + said.err
    assert root.calls == []
    path.write_text("A=s3cret\n")
    assert root(*words) == 0


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "long"])
def test_an_environment_file_must_be_an_ordinary_file(
    load: Load, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root, path, other = load(replace(SITE, etc=tmp_path)), tmp_path / "shop.env", tmp_path / "other"
    other.write_text("A=1\n")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(other),
        "hard link": lambda: path.hardlink_to(other),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "long": lambda: path.write_text("#" * ((1 << 20) + 1)),
    }
    make[kind]()
    assert root("keys") == 66
    assert str(path) in capsys.readouterr().err


def test_what_is_live_can_be_started_whatever_the_environment_file_has(
    load: Load, tmp_path: Path
) -> None:
    root = load(replace(SITE, etc=tmp_path))
    (tmp_path / "shop.env").write_text("not a line\n")
    assert root("start", RELEASE, "web") == 0


def test_a_release_without_an_environment_file_runs_commands(root: Root) -> None:
    assert root("run", RELEASE, TOKEN, "--", "check") == 0
