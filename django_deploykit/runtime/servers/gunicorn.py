"""gunicorn: takes over sockets from systemd, and notifies it when ready."""

from __future__ import annotations

from typing import Collection, Dict

from ..base.names import is_number
from .base import Server, replace_program

_OWN = "django-deploykit"
_BIND = "gunicorn --bind 0.0.0.0:${PORT:-8000} --workers ${WEB_CONCURRENCY:-2}"


def default_command(wsgi: str, asgi: str, distributions: Collection[str]) -> str:
    """Return the default ``web`` command.

    A small server can run two workers; ``WEB_CONCURRENCY`` sets another number. With threads, a
    slow client does not occupy a whole worker.
    """
    if wsgi:
        return f"{_BIND} --threads 4 --access-logfile - {wsgi}"
    if not asgi or "gunicorn" not in distributions:
        return ""  # another server may run it
    if "uvicorn-worker" in distributions:
        return f"{_BIND} --worker-class uvicorn_worker.UvicornWorker {asgi}"
    if "uvicorn" in distributions:  # which deprecates its own worker
        return f"{_BIND} --worker-class uvicorn.workers.UvicornWorker {asgi}"
    return ""


def on_sockets(command: str, locked: Collection[str]) -> str:
    """Return the command of our program, whose workers for ASGI answer what they accepted first.

    Such a worker may be a class of the project, or be named in a file. All of them need uvicorn.

    >>> on_sockets("gunicorn -k shop.workers.Worker shop.asgi", ["django-deploykit", "uvicorn"])
    'python -m django_deploykit.servers.gunicorn -k shop.workers.Worker shop.asgi'
    """
    if not {_OWN, "uvicorn"} <= {*locked}:
        return command
    return replace_program(command, "gunicorn", "python -m django_deploykit.servers.gunicorn")


def unit_environment(drain: float) -> Dict[str, str]:
    """Return the environment that lets workers finish their requests for ``drain`` seconds."""
    return {"GUNICORN_CMD_ARGS": f"--graceful-timeout={drain:.0f}"}


def options(version: str) -> Dict[str, str]:
    """Return options for two releases at once: since 25.1 both open the same control socket."""
    if [int(part) for part in version.split(".")[:2] if is_number(part)] < [25, 1]:
        return {}
    return {"GUNICORN_CMD_ARGS": "--no-control-socket"}


GUNICORN = Server(
    name="gunicorn",
    default_command=default_command,
    on_sockets=on_sockets,
    notifies=True,
    unit_environment=unit_environment,
    options=options,
    risky_options=(
        (r"--reload\b", "--reload, which is only for development"),
        (r"(?:--timeout|-t)[= ]+0\b", "--timeout 0: a worker that hangs is never restarted"),
    ),
)
