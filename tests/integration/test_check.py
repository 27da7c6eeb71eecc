"""``manage.py deploy_check`` as a user runs it: real projects, exit codes, what it prints."""

from __future__ import annotations

import json
import shutil
import socket
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from django_deploykit.checks.formats import FORMATS
from django_deploykit.runtime.base.documents import Document
from tests.integration.checking import DEPLOY_CHECK, KEY, check, copy, python
from tests.projects import manage, run, start_repository


def ids(data: Document) -> set[str]:
    return {finding["id"] for finding in data["findings"]}


def test_clean_projects_report_nothing(clean: Path, stock: Path) -> None:
    for project in (clean, stock):
        assert check(project)["findings"] == []
    done = manage(stock, *DEPLOY_CHECK)
    assert done.stdout.splitlines()[-1].startswith("no problems found by ")
    assert "not checked: deploykit.E102: SECRET_KEY has no value here" in done.stdout


def test_what_stops_a_release_has_exit_code_1(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path, "ALLOWED_HOSTS = ['*']")
    assert manage(project, *DEPLOY_CHECK).returncode == 0  # a warning
    assert manage(project, *DEPLOY_CHECK, "--fail-level", "warning").returncode == 1
    assert manage(project, *DEPLOY_CHECK, "--skip", "W201", "--fail-level", "INFO").returncode == 0
    assert manage(project, *DEPLOY_CHECK, "--only", "E101", "--fail-level", "INFO").returncode == 0
    assert manage(project, *DEPLOY_CHECK, "--tag", "hosts", "--fail-level", "INFO").returncode == 1
    assert (
        manage(project, *DEPLOY_CHECK, "--tag", "staticfiles", "--fail-level", "INFO").returncode
        == 0
    )
    with (project / "shop" / "settings.py").open("a", encoding="utf-8") as file:
        file.write("SILENCED_SYSTEM_CHECKS = ['deploykit.W201']\n")
    assert check(project)["findings"] == []


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--only", "E999"], "E999 is not the id of a check"),
        (["--format", "yaml"], "invalid choice: 'yaml'"),
    ],
)
def test_a_wrong_command_line_has_exit_code_2(clean: Path, argv: list[str], says: str) -> None:
    done = manage(clean, *DEPLOY_CHECK, *argv)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tls = prxy", "deploykit.ini:2: tls must be one of proxy, django, none"),
        ("skip = W31O sessions are long", "deploykit.ini:2: skip: W31O is not the id of a check"),
    ],
)
def test_mistakes_in_deploykit_ini_have_exit_code_2(
    clean: Path, tmp_path: Path, text: str, says: str
) -> None:
    project = copy(clean, tmp_path)
    (project / "deploykit.ini").write_text(f"[check]\n{text}\n", encoding="utf-8")
    done = manage(project, *DEPLOY_CHECK)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    django = manage(project, "check", "--deploy", SECRET_KEY=KEY)
    assert "deploykit.E800" in django.stderr
    assert "Traceback" not in django.stderr


def test_a_skip_leaves_out_a_finding_and_says_why(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path, "ALLOWED_HOSTS = ['*']")
    with (project / "deploykit.ini").open("a", encoding="utf-8") as file:
        file.write("[check]\nskip =\n  W201 the proxy knows the hosts, until 2999-01-31\n")
    done = manage(project, *DEPLOY_CHECK, "--fail-level", "INFO")
    assert done.returncode == 0
    assert "deploykit.W201 skipped: the proxy knows the hosts" in done.stdout


def test_a_site_without_tls_says_so_once(stock: Path, tmp_path: Path) -> None:
    project = tmp_path / "plain"
    shutil.copytree(stock, project)
    assert "security.W008" in ids(check(project, DEPLOYKIT_X="1", SITE_SECURE="no"))
    (project / "deploykit.ini").write_text("[check]\ntls = none\n", encoding="utf-8")
    assert "security.W008" not in ids(check(project, SITE_SECURE="no"))


def test_runs_from_another_folder(clean: Path, tmp_path: Path) -> None:
    for folder in (clean / "shop", tmp_path):
        done = python(folder, str(clean / "manage.py"), *DEPLOY_CHECK, "--format", "json")
        assert json.loads(done.stdout)["findings"] == [], done.stderr


NO_DATABASE = """
import django.db.backends.base.base as base
def refuse(self):
    raise AssertionError('a check used the database')
base.BaseDatabaseWrapper.connect = refuse
base.BaseDatabaseWrapper.ensure_connection = refuse
"""


def test_connects_to_no_database_without_server(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path, NO_DATABASE)
    assert check(project)["findings"] == []
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    here = check(project, "--server", "--only", "E403", SECRET_KEY=KEY, DATABASE_URL=url)
    assert "a check used the database" in here["findings"][0]["message"]


# A database that is never reached: what opens it waits for an answer that does not come.
HANGING = """
import socket
from django.db.backends.sqlite3.base import DatabaseWrapper as Base

class DatabaseWrapper(Base):
    def get_new_connection(self, conn_params):
        with socket.create_connection(("127.0.0.1", int(conn_params["database"]))) as waiting:
            waiting.recv(1)
"""
MODELS = """
from django.db import models

class Page(models.Model):
    data = models.JSONField(default=dict)
    number = models.IntegerField(default=0)
    if hasattr(models, "GeneratedField"):
        twice = models.GeneratedField(
            expression=models.F("number") * 2, output_field=models.IntegerField(), db_persist=True
        )
"""


