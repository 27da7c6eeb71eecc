"""The table of application servers: a new entry reaches everything that depends on the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.project.procfile import default_web
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.servers import SERVERS, UNSUITABLE, server_in
from django_deploykit.runtime.servers.base import Server
from django_deploykit.runtime.storage.virtualenv import process_lines
from django_deploykit.runtime.supervisors.systemd_units import Kind, kinds_of, service
from tests.bundles import make_layer, make_manifest

SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))
STUB = Server(
    name="stub",
    default_command=lambda wsgi, asgi, distributions: f"stub {asgi}" if asgi else "",
    notifies=True,
    unit_environment=lambda drain: {"STUB_DRAIN": f"{drain:.0f}"},
    options=lambda version: {"STUB_OPTIONS": f"--made-for={version}"},
    on_sockets=lambda command, locked: f"{command} --fds 3,4 {' '.join(sorted(locked))}",
)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SERVERS, "stub", STUB)


@pytest.mark.usefixtures("stub")
def test_one_entry_adds_a_server() -> None:
    assert server_in("A=1 exec bin/stub shop.asgi") is STUB
    assert default_web("", "shop.asgi", frozenset()) == Process("web", "stub shop.asgi")
    assert kinds_of([Process("web", "stub shop.asgi")], ()) == (Kind("web", notify=True),)
    assert "Environment=STUB_DRAIN=30\n" in service(SITE, Kind("web"))
    layer = make_layer("distribution", "stub", "3.1", {"bin/stub": b""})
    manifest = replace(
        make_manifest((layer,)),
        processes=(Process("web", "stub shop.asgi"), Process("other", "stub shop.asgi")),
    )
    lines = process_lines(SITE.root, manifest)
    assert 'STUB_OPTIONS="--made-for=3.1 ${STUB_OPTIONS:-}"; export STUB_OPTIONS' in lines
    web, other = lines[-4:-2]
    assert web == (
        'web) if [ -n "${LISTEN_FDS:-}" ]; then exec stub shop.asgi --fds 3,4 stub "$@"; '
        'else exec stub shop.asgi "$@"; fi ;;'
    )
    assert other == 'other) exec stub shop.asgi "$@" ;;'


def test_without_it_nothing_is_known_of_the_server() -> None:
    assert server_in("stub shop.asgi") is None
    assert default_web("", "shop.asgi", frozenset()) is None
    assert kinds_of([Process("web", "stub shop.asgi")], ()) == (Kind("web", notify=False),)
    assert "STUB_DRAIN" not in service(SITE, Kind("web"))


@pytest.mark.parametrize("name", [*SERVERS])
@pytest.mark.parametrize(
    "wrapped",
    [
        "{} x",
        "exec {} x",
        "A=1 exec bin/{} x",
        "env A=1 {} x",
        "python -m {} x",
        "python3.12 -m {} x",
        "bash -c '{} x'",
        'sh -c "exec {} x"',
        "python manage.py migrate && exec {} x",
        "(cd site; exec {} x)",
    ],
)
def test_servers_are_recognised_behind_what_starts_them(name: str, wrapped: str) -> None:
    command = wrapped.format(name)
    server = server_in(command)
    assert server is SERVERS[name]
    found = server.on_sockets(command, ["django-deploykit", "uvicorn"])
    assert found != command
    assert found.count("'") + found.count('"') == command.count("'") + command.count('"')
    begins, _, _ = command.partition("python" if "-m" in command else name)
    assert found.startswith(begins.replace("bin/", ""))


def test_programs_that_cannot_take_a_socket_are_no_servers_here() -> None:
    assert not {*UNSUITABLE} & {*SERVERS}
