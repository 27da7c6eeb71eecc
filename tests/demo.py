"""``tox -e demo``: the main job for real, from a commit to a live site and back.

It takes ``testproject/`` as a repository of its own, checks, bundles and releases it to the
environment ``local``, changes it while visitors ask for the changed page, rolls back, and prints what each step took.
Commands run on a terminal and show what users see. If standard output is not a terminal, the lines
of the live table are printed after those that stay on the screen.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.load import Load
from tests.ports import claim_port
from tests.projects import IDENTITY, ROOT, commit, make_shop
from tests.screens import Terminal, draw

FOLDER = ROOT / ".deploykit" / "demo"
WORKING = re.compile(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (?P<what>.*?) +[0-9.]+ s.*")
SENT = re.compile(r" *sent (.+); the bundle has (.+)")


@dataclass(frozen=True)
class Row:
    """A line of the table at the end."""

    step: str
    seconds: float
    sent: str = ""
    requests: str = ""


def main() -> int:
    """Run the demonstration; returns the exit code."""
    begun = time.monotonic()
    port = free_port()
    clean()
    say("The shop becomes a git repository of its own")
    project = make_shop(FOLDER, port)
    print(f"  {project}")
    rows = [step(project, "deploy_check", "deploy_check")]
    rows.append(step(project, "bundle", "bundle"))
    rows.append(step(project, "first release", "release"))
    step(project, "", "release", "exec", "--", "restock")
    show_page(port)
    edit(project)
    rows.append(step(project, "release under load", "release", port=port))
    show_page(port)
    rows.append(step(project, "rollback under load", "release", "rollback", port=port))
    show_page(port)
    step(project, "", "release", "status")
    print()
    print("\n".join(table(rows)))
    print(f"\nAll of it took {time.monotonic() - begun:.0f} s.")
    return finish(project, port)


def say(text: str) -> None:
    """Write a headline."""
    print(f"\n{text}", flush=True)


def free_port() -> int:
    """Return 8000 if nothing listens there, else another port that is free."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", 8000))
        except OSError:
            return claim_port()
    return 8000


def clean() -> None:
    """Stop and remove what an earlier demonstration left."""
    if (FOLDER / "shop" / "manage.py").exists():
        stop(FOLDER / "shop")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def environment() -> dict[str, str]:
    """Return the environment of a person at a terminal."""
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    return {**env, **IDENTITY, "TERM": "xterm-256color"}


def stop(project: Path) -> None:
    """Stop the site, without showing it."""
    subprocess.run(
        [sys.executable, "manage.py", "release", "stop"],
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def manage(project: Path, *argv: str) -> list[str]:
    """Run manage.py on a terminal and show it; returns the lines that it leaves there."""
    say(f"$ ./manage.py {' '.join(argv)}")
    watched, shown, live = sys.stdout.isatty(), 0, dict[str, str]()
    with Terminal(columns=100, rows=40) as terminal:
        process = terminal.start(
            [sys.executable, "manage.py", *argv], cwd=project, env=environment()
        )
        while process.poll() is None:
            time.sleep(0.05)
            with contextlib.suppress(UnicodeDecodeError):  # half a character has arrived
                raw = terminal.raw
                live |= drawn(raw)
                if watched:
                    print(raw[shown:], end="", flush=True)
                    shown = len(raw)
    if watched:
        print(terminal.raw[shown:], end="", flush=True)
    else:
        print("\n".join(f"  {line}" for line in terminal.screen), flush=True)
        if live:
            print("  While it ran, the live table showed one after the other:")
            print("\n".join(f"    {line}" for line in live.values()), flush=True)
    if process.returncode:
        raise SystemExit(f"error: that ended with {process.returncode}")
    return terminal.screen


def drawn(raw: str) -> dict[str, str]:
    """Return the lines of the live table that are on the screen now, by host and step."""
    found = [match for line in draw(raw, 100) if (match := WORKING.match(line))]
    return {match["what"]: match[0] for match in found}


def step(project: Path, name: str, *argv: str, port: int = 0) -> Row:
    """Run a command and take its time, with visitors on the page if there is a port."""
    begun, requests = time.monotonic(), ""
    if port:
        with Load(port, "/", pause=0.01) as visitors:
            screen = manage(project, *argv)
        requests = f"{visitors.sent} sent, {len(visitors.failed)} failed"
    else:
        screen = manage(project, *argv)
    sent = next((line.strip() for line in screen if SENT.match(line)), "")
    return Row(name, time.monotonic() - begun, SENT.sub(r"\1 of \2", sent), requests)


def show_page(port: int) -> None:
    """Print what a visitor reads on the page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        page: str = answer.read().decode()
    words = re.sub(r"<style.*?</style>|<[^>]*>", " ", page.partition("<main>")[2], flags=re.DOTALL)
    lines = [" ".join(line.split()) for line in words.splitlines()]
    print(f"\nhttp://127.0.0.1:{port}/ now:")
    print("\n".join(f"  | {line}" for line in lines if line and line != "Order"), flush=True)


def edit(project: Path) -> None:
    """Make a change that visitors see."""
    say("A visible change is committed")
    page = project / "shop" / "templates" / "shop" / "home.html"
    text = page.read_text(encoding="utf-8").replace(
        "Welcome to the shop", "Welcome back to the shop"
    )
    page.write_text(text, encoding="utf-8")
    print(f"  {commit(project, 'Greet again', '2026-11-23T05:15:00Z')}")


def table(rows: list[Row]) -> list[str]:
    """Return the table's lines."""
    lines = [f"{'step':<22}{'seconds':>8}  {'sent of the bundle':<22}requests for the page"]
    for row in rows:
        lines.append(f"{row.step:<22}{row.seconds:>8.1f}  {row.sent:<22}{row.requests}".rstrip())
    return lines


def finish(project: Path, port: int) -> int:
    """Leave the site running if standard output is a terminal, or else stop it."""
    watched = sys.stdout.isatty() and not os.environ.get("CI")
    if watched:
        print(f"\nThe shop is live at http://127.0.0.1:{port}/. Stop it with")
        print(f"  cd {project} && {sys.executable} manage.py release stop")
        return 0
    stop(project)
    print("\nStandard output is not a terminal, so the site was stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
