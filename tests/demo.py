"""``tox -e demo``: the main job for real, from a commit to a live site and back.

It takes ``testproject/`` as a repository of its own, checks, bundles and releases it to the
environment ``local``, changes it under load, rolls back, and prints what each step took.
"""

from __future__ import annotations

import json
import os
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

FOLDER = ROOT / ".deploykit" / "demo"


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
    rows.append(release(project, "first release", port))
    print(f"  it answers: {title(port)}")
    step(project, "", "release", "exec", "--", "restock")
    edit(project)
    rows.append(release(project, "release under load", port, load=True))
    print(f"  it answers: {title(port)}")
    rows.append(release(project, "rollback under load", port, "rollback", load=True))
    print(f"  it answers: {title(port)}")
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
        manage(FOLDER / "shop", "release", "stop", quiet=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def manage(project: Path, *argv: str, quiet: bool = False) -> str:
    """Run manage.py and show what it says; returns its standard output."""
    if not quiet:
        say(f"$ ./manage.py {' '.join(argv)}")
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=project,
        env={**env, **IDENTITY},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else sys.stdout,  # tox paints standard error red
        text=True,
    )
    if not quiet and "--json" not in argv:
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
    if done.returncode and not quiet:
        print(done.stdout)
        raise SystemExit(f"error: that ended with {done.returncode}")
    return done.stdout


def step(project: Path, name: str, *argv: str) -> Row:
    """Run a command and take its time."""
    begun = time.monotonic()
    manage(project, *argv)
    return Row(name, time.monotonic() - begun)


def release(project: Path, name: str, port: int, *argv: str, load: bool = False) -> Row:
    """Release, with visitors where ``load`` says so."""
    begun = time.monotonic()
    if load:
        with Load(port, "/up") as visitors:
            out = manage(project, "release", *argv, "--noinput", "--json")
        requests = f"{visitors.sent} sent, {len(visitors.failed)} failed"
    else:
        out, requests = manage(project, "release", *argv, "--noinput", "--json"), ""
    seconds = time.monotonic() - begun
    facts = json.loads(out)
    bytes_sent = sum(facts.get("bytes", {}).values())
    sent = (
        f"{bytes_sent / 1024:,.0f} KiB of {facts['bundle_size'] / 1024:,.0f}"
        if facts.get("bundle_size")
        else ""
    )
    return Row(name, seconds, sent, requests)


def title(port: int) -> str:
    """Return the site's headline."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        page: str = answer.read().decode()
    return page.partition("<h1>")[2].partition("</h1>")[0]


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
    lines = [f"{'step':<22}{'seconds':>8}  {'bytes sent of the bundle':<26}requests"]
    for row in rows:
        lines.append(f"{row.step:<22}{row.seconds:>8.1f}  {row.sent:<26}{row.requests}".rstrip())
    return lines


def finish(project: Path, port: int) -> int:
    """Leave the site where somebody watches, stop it elsewhere."""
    watched = sys.stdout.isatty() and not os.environ.get("CI")
    if watched:
        print(f"\nThe shop is live at http://127.0.0.1:{port}/. Stop it with")
        print(f"  cd {project} && {sys.executable} manage.py release stop")
        return 0
    manage(project, "release", "stop", quiet=True)
    print("\nNobody watches, so the site was stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
