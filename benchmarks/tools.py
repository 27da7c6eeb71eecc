"""What is measured: ours, shiv, pex in its layouts, a plain virtualenv; how each builds and starts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.projects import IDENTITY, run, uv

_SECRET = "a7Qm2xV9kL4tZ8wB1nR6yD3hF5jP0sGcE-bench-only-0c5e1b7d"
_GUNICORN = ("--workers", "2", "--threads", "4")
# What of the caller's environment the measured commands see: nothing that changes what Python does.
_PASSED = ("HOME", "LANG", "LC_ALL", "TMPDIR", "USER")


@dataclass(frozen=True)
class Place:
    """The folder of a run and what was prepared in it."""

    root: Path
    project: Path  # the git repository
    base: Path  # the Python that is no virtualenv's
    hand: Path  # Python of a virtualenv with the lock: what is set up by hand
    dev: Path  # Python of a virtualenv with the lock and our extra: where `manage.py bundle` runs

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of measured commands: offline, with downloads at hand."""
        kept = {key: os.environ[key] for key in _PASSED if key in os.environ}
        wheels = str(self.root / "wheels")
        return {
            **kept,
            **IDENTITY,
            "PATH": f"{self.base.parent}:/usr/local/bin:/usr/bin:/bin",
            "SECRET_KEY": _SECRET,
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": wheels,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": wheels,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **more,
        }


@dataclass(frozen=True)
class Job:
    """A command with its folder and environment."""

    argv: tuple[str | Path, ...]
    cwd: Path
    env: Mapping[str, str]


@dataclass(frozen=True)
class Tool:
    """Something that makes a file of a site and starts it."""

    name: str
    place: Place

    @property
    def cache(self) -> Path:
        """The tool's private cache for starting."""
        return self.place.root / "caches" / self.name.replace(" ", "-")

    def artifact(self, number: int) -> Path:
        """Return the path of a round's bundle."""
        return self.place.root / "out" / f"{self.name.replace(' ', '-')}-{number}.pyz"

    def build(self, export: Path, number: int, *, first: bool = False) -> Job:
        """Return the job that builds; ``first`` takes an empty private cache."""
        raise NotImplementedError

    def start(self, artifact: Path, cache: Path, **more: str) -> Mapping[str, str]:
        """Return the environment for starting an artifact with a cache."""
        raise NotImplementedError

    def check(self, artifact: Path, cache: Path, **more: str) -> Job:
        """Return the job ``check``."""
        argv = (self.place.base, artifact, "check")
        return Job(argv, self.place.root, self.start(artifact, cache, **more))

    def web(self, artifact: Path, cache: Path, port: int, **more: str) -> Job:
        """Return the job that serves."""
        argv = (self.place.base, artifact, "site_wsgi", "--bind", f"127.0.0.1:{port}", *_GUNICORN)
        return Job(argv, self.place.root, self.start(artifact, cache, **more))


class Ours(Tool):
    """``manage.py bundle``."""

    def build(self, export: Path, number: int, *, first: bool = False) -> Job:  # noqa: ARG002
        """Build from the repository: export and collectstatic are part of the command."""
        cache = self.place.root / ("build-first" if first else "build")
        if first:
            shutil.rmtree(cache, ignore_errors=True)
        argv = (self.place.dev, "manage.py", "bundle", "--json", "-o", self.artifact(number))
        return Job(argv, self.place.project, self.place.env(DEPLOYKIT_BUILD_CACHE=str(cache)))

    def start(self, artifact: Path, cache: Path, **more: str) -> Mapping[str, str]:  # noqa: ARG002
        """Start with a cache."""
        return self.place.env(DEPLOYKIT_CACHE=str(cache), **more)

    def web(self, artifact: Path, cache: Path, port: int, **more: str) -> Job:  # noqa: ARG002
        """Run the Procfile's web process, which is the same gunicorn."""
        argv = (self.place.base, artifact, "run", "web")
        return Job(argv, self.place.root, self.start(artifact, cache, **more))


class Shiv(Tool):
    """shiv, with the pip inside; it has no cache of its own."""

    def build(self, export: Path, number: int, *, first: bool = False) -> Job:  # noqa: ARG002
        """Install the lock and pack it with the export."""
        lock = self.place.root / "peers.txt"
        argv = (
            Path(sys.executable).parent / "shiv",
            *("-q", "--site-packages", export, "-e", "manage:main", "-o", self.artifact(number)),
            *("--no-deps", "--require-hashes", "-r", lock),
        )
        return Job(argv, self.place.root, self.place.env())

    def start(self, artifact: Path, cache: Path, **more: str) -> Mapping[str, str]:  # noqa: ARG002
        """Start with a cache."""
        return self.place.env(SHIV_ROOT=str(cache), **more)

    def web(self, artifact: Path, cache: Path, port: int, **more: str) -> Job:
        """Serve with the gunicorn inside."""
        return super().web(
            artifact, cache, port, SHIV_ENTRY_POINT="gunicorn.app.wsgiapp:run", **more
        )


