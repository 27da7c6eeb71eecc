"""Building: what is refused, and where the file goes. Integration tests build whole bundles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.bundle import build as module
from django_deploykit.bundle.build import (
    BuildRequest,
    build,
    validate_name,
    validate_output,
    validate_scripts,
)
from django_deploykit.bundle.commands import ProjectAnswer
from django_deploykit.bundle.environment import InstalledEnvironment
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.source import Commit, find_commit
from django_deploykit.errors import BundleError
from django_deploykit.progress import Quiet
from django_deploykit.project import Project
from tests.bundles import make_manifest
from tests.projects import commit, start_repository
from tests.wheels import write_tree

MANIFEST = make_manifest(())
NAME = f"shop-{MANIFEST.release_id}.pyz"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "shop"
    root.mkdir()
    (root / "README").write_text("")
    start_repository(root)
    return Project(root, "shop", root / "deploykit.ini")


def test_refuses_a_commit_without_manage_py(project: Project) -> None:
    with pytest.raises(BundleError, match=r"the commit has no manage\.py"):
        build(BuildRequest(project), Quiet())


def test_refuses_a_commit_without_a_lock_file(project: Project) -> None:
    (project.root / "manage.py").write_text(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    )
    commit(project.root)
    with pytest.raises(BundleError, match="there is no lock file in the commit"):
        build(BuildRequest(project), Quiet())


def test_reports_an_error_of_the_disk(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr(module, "export_without_assets", full)
    with pytest.raises(BundleError, match="cannot be built: /tmp/x No space left") as caught:
        build(BuildRequest(project), Quiet())
    assert "TMPDIR" in caught.value.hint


def test_the_file_goes_where_the_request_says(project: Project, tmp_path: Path) -> None:
    request = BuildRequest(project)
    stored = project.root / ".deploykit" / "bundles" / NAME
    assert module.output_path(request, MANIFEST, "pyz") == stored
    named = replace(request, output=tmp_path / "x.pyz")
    assert module.output_path(named, MANIFEST, "pyz") == tmp_path / "x.pyz"
    assert module.output_path(replace(request, output=tmp_path), MANIFEST, "pyz") == tmp_path / NAME
    new = replace(request, output=tmp_path / "new", into_folder=True)
    assert module.output_path(new, MANIFEST, "pyz") == tmp_path / "new" / NAME


def test_several_formats_need_a_folder(project: Project, tmp_path: Path) -> None:
    formats = ("pyz", "deb")
    with pytest.raises(BundleError, match="one file, but 2 formats") as caught:
        validate_output(BuildRequest(project, output=tmp_path / "x", formats=formats))
    assert f"--output {tmp_path}/x/" in caught.value.hint
    validate_output(BuildRequest(project, output=tmp_path, formats=formats))
    validate_output(BuildRequest(project, output=Path("x"), into_folder=True, formats=formats))
    validate_output(BuildRequest(project, formats=formats))


def test_refuses_settings_that_read_the_configuration_of_another_project() -> None:
    validate_name(ProjectAnswer(ProjectFacts(), ()), "shop")
    validate_name(ProjectAnswer(ProjectFacts(configs=("other", "shop")), ()), "shop")
    with pytest.raises(BundleError, match=r'Config\("other"\), but the project\'s name is shop'):
        validate_name(ProjectAnswer(ProjectFacts(configs=("other",)), ()), "shop")


def test_refuses_a_program_with_the_name_of_the_releases_command(tmp_path: Path) -> None:
    environment = InstalledEnvironment(tmp_path, (), "any", "", (), (), ())
    write_tree(tmp_path, {"venv/bin/shop": ""})
    validate_scripts(environment, "store")
    with pytest.raises(BundleError, match="installs bin/shop, which is the release's own command"):
        validate_scripts(environment, "shop")


@pytest.fixture
def monorepo(tmp_path: Path) -> Callable[[str], Commit]:
    """Return a function that commits a project of some [bundle] beside other folders."""

    def made(lines: str) -> Commit:
        manage = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
        top = write_tree(
            tmp_path / "top",
            {
                "web/manage.py": manage,
                "web/deploykit.ini": f"[bundle]\n{lines}\n",
                "pyproject.toml": "[project]\nname = 'shop'\n",
                "common/a.py": "A = 1\n",
                "frontend/b.js": "",
            },
        )
        start_repository(top)
        return find_commit(top / "web")[0]

    return made


def test_include_and_build_bring_other_parts_of_the_repository(
    monorepo: Callable[[str], Commit], tmp_path: Path
) -> None:
    commit = monorepo("include = ../common\nbuild = cd ../frontend && npm ci")
    project, exported, _ = module.export_project(commit, tmp_path)
    assert project.name == "shop"  # of the pyproject.toml above
    assert exported.committed == {"manage.py", "deploykit.ini", "common/a.py"}
    assert (exported.top / "frontend" / "b.js").is_file()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../gone", "is not in the commit"),
        ("../../outside", "is not beside the project's folder"),
        ("/etc", "is not beside the project's folder"),
        ("templates", "is not beside the project's folder"),
    ],
)
def test_refuses_to_include_what_is_not_beside_the_project(
    path: str, says: str, monorepo: Callable[[str], Commit], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=f"include in .*: {path} {says}"):
        module.export_project(monorepo(f"include = {path}"), tmp_path)
