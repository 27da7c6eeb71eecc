"""The web line of a Procfile, and the files of servers that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.project.web_line import iter_web_problems, words_of

NAMES = ("django-deploykit", "gunicorn", "uvicorn", "daphne", "hypercorn", "pyuwsgi")
FILES = {
    "gunicorn.conf.py": 'bind = "0.0.0.0:8000"\nworkers = 2\nuser = None\n',
    "conf/daemon.py": "import os\n\ndaemon = True\n",
    "conf/tls.py": 'bind = "0.0.0.0:443"\ncertfile = "/etc/ssl/shop.pem"\n',
    "conf/trio.toml": 'bind = ["0.0.0.0:8000"]\nworker_class = "trio"\n',
    "conf/well.toml": 'bind = ["0.0.0.0:8000"]\nworkers = 2\n',
    "conf/quic.py": 'quic_bind = "0.0.0.0:443"\n',
    "address.ini": "[uwsgi]\nmaster = true\nhttp-socket = :8000\n",
    "daemon.ini": "[uwsgi]\nmodule = shop.wsgi\ndaemonize = /var/log/shop.log  # old\n",
    "well.ini": "[uwsgi]\nmodule = shop.wsgi\ndie-on-term = true\nuid = www-data\nhttp-socket = fd://3\n",
    "two.ini": "[uwsgi]\nmodule = shop.wsgi\n\n[other]\nsocket = /run/shop.sock\n",
    "venv.ini": "[uwsgi]\nvirtualenv = /srv/shop/venv\n",
}


def problems_of(command: str, folder: Path, names: tuple[str, ...] = NAMES) -> list[str]:
    """Return what is wrong with a line. Every problem must have a hint."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    found = list(iter_web_problems(command, names, folder))
    assert all(
        hint.endswith((".", "-application", ":application", "shop.wsgi")) for _, hint in found
    )
    return [problem for problem, _ in found]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("gunicorn shop.wsgi", ["gunicorn", "shop.wsgi"]),
        ("A=1 B='2 3' exec gunicorn x", ["gunicorn", "x"]),
        ("python manage.py migrate && exec gunicorn x", ["gunicorn", "x"]),
        (
            "gunicorn -b :$PORT -w ${N:-3} x > out.log 2>&1",
            ["gunicorn", "-b", ":1", "-w", "3", "x"],
        ),
        ("gunicorn -w $(nproc) x", ["gunicorn", "-w", "1", "x"]),
        ("env A=1 /opt/bin/python3.11 -m uvicorn x", ["uvicorn", "x"]),
        ("bash -c 'cd shop && exec daphne -p $PORT x'", ["daphne", "-p", "1", "x"]),
        ("sh -ec 'hypercorn x'", ["hypercorn", "x"]),
        ("sh start.sh", ["sh", "start.sh"]),
        ("python -m work x", ["python", "-m", "work", "x"]),
        ("gunicorn 'unfinished", []),
    ],
)
def test_words_are_those_of_the_last_program(command: str, words: list[str]) -> None:
    assert words_of(command) == words


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn --bind 0.0.0.0:$PORT -w ${WEB_CONCURRENCY:-2} -k gevent shop.wsgi",
        "gunicorn -k shop.workers.Worker --pid x shop.asgi",
        "uvicorn --host 0.0.0.0 --port $PORT --loop uvloop --http httptools shop.asgi:application",
        "daphne -b 0.0.0.0 -p $PORT -e tcp:port=8000 shop.asgi:application",
        "hypercorn -k uvloop -b 0.0.0.0:$PORT -c conf/well.toml shop.asgi:application",
        "uwsgi --http :$PORT --die-on-term --ini well.ini",
        "uwsgi two.ini",
        "/usr/bin/uwsgi --plugin python3 --virtualenv $VIRTUAL_ENV --module shop.wsgi",
        "uwsgi --ini gone.ini",
        "python serve.py --daemon",
        "gunicorn 'unfinished",
    ],
)
def test_lines_that_a_release_can_run(command: str, tmp_path: Path) -> None:
    assert problems_of(command, tmp_path) == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("gunicorn -D shop.wsgi", "-D leaves the supervisor"),
        ("gunicorn --daemon shop.wsgi", "--daemon leaves the supervisor"),
        ("gunicorn -c conf/daemon.py shop.wsgi", "conf/daemon.py:3: daemon = True leaves"),
        ("gunicorn -c python:conf.daemon shop.wsgi", "conf/daemon.py:3: daemon = True leaves"),
        ("gunicorn --config=conf/tls.py shop.wsgi", "conf/tls.py:2: certfile = /etc/ssl/shop.pem"),
        ("gunicorn --certfile x.pem shop.wsgi", "--certfile speaks TLS"),
        ("gunicorn -u www-data shop.wsgi", "-u changes the user"),
        ("bash -c 'gunicorn --user=shop shop.wsgi'", "--user changes the user"),
        ("uvicorn --reload shop.asgi:application", "--reload watches files"),
        ("python -m uvicorn --ssl-keyfile=k shop.asgi:app", "--ssl-keyfile speaks TLS"),
        ("daphne -e ssl:443:privateKey=k.pem shop.asgi:application", "-e ssl:443:privateKey=k.pem"),
        ("hypercorn -k trio shop.asgi:application", "-k trio runs on trio"),
        ("hypercorn --worker-class=trio shop.asgi:app", "--worker-class trio runs on trio"),
        ("hypercorn -c conf/trio.toml shop.asgi:app", "conf/trio.toml:2: worker_class = trio"),
        ("hypercorn -c file:conf/quic.py shop.asgi:app", "conf/quic.py:1: quic_bind"),
        ("hypercorn --certfile c --bind :$PORT shop.asgi:app", "--certfile speaks TLS"),
        ("hypercorn --reload shop.asgi:app", "--reload watches files"),
        ("uwsgi -d x.log --module shop.wsgi", "-d leaves the supervisor"),
        ("uwsgi --https :443,c,k --module shop.wsgi", "--https speaks TLS"),
        ("uwsgi --emperor /etc/uwsgi", "--emperor starts other instances"),
        ("uwsgi --ini address.ini", "address.ini:3: http-socket = :8000 listens on an address"),
        ("uwsgi daemon.ini", "daemon.ini:3: daemonize = /var/log/shop.log leaves"),
        ("uwsgi two.ini:other", "two.ini:5: socket = /run/shop.sock listens on"),
        ("uwsgi -H /srv/venv --module shop.wsgi", "-H /srv/venv names another virtualenv"),
        ("uwsgi --http :$PORT venv.ini", "venv.ini:2: virtualenv = /srv/shop/venv names another"),
        ("poetry run gunicorn shop.wsgi", "no release has poetry"),
        ("exec uv run uvicorn shop.asgi:application", "no release has uv"),
        ("granian --interface wsgi shop.wsgi", "granian listens only on addresses of its own"),
        ("waitress-serve shop.wsgi:a", "waitress-serve listens only on"),
    ],
)
def test_lines_that_no_release_can_run(command: str, says: str, tmp_path: Path) -> None:
    (problem,) = problems_of(command, tmp_path)
    assert problem.startswith(says)


