"""Checks that need the host: its database, its cache, its files."""

from django_deploykit.checks.server import (
    apparmor,
    brokers,
    configured,
    content,
    health,
    host,
    network,
    postgresql,
    services,
)

__all__ = [
    "apparmor",
    "brokers",
    "configured",
    "content",
    "health",
    "host",
    "network",
    "postgresql",
    "services",
]
