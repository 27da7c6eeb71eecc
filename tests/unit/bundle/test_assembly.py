"""Assembling a bundle: valid files, layers, processes, the manifest."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.bundle.assembly import (
    iter_notes,
    make_content,
    make_manifest,
    validate_servers,
    why_served_by_asgi,
)
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython, find_target
from django_deploykit.bundle.locks.base import LockFile, Requirement
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.source import Commit
from django_deploykit.errors import Problems
from django_deploykit.project import Project
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.bundle.manifest import Layer, Process

GUNICORN = Layer("distribution", "gunicorn", "22.0", "1" * 64, 10, 1)
COMMIT = Commit(Path("/r"), "", "ab12cd3" + "0" * 33, 1795407300, "c" * 40, "v1")


def facts_of(folder: Path) -> ProjectFacts:
    return ProjectFacts(
        settings_module="shop.settings",
        wsgi="shop.wsgi:application",
        asgi="",
        asgi_named=False,
        apps=("django.contrib.staticfiles",),
        static_root=str(folder.resolve() / "staticfiles"),
        static_url="/static/",
        remote_static="",
        staticfiles=True,
        required=("[site] secret_key",),
        sample="[site]\n",
        reads=("DEBUG", "SECRET_KEY"),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def manifest_of(folder: Path, *layers: Layer, facts: ProjectFacts | None = None) -> Any:
    path = folder / "deploykit.ini"
    project = Project(folder, "shop", path, environment=(("TOKEN", "for the build"),))
    target = TargetPython("3.11", sys.executable, "3.11.7", "linux-x86_64")
    environment = InstalledEnvironment(folder, (), "any", "", (), (), ())
    lock = LockFile("requirements.txt", (Requirement("gunicorn==22.0", (), "requirements.txt:1"),))
    return make_manifest(
        project, COMMIT, target, environment, lock, facts or facts_of(folder), layers, folder
    )


def test_the_manifest_has_the_commit_but_no_tag(folder: Path) -> None:
    manifest = manifest_of(folder, GUNICORN)
    assert manifest.release_id == COMMIT.release_id == "20261123T041500-ab12cd3"
    assert (manifest.tag, manifest.branch) == ("", "")
    assert manifest.static_root == "app/staticfiles"
    assert manifest.unhashed
    assert manifest.required == ("[site] secret_key", "[environment] TOKEN")
    assert manifest.reads == ("DEBUG", "SECRET_KEY")
    assert manifest.processes[0].name == "web"


def test_a_procfile_names_the_processes(folder: Path) -> None:
    (folder / "Procfile").write_text("\ufeffweb: gunicorn shop.wsgi\nworker: celery\n")
    assert manifest_of(folder, GUNICORN).processes == (
        Process("web", "gunicorn shop.wsgi"),
        Process("worker", "celery"),
    )


def test_refuses_gunicorn_that_is_not_locked(folder: Path) -> None:
    with pytest.raises(Problems, match="gunicorn is not among the locked dependencies"):
        manifest_of(folder)


@pytest.mark.parametrize(
    ("line", "names", "problem"),
    [
        ("uvicorn shop.asgi:a", ("uvicorn",), "django-deploykit is not among the locked dep"),
        ("uvicorn shop.asgi:a", ("django-deploykit",), "uvicorn is not among the locked dep"),
        ("uwsgi --module shop.wsgi", ("gunicorn",), "uwsgi is not among the locked dep"),
        ("exec granian shop.asgi:a", ("granian",), "granian listens only on addresses of its own"),
        ("waitress-serve shop.wsgi:a", ("waitress",), "cannot share a socket without a gap"),
    ],
)
def test_refuses_servers_that_cannot_take_over(
    line: str, names: tuple[str, ...], problem: str, folder: Path
) -> None:
    with pytest.raises(Problems, match=problem) as caught:
        validate_servers([Process("web", line)], names, folder)
    assert caught.value.problems
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("uvicorn shop.asgi:a", ("uvicorn", "django-deploykit")),
        ("hypercorn shop.asgi:a", ("hypercorn", "django-deploykit")),
        ("uwsgi --module shop.wsgi", ("pyuwsgi",)),
        ("/usr/bin/uwsgi --plugin python3 --module shop.wsgi", ()),
        ("python serve.py", ()),
    ],
)
def test_lets_other_servers_through(line: str, names: tuple[str, ...], folder: Path) -> None:
    validate_servers([Process("web", line), Process("own", "granian x")], names, folder)


def test_a_file_of_the_server_is_read_in_the_export(folder: Path) -> None:
    (folder / "uwsgi.ini").write_text("[uwsgi]\nmodule = shop.wsgi\nhttp = :8000\n")
    with pytest.raises(Problems, match=r"uwsgi\.ini:3: http = :8000 listens on") as caught:
        validate_servers([Process("web", "uwsgi uwsgi.ini")], ["uwsgi"], folder)
    assert "--http :$PORT" in caught.value.hint


@pytest.mark.parametrize(
    ("facts", "text", "why"),
    [
        ({}, "", ""),
        ({"asgi_named": True}, "", "the settings have ASGI_APPLICATION"),
        ({"apps": ["channels"]}, "", "channels is in INSTALLED_APPS"),
        ({}, "ProtocolTypeRouter({})", "asgi.py routes WebSockets"),
        ({"wsgi": ""}, "", "there is no wsgi.py"),
        ({"asgi": "", "wsgi": ""}, "", ""),
    ],
)
def test_without_a_web_line_the_project_decides_what_serves_it(
    facts: Document, text: str, why: str, folder: Path
) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "asgi.py").write_text(text)
    asked = replace(facts_of(folder), **{"asgi": "shop.asgi:application", **facts})
    assert why_served_by_asgi(asked, folder) == why


def test_asgi_is_not_served_by_wsgi_in_silence(folder: Path) -> None:
    facts = replace(facts_of(folder), asgi="shop.asgi:application", asgi_named=True)
    with pytest.raises(Problems, match="no locked server can serve ASGI"):
        manifest_of(folder, GUNICORN, facts=facts)
    uvicorn = Layer("distribution", "uvicorn", "0.54", "2" * 64, 10, 1)
    manifest = manifest_of(folder, GUNICORN, uvicorn, facts=facts)
    assert manifest.processes[0].command.endswith("UvicornWorker shop.asgi:application")
    (note,) = iter_notes(facts, folder, manifest)
    assert note.startswith("served by ASGI, because the settings have ASGI_APPLICATION")
    (folder / "Procfile").write_text("web: gunicorn shop.wsgi\n")
    assert list(iter_notes(facts, folder, manifest_of(folder, GUNICORN, facts=facts))) == []


def test_a_note_says_what_hosts_need_for_geodjango(folder: Path) -> None:
    facts = replace(facts_of(folder), apps=("django.contrib.gis",))
    (note,) = iter_notes(facts, folder, manifest_of(folder, GUNICORN))
    assert "apt install gdal-bin on every host" in note


def test_the_content_has_sample_and_sbom(folder: Path) -> None:
    lock = LockFile("requirements.txt", ())
    content = make_content(manifest_of(folder, GUNICORN), find_target("", ""), lock, "[site]\n")
    assert content.files["sample.ini"] == b"[site]\n"
    assert b"CycloneDX" in content.files["sbom.cdx.json"]
    assert "bootstrap.py" in content.runtime
