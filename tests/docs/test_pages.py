"""Links resolve, and every command of ours that a page names is one that exists."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from secrets import token_urlsafe

import pytest
from django.core.management import load_command_class
from django.core.management.base import CommandError

from tests.docs.markdown import ROOT, Command, anchors, blocks, commands, links, pages


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", pages(), ids=relative)
def test_links_resolve(path: Path) -> None:
    broken = []
    for number, target in links(path):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        found = path if not name else Path(os.path.normpath(path.parent / name))
        if not found.exists() or not found.is_relative_to(ROOT):
            broken.append(f"{relative(path)}:{number}: {target}")
        elif anchor and anchor not in anchors(found):
            broken.append(f"{relative(path)}:{number}: {target} has no such heading")
    assert broken == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        Path(os.path.normpath(path.parent / target.partition("#")[0]))
        for path in pages()
        for _, target in links(path)
        if "://" not in target
    }
    folders = {one for one in linked if one.is_dir()}
    alone = [
        relative(path)
        for path in pages()
        if path not in linked and path.parent not in folders and path.name != "README.md"
    ]
    assert alone == []


@pytest.mark.parametrize("path", pages(), ids=relative)
def test_commands_parse(path: Path) -> None:
    wrong = [
        f"{command.where}: {' '.join(command.words)}: {problem}"
        for command in commands(path)
        if (problem := problem_of(command))
    ]
    assert wrong == []


def test_pages_name_commands_of_every_kind() -> None:
    kinds = [command.kind for path in pages() for command in commands(path)]
    assert {kind: kinds.count(kind) > 5 for kind in ("manage", "conf", "verb")} == {
        "manage": True,
        "conf": True,
        "verb": True,
    }


def test_finds_a_command_that_does_not_exist() -> None:
    assert "unrecognized" in problem_of(Command("", "manage", ("release", "--rolback")))
    assert "invalid choice" in problem_of(Command("", "verb", ("instal",)))


def problem_of(command: Command) -> str:
    """Return why the real parser refuses a command, "" where it does not."""
    words = [word for word in command.words if word != "…"]
    if not words and command.kind != "manage":
        return ""  # named, not called
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parse(command.kind, words)
    except CommandError as error:
        return str(error)
    except SystemExit as error:
        return "" if not error.code else (said.getvalue().strip().splitlines() or [""])[-1]
    return ""


def parse(kind: str, words: list[str]) -> None:
    """Let the real parser read a command."""
    if kind == "manage":
        command = load_command_class("django_deploykit", words[0])
        command.create_parser("manage.py", words[0]).parse_args(words[1:])
    elif kind == "verb":
        from django_deploykit.runtime.cli.main import parse as parse_verb

        parse_verb(words)
    else:
        from django_deploykit.conf.__main__ import arguments

        arguments().parse_args(words)


_SECTIONS = ("[project]", "[bundle]", "[check]", "[environment:", "[format:", "[host:")


@pytest.mark.parametrize("path", pages(), ids=relative)
def test_blocks_of_deploykit_ini_are_accepted(path: Path, tmp_path: Path) -> None:
    """They are read by the product itself, which knows every section and key."""
    from django_deploykit.checks.options import read_options
    from django_deploykit.project import load_project
    from django_deploykit.project.inventory import read_inventory

    for block in blocks(path):
        if block.language == "ini" and block.text.lstrip().startswith(_SECTIONS):
            folder = tmp_path / str(block.line)
            folder.mkdir()
            (folder / "deploykit.ini").write_text(block.text, encoding="utf-8")
            project = load_project(folder, named=False)
            read_inventory(project.ini)
            read_options(project.ini)


@pytest.mark.parametrize("path", pages(), ids=relative)
def test_readers_that_pages_use_exist(path: Path) -> None:
    from django_deploykit.conf import Config

    text = path.read_text(encoding="utf-8")
    used = set(re.findall(r"(?<![\w.])config\.(\w+)\(", text))
    assert sorted(name for name in used if not hasattr(Config, name)) == []


@pytest.mark.parametrize("path", pages(), ids=relative)
def test_python_blocks_compile(path: Path) -> None:
    for block in blocks(path):
        if block.language == "python":
            compile(block.text, block.where, "exec")


def settings_of(path: Path) -> list[str]:
    """Return the blocks of a page that are a part of settings with a ``config``."""
    texts = [block.text for block in blocks(path) if block.language == "python"]
    return [text for text in texts if "config." in text and "Config(" not in text]


@pytest.mark.parametrize("path", [path for path in pages() if settings_of(path)], ids=relative)
def test_settings_on_pages_can_be_read(path: Path) -> None:
    """They run with a value for each name that they read."""
    from django_deploykit.conf import Config

    settings = settings_of(path)
    names = {name for text in settings for name in re.findall(r'config\.\w+\("(\w+)"', text)}
    values = {name: token_urlsafe(50) for name in names} | {
        "DEBUG": "no",
        "DATABASE_URL": "postgres://shop:x@localhost/shop",
        "CACHE_URL": "redis://localhost/1",
        "REDIS_URL": "redis://localhost/1",
        "EMAIL_URL": "smtp://localhost",
    }
    config = Config("shop", environ=values)
    for text in settings:
        exec(text, {"config": config, "BASE_DIR": Path("/srv/shop")})
    assert list(config.problems) == []
