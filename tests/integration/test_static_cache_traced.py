"""Ways in which an answer can depend on more than the commit: each is seen, fixed, or documented.

Real projects are asked twice in two identical exports. Those that stay
unseen are listed in ``docs/decisions/0032``. The most common ones are in the unit tests of
``ask_project_traced`` instead, which run on every Python.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tracing import Builder, builder, static_url

__all__ = ["builder"]


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run('true', shell=True)",
        "import os; os.system('true')",
        "import multiprocessing as m; p = m.get_context('spawn').Process(); p.start(); p.join()",
        "import socket; s = socket.socket(type=2); s.sendto(b'', ('127.0.0.1', 9)); s.close()",
        "import socket; socket.getaddrinfo('127.0.0.1', 80)",
        "import sqlite3; sqlite3.connect(OUTSIDE + '/data.sqlite3').close()",
        (
            "from django.db.backends import signals; from types import SimpleNamespace as S; "
            "signals.connection_created.send(S, connection=S(vendor='postgresql'))"
        ),
        "import glob; glob.glob(OUTSIDE + '/*')",
        "open('/proc/loadavg').close()",
        "open('/dev/urandom', 'rb').close()",
        "import os; os.remove('data.txt')",
        "open('/proc/self/stat').close()",
    ],
)
def test_does_not_cache_after(builder: Builder, code: str) -> None:
    assert builder(code)().sources is None


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.listdir('.')",
        "import os; STATIC_URL = os.environ.get('SHOP_URL', '/none/')",
        "import locale, os; STATIC_URL = '/%s/%s/' % (os.environ.get('TZ'), os.environ.get('LC_ALL'))",
        "import sqlite3; sqlite3.connect(':memory:').close()",
        "import platform; platform.platform()",
        "import random, time; STATIC_URL = '/%s%s/' % (random.random(), time.time())",  # unseen
        "import os; STATIC_URL = '/%s/' % os.path.exists(OUTSIDE + '/flag')",  # unseen
        "import os; STATIC_URL = '/%s/' % os.path.getmtime('data.txt')",  # unseen
    ],
)
def test_reuses_after(builder: Builder, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build = builder(code)
    first = build()
    for name, value in {"SHOP_URL": "/x/", "TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8"}.items():
        monkeypatch.setenv(name, value)  # the project does not see them
    second = build()
    assert second.reused
    assert static_url(second) == static_url(first)


def test_asks_again_if_a_file_outside_changes(builder: Builder, tmp_path: Path) -> None:
    outside = tmp_path / "site.ini"
    build = builder("STATIC_URL = open(OUTSIDE + '/site.ini').read()")
    outside.write_text("/one/")
    assert static_url(build()) == "/one/"
    assert build().reused
    outside.write_text("/two/")
    assert static_url(build()) == "/two/"


def test_asks_again_if_a_variable_of_the_build_changes(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = builder("import os; STATIC_URL = os.environ['HOME'] + '/'")
    build()
    monkeypatch.setenv("HOME", "/home/other")
    assert static_url(build()) == "/home/other/"


def test_asks_again_on_another_machine(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    build = builder("import os, socket; STATIC_URL = f'/{os.uname().nodename}/'")
    build()
    assert build().reused
    monkeypatch.setattr(os, "uname", lambda: ("Linux", "other", "6.1", "#1", "x86_64"))
    assert not build().reused


def test_asks_again_under_ci(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    build = builder("")
    build()
    monkeypatch.setenv("CI", "true")
    assert not build().reused
    monkeypatch.setenv("CI", "false")
    assert build().reused
