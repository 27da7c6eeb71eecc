"""The host verbs: ``./shop.pyz deploykit VERB …``, or the runtime alone, sent by a controller."""

from __future__ import annotations

import argparse
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import List, Sequence

from ..base import deploy_lock
from ..base.errors import TAKEN_BACK, DeployKitError
from ..base.interruption import listen_for_interrupts
from ..base.patience import SILENCE, Patient, has_ended, wait_for_end
from ..base.processes import run
from ..base.site import Site, live_release, load_site, site_from_json
from ..bundle import signature
from ..bundle.manifest import Manifest
from ..bundle.reader import BundleFile
from ..deploy import facts
from ..deploy.staging import stage_release
from ..deploy.switch import Change, probe_host, probe_hosts, settle, switch
from ..storage import prune
from ..storage.virtualenv import changed_files, load_release
from ..supervisors import supervisor_of
from ..supervisors.local import LocalSupervisor, program_of
from ..wire import journal, operating, releasing
from ..wire.events import Activity
from ..wire.facts import Held, HoldResult, HostFacts, PrepareResult
from ..wire.operating import HostStatus, SetupResult, WatchResult
from ..wire.reader import deflate
from ..wire.reports import CheckResult, KinResult
from ..wire.voice import Voice
from .arguments import VERBS as VERBS
from .arguments import parse

# Verbs whose standard input is their own; the others can be interrupted through it.
_OWN_INPUT = ("hold", "receive", "exec", "log", "keeper", "setup", "prepare", "watch", "serve")
# Verbs whose standard output is text of their own, wherever it goes: their errors stand beside it.
_TEXT = ("exec", "log", "site")
# Verbs that change the site go one after the other: one whose controller died still ends its work.
_CHANGING = ("receive", "stage", "migrate", "switch", "settle", "prune")


def main(arguments: Sequence[str], path: Path) -> int:
    """Run a verb; ``path`` is the bundle, or the runtime archive, that this process runs from."""
    options = parse(arguments)
    person = sys.stdout.isatty() or options.verb in _TEXT
    voice = Voice(person=person and not options.json)
    try:
        if options.verb not in _OWN_INPUT and not sys.stdin.isatty():
            listen_for_interrupts(sys.stdin.fileno())
        return _run(options, path, voice)
    except DeployKitError as error:
        voice.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        voice.error(DeployKitError("interrupted; nothing was switched", "", TAKEN_BACK))
        return 130
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        voice.error(DeployKitError(f"{options.verb} failed:{where} {error.strerror or error}"))
        return 1


def _run(options: argparse.Namespace, path: Path, voice: Voice) -> int:
    if options.verb in (*_TEXT, "keeper", "serve"):
        return int(globals()[f"_{options.verb}"](options, path))
    if options.verb in _CHANGING:
        root = _site_of(options, path).root
        with deploy_lock.exclusive(
            root, options.verb, lambda text: voice.emit(Activity("wait", text))
        ):
            result = globals()[f"_{options.verb}"](options, path, voice)
    else:
        result = globals()[f"_{options.verb}"](options, path, voice)
    voice.result(result)
    return 0


def _site_of(options: argparse.Namespace, path: Path) -> Site:
    return load_site(options.root or default_root(path))


def default_root(path: Path) -> Path:
    """Return the site's folder where none is named: the bundle's project below /srv."""
    with BundleFile(path) as bundle:
        return Path("/srv") / bundle.manifest.project


def _info(options: argparse.Namespace, path: Path, voice: Voice) -> operating.BundleInfo:
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    return operating.BundleInfo(
        project=manifest.project,
        release_id=manifest.release_id,
        commit=manifest.commit,
        python=manifest.python,
        platform=manifest.platform,
        glibc=manifest.glibc,
        size=manifest.size,
        processes={one.name: one.command for one in manifest.processes},
        required=tuple(manifest.required),
        layers=tuple(
            operating.BundleLayer(one.kind, one.name, one.version, one.size, one.sha256)
            for one in manifest.layers
        ),
    )


