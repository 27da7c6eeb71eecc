"""Checks that need the host: its database, its cache, its files."""

from django_deploykit.checks.server import (
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
    "brokers",
    "configured",
    "content",
    "health",
    "host",
    "network",
    "postgresql",
    "services",
]
