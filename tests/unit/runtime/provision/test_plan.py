"""What setup refuses, before root writes anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.provision.plan import (
    Account,
    Folder,
    SetupRequest,
    State,
    authorized,
    iter_problems,
    plan,
    root_files,
)
from django_deploykit.runtime.supervisors.root_python import StoredPython, own_program
from django_deploykit.runtime.supervisors.systemd_units import FOLDER, Kind

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)
REQUEST = SetupRequest(SITE, (Kind("web", True), Kind("worker")), "deploy")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJPbBG0pBsDuvbN0Ejlmq5ieCiVpUVlZsBPFvi5GvKIF"
HOSTILE = (
    "",
    " ",
    "-x",
    "--help",
    "a b",
    "a\nb",
    "a;b",
    "$(id)",
    "../x",
    "/x",
    "a/b",
    "é",
    "a\x00",
)


def problems(request: SetupRequest = REQUEST, state: State | None = None) -> list[str]:
    return list(iter_problems(request, state or State()))


def test_a_bare_host_and_a_plain_request_have_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize("user", [*HOSTILE, "root", "ALL", "ADMINS", "WEB_1", "%sudo", "#0", "+x"])
def test_refuses_names_that_sudo_would_read_as_something_else(user: str) -> None:
    assert problems(replace(REQUEST, user=user))


@pytest.mark.parametrize("user", ["deploy", "ann.lee", "Ann", "_ops", "d-1"])
def test_takes_ordinary_names_of_users(user: str) -> None:
    assert problems(replace(REQUEST, user=user)) == []


@pytest.mark.parametrize("app", [*HOSTILE, "Shop", "1shop", "shop@x", "shop.service", "s" * 32])
def test_refuses_names_of_projects(app: str) -> None:
    assert problems(replace(REQUEST, site=replace(SITE, app=app)))


@pytest.mark.parametrize("kind", [*HOSTILE, "probe", "run", "web@", "web.service", "w" * 65])
def test_refuses_names_of_processes(kind: str) -> None:
    assert problems(replace(REQUEST, kinds=(Kind(kind),)))


@pytest.mark.parametrize(
    "root",
    [
        "/",
        "/srv",
        "/opt",
        "/etc/shop",
        "/home/shop",
        "/srv/a b",
        "/srv/a\nb",
        "/srv/../etc",
        "srv/shop",
    ],
)
def test_refuses_folders_that_are_not_for_sites(root: str) -> None:
    assert problems(replace(REQUEST, site=replace(SITE, root=Path(root))))


@pytest.mark.parametrize(
    "listen",
    [
        "",
        "80",
        ":80",
        "example.com:80",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:\u0661",
        "127.0.0.1:80\nExecStart=/bin/sh",
        "/tmp/web.sock",
        "/run/../etc/web.sock",
        "/run/shop/a b",
        "/run/shop/web.sock\n",
        "/run/" + "a" * 100,
        "-/run/x",
    ],
)
def test_refuses_addresses_that_systemd_should_not_read(listen: str) -> None:
    assert problems(replace(REQUEST, site=replace(SITE, listen=listen)))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        'command="id" ' + KEY,
        "from=*,cert-authority " + KEY,
        KEY + "\n" + KEY,
        KEY + " a\x00b",
        "ssh-dss AAAA x",
        "ssh-ed25519 AAAA;id",
    ],
)
def test_refuses_what_is_no_plain_public_key(key: str) -> None:
    assert problems(replace(REQUEST, keys=(key,)))


def test_copies_no_line_with_options_from_another_account() -> None:
    assert authorized([f'command="id" {KEY} a\n# {KEY}\n{KEY} b\n']) == (KEY + " b",)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State(unsafe=("/etc/shop",)), "/etc/shop"),
        (State(taken=("/usr/lib/systemd/system/shop.service",)), "another name"),
        (State(accounts={"shop": Account("shop", 0, "/root")}), "shop"),
        (State(accounts={"shop": Account("shop", 1000, "/home/shop")}), "shop"),
        (State(accounts={"deploy": Account("deploy", 0, "/root")}), "uid 0"),
        (State(folders={"/srv/shop": Folder("mallory", 0o755)}), "mallory"),
        (State(files={"/etc/sudoers.d/deploykit-shop": "ALL ALL=(ALL) ALL"}), "not written for"),
        (State(files={str(FOLDER / "shop.service"): "[Unit]"}), "not written for"),
        (State(files={str(FOLDER / "shop.service"): ""}), "`systemctl unmask shop.service`"),
    ],
)
def test_refuses_a_host_where_something_else_has_the_place(state: State, word: str) -> None:
    (problem,) = problems(state=state)
    assert word in problem


def test_another_projects_unit_is_not_taken_over() -> None:
    """``shop`` with a process ``admin-web`` would have the unit of ``shop-admin``'s ``web``."""
    other = replace(REQUEST, site=replace(SITE, app="shop-admin"))
    path = str(FOLDER / "shop-admin-web@.service")
    text = root_files(other)[path][0]
    mine = replace(REQUEST, kinds=(Kind("web"), Kind("admin-web")))
    assert path in root_files(mine)
    assert any("shop-admin-web@" in one for one in problems(mine, State(files={path: text})))


def test_roots_files_belong_to_root_and_nobody_else_may_write_them() -> None:
    for path, (_, mode) in root_files(REQUEST).items():
        assert not mode & 0o022, path
    for step in plan(REQUEST, State()):
        if step.kind in ("file", "secret"):
            assert step.owner == "root"
            assert not step.mode & 0o022
        if step.kind == "secret":
            assert step.mode == 0o600


