"""Fixtures that boot real hosts; skipped with the reason where that cannot be, never in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.lab.fleet import Controller, boot_all, fill_in
from tests.lab.hosts import Host
from tests.lab.images import locked, why_not
from tests.lab.internet import Internet
from tests.lab.releases import PYTHONS, Bundles, write_releases
from tests.lab.striking import asked, one_host
from tests.load import Load
from tests.order import begin_with
from tests.sshd import agent as agent

BootHost = Callable[..., Host]
# The files that take longest, the longest first.
_LONGEST = (
    "test_workers",
    "test_faults_around",
    "test_faults",
    "test_faults_fleet",
    "test_fleet",
    "test_root",
    "test_release",
    "test_signed_releases",
    "test_first_server",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    begin_with(items, _LONGEST)


@pytest.fixture(scope="session")
def lab() -> None:
    """Skip where hosts cannot be booted; in CI that fails."""
    reason = why_not()
    if reason and os.environ.get("CI"):
        pytest.fail(f"{reason}; CI never skips the lab")
    if reason:
        pytest.skip(reason)


def _boot() -> Iterator[BootHost]:
    hosts: list[Host] = []

    def boot(
        suite: str = "bookworm", internet: Internet | None = None, *, python: bool = True
    ) -> Host:
        hosts.append(Host(suite, internet=internet, python=python))
        return hosts[-1]

    yield boot
    for host in hosts:
        host.close()


@pytest.fixture
def boot_host(lab: None) -> Iterator[BootHost]:
    """Return ``boot(suite="bookworm")``; its hosts are cleared away after the test."""
    yield from _boot()


@pytest.fixture(scope="module")
def boot_module_host(lab: None) -> Iterator[BootHost]:
    """As ``boot_host``, for hosts that a module's tests share."""
    yield from _boot()


BundlesFor = Callable[[str], Bundles]


@pytest.fixture(scope="session")
def bundles_for(lab: None, tmp_path_factory: pytest.TempPathFactory) -> BundlesFor:
    """Return ``bundles_for(suite)``: the shop's bundles for a Debian, built once in a run."""
    workers = "PYTEST_XDIST_WORKER" in os.environ  # their folders lie in one
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if workers else base) / "releases"
    folder.mkdir(exist_ok=True)
    with locked(folder / "lock"):
        if not (folder / "made").exists():
            write_releases(folder)
            (folder / "made").touch()

    def find(suite: str = "bookworm") -> Bundles:
        return Bundles(folder / "shop", PYTHONS[suite])

    return find


Fleet = Callable[..., Controller]


def _fleet(
    boot: BootHost, bundles_for: BundlesFor, tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    def make(count: int = 1, suite: str = "bookworm", *, ready: bool = False) -> Controller:
        hosts = boot_all(boot, [suite] * count)
        made = Controller(tmp_path_factory.mktemp("controller"), bundles_for(suite), hosts)
        made.write_ini()
        if ready:
            made.setup().well()
            fill_in(*hosts)
        return made

    return make


@pytest.fixture(scope="module")
def fleet(
    boot_module_host: BootHost, bundles_for: BundlesFor, tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    """Return ``fleet(2, "trixie")``: a controller with that many booted hosts, bare or ``ready=True``.

    Ready hosts are set up and configured; nothing is live there. All tests of a module share them,
    in any order: a test asks for the state that it starts from, and puts back what it changed
    besides the live release.
    """
    return _fleet(boot_module_host, bundles_for, tmp_path_factory)


@pytest.fixture
def new_fleet(
    boot_host: BootHost, bundles_for: BundlesFor, tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    """As ``fleet``, for hosts of one test."""
    return _fleet(boot_host, bundles_for, tmp_path_factory)


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host where ``one`` is live and ``two`` known; modules that need another make their own."""
    return one_host(fleet)


@pytest.fixture(scope="module")
def host(controller: Controller) -> Host:
    """The first host of the module's controller."""
    return controller.hosts[0]


@pytest.fixture
def flow(host: Host) -> Iterator[Load]:
    """Ask for pages while the test runs; not one may fail."""
    with asked(host) as load:
        yield load
