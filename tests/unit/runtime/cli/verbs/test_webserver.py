"""The verbs for the web server in front."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.cli.main import parse
from django_deploykit.runtime.cli.verbs.webserver import front_options
from django_deploykit.runtime.deploy.switch import point
from django_deploykit.runtime.webservers import WEBSERVERS, website
from tests.bundles import make_manifest
from tests.unit.runtime.cli.verbs.conftest import Invoke
from tests.unit.runtime.fake_supervisor import stage_by_hand

RELEASE = "20261101T000000-aaaaaaa"


@pytest.mark.parametrize("server", WEBSERVERS)
def test_webserver_prints_a_site(
    invoke: Invoke, site: Site, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("webserver", server, "--name", "shop.example") == 0
    text = capsys.readouterr().out
    assert text == website(site, server, "/static/", names=["shop.example"])
    assert text != website(site, server, "/static/", names=["other.example"])
    assert f"`deploykit webserver {server}`" in text


def test_static_files_are_served_directly_where_a_release_has_some(invoke: Invoke) -> None:
    with pytest.raises(DeployKitError, match="no release with static files is live here"):
        invoke("webserver", "nginx", "--static", "direct")


def test_the_time_limit_follows_the_live_releases_web_line(
    invoke: Invoke, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    processes = (Process("web", "gunicorn shop.wsgi --timeout 300"),)
    manifest = make_manifest((), release_id=RELEASE, processes=processes)
    stage_by_hand(site.root, manifest.dumps(), RELEASE)
    point(site, RELEASE)
    invoke("webserver", "nginx", "--name", "a.example")
    assert "proxy_read_timeout 305s;" in capsys.readouterr().out
    invoke("webserver", "nginx", "--name", "a.example", "--time-limit", "90")
    assert "proxy_read_timeout 90s;" in capsys.readouterr().out


def test_the_arguments_choose_files_and_limits() -> None:
    words = ["webserver", "caddy", "--root", "/srv/shop", "--certificate", "/etc/ssl/a/chain.pem"]
    options = parse([*words, "--media", "/media", "--upload-limit", "100"])
    chosen = front_options(options, Path("/var/lib/shop"), 125)
    assert (chosen.certificate, chosen.key) == ("/etc/ssl/a/chain.pem", "/etc/ssl/a/privkey.pem")
    assert (chosen.media_url, chosen.media_folder) == ("/media/", "/var/lib/shop/media")
    assert (chosen.upload_limit, chosen.time_limit) == (100, 125)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--key", "/etc/a.key"], "--key needs --certificate"),
        (["--media-folder", "/srv/uploads"], "--media-folder needs --media"),
    ],
)
def test_an_argument_that_needs_another_one(words: list[str], message: str) -> None:
    options = parse(["webserver", "caddy", "--root", "/srv/shop", *words])
    with pytest.raises(DeployKitError, match=message):
        front_options(options)


@pytest.mark.parametrize("value", ["0", "20M", "-1"])
def test_a_limit_that_is_no_number(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["webserver", "nginx", "--root", "/srv/shop", "--upload-limit", value])
    assert "must be a whole number of at least 1" in capsys.readouterr().err


def test_only_root_installs(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DeployKitError, match="install-webserver needs root"):
        invoke("install-webserver", "nginx", "--name", "a.example")


def test_names_are_needed_to_install(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(DeployKitError, match="needs the site's names"):
        invoke("install-webserver", "nginx")


def test_nothing_is_installed_if_printing_fails(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(sys, "_base_executable", "/bin/false", raising=False)
    with pytest.raises(DeployKitError, match="nothing was changed: `webserver` failed"):
        invoke("install-webserver", "nginx", "--name", "a.example", "--media", "/media/")
