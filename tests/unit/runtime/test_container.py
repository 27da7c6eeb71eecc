"""What a container of an image runs, with which environment."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.container import (
    Container,
    environment,
    find_program,
    main,
    probe,
    temporary_folder,
)
from tests.bundles import make_layer, make_manifest

_GUNICORN = make_layer("distribution", "gunicorn", "25.3", {"bin/gunicorn": b""})
_PROCESSES = (
    Process("web", "gunicorn shop.wsgi --workers ${WEB_CONCURRENCY:-2}"),
    Process("worker", "QUEUE=a python -m worker"),
    Process("pipe", "yes | head"),
    Process("missing", "no-such-program"),
)
RELOCATABLE = '#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n'


@pytest.fixture
def container(tmp_path: Path) -> Container:
    binaries = tmp_path / "release" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "gunicorn").write_text(RELOCATABLE)
    (binaries / "gunicorn").chmod(0o755)
    (binaries / "python").symlink_to(sys.executable)
    manifest = make_manifest((_GUNICORN,), processes=_PROCESSES)
    (tmp_path / "etc").mkdir()
    return Container(tmp_path / "release", manifest, tmp_path / "etc", tmp_path / "secrets")


def test_the_program_of_a_process_replaces_the_shell(container: Container) -> None:
    environ = environment(container, {"PATH": "/usr/bin:/bin"})
    program = find_program(container, ["web", "--threads", "3"], environ)
    binaries = container.root / "bin"
    assert program.path == str(binaries / "python")
    wanted = [str(binaries / "gunicorn"), "shop.wsgi", "--workers", "2", "--threads", "3"]
    assert program.argv == [program.path, *wanted]
    assert program.environ["DEPLOYKIT_PROCESS"] == "web"
    assert program.environ["GUNICORN_CMD_ARGS"] == "--no-control-socket"


def test_variables_of_a_line_are_for_its_program(container: Container) -> None:
    program = find_program(container, ["worker"], environment(container, {}))
    assert program.environ["QUEUE"] == "a"
    assert program.argv[1:] == ["-m", "worker"]


@pytest.mark.parametrize("words", [["check", "--deploy"], ["manage", "check", "--deploy"]])
def test_other_words_are_a_django_command(container: Container, words: list[str]) -> None:
    program = find_program(container, words, {})
    assert program.argv[1:] == [str(container.root / "app" / "manage.py"), "check", "--deploy"]


def test_a_line_that_needs_a_shell_says_so_where_there_is_none(container: Container) -> None:
    environ = environment(container, {})
    assert find_program(container, ["pipe"], environ).argv[:2] == ["sh", "-c"]
    with pytest.raises(DeployKitError, match="needs a shell, and this image has none"):
        find_program(container._replace(shell="/none"), ["pipe"], environ)


def test_a_missing_program_is_named(container: Container) -> None:
    with pytest.raises(DeployKitError, match="missing runs no-such-program"):
        find_program(container, ["missing"], environment(container, {}))


@pytest.mark.parametrize("words", [[], ["--process"], ["--process", "wroker"]])
def test_a_mistake_gets_the_names_of_the_processes(container: Container, words: list[str]) -> None:
    with pytest.raises(DeployKitError) as caught:
        find_program(container, words, {})
    assert "web, worker" in caught.value.hint


def test_configuration_comes_from_mounts_secrets_and_variables(container: Container) -> None:
    (container.etc / "shop.ini").write_text("[environment]\nport = 1\nweaker = ini\n")
    container.secrets.mkdir()
    (container.secrets / "more.ini").write_text("[environment]\nsecret = s\n")
    (container.etc / "shop.env").write_text("STRONG=env\n")
    found = environment(container, {"STRONG": "variable", "WEAKER": "variable", "PATH": "/bin"})
    chosen = {name: found[name] for name in ("PORT", "WEAKER", "SECRET", "STRONG")}
    assert chosen == {"PORT": "1", "WEAKER": "variable", "SECRET": "s", "STRONG": "env"}
    assert found["CREDENTIALS_DIRECTORY"] == str(container.secrets)
    assert found["DEPLOYKIT_DATA"] == "/var/lib/shop"
    assert found["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert found["PATH"] == f"{container.root}/bin:/bin"
    assert found["DEPLOYKIT_RELEASE"] == container.manifest.release_id
    assert environment(container, found)["GUNICORN_CMD_ARGS"] == found["GUNICORN_CMD_ARGS"]


def test_mistakes_in_the_configuration_are_errors(container: Container) -> None:
    (container.etc / "shop.ini").write_text("[environment]\npath = /x\n")
    with pytest.raises(DeployKitError, match="systemd sets it"):
        environment(container, {})


def test_a_read_only_system_gets_a_temporary_folder(tmp_path: Path) -> None:
    usable, missing = str(tmp_path), "/no/such/folder"
    assert temporary_folder({}, (missing, usable)) == usable
    assert temporary_folder({}, (usable, "/dev/shm")) == ""
    assert temporary_folder({"TMPDIR": usable}, (missing, usable)) == ""


def test_the_health_check_connects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none = tmp_path / "environ"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert probe({"PORT": port}, "", none) == 0
    assert probe({"PORT": port}, "", none) == 1
    assert probe({"PORT": port}, "/livez", none) == 1
    assert "does not accept connections" in capsys.readouterr().out


def test_another_process_than_web_counts_as_healthy(tmp_path: Path) -> None:
    (tmp_path / "environ").write_bytes(b"A=1\0DEPLOYKIT_PROCESS=worker\0")
    assert probe({"PORT": "1"}, "", tmp_path / "environ") == 0


def test_errors_have_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manifest.json").write_text(make_manifest(()).dumps())
    before = dict(os.environ)
    assert main([], str(tmp_path)) == 2
    assert capsys.readouterr().err.startswith("error: what to run is missing")
    assert dict(os.environ) == before
