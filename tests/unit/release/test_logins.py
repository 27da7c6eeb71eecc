"""A release does not log in as root."""

from __future__ import annotations

from django_deploykit.project.inventory import Environment, parse_host
from django_deploykit.release.logins import root_login


def test_names_the_hosts_that_would_be_entered_as_root() -> None:
    hosts = tuple(parse_host(text) for text in ("root@web1", "ann@web2", "web3"))
    environment = Environment("production", hosts)
    error = root_login(environment, lambda host: host.user or "root")
    assert error is not None
    assert error.message.endswith("is the login user of root@web1, web3")
    assert "[environment:production]" in error.hint
    assert root_login(environment, lambda host: "ann") is None
