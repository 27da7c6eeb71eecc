"""Web servers that `install-webserver` configures, on a host with a network of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import fill_in
from tests.lab.fronts import MAKE_CERTIFICATES, NAME
from tests.lab.hosts import Host
from tests.lab.internet import Internet
from tests.lab.releases import Bundles

INSTALL = f"cd ~deploy && ./one.pyz deploykit install-webserver {{}} --name {NAME}"
CERTIFICATE = "--certificate /etc/lab/fullchain.pem"
SERVICES = {"nginx": "nginx", "apache": "apache2", "caddy": "caddy"}
ASK = f"curl -sS -i --resolve {NAME}:443:127.0.0.1 --cacert {{}} https://{NAME}/"


@pytest.fixture
def bundles(bundles_for: BundlesFor) -> Bundles:
    return bundles_for("bookworm")


@pytest.fixture
def host(lab: None, boot_host: BootHost, bundles: Bundles, tmp_path: Path) -> Iterator[Host]:
    """A host where a release is live, and no web server runs."""
    internet = Internet(tmp_path, NAME)
    made = boot_host("bookworm", internet)
    made.copy(bundles.one, "/root/one.pyz")
    made.run("./one.pyz deploykit setup --user deploy --health /up")
    fill_in(made)
    made.run("cp one.pyz ~deploy/ && chown deploy: ~deploy/one.pyz")
    made.run("./one.pyz deploykit install", "deploy")
    made.run(MAKE_CERTIFICATES)
    made.run("systemctl unmask -q nginx apache2 caddy")
    yield made
    internet.close()


def test_each_is_installed_and_taken_back(host: Host, bundles: Bundles) -> None:
    for server, service in SERVICES.items():
        words = "--certificate /etc/lab/fullchain.pem --key /etc/lab/privkey.pem"
        if server == "caddy":  # it has an authority of its own for names that are not public
            host.run(
                "install -d -o caddy /etc/caddy; install -o caddy -m 644 /etc/lab/*.pem /etc/caddy/"
            )
            words = words.replace("/etc/lab", "/etc/caddy")
        command = f"{INSTALL.format(server)} {words}"
        assert f"serves {NAME}" in host.run(command), server
        answer = host.run(ASK.format("/etc/lab/ca.pem"))
        assert " 200" in answer.splitlines()[0], server
        assert f"Release {bundles.id('one')}" in answer
        # A second time, it changes nothing that visitors notice.
        host.run(f"{command} --upload-limit 20")
        assert " 200" in host.run(ASK.format("/etc/lab/ca.pem")).splitlines()[0]

        other = host.try_run(command.replace(NAME, "blog.example.com"))
        assert other.returncode == 1
        assert "nothing was changed" in other.stderr
        host.run(f"systemctl stop {service}; systemctl reset-failed {service} || true")


def test_a_file_that_a_web_server_refuses_is_taken_back(host: Host) -> None:
    host.run("echo 'nonsense;' > /etc/nginx/conf.d/broken.conf")
    before = host.run("ls -l /etc/nginx/sites-available /etc/nginx/sites-enabled")
    refused = host.try_run(f"{INSTALL.format('nginx')} {CERTIFICATE}")
    assert refused.returncode == 1
    assert "which was taken back" in refused.stderr
    assert "nonsense" in refused.stderr
    assert host.run("ls -l /etc/nginx/sites-available /etc/nginx/sites-enabled") == before
