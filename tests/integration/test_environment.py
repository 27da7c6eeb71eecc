"""Projects that are configured by environment variables alone go live on this machine as they are."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.environs import KEY, changed_lines, make_environ_shop
from tests.ports import claim_port
from tests.projects import manage

# A developer's shell, without which manage.py does not even start.
SHELL = {
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "localhost",
    "DATABASE_URL": "sqlite:////nowhere/dev.sqlite3",
    "SHOP_CURRENCY": "USD",
}


class Site:
    """A project and its site on this machine."""

    def __init__(self, folder: Path, library: str) -> None:
        self.port = claim_port()
        self.project = make_environ_shop(folder, library, self.port)
        self.folder = self.project / ".deploykit" / "local"
        self.env = self.folder / "etc" / "shop.env"

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py release`` in the developer's shell."""
        return manage(self.project, "release", *words, **SHELL)

    def write(self, **changes: str) -> str:
        """Write the environment file, with a comment and quotes; return its text."""
        data = self.folder / "var"
        values = {
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "DATABASE_URL": f"'sqlite:///{data}/shop.sqlite3'",
            "SECURE": "no",
            "SECRET_KEY": KEY,
            "SHOP_CURRENCY": '"CHF"',
            "DATA": str(data),
            **changes,
        }
        text = "# Ours\n" + "".join(f"{name}={value}\n" for name, value in values.items())
        self.env.parent.mkdir(parents=True, exist_ok=True)
        self.env.write_text(text)
        self.env.chmod(0o600)
        return text

    def page(self) -> str:
        """Return the page that visitors get."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def goes_live(self) -> None:
        """Release with the environment file, and see its values in a page and in a command."""
        text = self.write()
        done = self.release("--noinput")
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.release("exec", "--", "restock").returncode == 0
        assert "CHF" in self.page()
        assert (self.folder / "var" / "shop.sqlite3").exists()
        script = "import os; print('in a command:', os.environ['SHOP_CURRENCY'])"
        ran = self.release("exec", "--", "shell", "-c", script)
        assert "in a command: CHF" in ran.stdout, ran.stderr
        assert self.env.read_text() == text


Open = Callable[[str], Site]


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Open]:
    """Return a function that makes a site whose settings read variables with a library."""
    sites: list[Site] = []

    def make(library: str) -> Site:
        sites.append(Site(tmp_path, library))
        return sites[-1]

    yield make
    for one in sites:
        one.release("stop", "--noinput")


@pytest.mark.parametrize("library", ["python-decouple", "django-environ"])
def test_a_project_goes_live_with_five_changed_lines_and_its_variables(
    library: str, site_of: Open
) -> None:
    site = site_of(library)
    assert changed_lines(site.project) <= 5
    site.goes_live()


def test_a_project_that_reads_os_environ_is_released_and_configured(site_of: Open) -> None:
    site = site_of("os.environ")
    assert changed_lines(site.project) <= 5
    first = site.release("--noinput")
    assert first.returncode == 1
    assert f"local lacks ALLOWED_HOSTS, DATABASE_URL in {site.env}: set it there" in first.stderr
    names = "ALLOWED_HOSTS, DATABASE_URL, SECRET_KEY, SHOP_CURRENCY"
    assert f"note: not used, though exported in this shell: {names}." in first.stderr
    site.goes_live()

    # An error names the line, and nothing changes.
    text = site.env.read_text()
    site.env.write_text(f"{text}export SHOP_CURRENCY=GBP\n")
    line = text.count("\n") + 1
    for words in (("--noinput",), ("exec", "--", "check")):
        refused = site.release(*words)
        assert refused.returncode != 0
        assert f"{site.env}:{line}: expected NAME=value: remove `export`" in refused.stderr
    assert "CHF" in site.page()

    # The INI files do as well.
    with (site.folder / "etc" / "shop.ini").open("a") as file:
        file.write("shop_currency = SEK\nsecure = yes\n")  # the last section is [environment]
    site.env.write_text(text.replace('SHOP_CURRENCY="CHF"\n', ""))
    site.release("stop", "--noinput")
    assert site.release("--noinput").returncode == 0
    assert "SEK" in site.page()
