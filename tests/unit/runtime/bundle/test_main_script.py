"""The script ``__main__.py`` of a bundle, and the functions that it has copies of."""

from __future__ import annotations

import ast
import binascii
import inspect
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from django_deploykit.runtime import bootstrap
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.trusted_folders import is_trusted
from django_deploykit.runtime.bundle.main_script import cache_key, main_text, runtime_digest
from django_deploykit.runtime.storage.virtualenv import environment_lines
from tests.bundles import make_manifest

MANIFEST = make_manifest((), configuration="Production")
RUNTIME = {"bootstrap.py": b"def main(argv): pass\n", "base/errors.py": b""}
TEXT = main_text(MANIFEST.dumps(), RUNTIME)


class Replaced(Exception):
    """The process was replaced by a program."""


def load(
    text: str = TEXT, runtime: dict[str, bytes] = RUNTIME, environment: Mapping[str, str] = {}
) -> Document:
    """Return the script's namespace; it reads members from memory and sees that environment."""
    members = {
        "__main__.py": text.encode(),
        **{f"runtime/{name}": data for name, data in runtime.items()},
    }
    loader = SimpleNamespace(get_data=members.__getitem__)
    space: dict[str, object] = {"__name__": "main", "__spec__": SimpleNamespace(loader=loader)}
    exec(compile(text, "__main__.py", "exec"), space)

    def execv(program: str, argv: list[str]) -> None:
        raise Replaced(program, argv)

    names = {name: getattr(os, name) for name in dir(os)}
    space["os"] = SimpleNamespace(**{**names, "environ": dict(environment), "execv": execv})
    return space


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DEPLOYKIT_CACHE": "/a"},
        {"CACHE_DIRECTORY": "/b:/c"},
        {"DEPLOYKIT_CACHE": "/a", "CACHE_DIRECTORY": "/b"},
        {"XDG_CACHE_HOME": "/d"},
        {"DEPLOYKIT_CACHE": "", "CACHE_DIRECTORY": ""},
    ],
)
def test_the_cache_folders_are_those_of_the_bootstrap(environment: dict[str, str]) -> None:
    folders = [Path(path) for path, _ in load(environment=environment)["cache_folders"]()]
    assert folders == bootstrap.cache_folders(environment)


def release_in(cache: Path) -> Path:
    release = cache / "shop" / "releases" / cache_key(MANIFEST.dumps().encode())
    release.mkdir(parents=True)
    for folder in (cache, release):
        folder.chmod(0o700)
    return release


def test_an_extracted_release_runs_with_the_environment_of_its_commands(tmp_path: Path) -> None:
    release = release_in(tmp_path)
    space = load(environment={"DEPLOYKIT_CACHE": str(tmp_path), "PATH": "/bin"})
    with pytest.raises(Replaced) as caught:
        space["run_extracted"](["check", "-v"])
    python = f"{release}/bin/python"
    assert caught.value.args == (python, [python, f"{release}/app/manage.py", "check", "-v"])
    shell = "\n".join([*environment_lines(release, MANIFEST, {}), "env -0"])
    done = subprocess.run(
        ["/bin/sh", "-c", shell], env={"PATH": "/bin:/usr/bin"}, capture_output=True, text=True
    )
    wanted = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line)
    found = space["os"].environ
    assert found["DJANGO_CONFIGURATION"] == "Production"
    assert found.pop("DEPLOYKIT_CACHE") == str(tmp_path)
    assert found.pop("PATH") == f"{release}/bin:/bin"
    assert found == {
        key: value
        for key, value in wanted.items()
        if key not in ("PATH", "PWD", "_", "SHLVL", "OLDPWD")
    }


