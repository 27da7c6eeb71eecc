"""``init`` on real folders: what it shows, asks, writes, and leaves as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from django_deploykit.errors import ProjectError
from django_deploykit.init.command import (
    main,
    own_wheel,
    plan_for,
    result,
    virtualenv_to_ignore,
)
from django_deploykit.init.dependencies import Locking
from django_deploykit.init.diff import diff_lines
from django_deploykit.project import find_project, read_project
from django_deploykit.project.naming import as_name
from tests.projects import start_repository
from tests.unit.init.contents import content

ASK = "from django.conf import settings as s; import json; print(json.dumps([s.DEBUG, s.SECRET_KEY, s.MIDDLEWARE[1], s.STATIC_ROOT.name, s.INSTALLED_APPS[-1]]))"


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
    assert [one for one in diff_lines(plan) if one.startswith("$ uv pip compile ")]


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


def test_the_result_says_if_git_ignores_the_lock_file(tmp_path: Path) -> None:
    (tmp_path / "manage.py").touch()
    (tmp_path / "requirements.txt").write_text(f"a==1 --hash=sha256:{'0' * 64}\n")
    locking = Locking(locked=("requirements.txt",))
    start_repository(tmp_path)
    (tmp_path / ".gitignore").write_text("*.txt\n")

    def said() -> list[str]:
        return list(result(read_project(tmp_path), locking))

    has = "requirements.txt has 1 distributions"
    assert said() == [has]  # git tracks it
    (tmp_path / ".git" / "index").unlink()
    ignored = (
        "git ignores requirements.txt: remove the pattern from .gitignore, and commit the file"
    )
    assert said() == [has, ignored]
