"""Collecting again what a change affects gives the same layers as collecting everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import layer_paths
from tests.collecting import MORE, SETTINGS, CollectedSite, collected_again, site

__all__ = ["site"]
Changes = dict[str, str | None]
IGNORED = """
from django.contrib.staticfiles.apps import StaticFilesConfig
StaticFilesConfig.ignore_patterns = ["LICENSE"]
"""
FINDER = {
    "more.py": f"{MORE}from django.contrib.staticfiles.finders import AppDirectoriesFinder\n"
    "class Finder(AppDirectoriesFinder): pass\n"
}


_USES_C = {"app/static/base.css": "a { background: url(img/c.png) }\n", "app/static/newer.css": ""}


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
    site.write(changes)
    collected, layers = site.build()
    assert collected_again(collected)
    assert site.build("other")[1] == layers
    again, same = site.build()
    assert again.reused
    assert same == layers
    # What is known of the files holds after a partial run, too.
    site.write({"app/static/img/a.png": "newest"})
    collected, layers = site.build()
    assert collected_again(collected)
    assert site.build("third")[1] == layers


@pytest.mark.parametrize(
    "steps",
    [
        [
            {"app/static/new.css": "n { background: url(img/a.png) }\n"},
            {"app/static/lone.css": None},
            {
                "app/static/new.css": None,
                "app/static/newer.css": "n { background: url(img/a.png) }\n",
            },
            {"app/static/img/a.png": None, "app/static/img/c.png": "a", **_USES_C},
            {"app/models.py": "A = 2\n", "app/templates/x.html": "x", "app/static/.hidden": "x"},
        ],
        [
            {"second/static/lone.css": "d { background: url(img/b.png) }\n"},  # not found
            {"app/static/lone.css": None},  # the other one is found
            {"assets/base.css": "a { background: url(img/b.png) }\n"},  # found before the app's
            {"app/static/page.css": None, "second/static/page.css": "p { }\n"},
            {"assets/base.css": None, "second/static/page.css": None, "assets/page.css": "p {}"},
            {"second/static/lone.css": None, "second/static/only.css": "@import 'page.css';\n"},
        ],
        [
            {"vendor/only.js": None},
            {"vendor/a/new.js": "//# sourceMappingURL=new.js.map\n", "vendor/a/new.js.map": "{ }"},
            {"app/static/lib/a/new.js": "not found"},
            {"app/static/shared.css": "s { }\n"},  # in place of the package's
            {"app/static/deep.css": "@import 'shared.css';\n@import 'lone.css';\n"},
            {"app/static/img/p.png": "ours"},
        ],
    ],
    ids=["names", "finders", "places"],
)
def test_collects_added_removed_and_renamed_files(
    steps: list[Changes], site: CollectedSite
) -> None:
    site.build()
    for number, changes in enumerate(steps):
        site.write(changes)
        collected, layers = site.build()
        assert collected_again(collected), changes
        assert site.build(f"new{number}")[1] == layers, changes


def test_a_package_file_in_place_of_a_removed_one_may_refer_to_others(site: CollectedSite) -> None:
    site.write({"app/static/shared.css": "s { }\n", "app/static/img/p.png": "ours"})
    site.build()
    site.write({"app/static/shared.css": None})
    assert site.build()[1] == site.build("other")[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"tiny_settings.py": SETTINGS.replace("/s/", "/other/")}),
        ({}, {"tiny_settings.py": SETTINGS.replace('"packaged"]', '"packaged"][:2]')}),
        ({}, {"more.py": MORE.replace("6", "7")}),
        ({}, {"more.py": MORE + "\n    def file_hash(self, *_): return 'x'\n"}),
        ({}, {"more.py": MORE + "ManifestStaticFilesStorage.file_hash = lambda *_: 'x'\n"}),
        ({"more.py": MORE + "\n    def file_hash(self, *_): return 'x'\n"}, {}),
        ({"more.py": MORE + "open('app/static/lone.css').close()\n"}, {}),
        ({"more.py": MORE + "import os; os.listdir('app/static')\n"}, {}),
        ({"more.py": MORE + "open('app/static/made.css', 'w').write('m {}')\n"}, {}),
        ({}, {"more.py": MORE + "open('app/static/made.css', 'w').write('m {}')\n"}),
        ({"app/static/lone.0123456789ab.css": ""}, {}),
        ({"collected/old.css": "o {}"}, {}),
        ({"tiny_settings.py": f"{SETTINGS}STATICFILES_FINDERS = ['more.Finder']\n", **FINDER}, {}),
        ({}, {"app/static/lone.0123456789ab.css": ""}),
        ({"app/static/lone.0123456789ab.css": "a"}, {"app/static/lone.0123456789ab.css": None}),
        ({}, {"more.py": MORE + "import os; os.listdir('app/static/img')\n"}),
        ({}, {"more.py": MORE + IGNORED}),
    ],
)
def test_collects_everything_if_more_could_differ(
    first: Changes, second: Changes, site: CollectedSite
) -> None:
    site.write(first)
    site.build()
    site.write({"app/static/lone.css": "c { color: blue }\n", **second})
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
    site.write({"app/static/lone.css": "c { color: blue }\n"})
    collected, layers = site.build()
    assert not collected_again(collected)
    assert site.build("other")[1] == layers