@dataclass(frozen=True)
class Pex(Tool):
    """pex from its lock; ``flags`` choose the layout."""

    flags: tuple[str, ...] = ()

    def build(self, export: Path, number: int, *, first: bool = False) -> Job:
        """Build from the lock and the export."""
        cache = self.place.root / f"pex-{'first' if first else 'build'}"
        if first:
            shutil.rmtree(cache, ignore_errors=True)
        target = self.artifact(number)
        if target.is_dir():
            shutil.rmtree(target)
        argv: tuple[str | Path, ...] = (
            Path(sys.executable).parent / "pex",
            "--no-pypi",
            "--lock",
            self.place.root / "lock.json",
            "-D",
            export,
            "-m",
            "manage",
            "-o",
            target,
            *self.flags,
        )
        return Job(argv, self.place.root, self.place.env(PEX_ROOT=str(cache)))

    def start(self, artifact: Path, cache: Path, **more: str) -> Mapping[str, str]:  # noqa: ARG002
        """Start with a cache."""
        return self.place.env(PEX_ROOT=str(cache), **more)

    def web(self, artifact: Path, cache: Path, port: int, **more: str) -> Job:
        """Serve with the gunicorn inside."""
        return super().web(artifact, cache, port, PEX_MODULE="gunicorn.app.wsgiapp", **more)


class Virtualenv(Tool):
    """The virtualenv set up by hand, with the site's export beside it; an artifact is an export."""

    def build(self, export: Path, number: int, *, first: bool = False) -> Job:  # noqa: ARG002
        """Install the lock by uv, the fastest way there is."""
        folder = self.place.root / "floor"
        shutil.rmtree(folder, ignore_errors=True)
        script = (
            f"{uv()} venv -q --python {self.place.base} {folder} && "
            f"{uv()} pip install -q --no-deps --require-hashes --python {folder} -r requirements.txt"
        )
        return Job(("sh", "-c", script), export, self.place.env())

    def check(self, artifact: Path, cache: Path, **more: str) -> Job:  # noqa: ARG002
        """Run ``check`` in the export."""
        return Job((self.place.hand, "manage.py", "check"), artifact, self.place.env(**more))

    def web(self, artifact: Path, cache: Path, port: int, **more: str) -> Job:  # noqa: ARG002
        """Serve from the export."""
        gunicorn = self.place.hand.parent / "gunicorn"
        argv = (gunicorn, "site_wsgi", "--bind", f"127.0.0.1:{port}", *_GUNICORN)
        return Job(argv, artifact, self.place.env(**more))


def tools(place: Place) -> dict[str, Tool]:
    """Return all of them by name, in the order of the table."""
    known = (
        Ours("ours", place),
        Shiv("shiv", place),
        Pex("pex", place),
        Pex("pex packed", place, ("--layout", "packed")),
        Pex("pex --venv", place, ("--venv",)),
        Virtualenv("virtualenv", place),
    )
    return {tool.name: tool for tool in known}


def gather(place: Place, *, with_pex: bool) -> None:
    """Download the lock's wheels once, and put the lock into the words of pip and pex."""
    wheels = place.root / "wheels"
    wheels.mkdir()
    text = (place.project / "requirements.txt").read_text(encoding="utf-8")
    public, _, ours = text.partition("./vendor/")
    lock = place.root / "peers.txt"
    lock.write_text(public, encoding="utf-8")
    download(wheels, lock)
    name, digest = ours.split(" \\\n")
    shutil.copy(place.project / "vendor" / name, wheels)
    lock.write_text(f"{public}{_pinned(name)} \\\n{digest}", encoding="utf-8")
    if not with_pex:
        return
    argv: list[str | Path] = [
        Path(sys.executable).parent / "pex3",
        "lock",
        "create",
        "-r",
        lock,
        "--no-pypi",
    ]
    argv += ["--find-links", wheels, "--style", "strict", "-o", place.root / "lock.json"]
    run(*argv, PEX_ROOT=str(place.root / "pex-lock"))


def download(wheels: Path, lock: Path) -> None:
    """Download what a lock names, so that nothing is fetched while the clock runs."""
    pip = (sys.executable, "-m", "pip")
    run(*pip, "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", wheels, "-r", lock)


def _pinned(wheel: str) -> str:
    """Return a wheel as a requirement.

    >>> _pinned("django_deploykit-0.1.0-py3-none-any.whl")
    'django-deploykit==0.1.0'
    """
    name, version = wheel.split("-")[:2]
    return f"{name.replace('_', '-')}=={version}"
