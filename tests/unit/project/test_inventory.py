"""Environments and hosts in deploykit.ini."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from django_deploykit.conf.ini import read_ini
from django_deploykit.errors import DeployKitError, Problems
from django_deploykit.project.inventory import (
    ACTION_WORDS,
    Environment,
    as_user,
    choose,
    narrow,
    parse_host,
    read_inventory,
    site_values,
)


def read(folder: Path, text: str) -> dict[str, Environment]:
    """Return the environments of a deploykit.ini."""
    path = folder / "deploykit.ini"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_inventory(read_ini(path))


def production(folder: Path, text: str) -> Environment:
    """Return an environment of five hosts with these options."""
    hosts = "[environment:production]\nhosts = a, b, c\n  d@d.example.com:2222\n  [::1]:22\n"
    return read(folder, hosts + text)["production"]


def test_the_environment_local_always_exists(tmp_path: Path) -> None:
    assert list(read(tmp_path, "")) == ["local"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("web1", ("web1", "", 0)),
        ("deploy@web1.example.com:22", ("web1.example.com", "deploy", 22)),
        ("[2001:db8::1]:2222", ("2001:db8::1", "", 2222)),
        ("root@192.0.2.7", ("192.0.2.7", "root", 0)),
    ],
)
def test_hosts_have_a_user_an_address_and_a_port(text: str, parts: tuple[str, str, int]) -> None:
    host = parse_host(text)
    assert (host.address, host.user, host.port) == parts
    assert host.name == text


@pytest.mark.parametrize("text", ["2001:db8::5", "deploy@2001:db8::5", "deploy@::1", "fe80::1:22"])
def test_an_ipv6_address_needs_brackets_and_the_error_shows_them(text: str) -> None:
    user, at, address = text.rpartition("@")
    with pytest.raises(DeployKitError, match="is not a host") as caught:
        parse_host(text)
    assert "needs brackets" in caught.value.hint
    assert caught.value.hint.endswith(f": {user}{at}[{address}]")
    assert parse_host(f"{user}{at}[{address}]").address == address


@pytest.mark.parametrize("text", ["", "a b", "-web", "web:0", "web:65536", "[web]", "u@@web", "ü"])
def test_texts_that_are_not_hosts_are_refused(text: str) -> None:
    with pytest.raises(DeployKitError, match="is not a host"):
        parse_host(text)


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [("1", [1] * 5), ("2", [2, 2, 1]), ("25%", [2, 2, 1]), ("100%", [5]), ("9", [5])],
)
def test_hosts_switch_in_batches(batch: str, sizes: list[int], tmp_path: Path) -> None:
    groups = production(tmp_path, f"batch = {batch}\n").batches()
    assert [len(group) for group in groups] == sizes
    assert [name for group in groups for name in group][:3] == ["a", "b", "c"]


def test_a_host_overrides_its_environment(tmp_path: Path) -> None:
    text = "keep = 3\nlisten = {address}:8000\n[host:b]\nkeep = 9\nhealth = /up\nlisten = /run/x\n"
    environment = production(tmp_path, text)
    a, b = (site_values(environment, host, "shop") for host in environment.hosts[:2])
    assert (a["keep"], a["health"], a["listen"]) == (3, "/", "a:8000")
    assert (b["keep"], b["health"], b["listen"]) == (9, "/up", "/run/x")


def test_every_option_of_a_site_reaches_its_host(tmp_path: Path) -> None:
    environment = production(tmp_path, "proxied = no\nboot = 2m\nroles = web\n")
    assert site_values(environment, environment.hosts[0], "shop") == {
        "listen": "/run/shop/web.sock",
        "health": "/",
        "host": "",
        "keep": 5,
        "boot": 120.0,
        "drain": 30.0,
        "roles": ["web"],
        "limits": [],
        "apparmor": "complain",
        "proxied": False,
    }


def test_hosts_are_selected_and_get_another_user(tmp_path: Path) -> None:
    environment = production(tmp_path, "")
    assert [host.name for host in narrow(environment, "a, *.example.com*").hosts] == [
        "a",
        "d@d.example.com:2222",
    ]
    assert {host.user for host in as_user(environment, "root").hosts} == {"root"}
    with pytest.raises(DeployKitError, match="no host of production matches 'z'"):
        narrow(environment, "z")
    with pytest.raises(DeployKitError, match="'prodution'; did you mean 'production'"):
        choose({"production": environment}, "prodution")


@pytest.mark.parametrize("word", ACTION_WORDS)
def test_the_name_of_an_action_is_refused_with_another_name(tmp_path: Path, word: str) -> None:
    with pytest.raises(Problems) as caught:
        read(tmp_path, f"[environment:{word}]\nhosts = web1\n")
    (problem,) = caught.value.problems
    assert problem.endswith(
        f"deploykit.ini:2: [environment:{word}] has the name of an action, so `manage.py release "
        f"{word}` would be ambiguous; choose another name, such as {word}-site (hosts do not know it)"
    )
    assert set(read(tmp_path, f"[environment:{word}-site]\nhosts = web1\n")) == {
        "local",
        f"{word}-site",
    }


def test_all_mistakes_are_reported_with_their_lines(tmp_path: Path) -> None:
    text = """
        [environment:production]
        hosts = web1, web1
        bach = 2
        keep = 0
        proxied = perhaps
        on_failure = bak
        [environment:staging]
        hosts = one
        migrate_on = on
        [environment:empty]
        keep = 2
        [host:two]
        keep = 2
    """
    with pytest.raises(Problems) as caught:
        read(tmp_path, text)
    assert [problem.partition("deploykit.ini:")[2] for problem in caught.value.problems] == [
        "3: hosts names web1 twice",
        "4: [environment:production] has no option bach; did you mean 'batch'?",
        "5: keep must be a whole number of at least 1, not '0'",
        "6: proxied must be yes or no, not 'perhaps'",
        "7: on_failure must be one of back, stop, continue, not 'bak'; did you mean 'back'?",
        "10: on is not one of the hosts; did you mean 'one'?",
        "12: [environment:empty] has no hosts",
        "14: no environment has a host two",
    ]