@pytest.mark.parametrize("there", [False, True])
def test_where_the_project_is_set_up_the_runtime_decides(tmp_path: Path, there: bool) -> None:
    """The cache has the release, whose settings would choose another database."""
    release_in(tmp_path / "cache")
    helper = tmp_path / "deploykit-shop"
    text = TEXT.replace("/usr/local/libexec/deploykit-shop", str(helper))
    assert text != TEXT
    if there:
        helper.symlink_to("nowhere")
    script = tmp_path / "main.py"
    body = text.rpartition("# sum ")[0].replace("check_self()\n", "pass\n")
    script.write_text(body.replace("check_runtime()\n", "sys.exit('the runtime')\n"))
    done = subprocess.run(
        [sys.executable, str(script), "migrate"],
        env={"DEPLOYKIT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert ("the runtime" in done.stderr) == there
    assert ("FileNotFoundError" in done.stderr) == (not there)  # the release has no Python


def test_a_process_runs_by_its_name(tmp_path: Path) -> None:
    release = release_in(tmp_path)
    with pytest.raises(Replaced) as caught:
        load(environment={"DEPLOYKIT_CACHE": str(tmp_path)})["run_extracted"](["run", "web", "-x"])
    assert caught.value.args == ("/bin/sh", ["sh", f"{release}/bin/deploykit-run", "web", "-x"])


def test_a_settings_module_of_the_caller_wins(tmp_path: Path) -> None:
    release_in(tmp_path)
    space = load(environment={"DEPLOYKIT_CACHE": str(tmp_path), "DJANGO_SETTINGS_MODULE": "other"})
    with pytest.raises(Replaced):
        space["run_extracted"](["check"])
    assert space["os"].environ["DJANGO_SETTINGS_MODULE"] == "other"


@pytest.mark.parametrize("mode", [0o770, 0o707])
@pytest.mark.parametrize("place", ["cache", "release"])
def test_folders_that_others_can_write_to_are_not_trusted(
    tmp_path: Path, place: str, mode: int
) -> None:
    cache = tmp_path / "cache"
    release = release_in(cache)
    {"cache": cache, "release": release}[place].chmod(mode)
    load(environment={"DEPLOYKIT_CACHE": str(cache)})["run_extracted"](
        ["check"]
    )  # replaces nothing


@pytest.mark.parametrize("place", ["", "cache/shop", "cache/shop/releases"])
def test_folders_on_the_way_must_be_safe_too(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    release_in(home / "cache")
    (home / place).chmod(0o777)
    load(environment={"DEPLOYKIT_CACHE": str(home / "cache")})["run_extracted"](["check"])
    (home / place).chmod(0o1777)
    with pytest.raises(Replaced):
        load(environment={"DEPLOYKIT_CACHE": str(home / "cache")})["run_extracted"](["check"])


def test_trust_is_decided_as_in_the_bootstrap() -> None:
    """The script has a copy of the function, without annotations and the docstring."""

    def body(source: str) -> str:
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        body = function.body[1:] if ast.get_docstring(function) else function.body
        return "\n".join(ast.unparse(statement) for statement in body)

    script = next(
        one
        for one in ast.parse(TEXT).body
        if isinstance(one, ast.FunctionDef) and one.name == "is_trusted"
    )
    assert body(ast.unparse(script)) == body(inspect.getsource(is_trusted))


def test_the_script_and_the_runtime_are_checked() -> None:
    space = load()
    space["check_self"]()
    space["check_runtime"]()


@pytest.mark.parametrize("old", ["PROJECT = ", "# sum "])
def test_a_changed_script_is_damaged(old: str) -> None:
    with pytest.raises(SystemExit, match="is damaged"):
        load(TEXT.replace(old, old.swapcase()))["check_self"]()


@pytest.mark.parametrize("runtime", [{**RUNTIME, "bootstrap.py": b"other"}, {"bootstrap.py": b""}])
def test_a_changed_runtime_is_damaged(runtime: dict[str, bytes]) -> None:
    with pytest.raises(SystemExit, match="is damaged"):
        load(runtime=runtime)["check_runtime"]()


def test_the_checksum_is_of_all_before_it() -> None:
    text, _, sum_ = TEXT.rpartition("# sum ")
    assert int(sum_, 16) == binascii.crc32(text.encode())


def test_a_runtime_has_the_digest_of_its_files() -> None:
    assert runtime_digest(RUNTIME) == runtime_digest(dict(reversed(RUNTIME.items())))
    assert runtime_digest(RUNTIME) != runtime_digest({**RUNTIME, "x.py": b""})


def test_an_old_python_names_the_version_that_is_needed() -> None:
    space = load()

    def execvp(program: str, argv: list[str]) -> None:
        raise OSError(2, "No such file or directory")

    space["os"].execvp = execvp
    with pytest.raises(SystemExit, match="needs Python {}.{}".format(*sys.version_info)):
        space["refuse_old_python"]()
