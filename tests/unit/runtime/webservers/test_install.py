"""Files of web servers are installed as a whole, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.webservers import WEBSERVERS
from django_deploykit.runtime.webservers.base import FrontOptions
from django_deploykit.runtime.webservers.install import (
    PROGRAMS,
    WebserverEffects,
    install_website,
    port_is_free,
    run,
    served,
)

NAMES = ["shop.example"]


@dataclass
class Ran:
    """Commands that ran; those that begin with ``failing`` fail."""

    failing: tuple[str, ...] = ("none",)
    commands: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, *command: str) -> tuple[int, str]:
        self.commands.append(command)
        failed = command[: len(self.failing)] == self.failing
        return (1, "it says why") if failed else (0, "")


def effects(
    ran: Ran,
    served: Callable[[int, str], bytes | None] = lambda port, name: b"",
    port_is_free: Callable[[int], bool] = lambda port: True,
) -> WebserverEffects:
    return WebserverEffects(ran, lambda name: True, port_is_free, served, patience=0)


def files_of(folder: Path) -> dict[str, str]:
    """Return the texts of files, and where links lead, by path."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def place(folder: Path, server: str) -> Path:
    """Return where a file belongs below a folder that has what the web server's package brings."""
    if server == "caddy":
        (folder / "Caddyfile").write_text("# none")
        return folder / "shop.caddy"
    for name in ("sites-available", "sites-enabled"):
        (folder / name).mkdir()
    return folder / "sites-available" / "shop"


def install(server: str, file: Path, host: WebserverEffects, text: str = "new") -> list[str]:
    return list(install_website(server, file, text, NAMES, FrontOptions(), host))


def test_every_web_server_can_be_installed() -> None:
    assert PROGRAMS.keys() == WEBSERVERS.keys()


@pytest.mark.parametrize("server", PROGRAMS)
def test_the_file_is_enabled_tested_and_loaded(tmp_path: Path, server: str) -> None:
    file, ran = place(tmp_path, server), Ran()
    assert install(server, file, effects(ran))[0] == f"wrote {file}"
    program = PROGRAMS[server]
    test = ran.commands.index(program.test)
    assert test < ran.commands.index(("systemctl", "reload-or-restart", program.service))
    found = files_of(tmp_path)
    assert found[str(file.relative_to(tmp_path))] == "new"
    if server == "caddy":
        assert found["Caddyfile"] == "# none\nimport shop.caddy\n"
    else:
        assert found["sites-enabled/shop"] == "../sites-available/shop"
    install(server, file, effects(Ran()), "newer")
    assert files_of(tmp_path) == {**found, str(file.relative_to(tmp_path)): "newer"}


@pytest.mark.parametrize("server", PROGRAMS)
@pytest.mark.parametrize("again", [False, True])
def test_what_the_web_server_refuses_is_taken_back(
    tmp_path: Path, server: str, again: bool
) -> None:
    file, program = place(tmp_path, server), PROGRAMS[server]
    if again:
        install(server, file, effects(Ran()), "old")
    before = files_of(tmp_path)
    failing = {
        "refuses": Ran(program.test),
        "did not reload": Ran(("systemctl", "reload-or-restart")),
    }
    for message, ran in failing.items():
        with pytest.raises(DeployKitError, match=message) as caught:
            install(server, file, effects(ran))
        assert caught.value.hint == "it says why"
        assert files_of(tmp_path) == before
        assert ran.commands[-1] == ("systemctl", "try-reload-or-restart", program.service)


@pytest.mark.parametrize("server", PROGRAMS)
def test_a_web_server_that_goes_on_as_before_is_no_success(tmp_path: Path, server: str) -> None:
    file = place(tmp_path, server)
    before = files_of(tmp_path)
    with pytest.raises(DeployKitError, match=r"does not serve shop\.example on port"):
        install(server, file, effects(Ran(), served=lambda port, name: None))
    assert files_of(tmp_path) == before


def test_a_port_that_is_taken_is_known_before_anything_changes(tmp_path: Path) -> None:
    file, ran = place(tmp_path, "nginx"), Ran(("systemctl", "is-active"))
    with pytest.raises(DeployKitError, match="listens on port 443"):
        install("nginx", file, effects(ran, port_is_free=lambda port: port == 80))
    assert files_of(tmp_path) == {}


def test_a_bad_certificate_is_known_before_anything_changes(tmp_path: Path) -> None:
    file = place(tmp_path, "nginx")
    options = FrontOptions("/no/such.pem", "/no/such.key")
    with pytest.raises(DeployKitError, match=r"nothing was changed: /no/such\.pem cannot be read"):
        list(install_website("nginx", file, "new", NAMES, options, effects(Ran())))
    assert files_of(tmp_path) == {}


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    host = WebserverEffects(Ran(), lambda name: False)
    with pytest.raises(DeployKitError, match="apache2 is not installed") as caught:
        install("apache", place(tmp_path, "apache"), host)
    assert "apt-get install apache2" in caught.value.hint


def test_a_server_without_a_program_is_installed_by_hand(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="by hand"):
        install("stub", tmp_path / "x", effects(Ran()))


def test_ports_and_commands() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)
    assert served(port, "shop.example") is None
    assert run("sh", "-c", "echo no >&2; exit 3") == (3, "no")
