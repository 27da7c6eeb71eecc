"""``python -m benchmarks images``: an image by `bundle`, beside one by `docker build` with uv.

Both have the same base and the same site. It needs root, Docker, podman, skopeo and a registry. The
table is printed, and ``--document`` writes it into docs/measurements.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Samples, Taken, timed
from benchmarks.page import with_table
from benchmarks.site import FULL, TINY, Size, change_a_line, make_site, make_virtualenv
from benchmarks.tools import Place, gather
from tests.engines import Engines, running_engines, why_not
from tests.integration.bundling import KEY
from tests.ports import claim_port
from tests.projects import ROOT, commit, run, uv

DOCUMENT = ROOT / "docs" / "measurements.md"
OURS, PEER = "bundle", "docker build"
BUILD, PUSH, BYTES, START = (
    "image after a one-line change: build",
    "image after a one-line change: push",
    "image after a one-line change: bytes pushed",
    "image after a one-line change: pull and start to the first 200",
)
_HEAD = (
    "| job | ours | others | ratio (spread) | bound | met |",
    "|---|---|---|---|---|---|",
)
_DOCKERFILE = f"""\
FROM base AS build
COPY uv /usr/local/bin/uv
COPY wheels /wheels
COPY peers.txt /
RUN uv venv -q /venv && \\
    uv pip install -q --offline --no-index --find-links /wheels --no-deps --compile-bytecode \\
    --python /venv/bin/python -r /peers.txt
FROM base
COPY --from=build /venv /venv
WORKDIR /app
COPY site /app
RUN SECRET_KEY={KEY} /venv/bin/python manage.py collectstatic --noinput
USER 65532
ENV PATH=/venv/bin:$PATH
CMD ["gunicorn", "site_wsgi", "--bind", "0.0.0.0:8000"]
"""


@dataclass
class Run:
    """The site, and the two machines: one builds and pushes, the other pulls and runs."""

    place: Place
    builder: Engines
    host: Engines
    samples: Samples

    def name(self, whose: str, number: int) -> str:
        """Return an image's name in the registry."""
        folder = whose.replace(" ", "")
        return f"127.0.0.1:{self.builder.registry}/{folder}:{number}"


def main(arguments: list[str]) -> int:
    """Measure, and print the rows."""
    options = parse(arguments)
    if reason := why_not():
        print(f"error: {reason}", file=sys.stderr)
        return 1
    found = measured(options, TINY if options.quick else FULL)
    lines = [*rows(found, "")]
    if not options.quick:
        large = Size(film=50)
        lines += rows(measured(options, large), ", with 50 MB of own files")
    heading = (
        f"{options.rounds} rounds{', a small site' if options.quick else ''}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f} at the end; Python {platform.python_version()}."
    )
    text = "\n".join([heading, "", *_HEAD, *lines])
    print(text)
    if options.document:
        page = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_table(page, text, DOCUMENT, "images"), encoding="utf-8")
    return 0


def measured(options: argparse.Namespace, size: Size) -> Samples:
    """Run all rounds on a site."""
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="deploykit-images-", dir=options.place))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        builder = stack.enter_context(running_engines())
        host = stack.enter_context(running_engines())
        state = Run(prepare(root, size, options.base, builder), builder, host, Samples())
        for number in range(options.rounds + 1):  # the first one fills all caches
            print(f"round {number}", file=sys.stderr, flush=True)
            one_round(state, number)
        return state.samples


def prepare(root: Path, size: Size, base: Path | None, builder: Engines) -> Place:
    """Make the site, its wheels and the base; return where they are."""
    if base is None:
        base = root / "base.tar"
        run("mmdebstrap", "--quiet", "--variant=minbase", "--include=python3", "bookworm", base)
    builder.run(f"docker import {base} base")
    archive = root / "base.oci.tar"
    builder.run(
        f"skopeo copy --src-daemon-host $DOCKER_HOST docker-daemon:base:latest oci-archive:{archive}"
    )
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        digest = index.read().decode().partition('"digest":"')[2].partition('"')[0] if index else ""
    project = make_site(root, size, f"\n[format:oci]\nbase = ../base.oci.tar@{digest}\n")
    dev = make_virtualenv(root / "dev", project, "packaging>=23", "uv>=0.5")
    place = Place(root, project, Path(sys.executable), dev, dev)
    gather(place, with_pex=False)
    (root / "Dockerfile").write_text(_DOCKERFILE)
    (root / ".dockerignore").write_text("*\n!uv\n!wheels\n!peers.txt\n!site\nsite/.git\n")
    shutil.copy(uv(), root / "uv")
    with (project / ".gitignore").open("a") as file:
        file.write("/.deploykit/\n")
    (project / ".dockerignore").write_text(".deploykit\n.git\n")
    with (root / ".dockerignore").open("a") as file:
        file.write("site/.deploykit\n")
    commit(project, "Leave out what is built")
    return place


