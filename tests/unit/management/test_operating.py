"""Looking at a site, and running commands on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.management.operating import run_command, show_logs
from django_deploykit.management.session import Session
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "work",
    [
        lambda session: show_logs(session, "web", 50, follow=False),
        lambda session: run_command(session, ["check"]),
    ],
)
def test_a_local_site_with_nothing_live_has_no_log_and_runs_nothing(
    work: Callable[[Session], int], as_json: bool, tmp_path: Path
) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    session = Session(project, Environment("local"), Console(as_json=as_json))
    with pytest.raises(DeployKitError, match="nothing is live on local") as caught:
        work(session)
    assert "manage.py release" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
