"""Which files a command of the Procfile writes into the release."""

from __future__ import annotations

import pytest

from django_deploykit.checks.written_files import Beat, celery_app, iter_written

DEFAULT = Beat("celery.beat:PersistentScheduler", "celerybeat-schedule")
DATABASE = Beat("django_celery_beat.schedulers:DatabaseScheduler", "celerybeat-schedule")


@pytest.mark.parametrize(
    ("command", "app"),
    [
        ("celery -A shop beat -l info", "shop"),
        ("python -m celery --app=shop.celery beat", "shop.celery"),
        ("exec bin/celery -Ashop worker --beat", "shop"),
        ("celery worker -B -A shop", "shop"),
        ("celery beat", ""),
        ("celery -A shop worker", None),
        ("gunicorn shop.wsgi -B", None),
        ("echo 'celery beat", None),
    ],
)
def test_finds_the_app_of_commands_that_run_beat(command: str, app: str | None) -> None:
    assert celery_app(command) == app


@pytest.mark.parametrize(
    ("command", "beat", "path"),
    [
        ("celery -A shop beat", DEFAULT, "celerybeat-schedule"),
        ("celery -A shop worker -B", DEFAULT, "celerybeat-schedule"),
        ("celery -A shop beat -s var/schedule", DEFAULT, "var/schedule"),
        ("celery -A shop beat -S celery.beat.PersistentScheduler", DATABASE, "celerybeat-schedule"),
        ("celery -A shop worker -S state", None, "state"),
        ("celery -A shop worker --pidfile=w.pid", None, "w.pid"),
        ("gunicorn shop.wsgi --access-logfile logs/access.log", None, "logs/access.log"),
        ("daphne --access-log access.log shop.asgi:application", None, "access.log"),
    ],
)
def test_relative_files_are_in_the_release(command: str, beat: Beat | None, path: str) -> None:
    (found,) = iter_written(command, beat)
    assert found.path == path


@pytest.mark.parametrize(
    ("command", "beat"),
    [
        ("celery -A shop beat", DATABASE),
        ("celery -A shop beat -S django", DEFAULT),
        ("celery -A shop beat --scheduler=redbeat.RedBeatScheduler", DEFAULT),
        ("celery -A shop beat -s /var/lib/shop/schedule", DEFAULT),
        ("cd /var/lib/shop && exec celery -A shop beat", DEFAULT),
        ("celery -A shop --workdir /var/lib/shop beat", DEFAULT),
        ("celery -A shop worker", None),
        ("gunicorn shop.wsgi --error-logfile - --access-logfile=-", None),
        ("gunicorn shop.wsgi -p /run/shop/pid", None),
    ],
)
def test_other_places_are_fine(command: str, beat: Beat | None) -> None:
    assert list(iter_written(command, beat)) == []


@pytest.mark.parametrize("command", ["celery -A shop beat", "celery -A shop worker -B -l info"])
def test_the_line_of_the_hint_has_no_problem(command: str) -> None:
    (found,) = iter_written(command, DEFAULT)
    line = found.hint.split("`")[1]
    assert line == f'{command} -s "${{STATE_DIRECTORY:-.}}/celerybeat-schedule"'
    assert list(iter_written(line, DEFAULT)) == []
