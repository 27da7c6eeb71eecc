"""What is written on real folders, and that it is all or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.init.apply import apply, missing_wheel
from django_deploykit.init.command import next_steps, plan_for
from django_deploykit.init.dependencies import Locking
from django_deploykit.project import find_project
from tests.unit.init.contents import content


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


def test_a_file_is_written_through_its_link(project: Path) -> None:
    settings = project / "shop/settings.py"
    settings.rename(project / "real.py")
    settings.symlink_to("../real.py")
    plan = plan_for(find_project(project), None)
    apply(project, plan, None)
    assert settings.is_symlink()
    assert "Config(" in (project / "real.py").read_text()
