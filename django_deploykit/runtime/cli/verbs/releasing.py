"""The verbs of a release, in the order in which a controller calls them."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace

from ...base import deploy_lock
from ...base.errors import DeployKitError
from ...base.files import read_bytes, read_regular
from ...base.hints import is_by_hand
from ...base.patience import SILENCE, Patient, has_ended, wait_for_end
from ...base.site import live_release, site_from_json
from ...bundle import signature
from ...bundle.manifest import LONGEST, Manifest
from ...deploy import facts as host_facts
from ...deploy.staged import switch_to_staged
from ...deploy.staging import stage_release
from ...deploy.switch import settle as settle_switch
from ...deploy.unfinished import (
    errand_of,
    journal_interruption,
    wait_for_migrations,
    wait_for_verbs,
)
from ...storage import prune as pruning
from ...storage.virtualenv import load_release
from ...supervisors import supervisor_of
from ...wire.events import Activity
from ...wire.facts import FACTS, HOLD, PREPARE, Held, HoldResult, HostFacts, PrepareResult
from ...wire.journal import JournalRecord, append
from ...wire.reader import deflate
from ...wire.releasing import (
    FAILED,
    LIST,
    MIGRATE,
    PRUNE,
    RECEIVE,
    SETTLE,
    STAGE,
    SWITCH,
    UPLOAD,
    ListResult,
    MigrateResult,
    PruneResult,
    ReceiveResult,
    SettleResult,
    StageResult,
    SwitchResult,
    UploadResult,
)
from ...wire.reports import CHECK, KIN, CheckResult, KinResult
from ..registry import (
    OWNER,
    PYTHON,
    RELEASE,
    SOME_RELEASE,
    Invocation,
    argument,
    digest,
    live_of,
    release_id,
    seconds,
    verb,
)

_ACTION = argument(
    "--action", choices=("release", "rollback"), default="release", help="for the journal"
)


@verb(FACTS, "show what a release needs to know of this host", PYTHON)
def facts(run: Invocation) -> HostFacts:
    """Return the facts about this host, which may not be set up."""
    return host_facts.facts(run.root, run.options.python, run.program)


@verb(
    HOLD,
    "hold the deploy lock until standard input ends",
    argument("--owner", default="somebody", help="who holds it"),
    argument("--what", default="a release", help="what for"),
    argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="how long to wait for the lock"
    ),
    argument("--facts", action="store_true", help="show the facts once it is held"),
    PYTHON,
    SOME_RELEASE,
    _ACTION,
    own_input=True,
)
def hold(run: Invocation) -> HoldResult:
    """Hold the deploy lock while the controller is alive."""
    options, descriptor = run.options, sys.stdin.fileno()
    note = deploy_lock.LockNote()
    if (run.root / "site.json").exists():
        note = errand_of(run.site, options.release or "", options.action)
    note = replace(note, owner=options.owner, what=options.what, pid=os.getpid())
    gone = lambda: has_ended(descriptor)  # noqa: E731
    show = lambda text: run.voice.emit(Activity("wait", text))  # noqa: E731
    with deploy_lock.hold(run.root / "lock", note, options.wait, gone) as lock:
        if (run.root / "site.json").exists():
            wait_for_verbs(run.root, show, gone)
            wait_for_migrations(supervisor_of(run.site, run.program), show, gone)
            journal_interruption(run.site, lock.left)
        run.voice.emit(Held(facts(run) if options.facts else None))
        ended = wait_for_end(sys.stdin.buffer, SILENCE)
        lock.lost = ended != "released"
        return HoldResult(ended)


@verb(
    PREPARE,
    "make the folders and the configuration of a local site",
    argument("--site", required=True, help="the text of site.json"),
    own_input=True,
    listed=False,
)
def prepare(run: Invocation) -> PrepareResult:
    """Prepare a ``local`` site; standard input is its sample configuration."""
    return PrepareResult(
        host_facts.prepare_local(site_from_json(run.options.site), sys.stdin.read())
    )


@verb(RECEIVE, "receive layers on standard input", own_input=True, changes_site=True)
def receive(run: Invocation) -> ReceiveResult:
    """Receive layers into the store and the manifest into the inbox."""
    from ...storage import receive as receiving

    site = run.site
    pruning.sweep_leftovers(site)  # frees space first
    stream = io.BufferedReader(Patient(sys.stdin.fileno()), 1 << 18)
    got = receiving.receive(site.store, site.root / "inbox", stream, run.voice.emit)
    return ReceiveResult(got.bytes, tuple(got.layers), tuple(got.again))


@verb(LIST, "print a layer's file list", argument("digest", type=digest))
def file_list(run: Invocation) -> ListResult:
    """Return a layer's compressed file list."""
    site = run.site
    return ListResult(deflate(read_bytes(site.store / f"{run.options.digest}.json", top=site.root)))


