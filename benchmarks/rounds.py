"""The rounds: in each, every tool does every job once, one after the other, so that all see the same machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Samples, rate, serving, timed, tree_memory
from benchmarks.site import Size, change_a_line, make_site, make_virtualenv
from benchmarks.tools import Job, Place, Tool, gather, tools
from django_deploykit.bundle.project_side import ask_project_traced
from tests.ports import claim_port

_CONF = """\
import time
import {first}
begun = time.perf_counter()
import {then}
print((time.perf_counter() - begun) * 1000)
"""
# Numbers from here on are changes that only we bundle: `python -m django_deploykit`, a model's line.
_ALONE, _MODEL, _MODEL_ALONE = 500, 600, 700
_COLLECTS = os.path.basename(
    ask_project_traced.__file__
)  # what runs the project's own collectstatic
_UNWRITTEN = {"PYTHONDONTWRITEBYTECODE": "1"}


@dataclass
class Run:
    """A run: where it happens, what it measures, what it has found."""

    place: Place
    subjects: dict[str, Tool]
    samples: Samples
    say: Callable[[str], None]
    times: int = 2  # that cheap jobs are done in a round
    number: int = 0  # of the round; 0 prepares

    @property
    def exported(self) -> Path:
        """This round's export, with collected static files."""
        return self.place.root / "exports" / str(self.number)

    def artifact(self, tool: Tool, number: int | None = None) -> Path:
        """Return what a tool made in a round; the virtualenv runs the export itself."""
        number = self.number if number is None else number
        if tool.name == "virtualenv":
            return self.place.root / "exports" / str(number)
        return tool.artifact(number)

    def keep(self, row: str, subject: str, value: float) -> None:
        """Keep a figure, unless this round only prepares."""
        if self.number:
            self.samples.add(row, subject, self.number, value)

    def time(self, row: str, subject: str, job: Job, codes: Sequence[int] = (0,)) -> None:
        """Run a job and keep its seconds and memory."""
        taken = timed(job.argv, job.cwd, job.env, codes)
        self.keep(row, subject, taken.seconds)
        self.keep(f"memory, {row}", subject, taken.memory)


def prepare(root: Path, size: Size, say: Callable[[str], None]) -> Run:
    """Make the site, download what it needs, install it, and build everything once."""
    base = _bare_python(root / "bare")
    os.environ["UV_CACHE_DIR"] = str(root / "uv")
    say("the site and its wheels")
    project = make_site(root, size)
    hand, dev = root / "hand", root / "dev"
    place = Place(root, project, base, hand / "bin" / "python", dev / "bin" / "python")
    gather(place, with_pex=size.large)
    say("virtualenvs")
    make_virtualenv(hand, project)
    make_virtualenv(dev, project, "fabric>=3.2", "packaging>=23", "rich>=13", "uv>=0.5")
    for name in ("out", "exports", "caches"):
        (root / name).mkdir()
    chosen = tools(place)
    if not size.large:
        chosen = {name: chosen[name] for name in ("ours", "shiv", "virtualenv")}
    run = Run(place, chosen, Samples(), say, 2 if size.large else 1)
    say("every bundle once")
    _export(run)
    for tool in run.subjects.values():
        _timed_build(run, tool)
    for tool in run.subjects.values():
        timed_check(run, tool, "", tool.cache)
        # What nobody may write beside: extracted with bytecode forbidden, as on a read-only disk.
        if tool.name != "virtualenv":
            job = tool.check(run.artifact(tool, 0), unwritten(tool), **_UNWRITTEN)
            timed(job.argv, job.cwd, job.env)
    return run


def _bare_python(folder: Path) -> Path:
    """Return a Python with nothing installed, as a server has it.

    What somebody has installed into this machine's Python may be loaded at each of its starts.
    """
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def one_round(run: Run, number: int) -> None:
    """Do everything once."""
    run.number = number
    _only_ours(run)
    change_a_line(run.place.project, number)
    run.say(f"round {number}: bundling")
    _export(run)
    for tool in run.subjects.values():
        _timed_build(run, tool)
    _first(run)
    run.say(f"round {number}: starting")
    _starts(run)
    _servers(run)
    _commands(run)
    _forget(run)


def _only_ours(run: Run) -> None:
    """Bundle one-line changes of a view and of a model, as manage.py and as the command that loads nothing."""
    for row, base, loaded in (
        ("again, python -m", _ALONE, False),
        ("a model again, python -m", _MODEL_ALONE, True),
        ("a model again, whole command", _MODEL, True),
    ):
        number = base + run.number
        change_a_line(run.place.project, number, loaded=loaded)
        job = run.subjects["ours"].build(run.exported, number)
        as_module = (job.argv[0], "-m", "django_deploykit", *job.argv[2:])
        argv = as_module if row.endswith("python -m") else job.argv
        run.time(row, "ours", Job(argv, job.cwd, job.env))
        run.subjects["ours"].artifact(number).unlink()


