"""``init`` on real folders: what it shows, asks, writes, and leaves as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command

from django_deploykit.errors import DeployKitError, ProjectError
from django_deploykit.init.command import (
    apply,
    main,
    missing_wheel,
    next_steps,
    own_wheel,
    plan_for,
    shown,
    virtualenv_to_ignore,
)
from django_deploykit.init.dependencies import Locking
from django_deploykit.project import find_project
from django_deploykit.project.naming import as_name

# Locked with us, so that nothing asks a package index.
LOCK = "django-deploykit==1 \\\n    --hash=sha256:0\n"
ASK = "from django.conf import settings as s; import json; print(json.dumps([s.DEBUG, s.SECRET_KEY, s.MIDDLEWARE[1], s.STATIC_ROOT.name, s.INSTALLED_APPS[-1]]))"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what ``startproject`` of this Django writes, with a lock file, as current folder."""
    call_command("startproject", "shop", str(tmp_path))
    (tmp_path / "requirements.txt").write_text(LOCK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    return tmp_path


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_a_stock_project_loads_afterwards_and_needs_nothing_more(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--noinput"]) == 0
    out = capsys.readouterr().out
    assert "+++ dev.ini  (new; a key for development, which git ignores)" in out
    assert "SHOP_CONFIG=dev.ini python manage.py runserver" in out
    key = (project / "dev.ini").read_text().partition("secret_key = ")[2].partition("\n")[0]
    assert len(key) > 50
    assert key not in out
    assert (project / "dev.ini").stat().st_mode & 0o777 == 0o600
    env = {**os.environ, "SHOP_CONFIG": "dev.ini", "DJANGO_SETTINGS_MODULE": "shop.settings"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=project, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    whitenoise = "whitenoise.middleware.WhiteNoiseMiddleware"
    assert json.loads(done.stdout) == [True, key, whitenoise, "staticfiles", "django_deploykit"]
    before = content(project)
    assert main([]) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert content(project) == before


def test_a_plan_only_shows_and_leaves_no_wheel_behind(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = project / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = content(project)
    assert main(["--plan"]) == 0
    out = capsys.readouterr().out
    assert '+SECRET_KEY = config.secret("SECRET_KEY")' in out
    assert content(project) == before
    assert not list(temporary.iterdir())


def test_nobody_to_ask_is_no_consent(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(project)
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main([]) == 2
    assert "--noinput" in capsys.readouterr().err
    assert content(project) == before


def test_everything_is_as_before_if_locking_fails(project: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "elsewhere" / "django_deploykit-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"zip")
    plan = plan_for(find_project(project), wheel)
    bad = Locking(arguments=("pip", "--no-such-option"), locked=("requirements.txt", "new.txt"))
    (project / "shop/settings.py").chmod(0o640)
    before = content(project)
    with pytest.raises(DeployKitError, match="locking the dependencies failed"):
        apply(project, replace(plan, locking=bad), wheel)
    assert content(project) == before
    assert (project / "shop/settings.py").stat().st_mode & 0o777 == 0o640
    assert not (project / "vendor").exists()


def test_a_tool_that_locks_finds_our_wheel_and_is_the_next_step(
    project: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "elsewhere" / "django_deploykit-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"zip")
    (project / "poetry.lock").touch()
    plan = plan_for(find_project(project), wheel)
    apply(project, plan, wheel)
    command = f"poetry add --lock ./vendor/{wheel.name}"
    assert [*next_steps(plan)][1:3] == [
        "  SHOP_CONFIG=dev.ini python manage.py runserver    # development, from now on",
        f"  {command}",
    ]
    assert (project / "vendor" / wheel.name).read_bytes() == b"zip"
    again = plan_for(find_project(project), wheel)
    assert again.empty
    assert missing_wheel(project, again, wheel) is None
    (project / "vendor" / wheel.name).unlink()
    assert missing_wheel(project, again, wheel) == project / "vendor" / wheel.name


@pytest.mark.parametrize(("own", "expected"), [("", "env"), ("*", "")])
def test_a_virtualenv_that_ignores_itself_is_left_alone(
    own: str, expected: str, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / "env" / ".gitignore").write_text(own)
    assert virtualenv_to_ignore(tmp_path, tmp_path / "env") == expected
    assert virtualenv_to_ignore(tmp_path, tmp_path.parent) == ""
    (tmp_path / ".gitignore").write_text("env/\n")
    assert virtualenv_to_ignore(tmp_path, tmp_path / "env") == ""


def test_a_file_is_written_through_its_link(project: Path) -> None:
    settings = project / "shop/settings.py"
    settings.rename(project / "real.py")
    settings.symlink_to("../real.py")
    plan = plan_for(find_project(project), None)
    apply(project, plan, None)
    assert settings.is_symlink()
    assert "Config(" in (project / "real.py").read_text()


def test_settings_that_are_not_python_are_one_error(project: Path) -> None:
    (project / "shop/settings.py").write_text("DEBUG = (\n")
    with pytest.raises(ProjectError, match=r"shop\.settings is not Python: line 1"):
        plan_for(find_project(project), None)
    (project / "shop/settings.py").unlink()
    with pytest.raises(ProjectError, match=r"there is no settings module shop\.settings"):
        plan_for(find_project(project), None)


def test_a_project_without_settings_is_an_error(project: Path) -> None:
    (project / "manage.py").write_text("")
    (project / "shop/wsgi.py").unlink()
    (project / "shop/asgi.py").unlink()
    with pytest.raises(ProjectError, match="names no settings module") as raised:
        plan_for(find_project(project, named=False), None)
    assert "deploykit.ini" in raised.value.hint


def test_a_name_that_no_file_says_is_proposed_and_written(project: Path) -> None:
    for path in (project / "manage.py", project / "shop/wsgi.py", project / "shop/asgi.py"):
        path.write_text(path.read_text().replace("shop.settings", "config.settings"))
    (project / "shop").rename(project / "config")
    plan = plan_for(find_project(project, named=False), None)
    assert f"name = {as_name(project.name)}" in plan.files["deploykit.ini"]


def test_a_wheel_that_the_project_keeps_is_used(project: Path) -> None:
    (project / "vendor").mkdir()
    kept = project / "vendor/django_deploykit-9-py3-none-any.whl"
    kept.touch()
    assert own_wheel(project, project / "unused") == kept
    (project / "requirements.txt").unlink()
    plan = plan_for(find_project(project), kept)
    assert "./vendor/django_deploykit-9-py3-none-any.whl" in plan.files["requirements.in"]
    assert [one for one in shown(plan) if one.startswith("$ uv pip compile ")]


def test_a_lock_file_above_is_left_to_the_user(project: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    folder = project / "web"
    folder.mkdir()
    for name in ("shop", "manage.py"):
        (project / name).rename(folder / name)
    assert plan_for(find_project(folder, named=False), None).locking == Locking()
    (project / "requirements.txt").write_text("django==5.2 --hash=sha256:0\n")
    plan = plan_for(find_project(folder, named=False), None)
    assert "requirements.in" not in plan.files
    advice = "../requirements.txt: add django-deploykit to its source, and lock again"
    assert plan.locking == Locking(advice=advice)
    (folder / "deploykit.ini").write_text("[project]\nname = shop\nlock = live.txt\n")
    (folder / "live.txt").write_text("django==5.2 --hash=sha256:0\n")
    assert plan_for(find_project(folder), None).locking.advice.startswith("live.txt: add ")


def test_git_is_asked_what_it_ignores(project: Path) -> None:
    (project / ".gitignore").write_text("*.ini\n/staticfiles\n")
    plan = plan_for(find_project(project), None)
    assert "/dev.ini" in plan.files[".gitignore"]  # not a repository: only literal lines count
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    plan = plan_for(find_project(project), None)
    assert plan.files[".gitignore"] == "*.ini\n/staticfiles\n/db.sqlite3\n"
