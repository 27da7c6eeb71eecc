"""What gunicorn needs."""

from __future__ import annotations

import re

import pytest

from django_deploykit.runtime.servers import server_in
from django_deploykit.runtime.servers.gunicorn import (
    GUNICORN,
    default_command,
    on_sockets,
    options,
)


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn shop.wsgi",
        "exec gunicorn shop.wsgi",
        "A=1 bin/gunicorn x",
        "a && gunicorn",
        "a;gunicorn x",
    ],
)
def test_is_recognised_in_a_command(command: str) -> None:
    assert server_in(command) is GUNICORN


@pytest.mark.parametrize(
    "command", ["gunicorn-exporter", "echo my-gunicorn x", "python -m gunicornish", ""]
)
def test_other_programs_are_not_taken_for_it(command: str) -> None:
    assert server_in(command) is None


def test_default_commands_fit_the_application() -> None:
    assert default_command("shop.wsgi", "shop.asgi", ["uvicorn"]).endswith(" shop.wsgi")
    assert "--threads 4" in default_command("shop.wsgi", "", [])
    locked = ["gunicorn", "uvicorn"]
    assert default_command("", "shop.asgi", locked).endswith("UvicornWorker shop.asgi")
    assert "uvicorn_worker" in default_command("", "shop.asgi", [*locked, "uvicorn-worker"])
    assert default_command("", "shop.asgi", ["gunicorn"]) == ""
    assert default_command("", "shop.asgi", ["uvicorn"]) == ""  # which serves it by itself
    assert default_command("", "", locked) == ""


@pytest.mark.parametrize(
    ("version", "expected"), [("25.0.3", 0), ("25.1", 1), ("25.1.dev1", 1), ("26", 1), ("9.9", 0)]
)
def test_the_control_socket_is_disabled_since_it_exists(version: str, expected: int) -> None:
    assert len(options(version)) == expected


@pytest.mark.parametrize(
    ("command", "risky"),
    [
        ("gunicorn --reload x", True),
        ("gunicorn -t 0 x", True),
        ("gunicorn --timeout=0 x", True),
        ("gunicorn --timeout 30 x", False),
    ],
)
def test_risky_options(command: str, risky: bool) -> None:
    assert any(re.search(pattern, command) for pattern, _ in GUNICORN.risky_options) is risky


def test_workers_get_the_drain_time() -> None:
    assert GUNICORN.unit_environment(12.4) == {"GUNICORN_CMD_ARGS": "--graceful-timeout=12"}


@pytest.mark.parametrize(
    "options",
    ["-k uvicorn_worker.UvicornWorker", "--worker-class=shop.workers.Worker", "-c conf.py", "-w 2"],
)
def test_our_program_runs_it_where_uvicorn_may_be_its_worker(options: str) -> None:
    command = f"A=1 gunicorn {options} shop.asgi"
    assert on_sockets(command, ["gunicorn", "uvicorn"]) == command
    assert on_sockets(command, ["gunicorn", "django-deploykit"]) == command
    ours = f"A=1 python -m django_deploykit.servers.gunicorn {options} shop.asgi"
    assert on_sockets(command, ["django-deploykit", "uvicorn"]) == ours
