"""The units' texts: what a process may do, and that nothing in them can be smuggled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.supervisors.systemd_units import (
    Kind,
    installed_kinds,
    kinds_of,
    listening,
    read_units,
    run_properties,
    sandbox,
    units,
    written_for,
)

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)
KINDS = (Kind("web", True), Kind("worker"))


def options(text: str) -> list[tuple[str, str]]:
    return [
        (line.partition("=")[0], line.partition("=")[2])
        for line in text.splitlines()
        if "=" in line and not line.startswith("#")
    ]


@pytest.mark.parametrize("name", ["shop-web@.service", "shop-worker@.service"])
def test_every_process_runs_in_the_sandbox_as_the_sites_own_user(name: str) -> None:
    found = options(units(SITE, KINDS, "deploy")[name])
    for option in sandbox(SITE):
        assert option in found
    assert ("User", "shop") in found
    assert ("ProtectSystem", "strict") in found
    assert ("NoNewPrivileges", "yes") in found
    assert not [value for key, value in found if key in ("ReadWritePaths", "BindPaths")]


def test_the_configuration_comes_as_a_credential_and_is_hidden_itself() -> None:
    found = sandbox(SITE)
    assert ("LoadCredential", "shop.ini:/etc/shop/shop.ini") in found
    assert ("TemporaryFileSystem", "/etc/shop:ro") in found


def test_systemd_reads_the_environment_file_for_processes_and_commands() -> None:
    assert ("EnvironmentFile", "-/etc/shop/shop.env") in sandbox(SITE)
    assert set(sandbox(SITE)) < set(run_properties(SITE))


def test_only_the_deploy_user_and_root_may_ask_a_release_that_is_not_live() -> None:
    found = options(units(SITE, KINDS, "ann")["shop-probe@.socket"])
    assert ("SocketUser", "ann") in found
    assert ("SocketMode", "0600") in found


def test_a_profile_of_apparmor_is_used_where_there_is_one() -> None:
    assert ("AppArmorProfile", "-deploykit-shop") in sandbox(SITE)


def test_no_unit_runs_a_release_as_root() -> None:
    """The one command without a user of its own is root's helper."""
    for name, text in units(SITE, KINDS, "deploy").items():
        found = options(text)
        started = [value for key, value in found if key.startswith("Exec")]
        if ("User", "shop") not in found:
            assert started in ([], ["/usr/local/libexec/deploykit-shop boot"]), name
        for value in started:
            assert value[0] not in "+!-@:"


def test_an_address_that_cannot_be_read_is_a_difference_and_no_crash() -> None:
    assert (
        "ListenStream=nonsense:80\n"
        in units(replace(SITE, listen="nonsense:80"), KINDS, "deploy")["shop.socket"]
    )


def test_nothing_listens_before_a_release_is_live_or_starts() -> None:
    texts = units(SITE, KINDS, "deploy")
    for name in ("shop.socket", "shop.service"):
        conditions = [row for row in options(texts[name]) if row[0].startswith("Condition")]
        assert conditions == [
            ("ConditionPathExists", "|/srv/shop/current"),
            ("ConditionPathExistsGlob", "|/run/shop/probe-*.sock"),
        ]
    probe = options(texts["shop-probe@.socket"])
    assert ("ListenStream", "/run/shop/probe-%i.sock") in probe
    assert ("Before", "shop.socket") in probe


def test_a_host_without_web_processes_has_no_such_condition() -> None:
    assert "Condition" not in units(SITE, (Kind("worker"),), "deploy")["shop.service"]


def test_the_live_socket_is_where_the_unit_says() -> None:
    assert listening("shop", units(SITE, KINDS, "deploy")) == SITE.listen
    there = replace(SITE, listen="127.0.0.1:8000")
    assert listening("shop", units(there, KINDS, "deploy")) == "127.0.0.1:8000"
    assert listening("shop", {}) == ""


def test_reads_no_units_that_were_written_for_another(tmp_path: Path) -> None:
    for name, text in units(SITE, KINDS, "deploy").items():
        (tmp_path / name).write_text(text)
    other = replace(SITE, app="shop-admin")
    for name, text in units(other, KINDS, "deploy").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "shop-mine.service").write_text("[Service]\n")
    found = read_units("shop", tmp_path)
    assert set(found) == set(units(SITE, KINDS, "deploy"))
    assert installed_kinds("shop", found) == KINDS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Written by django-deploykit for",
        " # Written by django-deploykit for shop (web)",
        "# Written by django-deploykit for ../x (web)",
        "# Written by django-deploykit for shop (a b)",
        "\n# Written by django-deploykit for shop (web)",
    ],
)
def test_takes_no_other_unit_for_its_own(text: str) -> None:
    assert written_for(text) is None


def test_the_release_line_is_no_process_that_is_kept() -> None:
    lines = (Process("release", "x"), Process("web", "gunicorn shop.wsgi"), Process("clock", "x"))
    assert kinds_of(lines, ()) == (Kind("web", True), Kind("clock"))
    assert kinds_of(lines, ("clock",)) == (Kind("clock"),)


def test_limits_are_in_the_unit_of_their_process_only() -> None:
    limits = ("web.memory_max=512M", "web.cpu_quota=150%", "worker.tasks_max=64")
    texts = units(replace(SITE, limits=limits), KINDS, "deploy")
    web = options(texts["shop-web@.service"])
    assert {("MemoryMax", "512M"), ("CPUQuota", "150%")} <= set(web)
    assert "TasksMax" not in dict(web)
    assert dict(options(texts["shop-worker@.service"]))["TasksMax"] == "64"
    assert "MemoryMax" not in texts["shop-worker@.service"]
