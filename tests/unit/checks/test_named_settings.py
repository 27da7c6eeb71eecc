"""Which files name the settings of the site."""

from __future__ import annotations

from pathlib import Path

from django.test import override_settings

from django_deploykit.checks.named_settings import NamedSettings, iter_named_settings
from django_deploykit.checks.subject import read_subject
from django_deploykit.project import read_project
from tests.unit.checks.cases import WSGI


def test_names_each_file_once_with_its_line(project: Path) -> None:
    (project / "mysite").mkdir()
    for name in ("wsgi", "asgi", "live_wsgi"):
        (project / "mysite" / f"{name}.py").write_text(WSGI.format(f"mysite.{name}_settings"))
    (project / "Procfile").write_text("web: gunicorn mysite.live_wsgi:application\n")
    with override_settings(WSGI_APPLICATION="mysite.wsgi.application"):
        named = list(iter_named_settings(read_subject(read_project(project))))
        (project / "deploykit.ini").write_text("[project]\nsettings = mysite.live\n")
        chosen = list(iter_named_settings(read_subject(read_project(project))))
    assert named == [
        NamedSettings(f"mysite.{name}_settings", f"mysite/{name}.py", 2)
        for name in ("wsgi", "live_wsgi", "asgi")
    ]
    assert chosen == [NamedSettings("mysite.live", "deploykit.ini", 2)]


def test_applications_in_other_packages_do_not_serve_the_site(project: Path) -> None:
    for name in ("shop", "worker"):
        (project / name).mkdir()
        (project / name / "wsgi.py").write_text(WSGI.format(f"{name}.settings"))
    with override_settings(WSGI_APPLICATION="shop.wsgi.application"):
        (named,) = iter_named_settings(read_subject(read_project(project)))
    assert named.module == "shop.settings"
