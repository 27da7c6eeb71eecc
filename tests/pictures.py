"""``tox -e pictures``: makes the pictures of the documentation from a real release.

A change of the shop is released under load on a terminal. The recording of the terminal and the
answers that visitors got become SVG files in ``docs/_static``; the HTML report becomes a PNG file if
chromium is installed. Run it on a quiet machine: the pictures show how long each step took.
"""

from __future__ import annotations

import html
import http.client
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyte

from tests.demo import edit, environment, free_port, stop
from tests.projects import ROOT, make_shop
from tests.screens import Terminal

FOLDER = ROOT / "docs" / "_static"
COLUMNS, ROWS = 92, 20
WIDE, HIGH = 8.4, 18  # pixels of a character
COLORS = {
    "default": "#d6deeb",
    "red": "#ef5350",
    "green": "#7bd88f",
    "brown": "#e8c07d",
    "blue": "#82aaff",
    "magenta": "#c792ea",
    "cyan": "#7fdbca",
    "white": "#ffffff",
    "black": "#7a8699",
    "brightblack": "#7a8699",
}
BACK, OLD, NEW, INK = "#0f1b2d", "#4f86f7", "#f28c28", "#5b6675"
RELEASE = re.compile(rb"Release (\d{8}T\d{6}-[0-9a-f]+)")
Row = tuple[tuple[str, str, bool], ...]  # pieces of a line: text, colour, whether it is bold


@dataclass(frozen=True)
class Visit:
    """A request: when it was sent and how long the answer took, in seconds, and which release it was."""

    at: float
    took: float
    release: str


