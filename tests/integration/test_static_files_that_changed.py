"""Collecting again what a change affects gives the same layers as collecting everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from tests.collecting import MORE, SETTINGS, CollectedSite, collected_again, site

__all__ = ["site"]
FINDER = {
    "more.py": f"{MORE}from django.contrib.staticfiles.finders import AppDirectoriesFinder\n"
    "class Finder(AppDirectoriesFinder): pass\n"
}


@pytest.mark.parametrize(
    "changes",
    [
        {"app/static/lone.css": "c { color: blue }\n"},
        {"app/static/base.css": "a { background: url(img/b.png) }\n"},
        {"app/static/img/a.png": "new"},
        {"app/static/other.css": "@import 'top.css';\nb { background: url('img/b.png?x#y') }\n"},
        {"app/static/page.css": "p { margin: 0 }\n"},
        {"app/static/LICENSE": "not free", "app/static/script.js.map": "{ }"},
        {"app/models.py": "A = 2\n"},
        {"more.py": MORE + "B = 1\n", "app/static/img/b.png": "new"},
    ],
)
def test_collects_what_a_change_affects(changes: dict[str, str], site: CollectedSite) -> None:
    site.build()
    for name, text in changes.items():
        site.write(name, text)
    collected, layers = site.build()
    assert collected_again(collected)
    assert site.build("other")[1] == layers
    again, same = site.build()
    assert again.reused
    assert same == layers
    # What is known of the files holds after a partial run, too.
    site.write("app/static/img/a.png", "newest")
    collected, layers = site.build()
    assert collected_again(collected)
    assert site.build("third")[1] == layers


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"tiny_settings.py": SETTINGS.replace("/s/", "/other/")}),
        ({}, {"tiny_settings.py": SETTINGS.replace('"app"]', '"app"][:1]')}),
        ({}, {"more.py": MORE.replace("6", "7")}),
        ({}, {"more.py": MORE + "\n    def file_hash(self, *_): return 'x'\n"}),
        ({}, {"more.py": MORE + "ManifestStaticFilesStorage.file_hash = lambda *_: 'x'\n"}),
        ({"more.py": MORE + "\n    def file_hash(self, *_): return 'x'\n"}, {}),
        ({"more.py": MORE + "open('app/static/lone.css').close()\n"}, {}),
        ({"more.py": MORE + "import os; os.listdir('app/static')\n"}, {}),
        ({"more.py": MORE + "open('app/static/made.css', 'w').write('m {}')\n"}, {}),
        ({}, {"more.py": MORE + "open('app/static/made.css', 'w').write('m {}')\n"}),
        ({"app/static/lone.0123456789ab.css": ""}, {}),
        ({}, {"app/static/new.css": "n {}"}),
        ({"collected/old.css": "o {}"}, {}),
        ({"tiny_settings.py": f"{SETTINGS}STATICFILES_FINDERS = ['more.Finder']\n", **FINDER}, {}),
    ],
)
def test_collects_everything_if_more_could_differ(
    first: dict[str, str], second: dict[str, str], site: CollectedSite
) -> None:
    for name, text in first.items():
        site.write(name, text)
    site.build()
    for name, text in {"app/static/lone.css": "c { color: blue }\n", **second}.items():
        site.write(name, text)
    collected, layers = site.build()
    assert not collected_again(collected)
    assert not collected.reused
    assert site.build("other")[1] == layers


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30] + b"x" * 30)


@pytest.mark.parametrize("break_it", [damage, Path.unlink])
def test_a_damaged_layer_is_not_used(break_it: Callable[[Path], None], site: CollectedSite) -> None:
    layers = site.build()[1]
    for layer in layers:
        if layer.kind == "static":
            break_it(layer_paths(layer.sha256)[0])
    site.write("app/static/lone.css", "c { color: blue }\n")
    collected, layers = site.build()
    assert not collected_again(collected)
    assert site.build("other")[1] == layers
