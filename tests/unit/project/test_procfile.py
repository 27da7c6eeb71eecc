"""The Procfile, and what runs where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.errors import Problems
from django_deploykit.project.procfile import default_web, parse_procfile, read_procfile
from django_deploykit.runtime.bundle.manifest import Process


def test_reads_lines_as_heroku_does() -> None:
    text = "# the site\nweb: gunicorn shop.wsgi --bind :$PORT\n\nrelease: yes | python manage.py migrate\r\nworker-2 :  celery -A shop worker\n"
    assert parse_procfile(text) == (
        Process("web", "gunicorn shop.wsgi --bind :$PORT"),
        Process("release", "yes | python manage.py migrate"),
        Process("worker-2", "celery -A shop worker"),
    )


def test_reports_every_line_that_is_not_a_process() -> None:
    with pytest.raises(Problems) as caught:
        parse_procfile(f"web gunicorn\nweb: a\nweb: b\n-x: c\nempty:\n{'a' * 65}: d\n")
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "Procfile:1",
        "Procfile:3",
        "Procfile:4",
        "Procfile:5",
        "Procfile:6",
    ]


def test_web_is_gunicorn_with_the_ports_and_workers_of_the_environment() -> None:
    web = default_web("shop.wsgi:application", "", [])
    assert web is not None
    assert web.command.startswith("gunicorn ")
    for words in ("${PORT:-8000}", "${WEB_CONCURRENCY:-2}", "--threads 4", "shop.wsgi:application"):
        assert words in web.command


@pytest.mark.parametrize(
    ("names", "start"),
    [
        (["gunicorn", "uvicorn"], "gunicorn "),
        (["uvicorn"], "uvicorn "),
        (["daphne", "hypercorn"], "hypercorn "),
        (["daphne"], "daphne "),
    ],
)
def test_an_asynchronous_project_is_served_by_a_server_that_is_locked(
    names: list[str], start: str
) -> None:
    assert default_web("", "shop.asgi:application", ["gunicorn"]) is None
    web = default_web("", "shop.asgi:application", names)
    assert web is not None
    assert web.command.startswith(start)


def test_a_procfile_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    assert read_procfile(path) == ()
    path.write_bytes(b"web: a\n# f\xfcr den Server\n")
    with pytest.raises(Problems) as caught:
        read_procfile(path)
    assert caught.value.problems == ("Procfile:2: byte 0xfc is not UTF-8",)
