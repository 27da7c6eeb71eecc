"""``python -m django_deploykit``: our commands come first, and start without settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit import __version__
from django_deploykit.__main__ import main
from django_deploykit.conf.commands import OURS


@pytest.mark.parametrize("word", ["--help", "-h", "help", ""])
def test_help_has_a_line_for_each_of_our_commands(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["python -m django_deploykit", *filter(None, [word])])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: python -m django_deploykit COMMAND")
    assert [line.split()[0] for line in lines[2:6]] == [*OURS, "init"]
    assert all(len(line.split()) > 3 for line in lines[2:6])


@pytest.mark.parametrize("name", OURS)
def test_a_command_s_help_names_the_way_it_was_called(name: str, tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text('INSTALLED_APPS = ["django_deploykit"]\n')
    done = subprocess.run(
        [sys.executable, "-m", "django_deploykit", name, "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "shop_settings"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"usage: python -m django_deploykit {name} [-h]")


@pytest.mark.parametrize("word", ["--version", "version"])
def test_the_version_is_ours(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["x", word])
    assert capsys.readouterr().out == f"django-deploykit {__version__}\n"


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("bundel", "bundle"),
        ("relase", "release"),
        ("deploycheck", "deploy_check"),
        ("intit", "init"),
    ],
)
def test_a_typo_is_answered(word: str, guess: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["x", word])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: there is no command {word!r}; did you mean {guess!r}?\n"
    )


@pytest.mark.parametrize("words", [["bundle"], ["help", "release"], ["relaese"], ["--help"]])
def test_nothing_of_it_loads_the_settings(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broken")\n', encoding="utf-8"
    )
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "deploykit.ini").write_text("[bundle]\npython = three\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "django_deploykit", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "broken"},
        capture_output=True,
        text=True,
    )
    assert "ZeroDivisionError" not in done.stderr
    assert done.returncode == {"bundle": 1, "relaese": 2}.get(words[0], 0)


def test_settings_that_do_not_load_are_one_line_for_deploy_check(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("", encoding="utf-8")
    (tmp_path / "broken.py").write_text("\n1 / 0\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "django_deploykit", "deploy_check"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "broken"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: the settings do not load: broken.py:2: ZeroDivisionError: division by zero\n"
        "Correct it there. For the traceback, add --traceback.\n"
    )
