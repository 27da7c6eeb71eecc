"""hypercorn in a Procfile."""

from __future__ import annotations

from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.servers.hypercorn import (
    HYPERCORN,
    default_command,
    on_sockets,
    unit_environment,
)


def test_listens_on_what_it_inherits_alone() -> None:
    command = (
        "hypercorn -b 0.0.0.0:$PORT --bind unix:/run/x --graceful-timeout 5 -w 3 shop.asgi:app"
    )
    assert server_in(command) is HYPERCORN
    assert on_sockets(command) == (
        "python -m django_deploykit.servers.hypercorn --bind fd://3 --bind fd://4 --backlog 2048 --graceful-timeout "
        "${DEPLOYKIT_DRAIN:-30} -w 3 shop.asgi:app"
    )


def test_its_workers_finish_within_the_drain_time_of_the_unit() -> None:
    assert unit_environment(12.0) == {"DEPLOYKIT_DRAIN": "12"}


def test_is_a_default_for_asgi_where_it_is_locked() -> None:
    assert default_command("", "shop.asgi:app", ["hypercorn"]).startswith("hypercorn ")
    assert default_command("", "shop.asgi:app", []) == ""
