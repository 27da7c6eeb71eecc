"""Sends requests to a site's web processes, to find out whether a release answers."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import List, Sequence, Tuple

from ..base.files import entries
from ..base.probe import ask, response_problem
from ..base.site import Site, checked_path
from ..bundle.manifest import Manifest
from ..supervisors.base import ProcessError, Running, Supervisor, has_died
from ..supervisors.process_log import last_lines, process_error
from ..wire.reports import read_checked

_PATIENCE = 10.0  # seconds for a response of a release that has just gone live
_LIVE_TIMEOUT = 5.0  # seconds for a response of the live site


def processes_of(site: Site, manifest: Manifest) -> List[str]:
    """Return the processes of a release that run on this host, ``web`` first."""
    names = [process.name for process in manifest.processes if process.name != "release"]
    names = [name for name in names if not site.roles or name in site.roles]
    return sorted(names, key=lambda name: (name != "web", name))


def answer_of(site: Site, hosts: Sequence[str]) -> Tuple[str, str]:
    """Return the first Host header that gets a good response from the live site, and no problem.

    If there is none, return the first one and what is wrong with its response.
    """
    problems: List[str] = []
    for host in hosts[:3]:
        status, problem = ask_pages(site, site.listen, host, _LIVE_TIMEOUT)
        if not problem:
            return host, ""
        problems.append(problem)
        if not status:  # another Host header does not help
            break
    return hosts[0], problems[0]


def processes_that_do_not_run(
    site: Site, running: Sequence[Running], manifest: Manifest
) -> List[str]:
    """Return the processes of the live release that should run on this host, but do not."""
    active = {one.process for one in running if one.active and one.release == manifest.release_id}
    return [name for name in processes_of(site, manifest) if name not in active]


def site_problem(site: Site, running: Sequence[Running], manifest: Manifest) -> str:
    """Return why the site does not answer, or an empty string; ``manifest`` is the live release's.

    On a host without web processes, all others must run.
    """
    if "web" not in processes_of(site, manifest):
        down = processes_that_do_not_run(site, running, manifest)
        return f"{', '.join(down)} of {manifest.release_id} does not run" if down else ""
    # Without a process nobody accepts a connection, which would wait in vain or start something.
    if not any(one.active and one.process == "web" for one in running):
        return "no web process runs"
    return answer_of(site, probe_hosts(site, manifest.release_id))[1]


def verify(
    site: Site, supervisor: Supervisor, release: str, before: Sequence[Running]
) -> List[Running]:
    """Send requests to the new web instance's own socket until it responds well.

    ``before`` are the instances before it was started. Returns the instances of all releases after
    the good response. Raises :class:`ProcessError` if the response stays bad or the instance dies.
    """
    address, host = supervisor.probe_address(release), probe_host(site, release)
    end = time.monotonic() + site.boot
    patience, problem = 2.0, ""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            break
        status, problem = ask_pages(site, address, host, min(patience, max(left, 0.5)))
        problem = problem or _foreign(address)
        if not problem:
            break
        _require_alive(supervisor, release, before)
        if status and status not in (502, 503):
            break
        patience = min(10.0, patience * 2)
        time.sleep(0.05)
    running = _require_alive(supervisor, release, before)
    if problem:
        raise _failure(f"web of {release} is not healthy: {problem}", supervisor, release)
    return running


def ask_pages(site: Site, address: str, host: str, timeout: float) -> Tuple[int, str]:
    """Request the site's pages; return the status and problem of the first bad response, if any.

    ``timeout`` is in seconds for each.
    """
    for page in site.pages:
        answer = ask(address, page, host, site.proxied, timeout=timeout)
        problem = response_problem(answer, page, host)
        if problem:
            return answer.status, problem
    return 200, ""


def _foreign(address: str) -> str:
    """Return a problem if the socket's path is a link to another release's, or an empty string."""
    linked = address.startswith("/") and Path(address).is_symlink()
    return f"{address} is a link: another release may have answered there" if linked else ""


def verify_live(
    site: Site, supervisor: Supervisor, release: str, before: Sequence[Running]
) -> None:
    """Send a request to the live socket, on which only the new instance answers now."""
    host = probe_host(site, release)
    _, problem = ask_pages(site, site.listen, host, _PATIENCE)
    if problem:
        text = f"the site does not answer on {site.listen}: {problem}"
        raise _failure(text, supervisor, release)
    _require_alive(supervisor, release, before)


def _require_alive(
    supervisor: Supervisor, release: str, before: Sequence[Running]
) -> List[Running]:
    running = supervisor.instances()
    found = [one for one in running if one.release == release and one.process == "web"]
    if has_died(found[0] if found else None, before):
        raise _failure(f"web of {release} died during its verification", supervisor, release)
    return running


def _failure(text: str, supervisor: Supervisor, release: str) -> ProcessError:
    return process_error(text, last_lines(supervisor, release, "web"))


def probe_hosts(site: Site, release: str) -> List[str]:
    """Return Host headers to try on the live release: its own, then the ones from other checks.

    Its own is out of date if the configuration changed after its check.
    """
    found = [probe_host(site, release)]
    if not site.host:
        with suppress(OSError):
            paths = [path for path in entries(site.root, "checked") if path.suffix == ".json"]
            paths.sort(key=lambda path: path.lstat().st_mtime, reverse=True)
            found += [probe_host(site, path.stem) for path in paths]
    return list(dict.fromkeys(found))


def probe_host(site: Site, release: str) -> str:
    """Return the Host header for probes: the site's, or the one that the release's check chose."""
    if site.host:
        return site.host
    return read_checked(checked_path(site, release)).host
