"""The commands on Windows: here with what Python lacks there taken away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.extra import need_posix

# The standard library and Django are imported first: they have code of their own for Windows.
WINDOWS = """
import os, signal, sys
import django.core.management, django.utils.timezone, zoneinfo
from importlib.abc import MetaPathFinder

NAMES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}

class Nowhere(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nowhere())
for name in NAMES:
    sys.modules.pop(name, None)
for module, names in (
    (os, "getuid geteuid getgid chown fchown mkfifo fork killpg setsid statvfs O_NOFOLLOW"),
    (signal, "SIGHUP SIGKILL SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGQUIT alarm pthread_sigmask"),
):
    for name in names.split():
        vars(module).pop(name, None)
sys.platform = "win32"

from django_deploykit.__main__ import main
main(["manage.py", *sys.argv[1:]])
"""
KEY = "Jw2rT9xQ4mZ7vLk1Bn8pYc5sHd3fGg6aWe0uRi_tXoKjNqPbM7vC2z"
SETTINGS = """
from django_deploykit.conf import Config
config = Config("shop")
SECRET_KEY = config.secret("SECRET_KEY")
INSTALLED_APPS = ["django_deploykit"]
"""


def on_windows(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as if on Windows, in a project."""
    (folder / "manage.py").write_text(
        'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")\n'
    )
    (folder / "shop_settings.py").write_text(SETTINGS)
    (folder / "windows.py").write_text(WINDOWS)
    return subprocess.run(
        [sys.executable, "windows.py", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "SECRET_KEY": KEY},
        capture_output=True,
        text=True,
    )


def test_a_command_that_does_not_run_there_names_what_does() -> None:
    with pytest.raises(DeployKitError) as caught:
        need_posix("release", "win32")
    assert str(caught.value) == (
        "release does not run on Windows: there, deploy_check works without --server,"
        " and WSL (Windows Subsystem for Linux) runs everything else"
    )
    for system in ("linux", "darwin"):
        need_posix("release", system)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["release"], 1),
        (["release", "production", "status"], 1),
        (["bundle"], 1),
        (["deploy_check", "--server"], 2),
    ],
)
def test_bundle_and_release_say_it_in_one_line(words: list[str], code: int, tmp_path: Path) -> None:
    done = on_windows(tmp_path, *words)
    name = " ".join(words) if words[0] == "deploy_check" else words[0]
    assert done.stderr == (
        f"error: {name} does not run on Windows: there, deploy_check works without --server,"
        " and WSL (Windows Subsystem for Linux) runs everything else\n"
    )
    assert (done.returncode, done.stdout) == (code, "")


def test_deploy_check_works_there(tmp_path: Path) -> None:
    done = on_windows(tmp_path, "deploy_check", "--only", "security.W020")
    assert "security.W020  ALLOWED_HOSTS must not be empty" in done.stdout
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "words", [["--help"], *([name, "--help"] for name in ("bundle", "release"))]
)
def test_help_works_there(words: list[str], tmp_path: Path) -> None:
    done = on_windows(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bundle" in done.stdout or "release" in done.stdout
