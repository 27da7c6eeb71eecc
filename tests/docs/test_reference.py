"""The reference says what the code has: nothing less, and nothing that does not exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from django_deploykit.runtime.base import errors
from django_deploykit.runtime.base.environment_file import parse_environment
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.bundle.manifest import FileEntry, Layer, Manifest, Process
from tests.docs import tables
from tests.docs.markdown import ROOT, pages, rows

REFERENCE = ROOT / "docs" / "reference"


def names(path: Path, heading: str) -> list[str]:
    """Return the names in the first column of a table, without their backquotes."""
    return [row[0].strip("`") for row in rows(path, heading)]


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_those_of_the_code(path: Path) -> None:
    for name, body in tables.places(path.read_text(encoding="utf-8")):
        assert body == tables.make(name), f"{name}: run python -m tests.docs.tables --write"


def test_every_table_of_the_code_has_its_place() -> None:
    from django_deploykit.checks.catalogue import TOPICS

    wanted = {
        *(f"options:{name}" for name in ("deploy_check", "bundle", "release")),
        *(
            f"ini:{name}"
            for name in ("project", "bundle", "check", "environment", "process", "host")
        ),
        "format:deb",
        "format:oci",
        *(f"checks:{topic}" for topic in TOPICS),
        "actions",
        "init",
        "readers",
        "verbs",
        *(f"verb:{name}" for name in ("setup", "remove", "install", "rollback")),
    }
    found = [
        name for path in pages() for name, _ in tables.places(path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == sorted(wanted)


def test_checks_are_named_once_each() -> None:
    from django_deploykit.checks.catalogue import catalogue

    text = (REFERENCE / "checks.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([EWI]\d{3})` \|", text, re.MULTILINE)
    assert sorted(found) == sorted(key.removeprefix("deploykit.") for key in catalogue())


def test_ids_that_pages_mention_exist() -> None:
    from django_deploykit.checks.catalogue import catalogue

    known = {*catalogue(), "deploykit.W801"}  # the gate's own, of a skip that ended
    wrong = [
        f"{path.relative_to(ROOT)}: {key}"
        for path in pages()
        for key in re.findall(r"deploykit\.[EWI]\d{3}", path.read_text(encoding="utf-8"))
        if key not in known
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("heading", "kind"),
    [("manifest.json", Manifest), ("Layers", Layer), ("Processes", Process)],
)
def test_bundle_format_names_every_field(heading: str, kind: type) -> None:
    found = names(REFERENCE / "bundle-format.md", heading)
    assert sorted(found) == sorted(one.name for one in fields(kind))


def test_file_list_has_its_columns() -> None:
    text = (REFERENCE / "bundle-format.md").read_text(encoding="utf-8")
    columns = ", ".join(FileEntry._fields)
    assert f"`[{columns}]`" in text


def test_site_json_names_every_field() -> None:
    found = names(REFERENCE / "host-layout.md", "site.json")
    assert sorted(found) == sorted(one.name for one in fields(Site))


def test_exit_codes_are_those_of_the_code() -> None:
    codes = {
        value
        for name, value in vars(errors).items()
        if name.isupper() and isinstance(value, int) and not isinstance(value, bool)
    }
    found = {int(name) for name in names(REFERENCE / "exit-codes.md", "manage.py release")}
    assert found == codes
    checked = {int(name) for name in names(REFERENCE / "exit-codes.md", "manage.py deploy_check")}
    assert checked == {0, 1, errors.WRONG_USE}


def test_layers_of_configuration_are_all_named() -> None:
    from django_deploykit import conf

    text = (REFERENCE / "conf.md").read_text(encoding="utf-8")
    assert [name for name in conf.__all__ if f"`{name}" not in text] == []


def test_lock_files_are_named_in_the_order_of_the_search() -> None:
    from django_deploykit.bundle.locks import READERS

    text = (REFERENCE / "deploykit-ini.md").read_text(encoding="utf-8")
    named = text.partition("these are looked for:")[2].partition("\n\n")[0]
    assert re.findall("`([^`]+)`", named) == [name for name in READERS if "*" not in name]


def test_hooks_are_all_named() -> None:
    from django_deploykit.project.inventory import HOOKS

    found = names(REFERENCE / "deploykit-ini.md", "Hooks")
    assert sorted(found) == sorted(HOOKS)


def test_variables_of_the_environment_are_all_named() -> None:
    sources = sorted((ROOT / "django_deploykit").rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    used = set(re.findall(r"(?<![A-Z_])DEPLOYKIT_[A-Z]+(?:_[A-Z]+)*(?![A-Z_])", text))
    found = names(REFERENCE / "commands.md", "The environment")
    assert sorted(found) == sorted(used - {"DEPLOYKIT_NAME"})  # stands for a hook's facts


def keys_of(module: str, function: str) -> list[str]:
    """Return the keys of the first dictionary that a function of the product writes out."""
    import ast

    tree = ast.parse((ROOT / "django_deploykit" / module).read_text(encoding="utf-8"))
    body = next(
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == function
    )
    written = next(one for one in ast.walk(body) if isinstance(one, ast.Dict) and one.keys)
    return [
        key.value
        for key in written.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


def test_json_of_a_bundle_is_named_in_full() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    keys = keys_of("management/bundling.py", "as_json")
    assert len(keys) > 10
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_json_of_a_release_is_named_in_full() -> None:
    from django_deploykit.release.outcome import Outcome

    keys = keys_of("management/concluding.py", "conclude")
    keys += [one.name for one in fields(Outcome)]
    text = (
        (REFERENCE / "commands.md").read_text(encoding="utf-8").partition("prints one object:")[2]
    )
    table = text.partition("An error prints")[0]
    named = [
        key for line in table.splitlines() for key in re.findall(r"`(\w+)`", line.split(" | ")[0])
    ]
    assert sorted(named) == sorted(keys)


def test_the_environment_file_on_the_page_is_valid() -> None:
    text = (REFERENCE / "host-layout.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(# /etc/shop/shop\.env\n.*?)```", text, re.DOTALL)
    values, problems = parse_environment(block.encode())
    assert problems == []
    assert list(values) == ["DATABASE_URL", "GREETING", "SIGNING_KEY"]
    assert values["DATABASE_URL"].startswith("postgres://shop:pa$$w%rd@")
