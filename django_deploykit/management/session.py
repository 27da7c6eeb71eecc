"""One run of ``manage.py release`` on one environment: its hosts, its hooks and its record."""

from __future__ import annotations

import contextlib
import getpass
import io
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.management.address import answering_url
from django_deploykit.management.console import Console
from django_deploykit.management.engine import Engine, engine_of
from django_deploykit.management.host_python import host_python
from django_deploykit.management.reporting import Record
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment, Host
from django_deploykit.release.fleet import Fleet
from django_deploykit.release.hooks import run_hooks
from django_deploykit.release.latency import ProbedTransport
from django_deploykit.release.logins import root_login
from django_deploykit.release.request import ReleaseRequest
from django_deploykit.release.transports import transport_to
from django_deploykit.release.transports.base import Transport
from django_deploykit.release.transports.openssh import resolve
from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site, default_root
from django_deploykit.runtime.deploy.plan import Choices
from django_deploykit.runtime.wire.facts import PREPARE

LOCAL_LISTEN = "127.0.0.1:8000"


@dataclass(frozen=True)
class Options:
    """The command's options. ``wait`` is in seconds; 0 means the environment's own value."""

    noinput: bool = False
    wait: float = 0.0
    plan: bool = False
    report: Path | None = None
    older: bool = False


def owner() -> str:
    """Return USER@MACHINE: the person in the journal and in the deploy lock."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def local_site(project: Project, environment: Environment) -> Site:
    """Return the site of the environment ``local``, below ``.deploykit/local``."""
    folder = project.root / ".deploykit" / "local"
    return Site(
        app=project.name,
        root=folder / "srv",
        etc=folder / "etc",
        data=folder / "var",
        supervisor="plain",
    ).with_options({**environment.site_values(), "listen": environment.listen or LOCAL_LISTEN})


class Session:
    """The project, the environment and the console of one command."""

    def __init__(
        self,
        project: Project,
        environment: Environment,
        console: Console,
        options: Options = Options(),
    ) -> None:
        self.project, self.environment, self.console = project, environment, console
        self.options = options
        self.built = 0.0  # seconds that the bundle took
        self.record = Record(project.name, environment.name, owner())
        self.hook_facts: dict[str, str] = {
            "environment": environment.name,
            "project": project.name,
            "owner": owner(),
            "hosts": " ".join(host.name for host in environment.hosts) or "local",
        }

    @property
    def engine(self) -> Engine:
        """What the actions of the environment do."""
        return engine_of(self.environment)

    def url(self) -> str:
        """Return a URL that the environment ``local`` answers now; an empty string for others."""
        if not self.environment.local:
            return ""
        site = local_site(self.project, self.environment)
        return answering_url(site.listen, site.pages[0])

    def hook(self, name: str, facts: Mapping[str, str] | None = None) -> None:
        """Run a hook's commands."""
        merged = {**self.hook_facts, **(facts or {})}
        run_hooks(self.environment.hooks, name, merged, self.project.root, self.console.note)

    def choices(self, sizes: Mapping[str, int] | None = None) -> Choices:
        """Return the environment's choices for plans. ``sizes`` are in bytes, by layer digest."""
        environment = self.environment
        return Choices(
            batches=environment.batches() if environment.hosts else (),
            migrate_on=environment.migrate_on,
            hooks=environment.hooks,
            sizes=sizes or {},
            site=local_site(self.project, environment).dumps() if environment.local else "",
        )

    def transports(self) -> list[Transport]:
        """Return transports to all hosts. They are not connected yet."""
        if self.environment.local:
            root = local_site(self.project, self.environment).root
            return [transport_to(root)]
        self.validate_logins()
        return ssh_transports(self.project, self.environment.hosts)

    def validate_logins(self) -> None:
        """Raise :class:`DeployKitError` if a host would be entered as root, which only setup does.

        The deploy user could not replace the files that root leaves in the site's folder.
        """
        error = root_login(self.environment, lambda host: host.user or resolve(host).user)
        if error is not None:
            raise error

    def validate_local(self, release: str) -> None:
        """Raise :class:`DeployKitError` if ``local`` has no live release, or no release at all.

        The latter suffices for a ``release`` that is named.
        """
        if not self.environment.local:
            return
        needed = "releases" if release else "current"
        if not (local_site(self.project, self.environment).root / needed).exists():
            raise DeployKitError("nothing is live on local", "Release first: manage.py release")

    def confirm(self, question: str) -> None:
        """Ask a yes-or-no question; raise :class:`DeployKitError` unless the answer is yes."""
        if self.options.noinput:
            return
        if self.console.as_json:
            raise DeployKitError(
                "nothing was changed: --json cannot ask for confirmation",
                "Add --noinput, or look first with --plan.",
            )
        if not self.console.ask(question):
            raise DeployKitError(
                "nothing was changed", "Answer yes, or use --noinput to skip the question."
            )

    @contextmanager
    def opened(self, transports: Sequence[Transport] | None = None) -> Iterator[Fleet]:
        """Yield a fleet for all hosts, over ``transports`` if given. Close them afterwards."""
        with closing(transports or self.transports()) as opened:
            yield self.fleet(opened)

    def fleet(self, opened: Mapping[str, Transport], sample: bytes = b"") -> Fleet:
        """Return a fleet. ``sample`` is the configuration that a local site starts with."""
        silent = self.options.noinput or self.console.as_json
        request = ReleaseRequest(
            owner=owner(),
            wait=self.options.wait or self.environment.wait,
            confirm=None if silent else self.console.ask,
            hook=self.hook,
            prepare=lambda one: self._prepare(one, sample),
        )
        if self.options.report:
            latencies = self.record.latencies
            opened = {host: ProbedTransport(one, latencies) for host, one in opened.items()}
        self.record.fleet = Fleet(opened, self.environment, request, self.console)
        return self.record.fleet

    def _prepare(self, transport: Transport, sample: bytes) -> None:
        site = local_site(self.project, self.environment)
        self.project.work.mkdir(exist_ok=True)
        transport.call(PREPARE, "--site", site.dumps(), stream=io.BytesIO(sample))


def ssh_transports(
    project: Project, hosts: Sequence[Host], *, as_root: bool = False
) -> list[Transport]:
    """Return transports to servers. They are not connected yet."""
    root = default_root(project.name)
    python = host_python(project)
    return [transport_to(root, host, as_root=as_root, python=python) for host in hosts]


@contextmanager
def closing(opened: Sequence[Transport]) -> Iterator[dict[str, Transport]]:
    """Yield transports by name, and close them afterwards."""
    try:
        yield {one.name: one for one in opened}
    finally:
        for one in opened:
            with contextlib.suppress(DeployKitError, OSError):
                one.close()
