"""``manage.py deploy_check`` as a user runs it: real projects, exit codes, what it prints."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ROOT, commit, manage, run, start_repository

KEY = "kT3v_0zQm9sXf2LrWn7Yb4Hd8Pc1Jg6Ua5Eo-iBqRtVxZwNyMkSl"
# The Django and Python that these tests run on may be past their end (W110).
GATE = ("deploy_check", "--skip", "W110")
CACHE = "django.core.cache.backends.locmem.LocMemCache"
# The one-line mistakes of settings that are otherwise clean, and who finds each. Django's own
# ``check --deploy`` exits 0 for all of them, and says nothing of fifteen.
MISTAKES = {
    "DEBUG": ("DEBUG = True", "deploykit.E101"),
    "stock key": (f"SECRET_KEY = 'django-insecure-{KEY}'", "deploykit.E102"),
    "no hosts": ("ALLOWED_HOSTS = []", "security.W020"),
    "any host": ("ALLOWED_HOSTS = ['*']", "deploykit.W201"),
    "host with scheme": ("ALLOWED_HOSTS = ['https://shop.example.org']", "deploykit.E202"),
    "host in quotes": ("ALLOWED_HOSTS = ['\"shop.example.org\"']", "deploykit.E202"),
    "placeholder key": (
        "SECRET_KEY = 'change-me-in-production-' + 'please-' * 5",
        "deploykit.E102",
    ),
    "cache of one process": (
        f"CACHES = {{'default': {{'BACKEND': '{CACHE}'}}}}",
        "deploykit.W501",
    ),
    "relative SQLite": (
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}",
        "deploykit.E401",
    ),
    "mail to the console": (
        "EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'",
        "deploykit.E701",
    ),
    "no STATIC_ROOT": ("STATIC_ROOT = None", "deploykit.E601"),
    "MD5": (
        "PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']",
        "deploykit.E304",
    ),
    "propagated exceptions": ("DEBUG_PROPAGATE_EXCEPTIONS = True", "deploykit.W108"),
    "origin with slash": ("CSRF_TRUSTED_ORIGINS = ['https://shop.example.org/']", "deploykit.E204"),
    "exempt with slash": ("SECURE_REDIRECT_EXEMPT = [r'^/up$']", "deploykit.E209"),
    "preload of an hour": (
        "SECURE_HSTS_PRELOAD, SECURE_HSTS_SECONDS = True, 3600",
        "deploykit.W211",
    ),
    "foreign cookie domain": (
        "SESSION_COOKIE_DOMAIN, ALLOWED_HOSTS = 'other.org', ['shop.example.org']",
        "deploykit.E302",
    ),
    "sessions of one process": (
        "SESSION_ENGINE = 'django.contrib.sessions.backends.cache'",
        "deploykit.E502",
    ),
}
# Mistakes that can be made in one settings module, because none hides another.
TOGETHER = (
    (
        "stock key",
        "any host",
        "cache of one process",
        "relative SQLite",
        "mail to the console",
        "no STATIC_ROOT",
        "MD5",
        "propagated exceptions",
    ),
    (
        "placeholder key",
        "host with scheme",
        "origin with slash",
        "exempt with slash",
        "preload of an hour",
        "sessions of one process",
    ),
    ("DEBUG", "no hosts"),
    ("host in quotes",),
    ("foreign cookie domain",),
)
# What the README says to change in settings as startproject writes them.
README_LINES = (
    (
        "from pathlib import Path\n",
        "from pathlib import Path\nfrom django_deploykit.conf import Config\nconfig = Config('site')\n",
    ),
    ("DEBUG = True\n", "DEBUG = config.bool('DEBUG', default=False)\n"),
    (
        "ALLOWED_HOSTS = []\n",
        "ALLOWED_HOSTS = config.hosts('ALLOWED_HOSTS', default=['localhost', '127.0.0.1'])\n",
    ),
    ("INSTALLED_APPS = [\n", "INSTALLED_APPS = [\n    'django_deploykit',\n"),
    (
        "    'django.middleware.security.SecurityMiddleware',\n",
        (
            "    'django.middleware.security.SecurityMiddleware',\n"
            "    'whitenoise.middleware.WhiteNoiseMiddleware',\n"
        ),
    ),
    (
        "STATIC_URL = 'static/'\n",
        (
            "STATIC_URL = 'static/'\nSTATIC_ROOT = BASE_DIR / 'staticfiles'\n"
            "globals().update(config.production())\n"
        ),
    ),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test project in a repository of its own."""
    project = tmp_path_factory.mktemp("check") / "shop"
    junk = shutil.ignore_patterns("__pycache__", ".deploykit", "staticfiles", "*.sqlite3", "vendor")
    shutil.copytree(ROOT / "testproject", project, ignore=junk)
    start_repository(project)
    return project


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as ``startproject`` makes it, with the README's lines."""
    project = tmp_path_factory.mktemp("stock")
    run(sys.executable, "-m", "django", "startproject", "site_", project)
    (project / ".gitignore").write_text("*.pyc\ndb.sqlite3\n", encoding="utf-8")
    settings = project / "site_" / "settings.py"
    before = settings.read_text(encoding="utf-8").replace('"', "'")
    text = before
    for old, new in README_LINES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    lines = []
    for line in text.splitlines():
        lines.append(
            "SECRET_KEY = config.secret('SECRET_KEY')" if line.startswith("SECRET_KEY") else line
        )
    text = "\n".join(lines) + "\n"
    start, end = text.index("DATABASES = {"), text.index("# Password validation")
    entry = 'DATABASES = {"default": config.database(default=f"sqlite:///{config.data / \'db.sqlite3\'}")}\n'
    text = text[:start] + entry + text[end:]
    diff = difflib.ndiff(before.splitlines(), text.splitlines())
    assert sum(line.startswith("+ ") for line in diff) <= 10
    settings.write_text(text, encoding="utf-8")
    start_repository(project)
    return project