def main() -> int:
    """Make the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        project = make_shop(Path(name), port)
        try:
            record(project, "release")
            edit(project)
            visits: list[Visit] = []
            with visitors(port, visits):
                report = Path(name) / "report.html"
                frames = record(project, "release", "--report", str(report))
            write("release.svg", terminal_svg(frames))
            write("switch.svg", switch_svg(visits))
            record(project, "release", "rollback")
            photograph(report, FOLDER / "report.png")
        finally:
            stop(project)
    return 0


def write(name: str, text: str) -> None:
    """Write a picture."""
    (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(text) // 1024} KiB")


def record(project: Path, *argv: str) -> list[tuple[float, list[Row]]]:
    """Run manage.py on a terminal; return when the screen changed, in seconds, and its lines."""
    command = [sys.executable, "manage.py", *argv]
    shown = (
        f"$ ./manage.py {' '.join(argv[: argv.index('--report')] if '--report' in argv else argv)}"
    )
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(shown.encode() + b"\r\n")
    frames = [(0.0, rows(screen))]
    seen, begun = 0, time.monotonic()
    with Terminal(columns=COLUMNS, rows=ROWS) as terminal:
        process = terminal.start(command, cwd=project, env={**environment(), "LOGNAME": "ann"})
        ended = False
        while not ended:
            time.sleep(0.08)
            ended = process.poll() is not None
            data = terminal.written
            stream.feed(data[seen:])
            seen = len(data)
            if frames[-1][1] != (now := rows(screen)):
                frames.append((time.monotonic() - begun, now))
    stream.feed(terminal.written[seen:])
    if process.returncode:
        sys.exit(f"error: {' '.join(argv)} ended with {process.returncode}: {terminal.screen}")
    return [*frames, (time.monotonic() - begun, rows(screen))]


def rows(screen: pyte.Screen) -> list[Row]:
    """Return the lines of a screen, without empty ones at the end."""
    found = [row(screen, number) for number in range(ROWS)]
    while found and not found[-1]:
        found.pop()
    return found


def row(screen: pyte.Screen, number: int) -> Row:
    """Return the pieces of a line that look alike, without spaces at the end."""
    pieces: list[tuple[str, str, bool]] = []
    for column in range(COLUMNS):
        cell = screen.buffer[number][column]
        color = COLORS.get(cell.fg, f"#{cell.fg}")
        if pieces and pieces[-1][1:] == (color, cell.bold):
            pieces[-1] = (pieces[-1][0] + cell.data, color, cell.bold)
        else:
            pieces.append((cell.data, color, cell.bold))
    while pieces and not pieces[-1][0].strip():
        pieces.pop()
    return tuple(pieces)


def terminal_svg(frames: list[tuple[float, list[Row]]]) -> str:
    """Return a recording: each frame is shown until the next one; the last one stays."""
    lines: dict[Row, str] = {}
    groups = []
    for number, (at, now) in enumerate(frames):
        uses = "".join(
            f'<use href="#{lines.setdefault(one, f"l{len(lines)}")}" y="{place * HIGH}"/>'
            for place, one in enumerate(now)
            if one
        )
        last = number == len(frames) - 1
        change = (
            f'<set attributeName="visibility" to="hidden" begin="0s" end="{at:.2f}s"/>'
            if last
            else f'<set attributeName="visibility" to="visible" begin="{at:.2f}s"'
            f' end="{frames[number + 1][0]:.2f}s"/>'
        )
        groups.append(f'<g visibility="{"visible" if last else "hidden"}">{change}{uses}</g>')
    width, height = COLUMNS * WIDE + 32, ROWS * HIGH + 52
    known = "".join(
        f'<text id="{name}" xml:space="preserve">{spans(one)}</text>' for one, name in lines.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-size="14"'
        ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" role="img"'
        ' aria-label="A terminal that shows a release">'
        f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>'
        + "".join(
            f'<circle cx="{18 + 18 * place}" cy="17" r="5.5" fill="{color}"/>'
            for place, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        )
        + f'<defs>{known}</defs><g transform="translate(16 50)">{"".join(groups)}</g></svg>\n'
    )


def spans(pieces: Row) -> str:
    """Return the pieces of a line as SVG. Each one begins at its own column, whatever the font."""
    found, column = [], 0
    for text, color, bold in pieces:
        if text.strip():
            weight = ' font-weight="bold"' if bold else ""
            wide = len(text) * WIDE
            found.append(
                f'<tspan x="{column * WIDE:.1f}" textLength="{wide:.1f}" fill="{color}"{weight}>'
                f"{html.escape(text)}</tspan>"
            )
        column += len(text)
    return "".join(found)


@contextmanager
def visitors(port: int, visits: list[Visit]) -> Iterator[None]:
    """Request the page in four threads while the block runs, and add the answers to ``visits``.

    End the program if a request failed: the diagram says that none did.
    """
    ended, start = threading.Event(), time.monotonic()

    def visit() -> None:
        while not ended.wait(0.02):
            begun = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
            answer = connection.getresponse()
            found = RELEASE.search(answer.read())
            took = time.monotonic() - begun
            connection.close()
            if answer.status != 200 or not found:
                sys.exit(f"error: a visitor got {answer.status}")
            visits.append(Visit(begun - start, took, found[1].decode()))

    with ThreadPoolExecutor(4) as pool:
        visiting = [pool.submit(visit) for _ in range(4)]
        try:
            yield
        finally:
            ended.set()
    for one in visiting:
        one.result()  # raises what ended a thread


def switch_svg(visits: list[Visit]) -> str:
    """Return a diagram: a dot for each request, by time and by how long its answer took."""
    old = visits[0].release
    new = next(one.release for one in visits if one.release != old)
    first = min(one.at for one in visits if one.release == new)
    begin = max(0.0, first - 2.5)
    shown = [one for one in visits if begin <= one.at <= first + 2.5]
    end, most = max(one.at for one in shown), max(one.took for one in shown) * 1000
    width, height, left, bottom = 900, 300, 56, 254

    def dot(one: Visit) -> str:
        x = left + (one.at - begin) / (end - begin) * (width - left - 20)
        y = bottom - one.took * 1000 / most * (bottom - 40)
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{OLD if one.release == old else NEW}"/>'

    marks = "".join(
        f'<text x="{left - 8}" y="{bottom - part * (bottom - 40) + 4:.0f}" text-anchor="end">'
        f"{part * most:.0f} ms</text>"
        for part in (0, 0.5, 1)
    )
    seconds = "".join(
        f'<text x="{left + part * (width - left - 20):.0f}" y="{bottom + 20}" text-anchor="middle">'
        f"{part * (end - begin):.1f} s</text>"
        for part in (0, 0.25, 0.5, 0.75, 1)
    )
    legend = "".join(
        f'<circle cx="{left + 6 + 330 * place}" cy="18" r="5" fill="{color}"/>'
        f'<text x="{left + 18 + 330 * place}" y="22">{kind} release, {name}</text>'
        for place, (kind, name, color) in enumerate((("old", old, OLD), ("new", new, NEW)))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="13"'
        f' font-family="system-ui, sans-serif" fill="{INK}" role="img"'
        ' aria-label="Requests while a release switches: each one is answered">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{legend}{marks}{seconds}'
        f'<path d="M{left} 36V{bottom}H{width - 20}" stroke="{INK}" fill="none"/>'
        f"{''.join(map(dot, shown))}"
        f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">{len(shown)} requests to one address,'
        " each a dot at the height of its answer time; none failed</text></svg>\n"
    )


def photograph(page: Path, target: Path) -> None:
    """Write a picture of a page with chromium; without chromium the old one stays."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        print("report.png: left as it is, because chromium is not installed")
        return
    words = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,900"]
    subprocess.run(
        [program, *words, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True
    )
    print(f"{target.name}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    sys.exit(main())
