"""What a staged release is asked on its host: its check, its migrations, its own commands."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

from ..base.errors import DeployKitError
from ..base.probe import usable_host
from ..base.processes import Command, capture
from ..base.site import Site, checked_path
from ..bundle.manifest import Manifest
from ..storage import layers as store
from ..storage.virtualenv import load_release
from ..supervisors import supervisor_of

Tell = Callable[..., None]


def check(site: Site, release: str, program: Sequence[str]) -> Dict[str, Any]:
    """Run ``deploy_check --server --migrations`` in a release with the host's configuration.

    Returns ``{"code": 0 | 1, "report": …}``; raises where it could not check.
    """
    # A sick release is found before it listens: once it does, visitors reach it too.
    url = f"{'https' if site.proxied else 'http'}://{site.host}{site.health}"
    command = ["deploy_check", "--server", "--migrations", "--format", "json", "--ask", url]
    code, out, errors = capture(inside(site, release, program, command))
    report = _json(out)
    if code not in (0, 1) or report is None:
        text = (errors or out).strip()
        raise DeployKitError(
            f"deploy_check cannot run in {release}", "\n".join(text.splitlines()[-20:])
        )
    path = checked_path(site, release)
    path.parent.mkdir(parents=True, exist_ok=True)
    host = usable_host(report.get("allowed_hosts", []))
    known = {**_read(path).get("migrations", {}), **_judgements(report)}
    facts = {"host": host, "code": code, "migrations": known}
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(temporary, path)
    return {"code": code, "report": report}


def refresh(site: Site, release: str, program: Sequence[str]) -> None:
    """Check a release anew where the configuration changed since: ALLOWED_HOSTS names the probe's Host.

    What it finds does not stop a way back.
    """
    try:
        before = checked_path(site, release).stat().st_mtime
    except OSError:
        before = 0.0
    if _changed(site) > before:
        with suppress(DeployKitError):
            check(site, release, program)


def _changed(site: Site) -> float:
    """Return when the configuration changed last, in seconds since the epoch."""
    found = [0.0]
    for path in (site.ini, site.etc / "conf.d", *(site.etc / "conf.d").glob("*.ini")):
        with suppress(OSError):
            found.append(path.stat().st_mtime)
    return max(found)


def judged(site: Site) -> Dict[str, bool]:
    """Return the migrations that were judged before they ran: True for those that break older code."""
    found: Dict[str, bool] = {}
    for path in sorted((site.root / "checked").glob("*.json")):
        found.update(_read(path).get("migrations", {}))
    return found


def kin(site: Site, live: str, release: str) -> Dict[str, Any]:
    """Say whether a release has the very migrations of the live one, and which were judged before."""
    layers = [
        {layer.sha256 for layer in load_release(site.releases / one).layers}
        for one in (live, release)
    ]
    # What both have in common holds the same files: most of a site need not be read.
    files = [_migrations(site, own - (layers[0] & layers[1])) for own in layers]
    return {"same": files[0] == files[1], "judged": judged(site), "live": live}


def _migrations(site: Site, layers: Set[str]) -> Set[Tuple[str, str]]:
    """Return path and SHA-256 of the migrations in layers of the store."""
    return {
        (one.path, one.sha256)
        for layer in layers
        for one in store.entries_of(site.store, layer)
        if "/migrations/" in one.path and one.path.endswith(".py")
    }


def _judgements(report: Dict[str, Any]) -> Dict[str, bool]:
    return {
        f"{row['app']}.{row['name']}": any(one.get("breaks") for one in row.get("operations", []))
        for database in report.get("migrations", [])
        for row in database.get("pending", [])
    }


def _read(path: Path) -> Dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _json(text: str) -> Any:
    """Return the JSON object in a command's output, whatever the project printed before it."""
    for start in (0, text.find("\n{") + 1):
        try:
            data = json.loads(text[start:])
        except ValueError:
            continue
        if isinstance(data, dict):
            return data
    return None


def migrate(
    site: Site, release: str, databases: Sequence[str], program: Sequence[str], tell: Tell
) -> Dict[str, Any]:
    """Migrate: the Procfile's ``release`` line where there is one, else each named database."""
    manifest = load_release(site.releases / release)
    for argv in migrate_commands(manifest, databases):
        code, _, errors = capture(
            inside(site, release, program, argv), lambda line: tell("line", line=line)
        )
        if code:
            shown = " ".join(argv)
            raise DeployKitError(f"`{shown}` failed with exit code {code}", _end_of(errors))
    return {"databases": list(databases)}


def _end_of(errors: str) -> str:
    """Return where and why a command failed: a traceback's last frame and its exception.

    The whole was told line by line before.
    """
    lines = errors.splitlines()[-20:]
    frames = [n for n, line in enumerate(lines) if line.startswith('  File "')]
    return "\n".join(lines[frames[-1] :] if frames else lines)


def migrate_commands(manifest: Manifest, databases: Sequence[str]) -> List[List[str]]:
    """Return the commands that migrate, as arguments of the project's command."""
    if any(process.name == "release" for process in manifest.processes):
        return [["--process", "release"]]
    return [["migrate", "--noinput", "--database", name] for name in databases]


def inside(site: Site, release: str, program: Sequence[str], argv: Sequence[str]) -> Command:
    """Return the command that runs ``argv`` as the site's own user in its sandbox."""
    return supervisor_of(site, program).command(release, argv, {})
