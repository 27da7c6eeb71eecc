"""The command line of ``manage.py release``, called from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from django_deploykit.management.commands.release import Command


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text(
        "[project]\nname = shop\n[environment:production]\nhosts = web1\n"
    )
    monkeypatch.chdir(tmp_path)


def parsed(*argv: str) -> dict[str, Any]:
    """Return the options that a command line gives."""
    found: dict[str, Any] = {}

    class Listening(Command):
        def handle(self, *_: Any, **options: Any) -> None:
            found.update(options)

    Listening().run_from_argv(["manage.py", "release", *argv])
    return found


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--exec", "--", "shell", "-c", "print('a b')"), ["shell", "-c", "print('a b')"]),
        (("production", "--exec", "showmigrations", "--list", "-v", "2"), None),
        (("--json", "--exec", "--", "migrate", "--settings=x", "--noinput"), None),
        (("--exec",), []),
    ],
)
def test_what_follows_exec_is_another_command_s_line(
    argv: tuple[str, ...], words: list[str] | None
) -> None:
    place = argv.index("--exec")
    expected = [one for one in argv[place + 1 :] if one != "--"] if words is None else words
    options = parsed(*argv)
    assert options["exec"] == expected
    assert options["noinput"] is False
    assert options["environment"] == (argv[0] if argv[0] == "production" else "local")


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("nowhere",), {}, "there is no environment 'nowhere'"),
        (("production",), {"stop": True}, "--stop is for the environment local"),
        (("local",), {"setup": True, "bundle": Path("none.pyz")}, "none.pyz"),
        (("local",), {"exec": ["check"]}, "nothing is live on local"),
        (("local", "--exec", "check --deploy"), {}, "nothing is live on local"),
        (("local",), {"logs": True}, "nothing is live on local"),
        (("local",), {"rollback": ""}, "local: nothing is live there"),
        (("production",), {"hosts": "db*"}, "no host of production matches 'db*'"),
    ],
)
def test_is_called_from_python_as_from_a_command_line(
    arguments: tuple[str, ...],
    options: dict[str, Any],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("release", *arguments, **options)
    assert ended.value.code == 1
    assert words in capsys.readouterr().err
