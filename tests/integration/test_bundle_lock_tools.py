"""Lock files that Poetry, Pipenv, PDM and uv make for real, from an index with a password."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from django_deploykit.bundle.locks import pdm, pipenv, poetry
from tests.indexes import PASSWORD, USER, iter_leaks, serve_index
from tests.integration.bundling import Shop, build_environment, copy_shop
from tests.projects import commit, manage, run, start_repository, uv
from tests.wheels import make_wheel

TOOLS = {"poetry": poetry.TOOL, "pipenv": pipenv.TOOL, "pdm": pdm.TOOL}
CREDENTIALS = {"INDEX_USER": USER, "INDEX_PASSWORD": PASSWORD}
PRIVATE = "http://${INDEX_USER}:${INDEX_PASSWORD}@"

PROJECT = """
[project]
name = "shop"
version = "0"
requires-python = ">=3.10,<4"
dependencies = ["alpha", "winner; sys_platform == 'win32'", "tool @ git+file://REPOSITORY@COMMIT"]
[project.optional-dependencies]
pg = ["driver"]
"""

POETRY = (
    PROJECT.replace('["alpha"', '["shared", "alpha"')
    + """
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
shared = {path = "../libs/shared", develop = true}
[tool.poetry.group.dev.dependencies]
tester = "*"
[tool.poetry.group.web.dependencies]
gunner = "*"
[[tool.poetry.source]]
name = "corp"
url = "INDEX"
"""
)

PDM = (
    PROJECT.replace(
        '["alpha"', '["shared @ file:///${PROJECT_ROOT}/../libs/shared", "alpha"'
    ).replace(
        ', "tool @ git+file://REPOSITORY@COMMIT"',
        "",  # PDM takes git+file for a host
    )
    + """
[dependency-groups]
dev = ["tester"]
web = ["gunner"]
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "pypi"
url = "PRIVATE"
"""
)

UV = (
    PROJECT.replace('["alpha"', '["shared", "alpha"')
    + """
