"""``manage.py bundle``: its options, and its errors under ``call_command``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_deploykit.bundle import build
from django_deploykit.bundle.build import BuildRequest, Built, BuiltFile
from django_deploykit.project.formats import FORMATS
from django_deploykit.runtime.base.documents import Document
from tests.bundles import make_layer, make_manifest

LAYER = make_layer("app", "app", "", {"app/manage.py": b"1"})


@pytest.fixture
def requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BuildRequest]:
    """Return the requests that builds get in a project of this test; they build nothing."""
    found: list[BuildRequest] = []

    def fake(request: BuildRequest, _: object) -> Built:
        found.append(request)
        return Built(make_manifest((LAYER,)), (BuiltFile(tmp_path / "shop.pyz", "f" * 64, 2048),))

    (tmp_path / "manage.py").write_text("")
    (tmp_path / "deploykit.ini").write_text("[project]\nname = shop\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOYKIT_SIGN", raising=False)
    monkeypatch.setattr(build, "build", fake)
    return found


def bundle(*argv: str) -> Document:
    out = io.StringIO()
    call_command("bundle", "--json", *argv, stdout=out)
    data: Document = json.loads(out.getvalue())
    return data


def test_passes_its_options_on(
    requests: list[BuildRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "text", "tests.unit.bundle.formats.text")
    assert bundle()["sha256"] == "f" * 64
    bundle(
        "--rev",
        "v1",
        "--python",
        "3.12",
        "--platform",
        "linux-aarch64",
        "--fresh",
        "-o",
        "out/",
        "--format",
        "text",
        "--format",
        "pyz",
        "--format",
        "text",
    )
    first, second = requests
    assert first == BuildRequest(first.project)
    assert first.project.root == tmp_path
    assert second == BuildRequest(
        second.project,
        "v1",
        Path("out"),
        "3.12",
        "linux-aarch64",
        into_folder=True,
        fresh=True,
        formats=("text", "pyz"),
    )


def test_refuses_a_format_that_is_not_in_the_table(requests: list[BuildRequest]) -> None:
    with pytest.raises(CommandError, match="invalid choice: 'tar'"):
        bundle("--format", "tar")


def test_an_error_is_json_and_an_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # there is no manage.py
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("bundle", "--json", stdout=out, stderr=err)
    assert caught.value.code == 1
    assert "manage.py" in json.loads(out.getvalue())["error"]["message"]
    assert "error: there is no manage.py" in err.getvalue()
