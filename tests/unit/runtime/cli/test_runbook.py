"""The page for the people who run a site."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.cli.runbook import Runbook, page
from django_deploykit.runtime.cli.verbs import find_verb
from tests.bundles import make_manifest

SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))
MANIFEST = make_manifest(
    (), processes=(Process("web", "gunicorn shop.wsgi"), Process("worker", "work <all>"))
)


@pytest.fixture
def book() -> Runbook:
    return Runbook(MANIFEST, "./shop.pyz", "[django]\n# a <key> & more\n", SITE)


def commands(text: str) -> list[str]:
    """Return the lines of all blocks of commands."""
    found = re.findall(r'<pre class="commands">(.*?)</pre>', text, re.DOTALL)
    return [unescape(line) for block in found for line in block.splitlines()]


class Tags(HTMLParser):
    """Checks that each element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_verb_on_it_is_one_with_such_arguments(book: Runbook) -> None:
    text = unescape(page(book))
    lines = re.findall(r"\./shop\.pyz deploykit ([^<\n]+)", text)
    assert len(lines) > 15
    for line in lines:
        name, *words = shlex.split(line)
        verb = find_verb(name)
        assert verb is not None, line
        parser = argparse.ArgumentParser(exit_on_error=False)
        for add in verb.arguments:
            add(parser)
        parser.parse_args(words)


def test_it_names_the_files_accounts_and_options_of_the_site(book: Runbook) -> None:
    text = page(book)
    for word in ("/etc/shop/shop.ini", "/var/lib/shop", "shop-worker@RELEASE.service"):
        assert word in text
    for option in MANIFEST.required:
        assert f"<li><code>{option}</code></li>" in text
    assert "the user who called sudo for setup" in text
    here = page(replace(book, host="web1", live=MANIFEST.release_id, deploy_user="deploy"))
    assert f"On web1, {MANIFEST.release_id} is live." in here
    assert "<td>deploy</td>" in here


def test_what_comes_from_the_project_is_text(book: Runbook) -> None:
    text = page(book)
    assert "work &lt;all&gt;" in text
    assert "a &lt;key&gt; &amp; more" in text
    tags = Tags()
    tags.feed(text)
    assert tags.open == []


def test_only_commands_for_root_begin_with_sudo(book: Runbook) -> None:
    found = commands(page(book))
    asked = {line.split()[3] for line in found if line.startswith("sudo ./shop.pyz")}
    assert asked == {"setup", "remove"}
    assert {line.split()[1] for line in found if line.startswith("sudo ")} == {
        "./shop.pyz",
        "systemctl",
        "tar",
    }
