"""What setup asks hosts for, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf.ini import read_ini
from django_deploykit.management.setting_up import deploy_users, end_lines, plan_lines
from django_deploykit.project.inventory import as_user, choose, narrow, read_inventory, site_values
from django_deploykit.runtime.deploy.plan import setup_plan


@pytest.fixture
def ini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "ssh_config"
    config.write_text("Host web3\n  User ann\n")
    monkeypatch.setenv("DEPLOYKIT_SSH_CONFIG", str(config))
    path = tmp_path / "deploykit.ini"
    path.write_text(
        "[environment:production]\nhosts = deploy@web1, root@web2, web3\nlisten = {address}:80\n"
        "keep = 3\n[host:web2]\nkeep = 9\nroles = worker\n"
    )
    return path


def test_the_deploy_user_is_the_one_in_deploykit_ini_whatever_user_connects(ini: Path) -> None:
    read = read_ini(ini)
    environment = as_user(choose(read_inventory(read), "production"), "root")
    assert deploy_users(read_inventory(read), environment) == {
        "deploy@web1": "deploy",
        "web3": "ann",
    }


def test_hosts_that_are_left_out_are_not_asked_for(ini: Path) -> None:
    read = read_ini(ini)
    environment = narrow(choose(read_inventory(read), "production"), "web1")
    assert deploy_users(read_inventory(read), environment) == {"deploy@web1": "deploy"}


def test_a_host_s_own_options_come_before_the_environment_s(ini: Path) -> None:
    environment = choose(read_inventory(read_ini(ini)), "production")
    first, second = (site_values(environment, host, "shop") for host in environment.hosts[:2])
    assert (first["listen"], first["keep"], first["roles"]) == ("web1:80", 3, [])
    assert (second["listen"], second["keep"], second["roles"]) == ("web2:80", 9, ["worker"])


def test_the_plan_lists_changes_and_hosts_that_are_ready() -> None:
    plan = setup_plan({"web1": ["write /etc/x"], "web2": []})
    assert plan_lines(plan, ["web1", "web2"]) == [
        "setup          web1: make ready for releases, as root (write /etc/x)",
        "login          web1, web2: log in as the deploy user",
        "web2: is ready; nothing to do",
    ]


def test_what_is_left_is_listed() -> None:
    row = {"error": None, "left": ["set [django] secret_key in /etc/shop/shop.ini"]}
    assert end_lines("web1", row, planned=False)[1].endswith("/etc/shop/shop.ini")
    assert end_lines("web1", {"error": None, "left": []}, planned=True) == []
    assert "ready" in end_lines("web1", {"error": None, "left": []}, planned=False)[0]
    assert "no space" in end_lines("web1", {"error": "no space", "left": []}, planned=False)[0]
