"""What a release is asked for where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import DeployKitError
from django_deploykit.management.console import Console
from django_deploykit.management.releasing import Releasing
from django_deploykit.project import Project
from django_deploykit.project.inventory import Environment


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("words", [("log", "--process", "web"), ("exec", "--", "check")])
def test_a_local_site_with_nothing_live_has_no_log_and_runs_nothing(
    words: tuple[str, ...], as_json: bool, tmp_path: Path
) -> None:
    project = Project(tmp_path, "shop", tmp_path / "deploykit.ini")
    releasing = Releasing(project, Environment("local"), Console(as_json=as_json))
    with pytest.raises(DeployKitError, match="nothing is live on local") as caught:
        releasing.attach(*words)
    assert "manage.py release" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
