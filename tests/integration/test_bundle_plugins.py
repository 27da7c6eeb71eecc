"""Plug-ins that an installation adds to a product: a second lock file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.bundling import KEY, Shop, copy_shop, files_of, run_bundle
from tests.projects import commit, manage
from tests.wheels import locked, make_wheel

# A product finds its plug-ins by itself, as NetBox does with PLUGINS and others with entry points.
DISCOVER = """
from importlib.metadata import entry_points
INSTALLED_APPS += [one.value for one in entry_points(group="shop.plugins")]
"""
APP = {"wishlist/__init__.py": "", "wishlist/models.py": "WISH = 'granted'\n"}
ENTRY = "[shop.plugins]\nwishlist = wishlist\n"


@pytest.fixture
def product(built_shop: Shop, tmp_path: Path) -> Path:
    """A product that finds plug-ins, in the repository of an installation."""
    project = copy_shop(built_shop, tmp_path)
    with (project / "shop" / "settings.py").open("a") as file:
        file.write(DISCOVER)
    with (project / "deploykit.ini").open("a") as file:
        file.write("\n[bundle]\nplugins = plugins.txt\n")
    return project


def add_plugin(project: Path, *more: str, needs: tuple[str, ...] = ()) -> None:
    """Lock the plug-in ``wishlist``, and more lines."""
    wheel = make_wheel(project / "plugins", "wishlist", APP, entry_points=ENTRY, needs=needs)
    (project / "plugins.txt").write_text("".join([locked(wheel, project), *more]))
    commit(project)


def test_a_bundle_of_a_product_has_the_plugins(product: Path) -> None:
    text = (product / "requirements.txt").read_text()
    django = text[text.index("django==") :].partition("# via")[0].rstrip()
    add_plugin(product, f"{django}\n", needs=("django>=5",))
    done = manage(product, "bundle", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "wishlist/models.py" in "".join(files_of(facts, "wishlist"))
    assert len([one for one in facts["layers"] if one["name"] == "django"]) == 1
    code = "import wishlist.models as m; from django.apps import apps; print(m.WISH, apps.is_installed('wishlist'))"
    ran = run_bundle(facts["path"], "shell", "-c", code, SHOP_SECRET_KEY=KEY, HOME=str(product))
    assert ran.stdout.strip().endswith("granted True"), ran.stderr
    # The same commit again gives the same bytes.
    again = manage(product, "bundle", "--json", "--output", str(product.parent / "again.pyz"))
    assert json.loads(again.stdout)["sha256"] == facts["sha256"]


def test_a_plugin_that_conflicts_is_refused_in_words(product: Path) -> None:
    add_plugin(product, f"django==4.2 --hash=sha256:{'a' * 64}\n")
    done = manage(product, "bundle")
    assert done.returncode == 1
    line = next(
        number
        for number, text in enumerate((product / "requirements.txt").read_text().splitlines(), 1)
        if text.startswith("django==")
    )
    assert f"plugins.txt:2: django==4.2, but requirements.txt:{line} has django==5.2" in done.stderr
    assert "uv pip compile plugins.in requirements.txt --universal" in done.stderr
    checked = manage(product, "deploy_check", "--only", "E823")
    assert "plugins.txt:2" in checked.stdout


def test_a_plugin_that_needs_another_version_is_refused(product: Path) -> None:
    add_plugin(product, needs=("django<5",))
    done = manage(product, "bundle")
    assert done.returncode == 1
    assert "plugins.txt:1: wishlist needs django<5, but requirements.txt:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((product / ".deploykit").rglob("*.pyz"))


def test_a_plugins_file_that_is_not_committed_is_named(product: Path) -> None:
    commit(product)
    done = manage(product, "bundle")
    assert done.returncode == 1
    assert "plugins in [bundle] of deploykit.ini: plugins.txt is not in the commit" in done.stderr
    assert "-o plugins.txt, and commit both files." in done.stderr
    checked = manage(product, "deploy_check", "--only", "E823")
    assert "plugins.txt is not in the commit" in checked.stdout