def _verify(options: argparse.Namespace, path: Path, voice: Voice) -> operating.VerifyResult:
    with BundleFile(path) as bundle:
        bundle.verify()
        manifest = bundle.manifest
    return operating.VerifyResult(str(path), manifest.release_id, len(manifest.layers))


def _facts(options: argparse.Namespace, path: Path, voice: Voice) -> HostFacts:
    return facts.facts(options.root, options.python, program_of(path))


def _prepare(options: argparse.Namespace, path: Path, voice: Voice) -> PrepareResult:
    """Make a ``local`` site ready: the site's JSON is the argument, the sample standard input."""
    return PrepareResult(facts.prepare_local(site_from_json(options.site), sys.stdin.read()))


def _hold(options: argparse.Namespace, path: Path, voice: Voice) -> HoldResult:
    owner = {"owner": options.owner, "what": options.what, "pid": os.getpid()}
    descriptor = sys.stdin.fileno()
    with deploy_lock.hold(
        options.root / "lock", owner, options.wait, lambda: has_ended(descriptor)
    ):
        program = program_of(path)
        seen = facts.facts(options.root, options.python, program) if options.facts else None
        voice.emit(Held(seen))
        return HoldResult(wait_for_end(sys.stdin.buffer, SILENCE))


def _receive(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.ReceiveResult:
    from ..storage import receive

    site = _site_of(options, path)
    prune.sweep_leftovers(site)  # before room is needed
    stream = io.BufferedReader(Patient(sys.stdin.fileno()), 1 << 18)
    got = receive.receive(site.store, site.root / "inbox", stream, voice.emit)
    return releasing.ReceiveResult(got.bytes, tuple(got.layers), tuple(got.again))


def _kin(options: argparse.Namespace, path: Path, voice: Voice) -> KinResult:
    from ..deploy.project_commands import kin

    site = _site_of(options, path)
    return kin(site, _live(site), options.release)


def _list(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.ListResult:
    site = _site_of(options, path)
    return releasing.ListResult(deflate((site.store / f"{options.digest}.json").read_bytes()))


def _stage(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.StageResult:
    site = _site_of(options, path)
    inbox = site.root / "inbox" / f"{options.release}.json"
    target = site.releases / options.release
    prune.sweep_leftovers(site)
    if prune.is_staged(site, options.release):
        manifest = load_release(target)
    elif inbox.exists():
        manifest = Manifest.loads(inbox.read_text(encoding="utf-8"))
    else:
        raise DeployKitError(f"the manifest of {options.release} was not sent here")
    sent = inbox.with_suffix(".sig")
    text = _sent(sent) or signature.read_release_signature(target)
    signer = signature.verify_bundle(site, manifest, text)
    result = stage_release(site, manifest, voice.emit)
    if text and not result.again:
        signature.store(target, text)
        sent.unlink(missing_ok=True)
    inbox.unlink(missing_ok=True)
    return replace(result, signer=signer)


def _sent(path: Path) -> str:
    """Return the signature that was sent, "" where none was."""
    return path.read_text(encoding="ascii") if path.exists() else ""


def _check(options: argparse.Namespace, path: Path, voice: Voice) -> CheckResult:
    from ..deploy.project_commands import check

    return check(_site_of(options, path), options.release, program_of(path))


def _migrate(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.MigrateResult:
    from ..deploy.project_commands import migrate

    site = _site_of(options, path)
    program = program_of(path)
    return migrate(site, options.release, options.database, program, options.owner, voice.emit)


def _switch(options: argparse.Namespace, path: Path, voice: Voice) -> journal.JournalRecord:
    site = _site_of(options, path)
    supervisor = supervisor_of(site, program_of(path))
    settle(site, supervisor, voice.emit)
    signature.verify_release(site, options.release, load_release(site.releases / options.release))
    if options.action == "rollback" and not site.host:
        from ..deploy.project_commands import refresh

        refresh(site, options.release, program_of(path))
    return switch(site, supervisor, _change(site, options), voice.emit)


def _change(site: Site, options: argparse.Namespace) -> Change:
    commit = load_release(site.releases / options.release).commit
    return Change(options.release, live_release(site), options.action, options.owner, commit)


def _settle(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.SettleResult:
    site = _site_of(options, path)
    supervisor = supervisor_of(site, program_of(path))
    settled = settle(site, supervisor, voice.emit)
    return releasing.SettleResult(settled, live_release(site))


def _prune(options: argparse.Namespace, path: Path, voice: Voice) -> releasing.PruneResult:
    return prune.prune(_site_of(options, path), options.release, prune.remove_in_background)


def _status(options: argparse.Namespace, path: Path, voice: Voice) -> HostStatus:
    site = _site_of(options, path)
    supervisor = supervisor_of(site, program_of(path))
    live = live_release(site)
    manifest = load_release(site.releases / live) if live else None
    changed: List[str] = []
    if live and manifest and not options.quick:
        changed = changed_files(site.releases / live, site.store, manifest)
    return HostStatus(
        live=live,
        listen=site.listen,
        commit=manifest.commit if manifest else "",
        instances=tuple(
            operating.InstanceStatus(one.release, one.process, one.active, one.restarts, one.pid)
            for one in supervisor.instances()
        ),
        staged=tuple(prune.staged_releases(site)),
        lock=facts.lock_owner(site),
        interrupted=(site.root / "switching.json").exists(),
        changed=tuple(changed),
        drift=facts.drift(site, supervisor),
    )


def _history(options: argparse.Namespace, path: Path, voice: Voice) -> operating.HistoryResult:
    return operating.HistoryResult(tuple(journal.read_journal(_site_of(options, path).journal)))


def _watch(options: argparse.Namespace, path: Path, voice: Voice) -> WatchResult:
    """Ask the live site until standard input ends; nothing where nothing is live yet."""
    from ..deploy.latency import usable, watch

    site = _site_of(options, path)
    live = live_release(site)
    if live is None:
        return WatchResult()
    return watch(site, usable(site, probe_hosts(site, live)), sys.stdin.fileno(), voice.emit)


def _end(options: argparse.Namespace, path: Path, voice: Voice) -> operating.EndResult:
    site = _site_of(options, path)
    if site.supervisor != "plain":
        raise DeployKitError(
            "this site runs under systemd",
            f"Use: sudo systemctl stop {site.app}.service {site.app}.socket",
        )
    return operating.EndResult(LocalSupervisor(site, program_of(path)).end())


def _log(options: argparse.Namespace, path: Path) -> int:
    from .logs import follow

    site = _site_of(options, path)
    supervisor = supervisor_of(site, program_of(path))
    release = options.release or _live(site)
    return follow(
        supervisor, release, options.process, options.lines, options.follow, options.visible
    )


def _exec(options: argparse.Namespace, path: Path) -> int:
    site = _site_of(options, path)
    supervisor = supervisor_of(site, program_of(path))
    argv: List[str] = list(options.argv)
    if not argv:
        raise DeployKitError("no command is given", "For example: exec -- showmigrations")
    return run(supervisor.command(options.release or _live(site), argv, {}))


def _live(site: Site) -> str:
    live = live_release(site)
    if live is None:
        raise DeployKitError("nothing is live here", "Name a release with --release.")
    return live


def _keeper(options: argparse.Namespace, path: Path) -> int:
    from ..supervisors.local_daemon import main as keep

    return keep(str(options.root))


def _serve(options: argparse.Namespace, path: Path) -> int:
    from .server import serve

    return serve(lambda words: main(words, path))


def _site(options: argparse.Namespace, path: Path) -> int:
    from ..provision.webservers import website

    site = _site_of(options, path)
    live = live_release(site)
    manifest = load_release(site.releases / live) if live else None
    static_url = manifest.static_url if manifest else "/static/"
    static_root = manifest.static_root if manifest and options.static == "direct" else ""
    if options.static == "direct" and not static_root:
        raise DeployKitError("no release with static files is live here", "Release first.")
    names = options.name or ([probe_host(site, live)] if live else [])
    print(website(site, options.server, static_url, static_root, names), end="")
    return 0


def _install(options: argparse.Namespace, path: Path, voice: Voice) -> object:
    from ..deploy.install import install

    return install(options, path, voice)


def _setup(options: argparse.Namespace, path: Path, voice: Voice) -> SetupResult:
    from ..provision.setup import setup

    return setup(options, path, voice)
