"""What is done with a site of each size, in rounds: small and large in turn, and what each job cannot avoid."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import growth_peers
from benchmarks.measure import Samples, Taken, peaks, serving, timed
from benchmarks.site import (
    Size,
    add_a_style_sheet,
    change_a_line,
    change_a_style_sheet,
    local_ini,
    lock_of,
    make_site,
    make_virtualenv,
)
from benchmarks.tools import Place, download
from django_deploykit.bundle.project_side import ask_project_traced
from django_deploykit.runtime.base.documents import Document
from tests.ports import claim_port

_SMALL = Size(large=False, nested=True, static=200)
_COLLECTS = os.path.basename(ask_project_traced.__file__)
# Kinds of processes by what their command lines hold; the first that fits counts.
_KINDS = {
    _COLLECTS: "the project's collectstatic",
    "/srv/runtime/": "host",
    "/srv/releases/": "app",
    "manage.py": "controller",
}


@dataclass(frozen=True)
class Curve:
    """What grows: its sizes by their labels, smallest first; ``jobs`` are done with each."""

    name: str
    title: str
    sizes: dict[str, Size]
    jobs: tuple[str, ...] = ("bundle", "release", "rollback")
    keep: int = 5  # releases that stay on the host; as many are made first, if this is a size


def _grown(**more: int) -> Size:
    return Size(**{**vars(_SMALL), **more})


def quick() -> dict[str, Curve]:
    """Return a curve of two tiny sites: does it run?"""
    sizes = {str(count): _grown(static=count) for count in (10, 20)}
    return {"static": Curve("static", "static files", sizes, tuple(JOBS))}


def curves(large: int = 20_000) -> dict[str, Curve]:
    """Return the curves by name; ``large`` is the number of static files of the large site."""
    every = ("bundle", "release", "rollback")
    parts = {"modules": 30, "migrations": 5}
    rows = (
        Curve(
            "static",
            "static files",
            {
                f"{count:,}": _grown(static=count)
                for count in sorted({200, 20_000 if large > 20_000 else 2_000, large})
            },
            ("bundle", "static", "added", "model", *every[1:], "first", "rsync"),
        ),
        Curve(
            "distributions",
            "distributions",
            {str(count): _grown(distributions=count - 7) for count in (36, 150)},
        ),
        Curve("kept", "kept releases", {str(count): _grown() for count in (5, 50)}, every[1:]),
        Curve(
            "code",
            "templates and modules",
            {
                f"{count:,}": _grown(templates=count, modules=count, migrations=5)
                for count in (300, 3_000)
            },
            (*every, "rsync"),
        ),
        Curve(
            "migrations",
            "migrations",
            {f"{count:,}": _grown(**{**parts, "migrations": count}) for count in (50, 1_000)},
        ),
        Curve("history", "MB of history", {str(mb): _grown(history=mb) for mb in (2, 2_000)}),
        Curve(
            "film",
            "MB in one static file",
            {str(mb): _grown(film=mb) for mb in (5, 500)},
            (*every, "first"),
        ),
        Curve("processes", "processes", {str(count): _grown(processes=count) for count in (1, 20)}),
    )
    return {row.name: row for row in rows}


@dataclass
class Site:
    """A site of one size, its place, and where it listens."""

    curve: Curve
    label: str
    place: Place
    port: int
    keep: Callable[[str, str, float], None]
    commits: int = 0
    settled: bool = field(default=False)  # whether something is live
    by_hand: dict[str, float] = field(default_factory=dict)  # collectstatic in a new export

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of measured commands: each site has build caches of its own."""
        wheels = str(self.place.root.parent / "wheels")
        cache = str(self.place.root / "build")
        return self.place.env(DEPLOYKIT_BUILD_CACHE=cache, UV_FIND_LINKS=wheels, **more)

    @property
    def srv(self) -> Path:
        """The folder of ``local``'s releases."""
        return self.place.project / ".deploykit" / "local" / "srv"

    def manage(self, *words: str) -> tuple[Taken, Document]:
        """Run ``manage.py`` with words and ``--json``; returns how, and what it says."""
        argv: tuple[str | Path, ...] = (self.place.dev, "manage.py", *words, "--json")
        taken = timed(argv, self.place.project, self.env())
        at = taken.output.find("\n{") + 1 if not taken.output.startswith("{") else 0
        answer, _ = json.JSONDecoder().raw_decode(taken.output[at:])
        return taken, answer

    def change(self, what: Callable[[Path, int], str] = change_a_line) -> None:
        """Commit a change that no commit before it had."""
        self.commits += 1
        what(self.place.project, self.commits)


