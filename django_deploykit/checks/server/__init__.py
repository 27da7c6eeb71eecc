"""Checks that need the host: its database, its cache, its files."""

from django_deploykit.checks.server import health, host, services

__all__ = ["health", "host", "services"]
