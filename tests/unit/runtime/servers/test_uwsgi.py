"""uWSGI in a Procfile."""

from __future__ import annotations

import re

import pytest

from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.servers.uwsgi import UWSGI, on_sockets


@pytest.mark.parametrize(
    "command",
    [
        "uwsgi --http :$PORT --module shop.wsgi",
        "uwsgi --http-socket fd://3 --master --module shop.wsgi",
        "uwsgi -M -s /run/shop.sock --die-on-term --module shop.wsgi",
    ],
)
def test_listens_on_what_it_inherits_alone_and_ends_with_grace(command: str) -> None:
    assert server_in(command) is UWSGI
    found = on_sockets(command)
    assert found.startswith(
        "env -u LISTEN_FDS uwsgi --master --http-socket fd://3 --http-socket fd://4 "
    )
    assert found.endswith(r"unix_signal:15\ gracefully_kill_them_all --module shop.wsgi")
    assert len(re.findall(r"--[a-z-]*socket|--http |-s |die-on-term", found)) == 2


def test_the_one_of_the_system_keeps_its_path() -> None:
    found = on_sockets("exec /usr/bin/uwsgi --plugin python3 --module shop.wsgi")
    assert found.startswith("exec env -u LISTEN_FDS /usr/bin/uwsgi --master ")


@pytest.mark.parametrize("name", ["uwsgi", "pyuwsgi"])
def test_two_distributions_have_it(name: str) -> None:
    assert not UWSGI.missing([name])
    assert UWSGI.missing(["gunicorn"])


@pytest.mark.parametrize("option", ["--daemonize x.log", "-d x.log", "--py-autoreload 1"])
def test_risky_options(option: str) -> None:
    command = f"uwsgi {option} --module shop.wsgi"
    assert any(re.search(pattern, command) for pattern, _ in UWSGI.risky_options)
    assert not any(re.search(pattern, "uwsgi --master -p 4") for pattern, _ in UWSGI.risky_options)
