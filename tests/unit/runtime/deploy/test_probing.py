"""Whether a site answers, and with which Host header it is asked."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site, checked_path
from django_deploykit.runtime.bundle.manifest import Manifest, Process
from django_deploykit.runtime.deploy import probing
from django_deploykit.runtime.supervisors.base import Running
from tests.bundles import make_manifest
from tests.ports import claim_port

OLD, NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
WEB, WORKER = Process("web", "gunicorn"), Process("worker", "celery")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers 200 to one Host header, 400 to others, as Django does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "shop.example.com" else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site at which nothing listens."""
    listen = f"127.0.0.1:{claim_port()}"
    return Site("shop", tmp_path, tmp_path / "etc", tmp_path / "var", listen=listen)


@pytest.fixture
def answering(site: Site) -> Iterator[Site]:
    one = http.server.HTTPServer(("127.0.0.1", int(site.listen.rpartition(":")[2])), Handler)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    one.shutdown()
    thread.join()
    one.server_close()


def manifest(*processes: Process) -> Manifest:
    return make_manifest((), release_id=NEW, processes=processes)


def checked(site: Site, release: str, host: str, moment: int) -> None:
    path = checked_path(site, release)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"host": host}))
    os.utime(path, (moment, moment))


def test_takes_the_host_header_that_gets_a_good_response(answering: Site) -> None:
    hosts = ["localhost", "shop.example.com"]
    assert probing.answer_of(answering, hosts) == ("shop.example.com", "")
    host, problem = probing.answer_of(answering, ["localhost"])
    assert host == "localhost"
    assert "is 'localhost' in ALLOWED_HOSTS?" in problem


def test_a_site_that_answers_has_no_problem(answering: Site) -> None:
    checked(answering, NEW, "shop.example.com", 1)
    running = [Running(NEW, "web", True, 0, 7)]
    assert probing.site_problem(answering, running, manifest(WEB, WORKER)) == ""
    assert probing.processes_that_do_not_run(answering, running, manifest(WEB, WORKER)) == [
        "worker"
    ]


@pytest.mark.parametrize("running", [[], [Running(NEW, "web", False, 3)]])
def test_a_site_whose_web_processes_are_gone_is_not_asked(
    answering: Site, running: list[Running]
) -> None:
    checked(answering, NEW, "shop.example.com", 1)
    assert probing.site_problem(answering, running, manifest(WEB)) == "no web process runs"


def test_a_process_that_does_not_answer_is_a_problem(site: Site) -> None:
    running = [Running(NEW, "web", True, 0, 7)]
    assert "GET / got no response" in probing.site_problem(site, running, manifest(WEB))


def test_without_web_every_process_must_run(site: Site) -> None:
    workers = replace(site, roles=("worker",))
    running = [Running(NEW, "worker", True, 0, 7)]
    assert probing.site_problem(workers, running, manifest(WEB, WORKER)) == ""
    problem = probing.site_problem(workers, [], manifest(WEB, WORKER))
    assert problem == f"worker of {NEW} does not run"


def test_the_host_header_is_the_sites_or_what_the_check_found(site: Site) -> None:
    assert probing.probe_host(site, NEW) == "localhost"
    checked(site, NEW, "shop.example.com", 1)
    assert probing.probe_host(site, NEW) == "shop.example.com"
    assert probing.probe_host(replace(site, host="www.example.com"), NEW) == "www.example.com"


def test_newer_checks_name_more_host_headers_to_try(site: Site) -> None:
    checked(site, OLD, "localhost", 1)
    checked(site, NEW, "shop.example.com", 2)
    assert probing.probe_hosts(site, OLD) == ["localhost", "shop.example.com"]
    assert probing.probe_hosts(replace(site, host="www.example.com"), OLD) == ["www.example.com"]
