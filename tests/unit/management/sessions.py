"""Sessions for tests: a project with one environment, whose hosts are in memory."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from django_deploykit.management.console import Console
from django_deploykit.management.session import Options, Session
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment, parse_host
from django_deploykit.release.transports.base import Transport
from django_deploykit.runtime.base.documents import Document
from tests.bundles import write_bundle
from tests.unit.release.fakes import FakeTransport, Host, new_manifest

CHANGE = Options()


class MemorySession(Session):
    """A session whose hosts are in memory; its JSON is in :meth:`printed`."""

    def __init__(self, folder: Path, *hosts: Host, options: Options = CHANGE) -> None:
        names = tuple(parse_host(host.name) for host in hosts)
        self.out, self.err = io.StringIO(), io.StringIO()
        console = Console(self.out, self.err, as_json=True)
        project = Project(folder, "shop", folder / "deploykit.ini")
        super().__init__(project, Environment("production", names), console, options)
        self.memory = hosts
        for host in hosts:
            host.clock = time.time()

    def transports(self) -> list[Transport]:
        return [FakeTransport(host) for host in self.memory]

    def validate_logins(self) -> None:
        """Nobody logs in to hosts in memory."""

    def printed(self) -> Document:
        found: Document = json.loads(self.out.getvalue())
        return found


def shop_bundle(folder: Path) -> Path:
    """Write the bundle of the release that tests put live."""
    trees = {"app": {"app/manage.py": b"new"}, "django": {"lib/django.py": b"django"}}
    return write_bundle(folder / "shop.pyz", new_manifest(), trees)