@dataclass
class Run:
    """A run: where it happens and what it has found."""

    root: Path
    samples: Samples
    say: Callable[[str], None]
    rounds: int = 3
    rows: tuple[str, ...] = ()  # jobs; all if empty
    python: Path | None = None
    failed: dict[str, str] = field(default_factory=dict)


def measure(run: Run, curve: Curve) -> None:
    """Make the sites of a curve and do its jobs in rounds, small and large in turn."""
    number = 0
    sites: list[Site] = []

    def keeper(label: str) -> Callable[[str, str, float], None]:
        def keep(row: str, subject: str, value: float) -> None:
            if number:
                run.samples.add(f"{curve.name}: {row}, {label}", subject, number, value)
                run.say(f"{curve.name} {label}: {row}, {subject}: {value:,.3f}")

        return keep

    try:
        for label, size in curve.sizes.items():
            run.say(f"{curve.name} {label}: the site")
            sites.append(_make(run, curve, label, size, keeper(label)))
        jobs = [name for name in curve.jobs if not run.rows or name in run.rows]
        for site in sites:
            _prepare(site, jobs)
        for number in range(1, run.rounds + 1):
            _one_round(sites[:: -1 if number % 2 else 1], jobs)
    finally:
        for site in sites:
            _stop(site)
            shutil.rmtree(site.place.root, ignore_errors=True)


def _one_round(sites: list[Site], jobs: list[str]) -> None:
    for site in sites:
        site.by_hand.clear()
    for name in jobs:
        for site in sites:
            JOBS[name](site)


def _make(
    run: Run, curve: Curve, label: str, size: Size, keep: Callable[[str, str, float], None]
) -> Site:
    root = run.root / f"{curve.name}-{label.replace(',', '')}"
    root.mkdir()
    port = claim_port()
    kept = int(label) if curve.name == "kept" else curve.keep
    project = make_site(root, size, f"{local_ini(port)}keep = {kept}\n")
    if run.python is None:
        extra = ("fabric>=3.2", "packaging>=23", "rich>=13", "uv>=0.5")
        run.python = make_virtualenv(run.root / "dev", project, *extra)
        (run.root / "wheels").mkdir()
        download(run.root / "wheels", lock_of(size))
    place = Place(root, project, run.python, run.python, run.python)
    return Site(curve, label, place, port, keep)


def _prepare(site: Site, jobs: list[str]) -> None:
    """Bundle and release once, which nobody counts; wheels are fetched then."""
    if "release" in jobs or "rollback" in jobs or "first" in jobs:
        count = int(site.label) if site.curve.name == "kept" else 2
        for _ in range(count):
            site.change()
            site.manage("release", "--noinput")
        site.settled = True
    elif jobs:
        site.manage("bundle")
    if "rsync" in jobs:
        rsync(site)


def _stop(site: Site) -> None:
    if site.settled:
        argv = (site.place.dev, "manage.py", "release", "stop", "--noinput")
        timed(argv, site.place.project, site.env(), codes=range(6))


def _bundle(site: Site, row: str, change: Callable[[Path, int], str]) -> None:
    site.change(change)
    most: dict[str, float] = {}
    with peaks(most, _KINDS):
        taken, answer = site.manage("bundle")
    site.keep(row, "ours", taken.seconds)
    site.keep(row, "processor", taken.processor)
    for stage, seconds in answer["seconds"].items():
        site.keep(f"{row}: {stage}", "ours", seconds)
    for kind, value in most.items():
        site.keep(f"memory, {row}", kind, value)


def bundle(site: Site) -> None:
    """Bundle after a view's line changed, beside git's own export of the commit and its list of changes."""
    _bundle(site, "bundle", change_a_line)
    site.keep("bundle", "git archive", _export(site).seconds)
    argv = ("git", "diff", "--name-only", "HEAD~1", "HEAD")
    site.keep("bundle", "git diff", timed(argv, site.place.project, site.env()).seconds)


def static(site: Site) -> None:
    """Bundle after one style sheet changed, beside collectstatic by hand, which does all of it anew."""
    _bundle(site, "static", change_a_style_sheet)
    _by_hand(site)
    for subject in ("collectstatic", "collectstatic processor"):
        site.keep("static", subject, site.by_hand[subject])
    site.keep("memory, static", "by hand", site.by_hand["memory"])


def added(site: Site) -> None:
    """Bundle after one style sheet was added, beside collectstatic by hand."""
    _bundle(site, "added", add_a_style_sheet)
    if not site.by_hand:
        _by_hand(site)
    for subject in ("collectstatic", "collectstatic processor"):
        site.keep("added", subject, site.by_hand[subject])


