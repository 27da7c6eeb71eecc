"""A project's bundles made by hand: a small WSGI application behind a real gunicorn.

Its ``manage.py`` answers ``deploy_check`` and ``migrate`` as a project's would, and prints what a
process can see and write where it runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from django_deploykit.runtime.bundle.manifest import Process
from tests.bundles import Tree, make_layer, make_manifest, write_bundle

REQUIRED = ("[django] secret_key", "[database] url")
SAMPLE = """\
# The shop's configuration.
[django]
# Signs sessions.
secret_key = {generate}

[database]
# Where the data is.
url =
"""
_GUNICORN = "python -m gunicorn --workers 2 --threads 8 --worker-class gthread"
_WSGI = """
import os, time
NUMBER, HEALTH = {number!r}, {health!r}
time.sleep({boot!r})

def application(environ, start_response):
    path = environ["PATH_INFO"]
    status = HEALTH if path == "/up" else "200 OK"
    if path == "/slow":
        time.sleep(2)
    body = ("release %s pid %d\\n" % (NUMBER, os.getpid())).encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
_MANAGE = """
import json, os, sys, time

def attempt(path):
    try:
        with open(path, "a"):
            return "written"
    except OSError as error:
        return error.strerror

def main(verb, *rest):
    if verb == "deploy_check":
        print(json.dumps({"findings": [], "allowed_hosts": ["shop.example.com"], "migrations": []}))
    elif verb == "facts":
        folder = os.environ["CREDENTIALS_DIRECTORY"]
        print(json.dumps({
            "uid": os.getuid(), "home": os.environ.get("HOME"), "arguments": rest,
            "data": os.environ["DEPLOYKIT_DATA"], "cwd": os.getcwd(),
            "credentials": {name: open(os.path.join(folder, name)).read() for name in os.listdir(folder)},
            "etc": os.listdir("/etc/shop"),
            "written": {path: attempt(path) for path in (
                "/var/lib/shop/file", "/srv/shop/file", "/srv/shop/journal.jsonl",
                "/srv/shop/releases/file", "/etc/file", "/tmp/file", "/home/file")},
        }))
    elif verb == "echo":
        print(sys.stdin.read(), end="")
    elif verb == "sleep":
        print("sleeping", flush=True)
        time.sleep(float(rest[0]))
    elif verb == "fail":
        sys.exit(7)

main(*sys.argv[1:])
"""
_WORKER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("finishing", flush=True), time.sleep(0.5), sys.exit(0)))
print("working", flush=True)
while True:
    time.sleep(0.1)
"""


def install_gunicorn(folder: Path) -> dict[str, bytes]:
    """Return gunicorn's installed files by path below ``site-packages``, from a real install."""
    command = ["uv", "pip", "install", "--quiet", "--only-binary=:all:", f"--target={folder}"]
    subprocess.run([*command, f"--python={sys.executable}", "gunicorn"], check=True)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if "__pycache__" not in path.parts
        and path.parent != folder / "bin"
        and path.name != ".lock"
    }


def release_id(number: int) -> str:
    """Return the id of the project's release of that number."""
    return f"20261101T{number:06d}-{number:07x}"


def make_bundle(
    path: Path,
    gunicorn: dict[str, bytes],
    number: int,
    *,
    python: str = "3.11",
    health: str = "200 OK",
    boot: float = 0.2,
    processes: dict[str, str] | None = None,
) -> Path:
    """Write the bundle of release ``number``; ``health`` is what ``/up`` answers, ``boot`` seconds."""
    site = f"lib/python{python}/site-packages"
    server: Tree = {f"{site}/{name}": data for name, data in gunicorn.items()}
    app: Tree = {
        "app/manage.py": _MANAGE.encode(),
        "app/worker.py": _WORKER.encode(),
        "app/shop.py": _WSGI.format(number=number, health=health, boot=boot).encode(),
        "app/static/base.1a2b3c4d5e6f.css": f"/* {number} */".encode(),
    }
    layers = (
        make_layer("distribution", "gunicorn", "1", server),
        make_layer("app", "shop", str(number), app),
    )
    lines = processes or {"web": f"{_GUNICORN} shop:application", "worker": "python worker.py"}
    manifest = make_manifest(
        layers,
        release_id=release_id(number),
        commit=f"{number:07x}" + "0" * 33,
        python=python,
        required=REQUIRED,
        processes=tuple(Process(name, command) for name, command in lines.items()),
        static_root="app/static",
        static_url="/static/",
    )
    trees = {"gunicorn": server, "shop": app}
    return write_bundle(path, manifest, trees, {"sample.ini": SAMPLE.encode()})


def last_result(output: str) -> dict[str, object]:
    """Return a verb's result or error from its JSON lines."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    data = json.loads(lines[-1])
    assert isinstance(data, dict)
    return data
