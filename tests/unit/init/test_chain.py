"""Which files a settings module is made of, and which statement decides a setting."""

from __future__ import annotations

from django_deploykit.init.chain import Chain, module_path, read_chain


def chain(**files: str) -> Chain:
    """Return the chain of ``shop.settings.production``, made from files in its folder."""
    paths = {f"shop/settings/{name}.py": text for name, text in files.items()}
    found = read_chain("shop.settings.production", paths.get)
    assert found is not None
    return found


def test_imported_modules_come_first() -> None:
    found = chain(
        production="from .base import *\nfrom shop.settings.mail import *\nA = 1\n",
        base="B = 1\n",
        mail="C = 1\n",
    )
    names = [source.path.rpartition("/")[2] for source in found.sources]
    assert names == ["base.py", "mail.py", "production.py"]
    assert found.last.path == "shop/settings/production.py"


def test_a_module_that_imports_itself_or_one_that_is_missing_ends_the_chain() -> None:
    found = chain(production="from .production import *\nfrom .local import *\n")
    assert len(found.sources) == 1


def test_a_package_is_read_from_its_init() -> None:
    files = {"shop/settings/__init__.py": "A = 1\n"}
    assert module_path("shop.settings", files.get) == "shop/settings/__init__.py"
    assert read_chain("shop.other", files.get) is None


def test_a_module_in_the_folder_src_is_found() -> None:
    files = {"src/shop/settings.py": "from .base import *\n", "src/shop/base.py": "A = 1\n"}
    found = read_chain("shop.settings", files.get)
    assert found is not None
    assert [one.path for one in found.sources] == ["src/shop/base.py", "src/shop/settings.py"]


def test_imports_below_try_and_if_are_followed_but_not_to_local_settings() -> None:
    files = {
        "shop/settings/__init__.py": "try:\n    from .dev import *\nexcept ImportError:\n"
        "    from .prod import *\nif X:\n    from .local_settings import *\n",
        "shop/settings/dev.py": "from .base import *\n",
        "shop/settings/prod.py": "from .base import *\n",
        "shop/settings/base.py": "A = 1\n",
        "shop/settings/local_settings.py": "A = 2\n",
    }
    found = read_chain("shop.settings", files.get)
    assert found is not None
    names = [one.path.rpartition("/")[2] for one in found.sources]
    assert names == ["base.py", "dev.py", "prod.py", "__init__.py"]


def test_one_plain_assignment_decides() -> None:
    found = chain(production="from .base import *\nA: int = 1\n", base="B = 2\n")
    a, b = found.assignment("A"), found.assignment("B")
    assert a is not None
    assert b is not None
    assert [a.where, b.where] == ["shop/settings/production.py:2", "shop/settings/base.py:1"]


def test_a_second_one_or_a_condition_leaves_it_open() -> None:
    twice = chain(production="from .base import *\nA = 1\n", base="A = 2\n")
    assert twice.assignment("A") is None
    assert twice.places("A") == ["shop/settings/base.py:1", "shop/settings/production.py:2"]
    assert chain(production="if x:\n    A = 1\n").assignment("A") is None
    assert chain(production="A = {}\nA['x'] = 1\n").assignment("A") is None


def test_a_setting_that_is_only_added_to_starts_with_its_first_statement() -> None:
    found = chain(
        production="from .base import *\nfrom .base import A\nA += ['b']\nA = ['c', *A]\n",
        base="A = ['a']\n",
    )
    start = found.start("A")
    assert start is not None
    assert start.where == "shop/settings/base.py:1"
    assert chain(production="A = ['a']\nA = ['b']\n").start("A") is None
