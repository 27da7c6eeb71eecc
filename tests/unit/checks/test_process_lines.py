"""Lines of the Procfile, read as the shell and the server read them."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from django_deploykit.checks.process_lines import (
    LineError,
    ServerLine,
    applications,
    iter_line_problems,
    read_server,
)
from django_deploykit.project.web_line import words_of
from django_deploykit.runtime.bundle.manifest import Process


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("gunicorn shop.wsgi -w 2", ServerLine("shop.wsgi:application")),
        ("bin/gunicorn shop.wsgi:app --threads=4", ServerLine("shop.wsgi:app")),
        ("gunicorn -c conf/g.py", ServerLine("", ("conf/g.py",))),
        ("gunicorn -c python:shop.g", ServerLine()),
        # what only a host can judge
        ("gunicorn --user www-data --chdir /nowhere x", ServerLine("x:application")),
        ("celery -A shop worker", None),
        ("", None),
    ],
)
def test_gunicorns_own_parser_reads_its_line(command: str, line: ServerLine | None) -> None:
    assert read_server(words_of(command)) == line


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("gunicorn --bnid x shop.wsgi", "unrecognized arguments: --bnid"),
        ("gunicorn --workers many shop.wsgi", "invalid int value: 'many'"),
        ("gunicorn --timeout -5 shop.wsgi", "timeout: "),
        ("gunicorn -k nowhere.Worker shop.wsgi", "requires nowhere, which is not installed"),
    ],
)
def test_what_gunicorn_refuses_is_an_error(command: str, says: str) -> None:
    with pytest.raises(LineError) as caught:
        read_server(words_of(command))
    assert says in str(caught.value)


def test_a_server_that_is_not_installed_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gunicorn", "gunicorn.config", "uvicorn", "daphne", "waitress"):
        monkeypatch.setitem(sys.modules, name, None)
    for program in ("gunicorn", "uvicorn", "daphne", "waitress-serve"):
        assert read_server([program, "--nonsense"]) is None


def test_other_servers_are_asked_by_their_own_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(Exception):
        def format_message(self) -> str:
            return "No such option: --bnid"

    class Main:
        def make_context(self, name: str, words: list[str]) -> Any:
            if "--bnid" in words:
                raise Refused
            context: Any = ModuleType("context")
            context.params = {"app": words[0]}
            return context

    click: Any = ModuleType("click")
    click.ClickException = Refused
    uvicorn: Any = ModuleType("uvicorn.main")
    uvicorn.main = Main()
    modules = {"click": click, "uvicorn": ModuleType("uvicorn"), "uvicorn.main": uvicorn}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert read_server(["uvicorn", "shop.asgi:application"]) == ServerLine("shop.asgi:application")
    with pytest.raises(LineError, match="No such option"):
        read_server(["uvicorn", "--bnid"])


def test_only_applications_that_exist_are_loaded() -> None:
    lines = [
        Process("web", "gunicorn tests.unit.checks.wsgi"),
        Process("web", "gunicorn nowhere.wsgi"),  # E812
        Process("web", "gunicorn --bnid"),  # E843
        Process("worker", "gunicorn tests.unit.checks.urls"),
    ]
    assert applications(lines) == ("tests.unit.checks.wsgi:application",)


@pytest.mark.parametrize(
    ("command", "tracked", "problems"),
    [
        ("sh start.sh", ("start.sh",), []),
        ("sh start.sh", (), ["start.sh is not tracked by git"]),
        ("sh start.sh", None, []),
        ("python work.py", (), ["work.py does not exist"]),
        ("python -m work", (), []),
        ("bash /opt/start.sh", (), []),
        ("../start.sh", (), []),
        ("./start.sh", ("start.sh",), ["./start.sh is not executable"]),
        ("gunicorn", (), ["gunicorn names no application"]),
        ("gunicorn -c g.py", (), ["g.py does not exist"]),
        (
            "python manage.py nonsense",
            ("manage.py",),
            ["there is no command 'nonsense' of manage.py"],
        ),
        ("python manage.py check --deploy", ("manage.py",), []),
        ("python manage.py", ("manage.py",), []),
    ],
)
def test_what_stops_a_process_from_starting(
    command: str, tracked: tuple[str, ...] | None, problems: list[str], tmp_path: Path
) -> None:
    for name in ("start.sh", "manage.py"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o644)
    found = list(iter_line_problems(Process("web", command), tmp_path, tracked))
    assert [problem for problem, _ in found] == problems
    assert all(hint for _, hint in found)


# As the two read their arguments: hypercorn's parser is a part of its main function, uWSGI is a program.
HYPERCORN = """
import argparse


def _load_config(name):
    return argparse.Namespace(worker_class="asyncio", workers=1)


def run(config):
    raise AssertionError("it must not run")


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("application")
    parser.add_argument("-c", "--config")
    parser.add_argument("-k", "--worker-class")
    parser.add_argument("-w", "--workers", type=int)
    given = parser.parse_args(words)
    config = _load_config(given.config)
    config.application_path = given.application
    config.worker_class = given.worker_class or config.worker_class
    return run(config)
"""
UWSGI = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
    --module | --ini | -w) shift;;
    --*) echo "python: unrecognized option '$1'" >&2; exit 1;;
    esac
    shift
done
"""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = ModuleType("hypercorn.__main__")
    exec(HYPERCORN, vars(program))
    monkeypatch.setitem(sys.modules, "hypercorn", ModuleType("hypercorn"))
    monkeypatch.setitem(sys.modules, "hypercorn.__main__", program)
    (tmp_path / "uwsgi").write_text(UWSGI)
    (tmp_path / "uwsgi").chmod(0o755)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("hypercorn -w 2 shop.asgi:app", ServerLine("shop.asgi:app")),
        ("hypercorn -c conf/h.toml shop.asgi:app", ServerLine("shop.asgi:app", ("conf/h.toml",))),
        ("hypercorn -c file:h.py shop.asgi:app", ServerLine("shop.asgi:app", ("h.py",))),
        ("hypercorn -c python:shop.h shop.asgi:app", ServerLine("shop.asgi:app")),
        ("uwsgi --module shop.wsgi", ServerLine("shop.wsgi")),
        ("uwsgi --ini shop.ini", ServerLine("", ("shop.ini",))),
        ("uwsgi conf/shop.ini", ServerLine("", ("conf/shop.ini",))),
        ("uwsgi shop.yaml", None),
    ],
)
def test_hypercorn_and_uwsgi_read_their_lines_without_starting(
    command: str, line: ServerLine | None
) -> None:
    assert read_server(words_of(command)) == line


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("hypercorn --bnid x shop.asgi:app", "unrecognized arguments: --bnid"),
        ("hypercorn shop.asgi:app -w", "expected one argument"),
        ("hypercorn -w many shop.asgi:app", "invalid int value: 'many'"),
        ("hypercorn", "the following arguments are required: application"),
        ("hypercorn -k curio shop.asgi:app", "no release can use the worker class curio"),
        ("uwsgi --modul shop.wsgi", "unrecognized option '--modul'"),
        ("uwsgi --module", "option '--module' requires an argument"),
    ],
)
def test_what_hypercorn_and_uwsgi_refuse_is_an_error(command: str, says: str) -> None:
    with pytest.raises(LineError) as caught:
        read_server(words_of(command))
    assert says in str(caught.value)


def test_a_worker_class_that_gunicorn_does_not_have_is_an_error() -> None:
    with pytest.raises(LineError, match="has no worker class greenlets, only sync"):
        read_server(["gunicorn", "-k", "greenlets", "shop.wsgi"])