[dependency-groups]
dev = ["tester"]
web = ["gunner"]
[tool.uv]
package = false
[tool.uv.sources]
shared = {path = "../libs/shared", editable = true}
[[tool.uv.index]]
name = "corp"
url = "INDEX"
default = true
"""
)

PIPFILE = """
[[source]]
name = "corp"
url = "PRIVATE"
verify_ssl = false
[packages]
alpha = "*"
winner = {version = "*", markers = "sys_platform == 'win32'"}
tool = {git = "file://REPOSITORY", ref = "COMMIT"}
shared = {path = "../libs/shared", editable = true}
[dev-packages]
tester = "*"
[web]
gunner = "*"
"""

FILES = {
    "poetry": ("pyproject.toml", POETRY, "poetry.lock"),
    "pdm": ("pyproject.toml", PDM, "pdm.lock"),
    "pipenv": ("Pipfile", PIPFILE, "Pipfile.lock"),
    "uv": ("pyproject.toml", UV, "uv.lock"),
}


@pytest.fixture
def index(tmp_path: Path, caches: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index with a password, which no setting of this machine names."""
    for name in ("beta", "winner", "driver", "tester", "gunner"):
        make_wheel(tmp_path / "wheels", name, {f"{name}.py": "x = 1\n"})
    make_wheel(tmp_path / "wheels", "alpha", {"alpha.py": "x = 1\n"}, needs=("beta",))
    # What the sources of the repository need to be built is on the machine's own index.
    monkeypatch.setenv("NETRC", os.devnull)
    with serve_index(tmp_path / "wheels") as url:
        yield url


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a package, and the folder of another project."""
    made = tmp_path / "repository"
    (made / "libs" / "shared").mkdir(parents=True)
    source = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "{}"\nversion = "1"\n'
    )
    for folder, name in ((made / "libs" / "shared", "shared"), (tmp_path / "tool", "tool")):
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(source.format(name))
        (folder / "backend.py").write_text(BACKEND.replace("NAME", name))
        (folder / f"{name}.py").write_text("x = 1\n")
    start_repository(tmp_path / "tool")
    (made / "web").mkdir()
    return made


BACKEND = """\
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "NAME-1.dist-info/"
    files = {
        "NAME.py": b"x = 1\\n",
        info + "METADATA": b"Metadata-Version: 2.1\\nName: NAME\\nVersion: 1\\n",
        info + "WHEEL": b"Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[info + "RECORD"] = "".join(path + ",,\\n" for path in files).encode()
    with zipfile.ZipFile(os.path.join(folder, "NAME-1-py3-none-any.whl"), "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return "NAME-1-py3-none-any.whl"

build_editable = build_wheel
"""


def make_lock(project: Path, tool: str, index: str) -> str:
    """Lock the project with the real tool, as a developer does; returns the lock file's name."""
    source, text, lock = FILES[tool]
    other = project.parent.parent / "tool"
    commit = run("git", "rev-parse", "HEAD", cwd=other).strip()
    text = text.replace("REPOSITORY", str(other)).replace("COMMIT", commit)
    text = text.replace("INDEX", index).replace("PRIVATE", index.replace("http://", PRIVATE))
    (project / source).write_text(text)
    words = [uv(), "lock", "-q"]
    more: dict[str, str] = {"UV_INDEX_CORP_USERNAME": USER, "UV_INDEX_CORP_PASSWORD": PASSWORD}
    if tool != "uv":
        packages = [word for one in TOOLS[tool].packages[1:] for word in ("--with", one)]
        words = [uv(), "tool", "run", "-q", "--from", TOOLS[tool].packages[0], *packages, tool]
        words += ["lock", *(["-G", ":all"] if tool == "pdm" else [])]
        more = {
            "POETRY_HTTP_BASIC_CORP_USERNAME": USER,
            "POETRY_HTTP_BASIC_CORP_PASSWORD": PASSWORD,
            "PIPENV_IGNORE_VIRTUALENVS": "1",
            "POETRY_CACHE_DIR": str(project.parent.parent / "poetry"),
            "PDM_CHECK_UPDATE": "0",
            "PDM_USE_VENV": "0",
            **CREDENTIALS,
        }
    run(*words, cwd=project, **more)
    return lock


def test_the_password_is_sought_among_arguments() -> None:
    words = [sys.executable, "-c", "import sys; sys.stdin.read()", PASSWORD]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        assert any(PASSWORD in one for one in iter_leaks())
        process.communicate()


@pytest.mark.parametrize("tool", FILES)
def test_a_lock_file_of_each_tool_is_installed(
    tool: str, index: str, repository: Path, caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = repository / "web"
    name = make_lock(project, tool, index)
    before = sorted(path.name for path in project.iterdir())
    monkeypatch.setenv("UV_INDEX_CORP_USERNAME", USER)
    monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", PASSWORD)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    found = build_environment(project, name)
    names = {layer.name for layer in found.layers}
    assert names == {"alpha", "beta", "shared", *(["tool"] if tool != "pdm" else [])}
    more = {"extras": ("pg",)} if tool != "pipenv" else {}
    found = build_environment(project, name, groups=("web",), **more)
    more_names = {"gunner", *(["driver"] if more else [])}
    assert {layer.name for layer in found.layers} == names | more_names
    # The tool left nothing in the project, and nothing that is kept has the password.
    assert sorted(path.name for path in project.iterdir()) == before
    kept = [path for path in (caches / "build-cache").rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []


def test_a_wrong_password_is_an_error_without_it(
    index: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = repository / "web"
    name = make_lock(project, "uv", index)
    monkeypatch.setenv("UV_INDEX_CORP_USERNAME", USER)
    monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", "wrong-password")
    with pytest.raises(Exception, match=r"installing uv\.lock failed") as found:
        build_environment(project, name)
    assert "wrong-password" not in str(found.value)


def test_a_machines_netrc_has_the_password(
    index: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = repository / "web"
    name = make_lock(project, "uv", index)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    found = build_environment(project, name)
    assert {layer.name for layer in found.layers} == {"alpha", "beta", "shared", "tool"}


KEYRING = """\
#!/bin/sh
echo "$@" >> "$0.asked"
case "$2" in http://127.0.0.1:*|127.0.0.1:*) [ "$3" = USER ] && echo PASSWORD;; *) exit 1;; esac
"""


@pytest.mark.parametrize("kind", ["uv", "requirements"])
def test_the_keyring_has_the_password(
    kind: str, index: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv asks the program keyring, which desktops and companies' tools install."""
    project = repository / "web"
    if kind == "requirements":
        digest = run("sha256sum", next((tmp_path / "wheels").glob("beta-*.whl"))).split()[0]
        name = "requirements.txt"
        text = f"--index-url {index.replace('http://', f'http://{USER}@')}\nbeta==1.0 --hash=sha256:{digest}\n"
        (project / name).write_text(text)
    else:
        name = make_lock(project, kind, index)
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(KEYRING.replace("USER", USER).replace("PASSWORD", PASSWORD))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("UV_KEYRING_PROVIDER", "subprocess")
    monkeypatch.setenv("UV_INDEX_CORP_USERNAME", USER)
    found = build_environment(project, name)
    assert "beta" in {layer.name for layer in found.layers}
    assert f"get {index}" in (tmp_path / "bin" / "keyring.asked").read_text()


def test_no_file_of_a_bundle_and_no_message_has_the_password(
    built_shop: Shop, index: str, tmp_path: Path, caches: Path
) -> None:
    project = copy_shop(built_shop, tmp_path / "copy")
    beta = next((tmp_path / "wheels").glob("beta-*.whl"))
    digest = run("sha256sum", beta).split()[0]
    url = index.replace("http://", PRIVATE).replace("/simple", "/simple/")
    with (project / "requirements.txt").open("a") as file:
        file.write(f"--extra-index-url {url}\nbeta==1.0 --hash=sha256:{digest}\n")
    commit(project)
    formats = [word for one in ("pyz", "wheel", "wheelhouse") for word in ("--format", one)]
    words = ["bundle", *formats, "--output", "dist/", "--json"]
    done = manage(project, *words, **CREDENTIALS)
    assert done.returncode == 0, done.stderr
    assert "beta" in {one["name"] for one in json.loads(done.stdout)["layers"]}
    assert PASSWORD not in done.stdout + done.stderr
    made = list((project / "dist").iterdir())
    assert len(made) == 3
    kept = [path for path in (caches / "build-cache").rglob("*") if path.is_file()]
    assert kept
    for path in (*made, *kept):
        assert list(iter_places(PASSWORD, path.name, path.read_bytes())) == []


def iter_places(text: str, name: str, data: bytes) -> Iterator[str]:
    """Yield the files that have a text: the file itself, and what is in an archive, however deep."""
    if text.encode() in data:
        yield name
    if zipfile.is_zipfile(io.BytesIO(data)):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.namelist():
                yield from iter_places(text, f"{name}/{one}", archive.read(one))