def test_all_problems_of_a_line_are_told(tmp_path: Path) -> None:
    command = "poetry run gunicorn -D --user www-data -c conf/tls.py shop.wsgi"
    assert len(problems_of(command, tmp_path)) == 4
    runner = next(iter_web_problems("A=1 poetry run gunicorn shop.wsgi", NAMES, tmp_path))
    assert runner[1] == "Write web: A=1 gunicorn shop.wsgi"


@pytest.mark.parametrize(
    ("command", "names", "says"),
    [
        ("uvicorn x:a", ("uvicorn",), ["django-deploykit is not among the locked dep"]),
        ("exec python -m uvicorn x:a", ("django-deploykit",), ["uvicorn is not among the locked"]),
        ("uwsgi --module shop.wsgi", ("gunicorn",), ["uwsgi is not among the locked dep"]),
        ("/usr/bin/uwsgi --plugin python3 --module shop.wsgi", (), []),
        ("exec gunicorn shop.wsgi", (), ["gunicorn is not among the locked dep"]),
    ],
)
def test_the_server_is_locked_unless_the_host_has_it(
    command: str, names: tuple[str, ...], says: list[str], tmp_path: Path
) -> None:
    found = problems_of(command, tmp_path, names)
    assert [problem[: len(text)] for problem, text in zip(found, says, strict=True)] == says