def test_what_lies_in_the_deploy_users_folder_is_written_as_that_user() -> None:
    for step in plan(REQUEST, State()):
        if step.target.startswith("/srv/shop/"):
            assert (step.kind, step.owner) == ("own", "deploy")


def test_files_of_root_are_given_back_before_the_deploy_user_writes() -> None:
    kinds = [one.kind for one in plan(REQUEST, State(strays=True))]
    assert kinds.index("give") < kinds.index("own")
    (give,) = (one for one in plan(REQUEST, State(strays=True)) if one.kind == "give")
    assert str(give) == "give deploy the files of root in /srv/shop"
    assert "give" not in [one.kind for one in plan(REQUEST, State())]


@pytest.mark.parametrize(
    ("state", "kinds", "started"),
    [
        (State(), REQUEST.kinds, []),
        (State(live=True), REQUEST.kinds, ["shop.socket", "shop.service"]),
        (State(live=True, running=frozenset({"shop.socket"})), REQUEST.kinds, ["shop.service"]),
        (State(), (Kind("worker"),), ["shop.service"]),
    ],
)
def test_starts_to_listen_only_if_a_release_is_live(
    state: State, kinds: tuple[Kind, ...], started: list[str]
) -> None:
    steps = plan(replace(REQUEST, kinds=kinds), state)
    assert [one.target for one in steps if one.kind == "up"] == started


def test_root_gets_the_bundles_python_before_what_needs_it() -> None:
    copied = StoredPython(Path("/store"), "a" * 64)
    request = replace(REQUEST, python=str(own_program("shop")), copied=copied)
    steps = plan(request, State())
    kinds = [(step.kind, step.target) for step in steps]
    python = kinds.index(("python", "/usr/local/lib/deploykit-shop"))
    record = kinds.index(("file", "/usr/local/lib/deploykit-shop/python.txt"))
    helper = kinds.index(("file", "/usr/local/libexec/deploykit-shop"))
    assert python < record < helper
    assert steps[python].text == f"/store\n{'a' * 64}"
    assert steps[helper].text.startswith(f"#!{own_program('shop')} -IS\n")
    files = {path: text for path, (text, _) in root_files(request).items()}
    assert not [step for step in plan(request, State(files=files)) if step.kind == "python"]
    newer = replace(request, copied=StoredPython(Path("/store"), "b" * 64))
    changed = [
        step.kind for step in plan(newer, State(files=files)) if step.kind in ("python", "file")
    ]
    assert changed == ["python", "file"]


def test_with_the_systems_python_nothing_is_copied() -> None:
    steps = plan(REQUEST, State())
    assert "python" not in [step.kind for step in steps]
    (helper,) = [step for step in steps if step.target == "/usr/local/libexec/deploykit-shop"]
    assert helper.text.startswith("#!/usr/bin/python3 -IS\n")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("web.memory_max=512M\nUser=root", "limits must be"),
        ("web.cpu_quota=lots", "limits must be a percentage"),
        ("wroker.tasks_max=5", "[process:wroker] has limits, but the Procfile has no process"),
    ],
)
def test_refuses_limits_that_systemd_should_not_read(limit: str, expected: str) -> None:
    found = problems(replace(REQUEST, site=replace(SITE, limits=(limit,))))
    assert any(expected in one for one in found), found


def test_a_host_may_have_limits_of_processes_that_run_elsewhere() -> None:
    site = replace(SITE, limits=("worker.tasks_max=5",), roles=("web",))
    assert problems(replace(REQUEST, site=site, kinds=(Kind("web", True),))) == []


PROFILE = "/etc/apparmor.d/deploykit-shop"
CONFINED = replace(REQUEST, apparmor=True)


def kinds_for(request: SetupRequest, files: dict[str, str | None]) -> list[str]:
    """Return the kinds of actions for the AppArmor profile."""
    return [one.kind for one in plan(request, State(files=files)) if one.target == PROFILE]


def test_the_profile_is_written_and_loaded_only_where_the_host_has_apparmor() -> None:
    assert kinds_for(CONFINED, {}) == ["file", "profile"]
    assert kinds_for(REQUEST, {}) == []
    assert kinds_for(CONFINED, {PROFILE: root_files(CONFINED)[PROFILE][0]}) == []


def test_another_mode_loads_the_profile_again_and_off_removes_it() -> None:
    there = {PROFILE: root_files(CONFINED)[PROFILE][0]}
    enforced = replace(CONFINED, site=replace(SITE, apparmor="enforce"))
    assert kinds_for(enforced, dict(there)) == ["file", "profile"]
    off = replace(CONFINED, site=replace(SITE, apparmor="off"))
    assert kinds_for(off, dict(there)) == ["unprofile"]


def test_a_profile_that_a_person_wrote_is_never_replaced() -> None:
    there = State(files={PROFILE: "profile deploykit-shop {}"})
    assert any(PROFILE in one for one in problems(CONFINED, there))
    off = replace(CONFINED, site=replace(SITE, apparmor="off"))
    assert problems(off, there) == []
    assert kinds_for(off, dict(there.files)) == []


def test_refuses_a_mode_that_does_not_exist() -> None:
    found = problems(replace(REQUEST, site=replace(SITE, apparmor="strict")))
    assert any("apparmor must be one of" in one for one in found)
