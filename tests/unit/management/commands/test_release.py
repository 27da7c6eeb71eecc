"""The command line of ``manage.py release``, as typed and as called from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_deploykit.management.commands.release import Command


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text(
        "[project]\nname = shop\n[environment:production]\nhosts = web1, web2\n"
    )
    monkeypatch.chdir(tmp_path)


def run(*argv: str) -> int:
    """Run a command line; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "release", *argv])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("--rev one --bundle shop.pyz", "--rev and --bundle cannot be combined"),
        ("--fresh --bundle shop.pyz", "--fresh and --bundle cannot be combined"),
        ("production setup --fresh --bundle shop.pyz", "--fresh and --bundle cannot be combined"),
        ("--plan --report page.html", "--plan and --report cannot be combined"),
        ("rollback --plan --report page.html", "--plan and --report cannot be combined"),
        ("--hosts web1", "--hosts is for servers"),
        ("stop --user root --hosts x", "--hosts is for servers; the environment local is this"),
        ("local setup", "the environment local needs no setup"),
        ("production stop", "stop is for the environment local"),
        ("production exec --", "exec needs a Django command"),
        ("production --hosts db*", "no host of production matches 'db*'"),
        ("nowhere status", "there is no environment 'nowhere'"),
    ],
)
def test_what_does_not_go_together_ends_with_2_and_does_nothing(
    argv: str, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert run(*argv.split()) == 2
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_misspelt_environment_is_answered_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prodution") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no environment 'prodution'; did you mean 'production'?",
        "deploykit.ini has local, production.",
    ]
    assert run("staging") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no environment 'staging'",
        "deploykit.ini has local, production; for a new one, add [environment:staging] with its hosts.",
    ]


@pytest.mark.parametrize(
    ("argv", "step"),
    [
        ("exec --plan -- migrate shop 0002", "exec           local: run migrate shop 0002"),
        (
            "production exec --hosts web2 --plan -- shell -c 'a b'",
            "exec           web2: run shell -c 'a b'",
        ),
    ],
)
def test_a_plan_of_exec_runs_nothing(
    argv: str, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    Command().run_from_argv(["manage.py", "release", *shlex.split(argv)])
    assert capsys.readouterr().out.splitlines() == [step]


@pytest.mark.parametrize(
    ("arguments", "options", "code", "words"),
    [
        (("nowhere",), {}, 2, "there is no environment 'nowhere'"),
        ((), {"environment": "nowhere"}, 2, "there is no environment 'nowhere'"),
        (("production", "stop"), {}, 2, "stop is for the environment local"),
        (("local", "setup"), {"bundle": Path("none.pyz")}, 2, "needs no setup"),
        (("exec", "--", "check", "--deploy"), {}, 1, "nothing is live on local"),
        (("local", "exec"), {"command": ["check"]}, 1, "nothing is live on local"),
        (("local", "logs"), {"lines": 5}, 1, "nothing is live on local"),
        (("rollback",), {}, 1, "local: nothing is live there"),
        (("production", "status"), {"hosts": "db*"}, 2, "no host of production matches 'db*'"),
        (("production", "status"), {"rev": "HEAD"}, 2, "rev is not an option of release status"),
        (("production",), {"lines": 5}, 2, "lines is not an option of release"),
    ],
)
def test_is_called_from_python_as_from_a_command_line(
    arguments: tuple[str, ...],
    options: dict[str, object],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("release", *arguments, **options)
    assert ended.value.code == code
    assert words in capsys.readouterr().err


def test_a_wrong_line_from_python_is_an_exception() -> None:
    with pytest.raises(CommandError, match="--lines is for: release logs"):
        call_command("release", "--lines", "5")
    with pytest.raises(TypeError, match="colour"):
        call_command("release", "status", colour="red")


def test_status_is_called_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("release", "local", "status", json=True)
    assert ended.value.code == 1  # it was never released
    assert list(json.loads(capsys.readouterr().out)["hosts"]) == ["local"]


def test_the_version_is_that_of_this_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert run("status", "--version") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "django-deploykit",
        "django-deploykit",
    ]
