"""Words of ``manage.py release`` and the parser of each action."""

from __future__ import annotations

from argparse import Namespace

import pytest
from django.core.management.base import BaseCommand, CommandError

from django_deploykit.management.actions import ACTIONS
from django_deploykit.management.release_parser import ReleaseParser, split

WORDS = [name for name in ACTIONS if name]


def parser() -> ReleaseParser:
    return ReleaseParser(BaseCommand().create_parser("manage.py", "release"))


def parsed(line: str) -> Namespace:
    found = parser().parse_args(line.split())
    assert isinstance(found, Namespace)
    return found


def why(line: str) -> str:
    """Return why a command line is refused."""
    with pytest.raises(CommandError) as caught:
        parsed(line)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "environment", "action"),
    [
        ("", "local", ""),
        ("production", "production", ""),
        ("--plan production", "production", ""),
        ("production --plan", "production", ""),
        *((word, "local", word) for word in WORDS),
        *((f"production {word}", "production", word) for word in WORDS),
        ("production status --json -v 2", "production", "status"),
    ],
)
def test_finds_the_environment_and_the_action(line: str, environment: str, action: str) -> None:
    found = parsed(line)
    assert (found.environment, found.action) == (environment, action)


@pytest.mark.parametrize("word", WORDS)
def test_a_value_of_an_option_is_never_an_action(word: str) -> None:
    for line in (f"--rev {word}", f"production --rev {word}", f"--rev {word} production"):
        found = parsed(line)
        assert (found.action, found.rev) == ("", word)


@pytest.mark.parametrize("word", WORDS)
def test_an_action_elsewhere_is_refused_with_its_place(word: str) -> None:
    place = f"the action {word} is the first word, or follows the environment: manage.py release"
    for line in (
        f"--json {word}",
        f"--plan {word}",
        f"--rev x {word}",
        f"production --plan {word}",
    ):
        assert place in why(line)


@pytest.mark.parametrize("word", WORDS)
def test_the_flag_of_an_action_is_refused_with_its_word(word: str) -> None:
    assert f"{word} is a word of its own: manage.py release production {word}" in why(
        f"production --{word}"
    )
    assert f"{word} is a word of its own: manage.py release {word}" in why(f"--{word}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--lines 5", "--lines is for: manage.py release logs"),
        ("--process web", "--process is for: manage.py release logs"),
        ("production -f", "-f is for: manage.py release production logs"),
        ("production --follow", "--follow is for: manage.py release production logs"),
        ("status --rev x", "--rev is for: manage.py release, manage.py release setup"),
        (
            "production logs --plan",
            "--plan is for: manage.py release production, manage.py release production",
        ),
        ("status --wait=5", "--wait is for: manage.py release, manage.py release rollback"),
        ("status production", "the environment comes first: manage.py release production status"),
        ("production statsu", "did you mean 'status'?"),
        ("production rollback x", "'x' is not a release id, such as 20261123T041500-ab12cd3"),
        ("rollback production", "an environment comes before the action"),
        ("logs --lines -5", "argument --lines: must be a whole number of at least 1"),
        ("logs --lines 0", "argument --lines: must be a whole number of at least 1"),
        ("logs --lines 100000", "argument --lines: must be at most 99999"),
        ("logs --since yesterday", "argument --since: must be a duration such as 30s, 10m, 2h"),
        ("logs --grep [", "argument --grep: must be a regular expression, not '['"),
        ("logs --release web", "argument --release: 'web' is not a release id"),
        ("--since 10m", "--since is for: manage.py release logs"),
        ("--wait nan", "argument --wait: "),
        ("rollback --wait -5", "argument --wait: "),
    ],
)
def test_what_belongs_elsewhere_is_refused_with_its_place(line: str, expected: str) -> None:
    assert expected in why(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exec -- shell -c print()", ["--", "shell", "-c", "print()"]),
        ("production exec showmigrations --list -v 2", ["showmigrations", "--list", "-v", "2"]),
        (
            "exec --json -- migrate --settings=x --noinput",
            ["--", "migrate", "--settings=x", "--noinput"],
        ),
        ("exec --hosts web1 -- status", ["--", "status"]),
        ("exec -- exec -- x", ["--", "exec", "--", "x"]),
        ("exec", []),
    ],
)
def test_what_follows_exec_is_another_command_s_line(line: str, words: list[str]) -> None:
    found = parsed(line)
    assert found.command == words
    assert found.noinput is False
    assert found.settings is None
    assert found.verbosity == 1


@pytest.mark.parametrize("word", ["", *WORDS])
def test_actions_that_change_something_can_be_planned(word: str) -> None:
    one = parser().actions[word]
    assert {"--hosts", "--json"} < one.options
    assert ({"--plan", "--noinput"} < one.options) is ACTIONS[word].changes
    assert ("--plan" in one.options) is ACTIONS[word].changes


def test_the_help_groups_the_actions_and_names_each() -> None:
    text = parser().format_help()
    assert "actions, each with its own options: manage.py release [ENVIRONMENT] ACTION" in text
    listed = text.partition("\nactions, ")[2].splitlines()[1:]
    assert [line.split()[0] for line in listed if line.startswith("    ")] == WORDS
    titles = [line.strip(" :") for line in listed if line.endswith(":")]
    assert titles == ["go back", "look", "hosts"]


def test_an_action_s_help_is_its_own() -> None:
    text = parser().actions["logs"].format_help()
    assert text.startswith("usage: manage.py release [ENVIRONMENT] logs")
    assert "--lines" in text
    assert "--rev" not in text


def test_names_are_split_from_options_only_at_the_front() -> None:
    assert split(["-v2", "status"]) == ("", "", ["-v2", "status"])
    assert split(["status", "status"]) == ("", "status", ["status"])
