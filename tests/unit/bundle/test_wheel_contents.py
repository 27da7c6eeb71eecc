"""What a project's own wheel lacks of the files that git tracks, and the lines that add it."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.wheel_contents import Lacking, OwnFiles, hint, lacking, message

FILES = {
    "shop/__init__.py",
    "shop/settings.py",
    "shop/templates/shop/a.html",
    "shop/templates/b.html",
    "shop/data.json",
}
NAMES = ("shop", "django")


def own(*paths: str, folders: tuple[str, ...] = (), prefix: str = "") -> OwnFiles:
    return OwnFiles(frozenset(paths), NAMES, folders, prefix)


@pytest.mark.parametrize("place", ["", "src/", "lib/python/"])
def test_files_below_a_package_are_compared_wherever_it_is(place: str) -> None:
    tracked = own("manage.py", *(place + one for one in FILES))
    members = ["shop/__init__.py", "shop/settings.py", "shop-1.dist-info/METADATA"]
    found = lacking(members, tracked)
    rows = ("shop/data.json", "shop/templates/b.html", "shop/templates/shop/a.html")
    assert found == Lacking(tuple(place + one for one in rows))
    assert not lacking([*members, *FILES], tracked)


def test_files_of_platforms_are_members_of_packages() -> None:
    members = [f"shop-1.data/{'purelib' if 'json' in one else 'platlib'}/{one}" for one in FILES]
    assert not lacking(members, own(*FILES))


def test_a_wheel_that_has_no_module_of_the_site_is_not_compared() -> None:
    assert not lacking(["example/__init__.py"], own(*FILES, "example/__init__.py", "example/a.txt"))
    assert not lacking(["shop-1.dist-info/METADATA"], own(*FILES))


def test_an_app_that_the_wheel_lacks_is_found_next_to_the_others() -> None:
    members = ["shop/__init__.py"]
    site = OwnFiles(frozenset({"web/shop/__init__.py", "web/news/models.py"}), ("shop", "news"))
    assert lacking(members, site) == Lacking(("web/news/models.py",))
    alone = OwnFiles(frozenset({"a.py", "web/news.py"}), ("a", "news"), prefix="web/")
    assert lacking(["a.py"], alone) == Lacking(("web/news.py",))


def test_what_no_installation_needs_may_be_missing() -> None:
    rows = ("tests/a.json", "tests.py", "test_a.py", ".gitkeep", "README.md", "fast.c", "a.pot")
    tracked = own("shop/__init__.py", *(f"shop/{one}" for one in rows))
    assert not lacking(["shop/__init__.py"], tracked)


def test_a_po_file_is_needed_if_nothing_was_compiled_of_it() -> None:
    po, mo = "shop/locale/de/LC_MESSAGES/django.po", "shop/locale/de/LC_MESSAGES/django.mo"
    members = ["shop/__init__.py"]
    assert lacking(members, own("shop/__init__.py", po)).inside == (po,)
    assert lacking(members, own("shop/__init__.py", po, mo)).inside == (mo,)
    assert not lacking([*members, mo], own("shop/__init__.py", po, mo))
    in_src = own("src/shop/__init__.py", f"src/{po}")
    assert not lacking([*members, mo], in_src)  # compiled while the wheel was built


def test_folders_of_the_settings_are_compared_unless_they_are_in_a_package() -> None:
    tracked = ("shop/__init__.py", "shop/static/a.css", "web/templates/x/a.html", "docs/a.html")
    site = own(*tracked, folders=("shop/static", "web/templates"))
    found = lacking(["shop/__init__.py", "shop/static/a.css"], site)
    assert found == Lacking((), ("web/templates/x/a.html",))
    moved = ["shop/__init__.py", "shop/static/a.css", "shop/templates/x/a.html"]
    assert not lacking(moved, site)


def test_the_message_has_a_file_of_each_folder_first() -> None:
    paths = [f"shop/static/{number}.css" for number in range(9)]
    found = lacking(["shop/__init__.py"], own("shop/__init__.py", *paths, "shop/templates/a.html"))
    assert message(found) == (
        "the project's own wheel lacks files that git tracks: shop/static/0.css, "
        "shop/templates/a.html, shop/static/1.css, shop/static/2.css, shop/static/3.css and 5 more"
    )
    assert "lacks a file that git tracks: a" in message(Lacking(("a",)))


TRACKED = {
    "src/shop/__init__.py",
    "src/shop/orders/__init__.py",
    "src/shop/management/commands/look.py",
}
DATA = Lacking(("src/shop/static/a/b.css", "src/shop/orders/x.json"))


@pytest.mark.parametrize(
    ("texts", "included"),
    [
        ({"pyproject.toml": "[project]\n"}, True),
        ({"pyproject.toml": "[project]\n[tool.setuptools]\ninclude-package-data = false\n"}, False),
        ({"setup.cfg": "[options]\ninclude_package_data = True\n"}, True),
        ({"setup.cfg": "[options]\ninclude_package_data = no\n"}, False),
        ({"setup.py": "setup(include_package_data=True)"}, True),
        ({"setup.py": "setup()"}, False),
    ],
)
def test_setuptools_needs_lines_of_manifest_in(texts: dict[str, str], included: bool) -> None:
    found = hint(DATA, TRACKED, "setuptools", texts)
    lines = "recursive-include src/shop/static *; include src/shop/orders/x.json"
    assert f"Add to MANIFEST.in: {lines}. " in found
    assert ("Set include_package_data" not in found) == included


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("hatchling", '[tool.hatch.build.targets.wheel] of pyproject.toml: artifacts = ["src/'),
        ("poetry", 'include = [{path = "src/shop/static/**/*", format = ["sdist", "wheel"]}]'),
        ("pdm", 'includes = ["src/shop/static/**/*"], and src/shop/orders/x.json'),
        ("mine", "Configure mine to include src/shop/static/**/*, src/shop/orders/x.json"),
    ],
)
def test_each_backend_has_its_own_lines(backend: str, words: str) -> None:
    found = hint(DATA, TRACKED, backend, {})
    assert words in found
    assert found.endswith("bundle --format wheel writes a wheel with all tracked files.")


def test_modules_need_a_package_or_a_row_in_the_list_of_packages() -> None:
    code = Lacking(("src/shop/management/commands/look.py", "src/shop/orders/__init__.py"))
    found = hint(code, TRACKED, "setuptools", {})
    assert "Add src/shop/management/commands/__init__.py. " in found
    assert "Add src/shop/orders to packages, or let setuptools find them" in found
    assert "MANIFEST.in" not in found
    found = hint(code, TRACKED, "flit_core", {})
    assert "to [tool.flit.module], which has one package" in found


def test_a_folder_beside_the_packages_is_to_be_moved() -> None:
    found = hint(Lacking((), ("templates/a.html", "static/b.css")), TRACKED, "setuptools", {})
    assert found.startswith("static, templates are in no package, and a wheel has only packages")
