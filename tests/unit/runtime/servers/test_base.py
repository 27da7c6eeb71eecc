"""What is known about an application server."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.servers.base import Server

PLAIN = Server("plain.server", lambda wsgi, asgi, distributions: f"plain.server {wsgi}")


def test_a_server_needs_only_a_name_and_a_command() -> None:
    assert PLAIN.default_command("shop.wsgi", "", []) == "plain.server shop.wsgi"
    assert not PLAIN.notifies
    assert PLAIN.unit_environment(30.0) == {}
    assert PLAIN.options("1.0") == {}
    assert PLAIN.risky_options == ()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("plain.server x", True),
        ("A=1 /opt/plain.server", True),
        ("plainxserver", False),
        ("x-plain.server", False),
    ],
)
def test_a_command_runs_the_server(command: str, expected: bool) -> None:
    assert PLAIN.is_in(command) is expected
