"""``python -m django_deploykit.conf``: samples, origins, differences, advice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.conf.__main__ import explain
from tests.unit.conf.configs import KEY, make

SETTINGS = """
from django_deploykit.conf import Config
config = Config("shop", etc="/nonexistent")
SECRET_KEY = config.secret("SECRET_KEY")
COLOUR = config.str("COLOUR", default="red")
"""


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a project's folder."""
    (folder / "site_settings.py").write_text(SETTINGS, encoding="utf-8")
    (folder / "manage.py").write_text(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")\n', encoding="utf-8"
    )
    return subprocess.run(
        [sys.executable, "-m", "django_deploykit.conf", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
    )


def test_a_sample_needs_no_configuration(tmp_path: Path) -> None:
    done = run(tmp_path, "sample")
    assert (done.returncode, done.stderr) == (0, "")
    assert "secret_key = {generate}" in done.stdout
    assert "# colour = red" in done.stdout


def test_check_reports_problems_with_exit_code_1(tmp_path: Path) -> None:
    done = run(tmp_path, "check")
    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr
    good = run(tmp_path, "check", SECRET_KEY=KEY)
    assert (good.returncode, good.stdout) == (0, "2 settings, no problem\n")


def test_diff_shows_what_a_file_lacks_and_what_nothing_reads(tmp_path: Path) -> None:
    (tmp_path / "shop.ini").write_text("[shop]\ncolor = red\n", encoding="utf-8")
    done = run(tmp_path, "diff", "shop.ini")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "+ [django] secret_key  (secret, required)",
        "+ [django] colour  (str)",
        "? shop.ini:2: nothing reads SHOP_COLOR",
    ]


def test_move_shows_replacements_without_loading_the_settings(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import os\nX = os.environ['X']\n", encoding="utf-8")
    done = run(tmp_path, "move", "other.py")
    assert done.stdout.splitlines() == [
        "other.py:2: os.environ",
        "- X = os.environ['X']",
        "+ X = config.str('X')",
    ]
    assert run(tmp_path, "move").stdout == "site_settings.py: nothing to replace\n"


def test_an_explanation_has_the_origin_of_every_value(tmp_path: Path) -> None:
    config = make(tmp_path, "[x]\ny = 1\n", X_Y="2")
    config.int("X_Y")
    config.int("X_Z", default=3)
    assert explain(config) == [
        f"X_Y: '2' from X_Y; overrides {tmp_path}/etc/shop.ini:2 [x] y",
        "X_Z: default '3'",
    ]


def test_the_settings_must_be_named_somewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django_deploykit.conf", "check"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: name the settings: --settings shop.settings" in done.stderr


@pytest.mark.parametrize("command", ["sample", "explain", "check", "diff", "move"])
def test_every_command_is_in_the_help(command: str, tmp_path: Path) -> None:
    assert command in run(tmp_path, "--help").stdout
