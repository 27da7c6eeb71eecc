"""The helper that runs as root: its grammar, what it hands on, and what it takes from its caller."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.supervisors.root_helper import helper
from django_deploykit.runtime.supervisors.systemd_units import run_properties
from tests.unit.runtime.supervisors.loaded_helper import (
    HOSTILE,
    KINDS,
    RELEASE,
    SITE,
    TOKEN,
    Load,
    Root,
    load,
    root,
)

__all__ = ["load", "root"]
CURSOR = "s=" + "0a" * 16 + ";i=1f;b=" + "0b" * 16 + ";m=c1;t=5f0;x=9"


def test_starts_instances_of_its_own_units(load: Load, tmp_path: Path) -> None:
    root = load(replace(SITE, root=tmp_path))
    (tmp_path / "current").symlink_to(f"releases/{RELEASE}")
    assert root("start", RELEASE, "web", "worker") == 0
    assert root.calls == [
        ["systemctl", "start", f"shop-web@{RELEASE}.service", f"shop-worker@{RELEASE}.service"]
    ]


def test_starts_the_sites_service_after_the_first_release(load: Load, tmp_path: Path) -> None:
    root = load(replace(SITE, root=tmp_path))
    assert root("start", RELEASE, "worker") == 0
    assert len(root.calls) == 1
    assert root("start", RELEASE, "web") == 0
    assert root.calls == [
        ["systemctl", "start", f"shop-web@{RELEASE}.service"],
        ["systemctl", "start", "shop.service"],
    ]


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("@0", ["--reverse", "--since=@0"]),
        ("@1764540000.123456", ["--reverse", "--since=@1764540000.123456"]),
        (CURSOR, [f"--after-cursor={CURSOR}"]),
    ],
)
@pytest.mark.parametrize(("release", "instance"), [(RELEASE, RELEASE), ("all", "*")])
def test_reads_the_journal_of_its_own_units(
    root: Root, place: str, where: list[str], release: str, instance: str
) -> None:
    assert root("journal", release, "50", place, "web", "worker") == 0
    (words,) = root.calls
    assert words[:5] == ["journalctl", "--no-pager", "--quiet", "--all", "--output=json"]
    assert words[6:] == [
        "--lines=50",
        *where,
        f"--unit=shop-web@{instance}.service",
        f"--unit=shop-worker@{instance}.service",
    ]


def test_stops_the_probe_with_the_web_process(load: Load, tmp_path: Path) -> None:
    root = load(replace(SITE, root=tmp_path))
    (tmp_path / "current").symlink_to(f"releases/{RELEASE}")
    assert root("stop", RELEASE, "web") == 0
    units = [f"shop-web@{RELEASE}.service", f"shop-probe@{RELEASE}.socket"]
    assert ["systemctl", "stop", *units] in root.calls
    assert root("stop", RELEASE, "worker") == 0
    assert not any("probe" in word for call in root.calls for word in call)


def test_stops_listening_with_the_web_process_if_nothing_is_live(
    load: Load, tmp_path: Path
) -> None:
    root = load(replace(SITE, root=tmp_path))
    assert root("stop", RELEASE, "web") == 0
    (stopped,) = [call for call in root.calls if call[1] == "stop"]
    assert {"shop.socket", "shop.service"} <= set(stopped)
    assert root("stop", RELEASE, "worker") == 0
    assert not any("shop.socket" in call for call in root.calls)


def test_names_the_processes_that_had_to_be_killed(
    root: Root, capfd: pytest.CaptureFixture[str]
) -> None:
    root.printed = "success\n\ntimeout\n"
    assert root("stop", RELEASE, "web", "worker") == 0
    assert capfd.readouterr().out == "worker\n"
    names = [f"shop-{kind}@{RELEASE}.service" for kind in ("web", "worker")]
    shown = root.calls.index(["systemctl", "show", "--value", "--property=Result", *names])
    assert root.calls.index(["systemctl", "--quiet", "reset-failed", *names]) > shown


def test_forgets_no_failure_where_all_ended_well(root: Root) -> None:
    root.printed = "success\n\nsuccess\n"
    assert root("stop", RELEASE, "web", "worker") == 0
    assert not any("reset-failed" in call for call in root.calls)


@pytest.mark.parametrize(
    "place",
    [
        ("{}",),
        ("start", "{}", "web"),
        ("start", RELEASE, "{}"),
        ("start", RELEASE, "web", "{}"),
        ("stop", "{}", "web"),
        ("stop", RELEASE, "{}"),
        ("log", "{}", "web", "10"),
        ("log", RELEASE, "{}", "10"),
        ("log", RELEASE, "web", "{}"),
        ("journal", "{}", "10", "@0", "web"),
        ("journal", "all", "{}", "@0", "web"),
        ("journal", "all", "10", "{}", "web"),
        ("journal", "all", "10", "@{}", "web"),
        ("journal", "all", "10", "s={}", "web"),
        ("journal", "all", "10", CURSOR + ";{}", "web"),
        ("journal", "all", "10", "@0", "web", "{}"),
        ("run", "{}", TOKEN, "--", "check"),
        ("run", RELEASE, "{}", "--", "check"),
        ("run", RELEASE, TOKEN, "{}", "--", "check"),
        ("cancel", "{}"),
    ],
)
def test_refuses_words_that_are_not_of_the_grammar(
    root: Root, place: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    for word in HOSTILE:
        assert root(*(part.replace("{}", word) for part in place)) == 64, word
        assert root.calls == [], word
        assert capfd.readouterr().err.startswith("deploykit-shop: "), word


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("start",),
        ("start", RELEASE),
        ("log", RELEASE, "web"),
        ("log", RELEASE, "web", "10", "10"),
        ("journal",),
        ("journal", "all", "10", "@0"),
        ("journal", "all", "0", "@0", "web"),
        ("journal", "all", "10", "@1e9", "web"),
        ("run",),
        ("run", "--"),
        ("run", RELEASE, "--", "check"),
        ("run", RELEASE, TOKEN, "check"),
        ("run", RELEASE, TOKEN, "--"),
        ("cancel",),
        ("cancel", TOKEN, TOKEN),
        ("main",),
        ("become", "/bin/sh"),
        ("os",),
        ("__class__",),
    ],
)
def test_refuses_words_that_lack_or_are_too_many(root: Root, words: tuple[str, ...]) -> None:
    assert root(*words) == 64
    assert root.calls == []


@pytest.mark.parametrize("kind", ["probe", "run", "admin-web", "Web", "release"])
def test_knows_only_the_kinds_that_setup_knew(root: Root, kind: str) -> None:
    assert root("start", RELEASE, kind) == 64


@pytest.mark.parametrize(
    "variable",
    [
        "PATH=/tmp",
        "LD_PRELOAD=/tmp/x.so",
        "PYTHONPATH=/tmp",
        "BASH_ENV=/tmp/x",
        "DEPLOYKIT_X",
        "DEPLOYKIT_X=a b",
        "DEPLOYKIT_X=a\nb",
        "DEPLOYKIT_X=$(id)",
        "DEPLOYKIT_x=1",
        "DEPLOYKIT_X=%h",
        "--property=User=root",
        "DEPLOYKIT_X=" + "a" * 201,
    ],
)
def test_sets_no_variables_but_our_own(root: Root, variable: str) -> None:
    assert root("run", RELEASE, TOKEN, variable, "--", "check") == 64


def test_a_command_runs_as_the_site_and_its_words_stay_words(root: Root) -> None:
    words = ["shell", "-c", "print('$HOME %h')\n", "--", "; id", "--uid=0"]
    assert root("run", RELEASE, TOKEN, "DEPLOYKIT_X=1", "--", *words) == 0
    (call,) = root.calls
    cut = call.index("--")
    assert call[0] == "systemd-run"
    assert call[cut + 1 : cut + 3] == ["/bin/sh", f"/srv/shop/releases/{RELEASE}/bin/shop"]
    assert call[cut + 3 :] == [word.replace("$", "$$") for word in words]
    options = call[1:cut]
    assert "--property=User=shop" in options
    assert f"--unit=shop-run-{TOKEN}" in options
    assert "--setenv=DEPLOYKIT_X=1" in options
    for key, value in run_properties(SITE):
        assert f"--property={key}={value}" in options


def test_forgets_the_callers_environment(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = dict(os.environ)
    hostile = {"PATH": "/tmp", "LD_PRELOAD": "/tmp/x.so", "BASH_ENV": "/tmp/x", "TERM": "xterm-256"}
    try:
        os.environ.update(hostile)
        root.space["reset_environment"]()
        assert dict(os.environ) == {**root.space["ENVIRONMENT"], "TERM": "xterm-256"}
        os.environ["TERM"] = "../../etc/passwd"
        root.space["reset_environment"]()
        assert "TERM" not in os.environ
    finally:
        os.environ.clear()
        os.environ.update(kept)


def test_programs_are_found_by_its_own_path(tmp_path: Path) -> None:
    """Sudo may let the caller's PATH through; a systemctl that lies there must not be run."""
    trap = tmp_path / "systemctl"
    trap.write_text("#!/bin/sh\ntouch " + str(tmp_path / "trapped") + "\n")
    trap.chmod(0o755)
    (tmp_path / "re.py").write_text("raise SystemExit('imported')\n")
    path = tmp_path / "helper"
    path.write_text(helper(SITE, KINDS))
    done = subprocess.run(
        [sys.executable, "-IS", str(path), "stop", RELEASE, "web"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(trap)},
        capture_output=True,
        text=True,
    )
    assert not (tmp_path / "trapped").exists()
    assert "imported" not in done.stderr + done.stdout


def test_starts_with_an_interpreter_that_reads_nothing_of_the_caller() -> None:
    assert helper(SITE, KINDS).startswith("#!/usr/bin/python3 -IS\n")
