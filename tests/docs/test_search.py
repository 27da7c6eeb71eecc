"""The search of the built site finds the page that explains a message or a check by its words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.checks.catalogue import Check, catalogue
from tests.docs.markdown import ROOT
from tests.docs.test_troubleshooting import messages

sphinx = pytest.importorskip(
    "sphinx.search.en", reason="sphinx is not installed; tox -e docs has it"
)
Search = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Return ``search(words)``, which finds pages by the rules of Sphinx's ``searchtools.js``.

    A page has each word in its text or its titles; other forms of a word count too. The site is the
    one that tox has built.
    """
    site = Path(os.environ.get("DEPLOYKIT_SITE") or tmp_path_factory.mktemp("site"))
    if not (site / "searchindex.js").exists():
        line = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(ROOT / "docs"), str(site)]
        subprocess.run(line, check=True)
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    english = sphinx.SearchEnglish({})

    def pages(word: str) -> set[int]:
        found: set[int] = set()
        for terms in (index["terms"], index["titleterms"]):
            same = [word] if word in terms else [one for one in terms if word in one]
            for one in same if len(word) > 2 else [word]:
                numbers = terms.get(one, [])
                found |= {numbers} if isinstance(numbers, int) else set(numbers)
        return found

    def search(words: str) -> set[str]:
        lowered = (word.lower() for word in english.split(words))
        stems = {english.stem(word) for word in lowered if english.word_filter(word)}
        found = [pages(stem) for stem in stems]
        return {index["docnames"][one] for one in set.intersection(*found)} if found else set()

    return search


@pytest.mark.parametrize("message", messages())
def test_a_message_is_found(search: Search, message: str) -> None:
    assert "how-to/troubleshooting" in search(message.replace("…", " "))


@pytest.mark.parametrize("check", catalogue().values(), ids=lambda one: str(one.id))
def test_a_check_is_found_by_its_id_and_by_its_words(search: Search, check: Check) -> None:
    assert "reference/checks" in search(check.id)
    assert "reference/checks" in search(check.title)


def test_what_no_page_says_is_not_found(search: Search) -> None:
    assert search("the bundle swallowed an elephant") == set()
