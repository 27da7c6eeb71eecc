"""Application servers besides gunicorn, as systemd runs them in the sandbox of a site."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.application_servers import DISTRIBUTIONS, LINES, write_server_bundles
from tests.lab.conftest import Fleet
from tests.lab.fleet import PORT, Controller, fill_in
from tests.lab.packing import lock_more
from tests.load import Load
from tests.projects import manage, run


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    """One host, bare."""
    return fleet(1)


@pytest.fixture(scope="module")
def bundles(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a bundle of the shop for each server, the oldest first."""
    project = tmp_path_factory.mktemp("servers") / "shop"
    shutil.copytree(controller.bundles.repository, project)
    run("git", "checkout", "-q", "two", cwd=project)
    python = controller.bundles.python
    lock_more(project, python, *DISTRIBUTIONS)

    def bundle(path: Path) -> None:
        done = manage(project, "bundle", "--python", python, "--output", str(path))
        assert done.returncode == 0, done.stdout + done.stderr

    return write_server_bundles(project, bundle)


def test_each_server_takes_over_without_a_failed_request(
    controller: Controller, bundles: dict[str, Path]
) -> None:
    (host,) = controller.hosts
    names = [*LINES, "uvicorn"]
    controller.setup("--bundle", str(bundles[names[0]])).well()
    fill_in(host)
    controller.run("--bundle", str(bundles[names[0]]), "--noinput", "--json").well()
    for new in names[1:]:
        controller.setup("--bundle", str(bundles[new])).well()  # not all of them notify systemd
        with Load(PORT, "/up", host.address, connections=4, pause=0.02) as load:
            controller.run("--bundle", str(bundles[new]), "--noinput", "--json").well()
        assert (new, load.failed) == (new, [])
        assert load.sent > 20
    status = host.run("systemctl status 'shop-web@*'")
    assert "django_deploykit.servers.uvicorn" in status