def copy(project: Path, folder: Path, line: str = "") -> Path:
    """Return a copy of a project, with a line added to its settings."""
    made = folder / project.name
    shutil.copytree(project, made)
    if line:
        with (made / "shop" / "settings.py").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return made


def check(project: Path, *argv: str, **env: str) -> dict[str, Any]:
    """Run the command and return its JSON."""
    done = manage(project, *GATE, "--format", "json", *argv, **env)
    assert done.stdout, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if data["failed"] else 0)
    return data


def ids(data: dict[str, Any]) -> set[str]:
    return {finding["id"] for finding in data["findings"]}


def test_clean_projects_report_nothing(shop: Path, stock: Path) -> None:
    for project in (shop, stock):
        assert check(project)["findings"] == []
    done = manage(stock, *GATE)
    assert done.stdout.startswith("no problem found by ")


@pytest.mark.parametrize("names", TOGETHER, ids=" and ".join)
def test_finds_each_mistake_of_one_line(names: tuple[str, ...], shop: Path, tmp_path: Path) -> None:
    project = copy(shop, tmp_path, "\n".join(MISTAKES[name][0] for name in names))
    data = check(project)
    text = (project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines()
    wanted = {MISTAKES[name][1]: text.index(MISTAKES[name][0]) + 1 for name in names}
    found = {one["id"]: (one["path"], one["line"]) for one in data["findings"]}
    for key, line in wanted.items():
        assert found.get(key) == ("shop/settings.py", line), key
    # One line is one mistake: nothing that has nothing to do with it is told.
    assert found.keys() - {"deploykit.E104", "deploykit.W402"} == wanted.keys()
    # Django's own check shows it too, with the same id.
    django = manage(project, "check", "--deploy", SECRET_KEY=KEY)
    assert [key for key in wanted if key not in django.stdout + django.stderr] == []


def test_all_mistakes_are_eighteen() -> None:
    assert len(MISTAKES) == 18
    assert sorted(name for names in TOGETHER for name in names) == sorted(MISTAKES)


def test_what_stops_a_release_has_exit_code_1(shop: Path, tmp_path: Path) -> None:
    project = copy(shop, tmp_path, "ALLOWED_HOSTS = ['*']")
    assert manage(project, *GATE).returncode == 0  # a warning
    assert manage(project, *GATE, "--fail-level", "warning").returncode == 1
    assert manage(project, *GATE, "--skip", "W201", "--fail-level", "INFO").returncode == 0
    assert manage(project, *GATE, "--only", "E101", "--fail-level", "INFO").returncode == 0
    assert manage(project, *GATE, "--tag", "hosts", "--fail-level", "INFO").returncode == 1
    assert manage(project, *GATE, "--tag", "files", "--fail-level", "INFO").returncode == 0
    with (project / "shop" / "settings.py").open("a", encoding="utf-8") as file:
        file.write("SILENCED_SYSTEM_CHECKS = ['deploykit.W201']\n")
    assert check(project)["findings"] == []


BROKEN = {
    "a name that is none": ("X = nothing_of_this_name", "NameError"),
    "a module that is missing": ("import no_such_module", "ModuleNotFoundError"),
    "a syntax error behind an import": ("from shop import broken", "broken.py:2: SyntaxError"),
    "an app that is missing": ("INSTALLED_APPS += ['no_such_app']", "no_such_app"),
    "a log file in no folder": (
        (
            "LOGGING = {'version': 1, 'handlers': {'x': {'class': 'logging.FileHandler', "
            "'filename': '/nowhere/x.log'}}, 'root': {'handlers': ['x']}}"
        ),
        "/nowhere/x.log",
    ),
    "a typo in the configuration": ("X = config.bool('SHOP_TYPO')", "SHOP_TYPO: expected true"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_settings_that_do_not_load_are_told_with_their_place(
    name: str, shop: Path, tmp_path: Path
) -> None:
    line, says = BROKEN[name]
    project = copy(shop, tmp_path, line)
    (project / "shop" / "broken.py").write_text("\nx ==\n", encoding="utf-8")
    done = manage(project, *GATE, SHOP_TYPO="Flase")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    if "settings do not load" in done.stderr and "broken.py" not in says:
        number = len((project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines())
        assert f"shop/settings.py:{number}: " in done.stderr


def test_the_module_tells_of_settings_that_cannot_even_be_parsed(
    shop: Path, tmp_path: Path
) -> None:
    project = copy(shop, tmp_path)
    (project / "shop" / "settings.py").write_text("x = 1\ny ==\n", encoding="utf-8")
    done = python(project, "-m", "django_deploykit", *GATE)
    assert done.returncode == 2
    assert "error: the settings do not load: shop/settings.py:2: SyntaxError" in done.stderr
    assert "Traceback" not in done.stderr


def python(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with no settings chosen."""
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--only", "E999"], "E999 is no check"),
        (["--only", "securty.W004"], "did you mean 'security'?"),
        (["--skip", "security.W4"], "security.W4 is no check"),
        (["--tag", "host"], "did you mean 'hosts'?"),
        (["--explain", "E1O1"], "E1O1 is no check of ours"),
        (["--output", "no/such/folder/report.json"], "cannot be written"),
        (["--migrations"], "needs --format json"),
        (["--format", "yaml"], "invalid choice: 'yaml'"),
        (["--fail-level", "bad"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_has_exit_code_2(shop: Path, argv: list[str], says: str) -> None:
    done = manage(shop, *GATE, *argv)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tls = prxy", "deploykit.ini:2: tls must be one of proxy, django, none"),
        ("topology = x", "topology is no option of [check]"),
        ("skip = W31O sessions are long", "deploykit.ini:2: skip: W31O is no check"),
        ("skip = W310", "needs a reason"),
        ("skip = W310 long sessions, until 2027-02-30", "2027-02-30 is no day"),
    ],
)
def test_mistakes_in_deploykit_ini_have_exit_code_2(
    shop: Path, tmp_path: Path, text: str, says: str
) -> None:
    project = copy(shop, tmp_path)
    (project / "deploykit.ini").write_text(f"[check]\n{text}\n", encoding="utf-8")
    done = manage(project, *GATE)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    django = manage(project, "check", "--deploy", SECRET_KEY=KEY)
    assert "deploykit.E800" in django.stderr
    assert "Traceback" not in django.stderr


def test_a_skip_leaves_out_a_finding_and_says_why(shop: Path, tmp_path: Path) -> None:
    project = copy(shop, tmp_path, "ALLOWED_HOSTS = ['*']")
    with (project / "deploykit.ini").open("a", encoding="utf-8") as file:
        file.write("[check]\nskip =\n  W201 the proxy knows the hosts, until 2999-01-31\n")
    done = manage(project, *GATE, "--fail-level", "INFO")
    assert done.returncode == 0
    assert "deploykit.W201 skipped: the proxy knows the hosts" in done.stdout


def test_a_site_without_tls_says_so_once(stock: Path, tmp_path: Path) -> None:
    project = tmp_path / "plain"
    shutil.copytree(stock, project)
    assert "security.W008" in ids(check(project, DEPLOYKIT_X="1", SITE_SECURE="no"))
    (project / "deploykit.ini").write_text("[check]\ntls = none\n", encoding="utf-8")
    assert "security.W008" not in ids(check(project, SITE_SECURE="no"))


def test_several_settings_modules_are_judged_by_the_one_that_serves(
    stock: Path, tmp_path: Path
) -> None:
    project = tmp_path / "several"
    shutil.copytree(stock, project)
    folder = project / "site_" / "settings"
    folder.mkdir()
    text = (project / "site_" / "settings.py").read_text(encoding="utf-8")
    (project / "site_" / "settings.py").unlink()
    base = text.replace(".parent.parent", ".parent.parent.parent")
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "base.py").write_text(base, encoding="utf-8")
    (folder / "local.py").write_text(
        "from .base import *\nDEBUG = True\nSECRET_KEY = 'dev'\nALLOWED_HOSTS = ['*']\n",
        encoding="utf-8",
    )
    (folder / "production.py").write_text("from .base import *\n", encoding="utf-8")
    for name, module in (
        ("manage", "local"),
        ("site_/wsgi", "production"),
        ("site_/asgi", "production"),
    ):
        path = project / f"{name}.py"
        path.write_text(
            path.read_text(encoding="utf-8").replace("site_.settings", f"site_.settings.{module}"),
            encoding="utf-8",
        )
    commit(project)
    done = manage(project, *GATE)
    assert (done.returncode, done.stdout[:16]) == (0, "no problem found"), done.stdout
    assert "site_.settings.production" in done.stderr
    chosen = manage(project, *GATE, "--settings", "site_.settings.local")
    assert "deploykit.E101  site_/settings/local.py:2: DEBUG is on" in chosen.stdout
    assert chosen.returncode == 1
    (folder / "production.py").write_text("from .base import *\nX = nothing\n", encoding="utf-8")
    broken = manage(project, *GATE)
    assert broken.returncode == 2
    assert "site_/settings/production.py:2: NameError" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_runs_from_another_folder(shop: Path, tmp_path: Path) -> None:
    for folder in (shop / "shop", tmp_path):
        done = python(folder, str(shop / "manage.py"), *GATE, "--format", "json")
        assert json.loads(done.stdout)["findings"] == [], done.stderr


NO_DATABASE = """
import django.db.backends.base.base as base
def refuse(self):
    raise AssertionError('a check asked the database')
base.BaseDatabaseWrapper.connect = refuse
base.BaseDatabaseWrapper.ensure_connection = refuse
"""


def test_asks_no_database_without_server(shop: Path, tmp_path: Path) -> None:
    project = copy(shop, tmp_path, NO_DATABASE)
    assert check(project)["findings"] == []
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    here = check(project, "--server", "--only", "E403", SECRET_KEY=KEY, DATABASE_URL=url)
    assert "a check asked the database" in here["findings"][0]["message"]


def test_server_asks_the_host(shop: Path, tmp_path: Path) -> None:
    project = copy(shop, tmp_path)
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
    expected = {"deploykit.E401", "deploykit.W814", "deploykit.W815"}
    assert ids(check(project, "--server", **env)) <= expected
    # On a host nothing stands in for what is missing.
    done = manage(project, *GATE, "--server", STATE_DIRECTORY=str(tmp_path / "state"))
    assert done.returncode == 2
    assert "SECRET_KEY is not set" in done.stderr


def test_list_and_explain_name_every_check(shop: Path) -> None:
    listed = manage(shop, *GATE, "--list").stdout.splitlines()
    names = [line.split()[0] for line in listed[:-1]]
    assert len(names) == len(set(names)) >= 80
    assert sum("--server" not in line for line in listed[:-1]) >= 40
    told = manage(shop, *GATE, "--explain", "E209").stdout
    assert "deploykit.E209: SECURE_REDIRECT_EXEMPT has a pattern" in told
    assert "without its leading slash" in told


def test_every_format_is_read_by_its_reader(shop: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    project = copy(shop, repository, "ALLOWED_HOSTS = ['*', 'a<b>&\"c\"']\nDEBUG = True")
    shutil.rmtree(project / ".git")
    start_repository(repository)
    line = len((project / "shop" / "settings.py").read_text(encoding="utf-8").splitlines())
    texts = {}
    for name in ("text", "json", "sarif", "junit", "github", "gitlab"):
        out = tmp_path / name
        done = manage(project, *GATE, "--format", name, "--output", str(out))
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