@verb(STAGE, "build a release from its layers", RELEASE, changes_site=True)
def stage(run: Invocation) -> StageResult:
    """Stage the release whose manifest was sent, or is already on this host."""
    site, release = run.site, run.options.release
    inbox = site.root / "inbox" / f"{release}.json"
    target = site.releases / release
    pruning.sweep_leftovers(site)
    if pruning.is_staged(site, release):
        manifest = load_release(target)
    elif inbox.exists():
        manifest = Manifest.loads(read_regular(inbox, LONGEST, top=site.root))
    else:
        raise DeployKitError(f"the manifest of {release} was not sent here")
    sent = inbox.with_suffix(".sig")
    text = (
        read_regular(sent, signature.LONGEST, top=site.root)
        if sent.exists()
        else signature.read_release_signature(target)
    )
    signer = signature.verify_bundle(site, manifest, text)
    result = stage_release(site, manifest, run.voice.emit)
    if text and not result.again:
        signature.store(target, text)
        sent.unlink(missing_ok=True)
    inbox.unlink(missing_ok=True)
    return replace(result, signer=signer)


@verb(CHECK, "run deploy_check in a release", RELEASE)
def check(run: Invocation) -> CheckResult:
    """Check a staged release with this host's configuration."""
    from ...deploy.project_commands import check as check_release

    return check_release(run.site, run.options.release, run.program)


@verb(KIN, "compare a release's migrations to those of the live one", RELEASE, listed=False)
def kin(run: Invocation) -> KinResult:
    """Compare the migrations of a staged release with the live release's."""
    from ...deploy.project_commands import kin as compare

    return compare(run.site, live_of(run.site, None), run.options.release)


@verb(
    MIGRATE,
    "run a release's migrations",
    RELEASE,
    argument("--database", action="append", default=[], help="a database's alias; may be repeated"),
    OWNER,
    changes_site=True,
)
def migrate(run: Invocation) -> MigrateResult:
    """Migrate the named databases, and journal it."""
    from ...deploy.project_commands import migrate as migrate_databases

    options = run.options
    return migrate_databases(
        run.site, options.release, options.database, run.program, options.owner, run.voice.emit
    )


@verb(UPLOAD, "upload a release's static files to their storage", RELEASE, changes_site=True)
def upload(run: Invocation) -> UploadResult:
    """Run collectstatic with the host's configuration."""
    from ...deploy.project_commands import upload as upload_static

    return upload_static(run.site, run.options.release, run.program, run.voice.emit)


@verb(
    SWITCH,
    "switch to a release",
    RELEASE,
    _ACTION,
    OWNER,
    changes_site=True,
)
def switch(run: Invocation) -> SwitchResult:
    """Switch to a staged release."""
    site, options = run.site, run.options
    if is_by_hand():  # a controller has checked it on all hosts before
        from ...deploy.here import Errand, Here
        from ...deploy.rollback import validate_compatible

        errand = Errand(options.action, "switching", 0.0, options.release)
        validate_compatible(Here(site, run.path, errand, run.voice), options.release)
    return switch_to_staged(
        site, options.release, options.action, options.owner, run.program, run.voice.emit
    )


@verb(
    FAILED,
    "journal that a release was refused or failed",
    RELEASE,
    _ACTION,
    OWNER,
    argument("--why", default="", help="the reason"),
    argument("--databases", default="", help="the migrations that ran before it"),
    listed=False,
)
def failed(run: Invocation) -> JournalRecord:
    """Journal a failure that the controller found."""
    options = run.options
    record = JournalRecord(
        options.action,
        options.release,
        "failed",
        options.owner,
        why=options.why,
        databases=options.databases,
    )
    append(run.site.journal, record)
    return record


@verb(SETTLE, "finish or revert an interrupted switch", changes_site=True)
def settle(run: Invocation) -> SettleResult:
    """Finish or revert a switch whose process died."""
    site = run.site
    settled = settle_switch(site, supervisor_of(site, run.program), run.voice.emit)
    return SettleResult(settled, live_release(site))


@verb(
    PRUNE,
    "remove old releases",
    argument("--release", type=release_id, help="a release that stays in any case"),
    changes_site=True,
)
def prune(run: Invocation) -> PruneResult:
    """Remove releases beyond ``keep``, except the named release."""
    return pruning.prune(run.site, run.options.release, pruning.remove_in_background)
