"""Names that somebody else chose, at every place where they would become something else."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.source import find_commit
from django_deploykit.conf.ini import read_ini
from django_deploykit.errors import BundleError, DeployKitError
from django_deploykit.management.summary import Ending, status_lines, summary
from django_deploykit.project import load_project
from django_deploykit.project.inventory import parse_host, read_inventory
from django_deploykit.project.procfile import parse_procfile
from django_deploykit.release.outcome import Outcome
from django_deploykit.release.transports.ssh import quote
from django_deploykit.runtime.base.names import valid_app, valid_digest, valid_release_id
from django_deploykit.runtime.bundle.manifest import Manifest, ManifestError, Process
from django_deploykit.runtime.cli.main import parse as parse_verb
from django_deploykit.runtime.deploy.migrations import Database, reverse_commands
from django_deploykit.runtime.storage.virtualenv import process_lines
from django_deploykit.runtime.wire.operating import CommandStatus, HostStatus
from tests.bundles import make_layer, make_manifest
from tests.projects import commit, run

HOSTILE = (
    "a b",
    "a;id",
    "a\nb",
    "a\tb",
    "a\x00b",
    "a\x1b[2Jb",
    "-x",
    "--help",
    "-oProxyCommand=id",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "$(id)",
    "`id`",
    "${HOME}",
    "a|b",
    "a&b",
    "a>b",
    "a'b",
    'a"b',
    "a\\b",
    "*",
    "?",
    "~root",
    "#a",
    "a%b",
    "\u00e9",
    "\u202egnp.exe",
    "a\u0661",
    "a\n",
    " a",
    "a ",
)
WORDS = [word for word in HOSTILE if "\x00" not in word]


@pytest.mark.parametrize("name", [*HOSTILE, "", "A", "1a", "a.b", "a_b", "a@b", "a" * 32])
def test_a_project_has_a_plain_name(name: str, tmp_path: Path) -> None:
    assert not valid_app(name)
    if "\n" in name or not name.strip() or name != name.strip() or name.startswith("#"):
        return  # an INI cannot say it
    (tmp_path / "manage.py").touch()
    (tmp_path / "deploykit.ini").write_text(f"[project]\nname = {name}\n", encoding="utf-8")
    with pytest.raises(DeployKitError, match=r"deploykit\.ini"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        "",
        "20261123T041500",
        "20261123T041500-ab12cd3.service",
        "20261123T041500-ab12cd3/..",
        "20261123T041500-ab12cd3\n",
        "20261123T041500-ab12cd3 x",
        "20261123t041500-ab12cd3",
        "20261123T041500-" + "a" * 41,
        "\u0662\u0660261123T041500-ab12cd3",
    ],
)
def test_a_release_id_is_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not valid_release_id(name)
    with pytest.raises(SystemExit):
        parse_verb(["stage", f"--release={name}"])
    assert "is not a release id" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*HOSTILE, "", "a" * 63, "A" * 64, "a" * 64 + "\n", "a" * 65])
def test_a_digest_is_one(name: str) -> None:
    assert not valid_digest(name)


@pytest.mark.parametrize(
    "host",
    [*HOSTILE, "@a", "a@", "x@y@z", "-a@b", "a:b", "a:-1", "a:65536", "a:0", "[a]", "[::1"],
)
def test_a_host_is_one(host: str, tmp_path: Path) -> None:
    if host not in ("a\n", " a", "a ", "a\nb", "#a"):  # an INI reads these as one or two names
        with pytest.raises(DeployKitError):
            read_inventory(_environment(tmp_path, f"hosts = {host}"))
    with pytest.raises(DeployKitError):
        parse_host(host)


KEYS = ("roles", "health", "listen", "host", "migrate_on")
# A Host header may look like an option; setup judges where to listen once more.
FINE = {
    *(("health", "/etc/passwd"), ("listen", "/etc/passwd")),
    *(("host", "-x"), ("host", "--help"), ("host", "..")),
}
SAID = [word for word in WORDS if word == word.strip() and "\n" not in word and word[0] != "#"]


@pytest.mark.parametrize("key", KEYS)
def test_values_of_an_environment_are_judged(key: str, tmp_path: Path) -> None:
    names = [name for name in SAID if (key, name) not in FINE]
    assert names
    for name in names:
        with pytest.raises(DeployKitError, match=r"deploykit\.ini"):
            read_inventory(_environment(tmp_path, f"hosts = web1\n{key} = {name}"))


def _environment(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "deploykit.ini"
    path.write_text(f"[environment:production]\n{text}\n", encoding="utf-8")
    return read_ini(path)


@pytest.mark.parametrize("name", [word for word in HOSTILE if word.strip() == word])
def test_a_procfile_names_processes_plainly(name: str) -> None:
    if name.startswith("#") or "\n" in name:
        return  # a comment; two lines
    with pytest.raises(DeployKitError):
        parse_procfile(f"{name}: gunicorn shop.wsgi\n")


def _with(**changes: object) -> str:
    layer = make_layer("app", "app", "", {"app/manage.py": b""})
    return json.dumps({**json.loads(make_manifest((layer,)).dumps()), **changes})


@pytest.mark.parametrize("name", [*HOSTILE, "", "a" * 65])
def test_a_manifest_names_processes_plainly(name: str) -> None:
    with pytest.raises(ManifestError):
        Manifest.loads(_with(processes=[asdict(Process(name, "x"))]))


@pytest.mark.parametrize("key", ["python", "commit", "project", "release_id", "static_root"])
def test_what_becomes_a_path_is_judged_in_the_manifest(key: str) -> None:
    for text in [*HOSTILE, "x/y"]:
        with pytest.raises(ManifestError, match=key):
            Manifest.loads(_with(**{key: text}))


@pytest.mark.parametrize("text", ["3.11/../../../../tmp/x", "3", "3.", "4.1", "3.111", "3.1\n"])
def test_the_python_of_a_manifest_is_a_version(text: str) -> None:
    with pytest.raises(ManifestError, match="python"):
        Manifest.loads(_with(python=text))


@pytest.mark.parametrize("text", ["app/../../x", "/app/x", "app", "home/x", "app//x", "app/x/.."])
def test_static_files_lie_in_the_release(text: str) -> None:
    with pytest.raises(ManifestError, match="static_root"):
        Manifest.loads(_with(static_root=text))


@pytest.mark.parametrize(
    "key", ["tag", "settings_module", "wsgi", "static_url", "glibc", "platform"]
)
@pytest.mark.parametrize("char", ["\n", "\x00", "\x1b", "\x7f", "\x9b", "\ud800"])
def test_no_text_of_a_manifest_moves_a_persons_screen(key: str, char: str) -> None:
    with pytest.raises(ManifestError, match=f"{key} contains control characters"):
        Manifest.loads(_with(**{key: f"a{char}b"}))


@pytest.mark.parametrize("size", [-1, 1 << 41, 10**30])
@pytest.mark.parametrize("key", ["size", "files"])
def test_sizes_of_a_manifest_can_be(key: str, size: int) -> None:
    layer = asdict(make_layer("app", "app", "", {"app/manage.py": b""}))
    with pytest.raises(ManifestError, match="no valid size"):
        Manifest.loads(_with(layers=[{**layer, key: size}]))


def test_words_for_a_host_are_quoted_once_and_arrive_as_they_are() -> None:
    line = quote(["printf", "%s\\0", *WORDS])
    for command in (["sh", "-c", line], ["bash", "-c", line]):
        done = subprocess.run(command, capture_output=True, check=True)
        assert done.stdout.decode().split("\0")[:-1] == WORDS
    with pytest.raises(DeployKitError, match="NUL"):
        quote(["a\x00b"])


def test_the_script_of_processes_takes_a_name_as_a_word(tmp_path: Path) -> None:
    """Whatever name is asked for: it is looked up, never run."""
    manifest = make_manifest((), processes=(Process("web", "echo started"),))
    (tmp_path / "app").mkdir()
    script = tmp_path / "deploykit-run"
    script.write_text("\n".join(process_lines(tmp_path, manifest)) + "\n")
    for word in WORDS:
        done = subprocess.run(["sh", str(script), word], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "uid=" not in done.stderr
    done = subprocess.run(["sh", str(script), "web", "$(id)"], capture_output=True, text=True)
    assert done.stdout == "started $(id)\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "manage.py").write_text("")
    run("git", "init", "-q", "-b", "x;touch${IFS}pwned", cwd=folder)
    sha = commit(folder)
    for ref in (
        "heads/$(id)",
        "heads/caf\u00e9",
        "tags/v1;id",
        "tags/-x",
        "tags/--upload-pack=id",
        "tags/'a",
    ):
        run("git", "update-ref", f"refs/{ref}", sha, cwd=folder)
    return folder


@pytest.mark.parametrize(
    "rev", ["x;touch${IFS}pwned", "$(id)", "caf\u00e9", "v1;id", "-x", "--upload-pack=id", "'a", ""]
)
def test_branches_and_tags_may_have_any_name(repository: Path, rev: str) -> None:
    found, _ = find_commit(repository, rev)
    assert found.sha == run("git", "rev-parse", "HEAD", cwd=repository).strip()
    assert valid_release_id(found.release_id)
    assert sorted(path.name for path in repository.iterdir()) == [".git", "manage.py"]


@pytest.mark.parametrize(
    "rev",
    [
        "--help",
        "--output=pwned",
        "-1",
        "HEAD:manage.py",
        "HEAD..HEAD",
        "a b",
        "HEAD\nHEAD",
        "../x",
        "@{-9}",
    ],
)
def test_what_is_no_commit_is_refused(repository: Path, rev: str) -> None:
    with pytest.raises(BundleError, match="is not a commit"):
        find_commit(repository, rev)
    assert sorted(path.name for path in repository.iterdir()) == [".git", "manage.py"]


@pytest.mark.parametrize("word", WORDS)
def test_names_from_a_host_are_quoted_in_the_commands_that_reverse_migrations(word: str) -> None:
    app = word.replace(".", "_")  # the name of a migration is APP.NAME
    row = Database("default", "db", (), (f"{app}.0002_x",), {app: word})
    other = Database(word, "db", (), ("shop.0002_x",), {"shop": "0001"})
    first, second = reverse_commands("./manage.py release exec --", [row, other])
    assert shlex.split(first)[-3:] == ["default", app, word]
    assert shlex.split(second)[-3:] == [word, "shop", "0001"]


@pytest.mark.parametrize("word", WORDS)
def test_names_from_a_host_become_no_command_to_copy(word: str) -> None:
    outcome = Outcome("20261123T041500-ab12cd3", live={"web1": "20261123T041500-ab12cd3"})
    outcome.before = {"web1": word}
    lines = [line for line, _ in summary(outcome, Ending("local", 1.0, action="rollback"))]
    assert not any("to undo this" in line for line in lines)
    command = CommandStatus(word, "20261123T041500-ab12cd3", "migrate")
    (line,) = [
        one
        for one in status_lines("web1", HostStatus(None, "", commands=(command,)))
        if "ID" in one
    ]
    assert shlex.split(line.partition("for `cancel` is ")[2]) == [word]