@pytest.mark.parametrize("engine", ["django.db.backends.sqlite3", "hanging"])
def test_without_server_no_database_needs_to_answer(
    engine: str, clean: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = silent.getsockname()[1] if engine == "hanging" else "/nowhere/at/all.sqlite3"
        lines = (
            f"DATABASES['default'].update(ENGINE='{engine}', NAME='{name}')",
            "INSTALLED_APPS += ['pages']",
        )
        project = copy(clean, tmp_path, "\n".join(lines))
        for folder, file, text in (("hanging", "base", HANGING), ("pages", "models", MODELS)):
            (project / folder).mkdir()
            (project / folder / "__init__.py").write_text("", encoding="utf-8")
            (project / folder / f"{file}.py").write_text(text, encoding="utf-8")
        run("git", "add", "-A", cwd=project)  # E842 and E824 would miss them
        assert ids(check(project)) <= {"deploykit.E401"}
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody connected
            silent.accept()


BROKEN = {
    "CACHES": "{'default': {'BACKEND': 'no.such.Backend'}}",
    "ROOT_URLCONF": "'no_such_urls'",
    "TEMPLATES": "[{'BACKEND': 'no_such_engine.Engine'}]",
}


def test_a_check_that_cannot_run_is_one_finding_of_a_whole_report(
    clean: Path, tmp_path: Path
) -> None:
    lines = [f"{name} = {value}" for name, value in BROKEN.items()]
    project = copy(clean, tmp_path, "\n".join([*lines, "ALLOWED_HOSTS = ['*']"]))
    out = tmp_path / "report.json"
    done = manage(project, *DEPLOY_CHECK, "--output", f"json={out}")
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    data = json.loads(out.read_text(encoding="utf-8"))
    broken = [one["message"] for one in data["findings"] if one["id"] == "deploykit.E800"]
    for text in ("no.such.Backend", "no_such_urls", "no_such_engine"):
        assert sum(text in one for one in broken) == 1, broken
    assert "deploykit.W201" in ids(data)  # the others ran
    assert done.stdout.count("could not run") == len(broken)


def test_server_checks_the_host(clean: Path, tmp_path: Path) -> None:
    project = copy(clean, tmp_path)
    config = tmp_path / "shop.ini"
    config.write_text(f"[django]\nsecret_key = {KEY}\nallowed_host = shop.example.org\n")
    config.chmod(0o644)
    env = {"SHOP_CONFIG": str(config), "STATE_DIRECTORY": str(tmp_path / "state")}
    (tmp_path / "state").mkdir()
    found = ids(check(project, "--server", **env))
    assert {"deploykit.W404", "deploykit.E803", "deploykit.W802", "deploykit.E602"} <= found
    config.chmod(0o600)
    config.write_text(f"[django]\nsecret_key = {KEY}\n[shop]\nallowed_hosts = shop.test\n")
    for command in ("migrate", "collectstatic"):
        done = manage(project, command, "-v0", "--noinput", **env)
        assert done.returncode == 0, done.stderr
    # A test's folder is a temporary one (E401), its user may be root and its disk full.
    # The mail server of the settings does not exist (W712).
    expected = {f"deploykit.{key}" for key in ("E401", "W712", "W814", "W815")}
    assert ids(check(project, "--server", **env)) <= expected
    # On a host, nothing replaces required values that are missing.
    done = manage(project, *DEPLOY_CHECK, "--server", STATE_DIRECTORY=str(tmp_path / "state"))
    assert done.returncode == 2
    assert "SECRET_KEY is not set" in done.stderr


def test_list_and_explain_name_every_check(clean: Path) -> None:
    listed = manage(clean, *DEPLOY_CHECK, "--list").stdout.splitlines()
    names = [line.split()[0] for line in listed[:-1]]
    assert len(names) == len(set(names)) >= 80
    assert sum("--server" not in line for line in listed[:-1]) >= 40
    told = manage(clean, *DEPLOY_CHECK, "--explain", "E209").stdout
    assert "deploykit.E209: SECURE_REDIRECT_EXEMPT contains a pattern" in told
    assert "without its leading slash" in told


def test_every_format_is_read_by_its_reader(clean: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    project = copy(clean, repository, "ALLOWED_HOSTS = ['*', 'a<b>&\"c\"']\nDEBUG = True")
    shutil.rmtree(project / ".git")
    start_repository(repository)
    line = len((project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines())
    texts = {}
    for name in FORMATS:
        out = tmp_path / name
        done = manage(project, *DEPLOY_CHECK, "--format", name, "--output", str(out))
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        texts[name] = out.read_text(encoding="utf-8")
    assert f"ERROR   deploykit.E101  shop/settings.py:{line}: DEBUG is on" in texts["text"]
    # CI services count paths from the repository's folder.
    assert (
        f"::error file=shop/shop/settings.py,line={line},title=deploykit.E101::DEBUG"
        in texts["github"]
    )
    result = json.loads(texts["sarif"])["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/shop/settings.py"
    assert json.loads(texts["gitlab"])[0]["location"]["path"] == "shop/shop/settings.py"
    suite = ElementTree.fromstring(texts["junit"])
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["deploykit.E101", "deploykit.E202"]
    assert json.loads(texts["json"])["findings"][0]["path"] == "shop/settings.py"