def _export(run: Run) -> None:
    """Take the time of what everybody does before bundling: git archive and collectstatic."""
    script = (
        f"mkdir -p {run.exported} && git archive HEAD | tar -x -C {run.exported} && "
        f"cd {run.exported} && {run.place.hand} manage.py collectstatic --noinput"
    )
    job = Job(("sh", "-c", script), run.place.project, run.place.env(**_UNWRITTEN))
    run.time("export and collectstatic", "by hand", job)


def _timed_build(run: Run, tool: Tool) -> None:
    job = tool.build(run.exported, run.number)
    if tool.name == "ours":
        _build_ours(run, job, "again")
    else:
        run.time("again", tool.name, job)
    if tool.name == "shiv":  # it keeps nothing: every time is the first
        _copy(run, "again", "first", tool.name)
    path = run.artifact(tool)
    if path.exists():
        run.keep("size", tool.name, size_of(path) / 1e6)


def _copy(run: Run, row: str, to: str, name: str) -> None:
    if run.number:
        run.keep(to, name, run.samples.values[row][name][run.number][-1])


def _build_ours(run: Run, job: Job, row: str) -> None:
    """Keep the whole command, and what of it comes after export and collectstatic."""
    taken = timed(job.argv, job.cwd, job.env)
    answer = json.loads(taken.output[taken.output.index("{") :])
    before = sum(answer["seconds"].get(name, 0.0) for name in ("export", "collectstatic"))
    run.keep(f"{row}, whole command", "ours", taken.seconds)
    run.keep(row, "ours", sum(answer["seconds"].values()) - before)
    run.keep(f"memory, {row}", "ours", taken.memory)


def _first(run: Run) -> None:
    ours = run.subjects["ours"]
    job = ours.build(run.exported, run.number, first=True)
    _build_ours(run, job, "first")
    if sys.platform == "linux" and run.number == 1:
        for one in [name for name in ("ours", "shiv", "pex") if name in run.subjects]:
            job = run.subjects[one].build(run.exported, run.number, first=True)
            peaks: list[float] = []
            with tree_memory(peaks, without=_COLLECTS):
                timed(job.argv, job.cwd, job.env)
            run.keep("memory, all processes together", one, peaks[0])
            run.keep("memory, all processes beside collectstatic", one, peaks[1])
    for name in ("pex", "pex packed"):
        if name in run.subjects:
            job = run.subjects[name].build(run.exported, run.number, first=True)
            run.time("first", name, job)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def unwritten(tool: Tool) -> Path:
    """Return the cache of a tool in which no bytecode was written by starting."""
    return tool.cache.with_name(tool.cache.name + "-unwritten")


def timed_check(run: Run, tool: Tool, row: str, cache: Path, **more: str) -> None:
    """Time ``check`` of this round's artifact."""
    run.time(row, tool.name, tool.check(run.artifact(tool), cache, **more))


def _starts(run: Run) -> None:
    for tool in run.subjects.values():
        if tool.name != "virtualenv":
            timed_check(run, tool, "check, new release", tool.cache)
    for tool in run.subjects.values():
        forget_caches(run, tool)
        timed_check(run, tool, "check, empty cache", tool.cache)
    for _ in range(run.times):  # cheap and close to its bound: twice, in both orders
        for tool in reversed(run.subjects.values()):
            timed_check(run, tool, "check, warm cache", tool.cache)
        for tool in run.subjects.values():
            timed_check(run, tool, "check, warm cache", tool.cache)
    for tool in run.subjects.values():
        if tool.name != "virtualenv":
            path = run.artifact(tool, 0)
            run.time(
                "check, nothing written", tool.name, tool.check(path, unwritten(tool), **_UNWRITTEN)
            )
    _unwritten_virtualenv(run)
    installed(run)


def forget_caches(run: Run, tool: Tool) -> None:
    """Empty what a tool keeps between starts; of a virtualenv that is the bytecode."""
    if tool.name != "virtualenv":
        shutil.rmtree(tool.cache, ignore_errors=True)
        return
    for root in (run.place.hand.parent.parent, run.exported):
        for path in [*root.rglob("__pycache__")]:
            shutil.rmtree(path)


def _unwritten_virtualenv(run: Run) -> None:
    tool = run.subjects["virtualenv"]
    forget_caches(run, tool)
    timed_check(run, tool, "check, nothing written", tool.cache, **_UNWRITTEN)
    job = tool.check(run.artifact(tool), tool.cache)
    timed(job.argv, job.cwd, job.env)  # writes the bytecode again


