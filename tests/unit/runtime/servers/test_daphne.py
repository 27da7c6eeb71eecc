"""daphne in a Procfile."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.servers.daphne import DAPHNE, default_command, on_sockets

OURS = "python -m django_deploykit.servers.daphne"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("daphne -b 0.0.0.0 -p $PORT shop.asgi:app", f"{OURS} shop.asgi:app"),
        ("daphne --fd 3 --proxy-headers shop.asgi:app", f"{OURS} --proxy-headers shop.asgi:app"),
        ("daphne -e fd:fileno=3 -v2 shop.asgi:app", f"{OURS} -v2 shop.asgi:app"),
        ("daphne -u /run/shop.sock shop.asgi:app", f"{OURS} shop.asgi:app"),
    ],
)
def test_listens_on_what_it_inherits_alone(command: str, expected: str) -> None:
    assert server_in(command) is DAPHNE
    assert on_sockets(command) == expected


def test_is_a_default_for_asgi_where_it_is_locked() -> None:
    assert default_command("", "shop.asgi:app", ["daphne"]).startswith("daphne ")
    assert default_command("", "shop.asgi:app", []) == ""
