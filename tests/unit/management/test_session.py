"""One command's project, environment and hosts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.management.console import Console
from django_deploykit.management.session import Options, Session, local_site
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment, parse_host
from django_deploykit.runtime.base.errors import DeployKitError
from tests.ports import claim_port
from tests.unit.management.sessions import MemorySession
from tests.unit.release.fakes import Host


def local_session(folder: Path, **environment: Any) -> Session:
    project = Project(folder, "shop", folder / "deploykit.ini")
    return Session(
        project, Environment("local", **environment), Console(io.StringIO(), io.StringIO())
    )


def test_a_local_site_is_below_the_project(tmp_path: Path) -> None:
    session = local_session(tmp_path)
    site = local_site(session.project, session.environment)
    assert site.root == tmp_path / ".deploykit/local/srv"
    assert [one.name for one in session.transports()] == ["local"]
    assert session.choices().site == site.dumps()
    assert session.choices().batches == ()


def test_a_local_site_that_does_not_answer_has_no_url(tmp_path: Path) -> None:
    assert local_session(tmp_path, listen=f"127.0.0.1:{claim_port()}").url() == ""
    assert local_session(tmp_path, listen="/run/web.sock").url() == ""


def test_servers_have_batches_and_no_site_of_the_controller(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"), Host(name="web2"))
    choices = session.choices()
    assert choices.batches == (("web1",), ("web2",))
    assert (choices.site, session.url()) == ("", "")


@pytest.mark.parametrize("host", ["root@web1", "web2"])
def test_root_must_not_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Whether deploykit.ini, ``--user`` or OpenSSH's configuration says that root logs in."""
    config = tmp_path / "ssh_config"
    config.write_text("Host web2\n  User root\nHost *\n  User deploy\n")
    monkeypatch.setenv("DEPLOYKIT_SSH_CONFIG", str(config))
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    hosts = (parse_host("deploy@web1"), parse_host(host), parse_host("web3"))
    session = Session(project, Environment("live", hosts), Console(io.StringIO(), io.StringIO()))
    with pytest.raises(DeployKitError, match=f"root must not release.* of {host}\n") as caught:
        session.transports()
    assert "hosts = deploy@ADDRESS" in caught.value.hint
    assert "manage.py release live setup --user root" in caught.value.hint


def test_nobody_is_asked_with_json_or_noinput(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"))
    assert session.fleet({}).request.confirm is None
    assert local_session(tmp_path).fleet({}).request.confirm is not None


def test_the_wait_is_the_option_s_else_the_environment_s(tmp_path: Path) -> None:
    session = MemorySession(tmp_path, Host(name="web1"), options=Options(wait=5.0))
    assert session.fleet({}).request.wait == 5.0
    assert local_session(tmp_path, wait=9.0).fleet({}).request.wait == 9.0


def test_hooks_get_facts_of_the_session_and_of_the_moment(tmp_path: Path) -> None:
    hooks = {"after_build": ('echo "$DEPLOYKIT_PROJECT $DEPLOYKIT_BUNDLE" > seen',)}
    session = local_session(tmp_path, hooks=hooks)
    session.hook("after_build", {"bundle": "shop.pyz"})
    assert (tmp_path / "seen").read_text() == "shop shop.pyz\n"