def installed(run: Run) -> None:
    """Time a release that is staged as on a host, against the virtualenv."""
    release = stage(run)
    env = run.place.env()
    virtualenv = run.subjects["virtualenv"]
    for _ in range(run.times):
        run.time("check, installed", "ours", Job((release / "bin" / "site", "check"), release, env))
        timed_check(run, virtualenv, "check, installed", virtualenv.cache)


def stage(run: Run) -> Path:
    """Extract and stage this round's bundle below a folder, as the verb ``stage`` does."""
    from django_deploykit.runtime.bundle.reader import BundleFile
    from django_deploykit.runtime.bundle.seal import validate_seal
    from django_deploykit.runtime.storage.layers import extract_all, is_stored
    from django_deploykit.runtime.storage.virtualenv import stage as build_tree

    path = run.artifact(run.subjects["ours"])
    store = run.place.root / "srv" / "store"
    store.mkdir(parents=True, exist_ok=True)
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    release = run.place.root / "srv" / "releases" / manifest.release_id
    missing = [layer for layer in manifest.layers if not is_stored(store, layer.sha256)]
    extract_all(path, store, missing, lambda: validate_seal(path))
    build_tree(manifest, store, release, {})
    return release


def _servers(run: Run) -> None:
    served = ("ours", "shiv", "pex", "virtualenv")
    named = [tool for name, tool in run.subjects.items() if name in served]
    for tool in named:
        forget_caches(run, tool)
        _serve(run, tool.name, tool.web, "gunicorn, empty cache")
    for _ in range(run.times):
        for tool in named:
            _serve(run, tool.name, tool.web, "gunicorn, warm cache")
    release = stage(run)
    for name in ("virtualenv", "ours", "ours", "virtualenv") * run.times:
        job, port = _installed(run, name, release)
        with serving(job.argv, job.cwd, job.env, port) as seconds:
            run.keep("gunicorn, installed", name, seconds)
    rates(run, release)


def _installed(run: Run, name: str, release: Path) -> tuple[Job, int]:
    port = claim_port()
    if name == "virtualenv":
        return run.subjects[name].web(run.exported, run.subjects[name].cache, port), port
    words = ("sh", release / "bin" / "deploykit-run", "web")
    return Job(words, release, run.place.env()), port


def rates(run: Run, release: Path) -> None:
    """Count the requests that a worker serves in a second.

    One worker: how two share the connections of a start is chance, and doubles the figure or halves it.
    """
    if not shutil.which("wrk"):
        return
    static = static_path(run.exported)
    for name in ("virtualenv", "ours", "ours", "virtualenv") * run.times:
        job, port = _installed(run, name, release)
        with serving((*job.argv, "--workers", "1"), job.cwd, job.env, port):
            base = f"http://127.0.0.1:{port}"
            run.keep("requests, dynamic", name, rate(f"{base}/1/", 1))
            run.keep("requests, static", name, rate(f"{base}{static}", 1))


def _serve(run: Run, name: str, web: Callable[[Path, Path, int], Job], row: str) -> None:
    port = claim_port()
    tool = run.subjects[name]
    job = web(run.artifact(tool), tool.cache, port)
    with serving(job.argv, job.cwd, job.env, port) as seconds:
        run.keep(row, name, seconds)


def static_path(exported: Path) -> str:
    """Return the address of a hashed style sheet."""
    text = (exported / "staticfiles" / "staticfiles.json").read_text(encoding="utf-8")
    return f"/static/{json.loads(text)['paths']['pages/style0.css']}"


def _commands(run: Run) -> None:
    """Time our check against Django's own, and the import of the settings helpers."""
    env = run.place.env()
    for _ in range(run.times):
        for subject, words in (
            ("check --deploy", ("check", "--deploy")),
            ("ours", ("deploy_check",)),
        ):
            job = Job((run.place.dev, "manage.py", *words), run.place.project, env)
            run.time("deploy_check", subject, job, codes=(0, 1))
    for _ in range(2 * run.times):
        code = _CONF.format(first="django.conf", then="django_deploykit.conf")
        done = timed((run.place.dev, "-c", code), run.place.project, env)
        run.keep("import of the settings helpers", "ours", float(done.output))


def _forget(run: Run) -> None:
    """Remove what no later round needs; artifacts of round 0 serve where nothing is written."""
    before = run.number - 1
    if before:
        shutil.rmtree(run.place.root / "exports" / str(before), ignore_errors=True)
        for tool in run.subjects.values():
            path = tool.artifact(before)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(
                missing_ok=True
            )
