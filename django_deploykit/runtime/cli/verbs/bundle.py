"""Verbs for a bundle that a person copied to a host."""

from __future__ import annotations

import argparse

from ...bundle.reader import BundleFile
from ...wire.calls import Call
from ...wire.operating import (
    INFO,
    SETUP,
    VERIFY,
    BundleInfo,
    BundleLayer,
    SetupResult,
    VerifyResult,
)
from ..registry import Invocation, verb

_INSTALL = Call("install", object)  # only people call it, so no code reads the answer


@verb(INFO, "show what this bundle contains")
def info(run: Invocation) -> BundleInfo:
    """Return the contents of the manifest."""
    with BundleFile(run.path) as bundle:
        manifest = bundle.manifest
    return BundleInfo(
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
            BundleLayer(one.kind, one.name, one.version, one.size, one.sha256)
            for one in manifest.layers
        ),
    )


@verb(VERIFY, "check every byte of this bundle against its digests")
def verify(run: Invocation) -> VerifyResult:
    """Read and verify the whole bundle."""
    with BundleFile(run.path) as bundle:
        bundle.verify()
        manifest = bundle.manifest
    return VerifyResult(str(run.path), manifest.release_id, len(manifest.layers))


def _setup_arguments(parser: argparse.ArgumentParser) -> None:
    from ...provision.setup import add_arguments

    add_arguments(parser)


@verb(SETUP, "prepare this host for the project (as root)", _setup_arguments, own_input=True)
def setup(run: Invocation) -> SetupResult:
    """Create accounts, folders and units."""
    from ...provision.setup import setup as set_up

    return set_up(run.options, run.path, run.voice)


def _install_arguments(parser: argparse.ArgumentParser) -> None:
    from ...deploy.install import add_arguments

    add_arguments(parser)


@verb(_INSTALL, "put this bundle live on this host, by hand", _install_arguments)
def install(run: Invocation) -> object:
    """Stage, check, migrate and switch without a controller."""
    from ...deploy.install import install as install_bundle

    return install_bundle(run.options, run.path, run.voice)
