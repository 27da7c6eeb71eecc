"""Distributions that a lock file takes from folders of the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.bundle import environment, folder_wheels
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.bundle.run_uv import run_uv
from tests.integration.bundling import Stage, build_environment
from tests.integration.test_bundle_distributions import make_index
from tests.projects import run, uv
from tests.wheels import locked, make_wheel, source_files, write_tree

INNER = "libs/inner/inner.py"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which distributions are packed, and which folders are built."""
    done: list[str] = []

    def packed(trees: list[Tree], python: str, *, beside: bool) -> object:
        done.extend(tree.name for tree in trees)
        return pack_all(trees, python, beside=beside)

    def ran(command: list[str], folder: Path, what: str) -> str:
        done.append(what)
        return run_uv(command, folder, what)

    monkeypatch.setattr(environment, "pack_all", packed)
    monkeypatch.setattr(folder_wheels, "run_uv", ran)
    return done


def requirements(project: Path, links: Path) -> str:
    plain = make_wheel(links, "plain", {"plain.py": "", "tests/__init__.py": "OWNER = 'plain'\n"})
    write_tree(project, {"requirements.txt": f"./libs/inner\n{locked(plain)}"})
    return "requirements.txt"


def uv_lock(project: Path, links: Path) -> str:
    index = make_index(links / "index", "plain").as_uri()
    toml = f"""
[project]
name = "site"
version = "0"
requires-python = ">=3.10"
dependencies = ["inner", "plain"]
[tool.uv.sources]
inner = {{ path = "libs/inner" }}
[[tool.uv.index]]
url = "{index}"
default = true
"""
    write_tree(project, {"pyproject.toml": toml})
    run(uv(), "lock", "-q", cwd=project)
    return "uv.lock"


def changed(before: InstalledEnvironment, after: InstalledEnvironment) -> list[str]:
    return [one.name for one in after.layers if one not in before.layers]


@pytest.mark.parametrize("lock", [requirements, uv_lock])
def test_only_the_layer_of_a_folder_is_made_again_and_only_if_it_changed(
    lock: Callable[[Path, Path], str], tmp_path: Path, links: Path, stage: Stage, work: list[str]
) -> None:
    project = tmp_path / "p"
    write_tree(project, {f"libs/inner/{k}": v for k, v in source_files("inner").items()})
    name = lock(project, links)
    first = stage(project, name)
    assert work == ["building libs/inner", "plain", "inner"]
    assert first.environment.built == ("inner 1.0",)
    assert first.python("import inner, plain; print(inner.NAME)") == "inner"

    del work[:]
    write_tree(project, {"shop/settings.py": "X = 1\n"})
    assert build_environment(project, name) == first.environment
    assert work == []

    write_tree(project, {"libs/inner/README": "It is not in the wheel.\n"})
    assert build_environment(project, name) == first.environment
    assert work == ["building libs/inner"]

    del work[:]
    write_tree(project, {INNER: "NAME = 'changed'\n"})
    second = stage(project, name)
    assert work == ["building libs/inner", "inner"]
    assert changed(first.environment, second.environment) == ["inner"]
    assert second.python("import inner, plain; print(inner.NAME)") == "changed"


def test_a_folder_that_shares_a_file_gives_the_same_layers_as_at_once(
    tmp_path: Path, links: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "p"
    files = source_files("inner")
    more = "files['tests/__init__.py'] = b\"OWNER = 'inner'\\n\"\n    tag = "
    files["backend.py"] = files["backend.py"].replace("tag = ", more, 1)
    write_tree(project, {f"libs/inner/{name}": text for name, text in files.items()})
    name = requirements(project, links)
    staged = stage(project, name)
    assert staged.python("import tests; print(tests.OWNER)") == "inner"
    assert staged.environment.shared == ("tests/__init__.py is from inner, not from plain",)
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(environment, "_base", lambda *_, **__: None)
    assert build_environment(project, name).layers == staged.environment.layers