def model(site: Site) -> None:
    """Bundle after a model's line changed, beside an export and collectstatic by hand."""
    _bundle(site, "model", lambda project, number: change_a_line(project, number, loaded=True))
    if not site.by_hand:
        _by_hand(site)
    for subject in ("both", "both processor"):
        site.keep("model", subject, site.by_hand[subject])


def _export(site: Site) -> Taken:
    folder = site.place.root / "export"
    shutil.rmtree(folder, ignore_errors=True)
    script = f"mkdir -p {folder} && git archive HEAD | tar -x -C {folder}"
    return timed(("sh", "-c", script), site.place.project, site.env())


def _by_hand(site: Site) -> None:
    """Collect static files by hand; jobs of the same round are held against it."""
    exported = _export(site)
    argv = (site.place.dev, "manage.py", "collectstatic", "--noinput")
    taken = timed(
        argv, site.place.root / "export", site.env(SECRET_KEY=site.place.env()["SECRET_KEY"])
    )
    site.by_hand = {
        "collectstatic": taken.seconds,
        "collectstatic processor": taken.processor,
        "both": exported.seconds + taken.seconds,
        "both processor": exported.processor + taken.processor,
        "memory": taken.memory,
    }


def release(site: Site) -> None:
    """Release a view's line to ``local``, beside what the app takes to boot and to be checked by itself."""
    started, checked = _alone(site)
    site.change()
    most: dict[str, float] = {}
    with peaks(most, _KINDS):
        taken, answer = site.manage("release", "--noinput")
    _keep_release(site, "release", taken, answer)
    site.keep("release", "boot", started)
    site.keep("release", "boot and check", started + checked)
    site.keep("release beyond boot and check", "ours", taken.seconds - started - checked)
    for kind, value in most.items():
        site.keep("memory, release", kind, value)


def _keep_release(site: Site, row: str, taken: Taken, answer: Document) -> None:
    site.keep(row, "ours", taken.seconds)
    site.keep(row, "processor", taken.processor)
    site.keep(f"{row}: before the hosts", "ours", taken.seconds - answer["total_seconds"])
    for stage, seconds in answer["seconds"].items():
        site.keep(f"{row}: {stage}", "ours", seconds)


def rollback(site: Site) -> None:
    """Roll back, beside the app's own boot."""
    started, _ = _alone(site, check=False)
    taken, answer = site.manage("release", "rollback", "--noinput")
    _keep_release(site, "rollback", taken, answer)
    site.keep("rollback", "boot", started)
    site.keep("rollback beyond boot", "ours", taken.seconds - started)


def _alone(site: Site, *, check: bool = True) -> tuple[float, float]:
    """Return the seconds that the live release takes to start all processes, and to be checked."""
    live = (site.srv / "current").resolve()
    database = site.srv.parent / "var" / "db.sqlite3"
    env = site.env(DATABASE_URL=f"sqlite:///{database}", DEPLOYKIT_ENVIRONMENT="local")
    port = claim_port()
    with serving((live / "bin" / "deploykit-run", "web"), live, env, port) as seconds:
        started = seconds
    if not check:
        return started, 0.0
    argv = (live / "bin" / "site", "deploy_check", "--server")
    return started, timed(argv, live, env, codes=(0, 1, 2)).seconds


def first(site: Site) -> None:
    """Release everything to an empty ``local``, beside ``cp`` and ``scp`` over loopback of the same file."""
    _stop(site)
    shutil.rmtree(site.srv.parent)
    bundle_file = Path(site.manage("bundle")[1]["path"])
    megabytes = bundle_file.stat().st_size / 1e6
    taken, answer = site.manage("release", "--noinput", "--bundle", str(bundle_file))
    _keep_release(site, "first", taken, answer)
    site.keep("first, MB/s", "ours", megabytes / answer["seconds"]["send"])
    seconds = growth_peers.scp(site.place.root, bundle_file)
    site.keep("first, MB/s", "scp", megabytes / seconds)
    site.change()
    site.manage("release", "--noinput")  # so that there is one to roll back to


def rsync(site: Site) -> None:
    """Release a view's line in Capistrano's way."""
    site.change()
    site.keep("release", "rsync", growth_peers.capistrano(site.place, site.env(), site.commits))


JOBS: dict[str, Callable[[Site], None]] = {
    "bundle": bundle,
    "static": static,
    "added": added,
    "model": model,
    "release": release,
    "rollback": rollback,
    "first": first,
    "rsync": rsync,
}
