"""An address that another program has taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from django_deploykit.runtime.supervisors.listening import is_in_use, listening_problem


@pytest.mark.parametrize(
    ("family", "host", "address"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1:{}"),
        (socket.AF_INET, "0.0.0.0", "{}"),
        (socket.AF_INET, "127.0.0.1", "0.0.0.0:{}"),
        (socket.AF_INET6, "::1", "[::1]:{}"),
    ],
)
def test_finds_what_another_program_has_taken(
    family: socket.AddressFamily, host: str, address: str
) -> None:
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        listen = address.format(taken.getsockname()[1])
        assert is_in_use(listen)
    assert not is_in_use(listen)


@pytest.mark.parametrize("listen", ["/run/shop/web.sock", "192.0.2.1:1", "127.0.0.1:99999", "x"])
def test_nobody_listens_where_nobody_could(listen: str) -> None:
    assert not is_in_use(listen)


def test_the_log_of_the_socket_has_other_causes(tmp_path: Path) -> None:
    problem, hint = listening_problem("shop", "/run/shop/web.sock")
    assert problem == "shop.socket does not listen on /run/shop/web.sock"
    assert "journalctl -u shop.socket" in hint