def one_round(state: Run, number: int) -> None:
    """Change a line; build, push, pull and start both images, in turn."""
    change_a_line(state.place.project, number)
    jobs: dict[str, tuple[Callable[[Run, int], Taken], Callable[[Run, int], str]]] = {
        OURS: (build_ours, push_ours),
        PEER: (build_peer, push_peer),
    }
    order = [*jobs.items()][:: 1 if number % 2 else -1]
    for whose, (build, push) in order:
        taken = build(state, number)
        keep(state, number, BUILD, whose, taken.seconds)
        keep(state, number, f"{BUILD}, processor time", whose, taken.processor)
        before, begun = state.builder.pushed(), time.perf_counter()
        push(state, number)
        keep(state, number, PUSH, whose, time.perf_counter() - begun)
        keep(state, number, BYTES, whose, float(state.builder.pushed() - before))
    for whose, _ in order:
        keep(state, number, START, whose, start(state, state.name(whose, number)))


def keep(state: Run, number: int, row: str, whose: str, value: float) -> None:
    """Keep a figure, unless this round only prepares."""
    if number:
        state.samples.add(row, whose, number, value)


def build_ours(state: Run, _: int) -> Taken:
    """Write an image with `manage.py bundle`."""
    out = state.place.root / "ours.oci.tar"
    out.unlink(missing_ok=True)
    command: list[str | Path] = [
        state.place.dev,
        "manage.py",
        "bundle",
        "--format",
        "oci",
        "-o",
        out,
    ]
    return timed(command, state.place.project, clean(state.builder, SECRET_KEY=KEY))


def push_ours(state: Run, number: int) -> str:
    """Send it to the registry."""
    archive, name = state.place.root / "ours.oci.tar", state.name(OURS, number)
    return state.builder.run(f"skopeo copy oci-archive:{archive} docker://{name}")


def build_peer(state: Run, number: int) -> Taken:
    """Build an image with Docker. Its daemon does the work, whose processor time is not known."""
    root = state.place.root
    command = ["docker", "build", "-q", "--network", "none", "-t", state.name(PEER, number), "."]
    return timed(command, root, clean(state.builder, DOCKER_BUILDKIT="0"))


def push_peer(state: Run, number: int) -> str:
    """Send it to the registry."""
    return state.builder.run(f"docker push -q {state.name(PEER, number)}")


def clean(engines: Engines, **more: str) -> dict[str, str]:
    """Return the environment of a command."""
    return {**engines.environ(), **more}


def start(state: Run, name: str) -> float:
    """Return the seconds until a host that has the last image answers from a new one."""
    port = claim_port()
    variables = f"-e SECRET_KEY={KEY} -e PORT={port} -e ALLOWED_HOSTS=127.0.0.1"
    server = f" gunicorn site_wsgi --bind 127.0.0.1:{port}" if "dockerbuild" in name else ""
    begun = time.perf_counter()
    state.host.run(f"docker pull -q {name}")
    state.host.run(f"docker run -d --name shop --network host {variables} {name}{server}")
    try:
        while time.perf_counter() - begun < 120:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
                if response.status == 200:
                    return time.perf_counter() - begun
            time.sleep(0.005)
        raise SystemExit(f"error: {name} does not answer:\n{state.host.run('docker logs shop')}")
    finally:
        state.host.run("docker rm -f shop")


def rows(samples: Samples, suffix: str) -> list[str]:
    """Return the rows of the table, as text."""
    found = []
    for row in (BUILD, PUSH, BYTES, START):
        ours, peer = samples.median(row, OURS), samples.median(row, PEER)
        ratios = samples.ratios((row, OURS), (row, PEER))
        if ours is None or peer is None or not ratios:
            continue
        ratio = statistics.median(ratios)
        spread = f"{ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        beside = f"docker build {shown(row, peer)}"
        if row == BUILD:
            processor = samples.median(f"{BUILD}, processor time", OURS)
            beside += f", ours in processor time {processor:.1f} s"
        met = "yes" if ratio <= 0.5 else "**no**"
        bound = "at most 0.5 of docker build"
        cells = (f"{row}{suffix}", shown(row, ours), beside, spread, bound, met)
        found.append(f"| {' | '.join(cells)} |")
    return found


def shown(row: str, value: float) -> str:
    """Return a figure with its unit."""
    return f"{value / 1000:,.0f} kB" if row == BYTES else f"{value:.2g} s"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks images", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--base", type=Path, help="a tar of a root with Python, to save time")
    parser.add_argument("--quick", action="store_true", help="a tiny site: does it run?")
    parser.add_argument(
        "--document", action="store_true", help=f"write the table into {DOCUMENT.relative_to(ROOT)}"
    )
    parser.add_argument("--place", type=Path, help="where to work; default: the temporary folder")
    return parser.parse_args(arguments)
