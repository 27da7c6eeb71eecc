"""Making the changes of setup: files here, commands and scripts of other users as effects."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.provision import apply as module
from django_deploykit.runtime.provision.apply import Effects, apply, run, run_as
from django_deploykit.runtime.provision.plan import Action
from tests.nesting import nest

ME = pwd.getpwuid(os.getuid())


class Recorded(Effects):
    """Effects that are only written down, except scripts, which run as this user."""

    def __init__(self, fails: bool = False) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.users: list[str] = []

        def record(*command: str) -> None:
            self.commands.append(command)
            if fails:
                raise DeployKitError("bad", "why")

        def run_script(user: str, script: str, text: str, argument: str) -> None:
            self.users.append(user)
            subprocess.run(
                ["/bin/sh", "-c", script, "sh", argument], input=text, text=True, check=True
            )

        super().__init__(record, run_script, lambda unit: [f"the log of {unit}"])

    __setattr__ = object.__setattr__  # the base class is frozen


@pytest.mark.parametrize(
    ("action", "commands"),
    [
        (
            Action("login", "ann", "deploys shop"),
            ["useradd --create-home --shell /bin/bash --comment deploys shop ann"],
        ),
        (
            Action("account", "shop", "/var/lib/shop"),
            [
                "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin --home-dir /var/lib/shop shop"
            ],
        ),
        (Action("reload", ""), ["systemctl daemon-reload"]),
        (
            Action("rebind", "shop"),
            ["systemctl stop shop.service shop.socket", "systemctl start shop.socket shop.service"],
        ),
        (Action("enable", "shop.socket"), ["systemctl --quiet enable shop.socket"]),
        (Action("up", "shop.socket"), ["systemctl start shop.socket"]),
        (Action("disable", "shop.socket"), ["systemctl --quiet disable shop.socket"]),
        (
            Action("keep", "/var/lib/shop"),
            [
                "chown --recursive --no-dereference root:root /var/lib/shop",
                "chmod 0700 /var/lib/shop",
            ],
        ),
        (Action("unuser", "shop"), ["userdel shop"]),
    ],
)
def test_commands_of_root(action: Action, commands: list[str]) -> None:
    effects = Recorded()
    apply(action, effects)
    assert [" ".join(command) for command in effects.commands] == commands


def test_a_folder_gets_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    action = Action("folder", str(path), mode=0o751, owner=ME.pw_name)
    for _ in range(2):  # an existing folder gets them too
        apply(action, Recorded())
        assert stat.S_IMODE(path.stat().st_mode) == 0o751
        assert path.owner() == ME.pw_name
        path.chmod(0o700)


def test_a_link_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("other")
    with pytest.raises(OSError, match="link"):
        apply(Action("folder", str(tmp_path / "link"), mode=0o777, owner=ME.pw_name), Recorded())
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o700


def test_a_file_has_its_text_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for text in ("old", "new"):
        apply(Action("file", str(path), text, 0o440), Recorded())
        assert path.read_text() == text
        assert stat.S_IMODE(path.stat().st_mode) == 0o440


def test_rules_of_sudo_are_checked_before_they_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUDOERS", tmp_path)
    effects = Recorded(fails=True)
    with pytest.raises(DeployKitError, match="bad"):
        apply(Action("file", str(tmp_path / "deploykit-shop"), "rules", 0o440), effects)
    assert os.listdir(tmp_path) == []
    ((visudo, options, temporary),) = effects.commands
    assert (visudo, options) == ("visudo", "-cqf")
    assert "." in Path(temporary).name  # so sudo does not read it
    apply(Action("file", str(tmp_path / "deploykit-shop"), "rules", 0o440), Recorded())
    assert os.listdir(tmp_path) == ["deploykit-shop"]


def test_the_configuration_is_created_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "shop.ini"
    action = Action("secret", str(path), "[django]\nsecret_key =\n", 0o600)
    apply(action, Recorded())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_text()
    with pytest.raises(FileExistsError):
        apply(action, Recorded())
    assert path.read_text() == before


def test_the_site_file_is_written_as_the_deploy_user(tmp_path: Path) -> None:
    effects = Recorded()
    for text in ("{}\n", '{"a": "$HOME `id`"}\n'):
        apply(Action("own", str(tmp_path / "site.json"), text, owner="deploy"), effects)
        assert (tmp_path / "site.json").read_text() == text
    assert effects.users == ["deploy", "deploy"]
    assert sorted(os.listdir(tmp_path)) == ["releases", "site.json", "store"]
    assert stat.S_IMODE((tmp_path / "site.json").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("before", "after"), [(None, ""), ("", ""), ("old\n", "old\n"), ("old", "old\n")]
)
def test_keys_are_added_to_those_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    account = pwd.struct_passwd((*ME[:5], str(tmp_path), *ME[6:]))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: account)
    path = tmp_path / ".ssh" / "authorized_keys"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    effects = Recorded()
    apply(Action("keys", "deploy", "new\nother\n", 0o600, "deploy"), effects)
    assert effects.users == ["deploy"]
    assert path.read_text() == f"{after}new\nother\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["authorized_keys"]


def test_a_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    for _ in range(2):
        apply(Action("remove", str(path)), Recorded())
        assert not path.exists()


def test_a_folder_is_removed_and_links_in_it_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    folder = tmp_path / "shop"
    (folder / "releases").mkdir(parents=True)
    (folder / "current").symlink_to(outside)
    (folder / "releases" / "file").symlink_to(outside / "kept")
    for _ in range(2):
        apply(Action("tree", str(folder)))
    assert [path.name for path in tmp_path.rglob("*")] == ["outside", "kept"]
    (tmp_path / "link").symlink_to(outside)
    apply(Action("tree", str(tmp_path / "link")))
    assert (outside / "kept").exists()
    assert not (tmp_path / "link").is_symlink()


def test_a_cache_is_removed_as_its_owner(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    effects = Recorded()
    apply(Action("cache", str(tmp_path / "cache"), owner="ann"), effects)
    assert effects.users == ["ann"]
    assert not (tmp_path / "cache").exists()


def test_a_line_is_removed_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "Caddyfile"
    path.write_text("{\n}\nimport shop.caddy\nimport shop.caddy.old\n")
    path.chmod(0o644)
    apply(Action("line", str(path), "import shop.caddy"), Recorded())
    assert path.read_text() == "{\n}\nimport shop.caddy.old\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_only_an_empty_folder_of_roots_is_removed(tmp_path: Path) -> None:
    (tmp_path / "libexec").mkdir()
    (tmp_path / "libexec" / "other").write_text("")
    apply(Action("empty", str(tmp_path / "libexec")), Recorded())
    assert (tmp_path / "libexec").exists()
    (tmp_path / "libexec" / "other").unlink()
    apply(Action("empty", str(tmp_path / "libexec")), Recorded())
    assert not (tmp_path / "libexec").exists()


def test_what_is_not_there_does_not_stop_a_removal() -> None:
    effects = Recorded()
    apply(Action("halt", "shop", "shop.service\nshop-web@*.service"), effects)
    apply(Action("refresh", "nginx"), effects)
    stop, *tolerant = effects.commands
    assert stop == ("systemctl", "stop", "shop.service", "shop-web@*.service")
    assert all("|| true" in command[2] for command in tolerant)
    run(*tolerant[-1][:4], "false")


def test_a_failed_command_shows_its_output() -> None:
    run("true")
    with pytest.raises(DeployKitError) as caught:
        run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert "exit code 3" in caught.value.message
    assert caught.value.hint == "out\nerr"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_script_runs_as_the_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    script = 'cat >"$1/file"; id -un >>"$1/file"; id -Gn >>"$1/file"; pwd >>"$1/file"'
    parents = [path for path in (tmp_path, *tmp_path.parents) if path.is_relative_to("/tmp")]
    modes = {path: path.stat().st_mode for path in parents}
    try:
        for path in parents:
            path.chmod(path.stat().st_mode | 0o001)
        run_as("nobody", script, "text\n", str(tmp_path))
        with pytest.raises(DeployKitError, match="nobody cannot write its files: no"):
            run_as("nobody", "echo no; exit 1", "", "")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    lines = (tmp_path / "file").read_text().splitlines()
    assert lines == ["text", "nobody", "nogroup", "/"]


def test_a_folder_that_is_nested_very_deeply_is_removed(tmp_path: Path) -> None:
    """A recursion in Python would end; the deploy user, or the site, can make such a folder."""
    folder = tmp_path / "srv"
    nest(folder, 1200)
    apply(Action("tree", str(folder)))
    assert not folder.exists()


def test_a_folder_that_stays_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match=r"/proc/self/fd cannot be removed: .*\S"):
        apply(Action("tree", "/proc/self/fd"))


def test_a_unit_that_does_not_start_is_explained_by_its_log() -> None:
    with pytest.raises(DeployKitError) as caught:
        apply(Action("up", "shop.socket"), Recorded(fails=True))
    assert caught.value.hint == "why\nthe log of shop.socket"
    with pytest.raises(DeployKitError) as caught:
        apply(Action("reload", ""), Recorded(fails=True))
    assert caught.value.hint == "why"
