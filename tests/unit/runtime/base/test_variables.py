"""The environment variables that a site's files set, and which of them wins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_deploykit.runtime.base import variables
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.variables import (
    assignments,
    place_of_key,
    read_environment_file,
    section_variables,
    site_variables,
)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "conf.d").mkdir(parents=True)
    return folder


def test_the_environment_file_wins_over_conf_d_and_that_over_the_ini(etc: Path) -> None:
    (etc / "shop.ini").write_text("[environment]\na = ini\nb = ini\nc = ini\nd = ini\n")
    (etc / "conf.d" / "1.ini").write_text("[environment]\nb = 1\nc = 1\n[django]\ndebug = no\n")
    (etc / "conf.d" / "2.ini").write_text("[environment]\nb = 2\n")
    (etc / "shop.env").write_text("A=file\n")
    found = site_variables(etc, "shop")
    assert found.added_to({}) == {"A": "file", "B": "2", "C": "1", "D": "ini"}
    # A unit's own variables, and those of its drop-ins, are between the two.
    assert found.added_to({"A": "unit", "B": "unit"}) == {**found.added_to({}), "B": "unit"}


def test_a_site_without_files_sets_nothing(etc: Path) -> None:
    assert site_variables(etc / "none", "shop").added_to({"A": "1"}) == {"A": "1"}


def test_names_in_ini_files_are_in_upper_case_and_empty_options_are_not_set() -> None:
    text = "[environment]\nSecret_Key = x\ndebug =\nPEM =\n  one\n  two\n"
    found, problems = section_variables([("shop.ini", text)])
    assert found == {"SECRET_KEY": "x", "PEM": "\none\ntwo"}
    assert problems == []


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("api-key = x", "a name of letters, digits and _"),
        ("deploykit_release = x", "set by systemd or by the release"),
        ("path = /opt/bin", "set it in the environment file"),
        ("LC_TIME = de_DE", "set it in the environment file"),
        ("a = \x1b", "control character"),
    ],
)
def test_variables_that_cannot_be_set_are_reported_with_their_place(
    option: str, problem: str
) -> None:
    _, problems = section_variables([("/etc/shop/shop.ini", f"[environment]\n{option}\n")])
    assert [problem in one for one in problems] == [True]
    assert problems[0].startswith("/etc/shop/shop.ini:2: [environment] ")


def test_everything_is_reported_at_once(etc: Path) -> None:
    (etc / "shop.ini").write_text("[environment]\npath = x\n")
    (etc / "shop.env").write_text("A=1\nB\nexport C=1\n")
    with pytest.raises(DeployKitError) as error:
        site_variables(etc, "shop")
    places = [one.partition(": ")[0] for one in error.value.message.split("; ")]
    assert places == [f"{etc}/shop.env:2", f"{etc}/shop.env:3", f"{etc}/shop.ini:2"]


def test_a_pipe_or_a_folder_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        assert read_environment_file(tmp_path / name)[0] == {}
        assert read_environment_file(tmp_path / name)[1] != []


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / "shop.env").symlink_to(".env")
    assert read_environment_file(tmp_path / "shop.env") == ({"A": "1"}, [])


def test_an_endless_file_is_refused() -> None:
    assert read_environment_file(Path("/dev/zero"))[1] != []


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("[django] secret_key", "[django] secret_key in /etc/shop/shop.ini"),
        ("[environment] SECRET_KEY", "SECRET_KEY in /etc/shop/shop.env"),
    ],
)
def test_names_the_place_of_a_required_key(key: str, place: str) -> None:
    assert place_of_key(key, Path("/etc/shop"), "shop") == place


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=20)
@given(texts)
def test_a_shell_reads_every_value(value: str) -> None:
    shell = f'{assignments({"A": value}, {})}printf "%s." "$A"'
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True)
    assert done.stdout == value.encode() + b"."


def run_main(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", variables.__name__]
    env = {"CREDENTIALS_DIRECTORY": str(folder), **environ}
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_a_release_exports_what_the_credentials_say_and_the_unit_does_not(tmp_path: Path) -> None:
    # systemd names the files of a folder so.
    (tmp_path / "shop.ini").write_text("[environment]\na = ini\nb = ini\nc = ini\n")
    (tmp_path / "conf.d_1.ini").write_text("[environment]\nb = conf.d\n")
    (tmp_path / "token").write_text("x")
    done = run_main(tmp_path, C="unit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "A=ini; export A\nB=conf.d; export B\n"


def test_a_release_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "shop.ini").write_text("[environment]\n\nhome = secret\n")
    done = run_main(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "shop.ini:3: [environment] home: systemd sets it" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
