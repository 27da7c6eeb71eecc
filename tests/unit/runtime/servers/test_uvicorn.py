"""uvicorn in a Procfile."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.servers.uvicorn import UVICORN, default_command, on_sockets

OURS = "python -m django_deploykit.servers.uvicorn"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("uvicorn shop.asgi:app --fd 3 --workers 2", f"{OURS} shop.asgi:app --workers 2"),
        ("A=1 exec bin/uvicorn --uds=/run/x shop.asgi:app", f"A=1 exec {OURS} shop.asgi:app"),
        ("python3 -m uvicorn --port ${PORT:-80} shop.asgi:app", f"{OURS} shop.asgi:app"),
        ("migrate && uvicorn --host '::' shop.asgi:app", f"migrate && {OURS} shop.asgi:app"),
    ],
)
def test_listens_on_what_it_inherits_alone(command: str, expected: str) -> None:
    assert server_in(command) is UVICORN
    assert on_sockets(command) == expected


def test_is_a_default_for_asgi_where_it_is_locked() -> None:
    assert default_command("", "shop.asgi:app", ["uvicorn"]).endswith(" shop.asgi:app")
    assert default_command("", "shop.asgi:app", []) == ""
    assert default_command("shop.wsgi", "shop.asgi:app", ["uvicorn"]) == ""
