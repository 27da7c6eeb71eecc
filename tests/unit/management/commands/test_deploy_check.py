"""The command deploy_check, called in this process."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_deploykit.management.commands.deploy_check import arguments


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a project without files."""
    (tmp_path / "manage.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def deploy_check(*words: str) -> tuple[int, str]:
    """Call the command; returns its exit code and its output. Django's own checks are left out."""
    out = io.StringIO()
    try:
        call_command("deploy_check", "--tag", "accounts", *words, stdout=out)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--fail-level", "warning"), 1),
        (("--fail-level", "warning", "--skip", "W310"), 0),
        (("--fail-level", "warning", "--only", "E301"), 0),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int) -> None:
    with override_settings(SESSION_COOKIE_AGE=10**9):
        assert deploy_check(*words)[0] == code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--only E999", "E999 is not the id of a check"),
        ("--only securty.W004", "did you mean 'security'?"),
        ("--skip security.W4", "security.W4 is not the id of a check"),
        ("--tag host", "host is not a tag; did you mean 'hosts'?"),
        ("--explain E1O1", "E1O1 is not one of our checks"),
        ("--output no/such/folder/report", "--output: no/such/folder/report cannot be written: "),
        ("--migrations", "--migrations requires --format json"),
        ("--ask /up", "--ask requires --server"),
        ("--list --explain E101", "--list and --explain cannot be combined"),
    ],
)
def test_what_is_wrong_goes_to_standard_error(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy_check(*words.split()) == (2, "")
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--format yaml", "--fail-level bad"])
def test_unknown_choices_are_refused(words: str) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        deploy_check(*words.split())


def test_writes_to_standard_output_or_to_a_file(project: Path) -> None:
    code, text = deploy_check("--format", "json")
    assert (code, json.loads(text)["failed"]) == (0, False)
    assert deploy_check("--format", "json", "--output", "report.json") == (0, "")
    assert (project / "report.json").read_text() == text


def test_lists_and_explains() -> None:
    assert "\ndeploykit.W310  accounts    Sessions last longer" in deploy_check("--list")[1]
    assert deploy_check("--explain", "W310")[1].startswith("deploykit.W310: Sessions last longer")


def test_options_become_a_command_line_again() -> None:
    options = {
        "format": "json",
        "fail_level": "INFO",
        "ask": "",
        "only": ["E101", "security"],
        "skip": [],
        "tag": ["core"],
        "output": ["report.json", "sarif=x=1.sarif"],
        "baseline": Path("/old.json"),
        "migrations": True,
    }
    assert list(arguments(options)) == [
        "--format=json",
        "--fail-level=INFO",
        "--ask=",
        "--only=E101",
        "--only=security",
        "--tag=core",
        f"--output={Path.cwd()}/report.json",
        f"--output=sarif={Path.cwd()}/x=1.sarif",
        "--baseline=/old.json",
        "--migrations",
    ]
