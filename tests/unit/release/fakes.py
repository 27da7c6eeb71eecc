"""Hosts in memory: verbs with the effects that real ones have, failing where a test wants it.

A failure is either *lost before* (the verb never ran) or *lost after* (it ran, and then the
connection broke), or an error that the verb itself reports, having taken back what it did.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar

from django_deploykit.errors import DeployKitError
from django_deploykit.release.transports.base import LostError
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.errors import LOCKED, TAKEN_BACK
from django_deploykit.runtime.bundle.manifest import Manifest
from django_deploykit.runtime.wire.calls import Call
from django_deploykit.runtime.wire.events import Event
from django_deploykit.runtime.wire.facts import Held, HostFacts
from django_deploykit.runtime.wire.reader import plain, read
from django_deploykit.runtime.wire.releasing import RECEIVE
from tests.bundles import make_layer, make_manifest

T = TypeVar("T")
OLD, NEW = "20261101T000000-aaaaaaa", "20261102T000000-bbbbbbb"
BEFORE, AFTER, REPORTED = "lost before", "lost after", "reported"
UNTOUCHED = "refused before anything changed"
LAYERS = (
    make_layer("app", "app", "", {"app/manage.py": b"new"}),
    make_layer("distribution", "django", "5.2", {"lib/django.py": b"django"}),
)


def new_manifest(**changes: object) -> Manifest:
    """Return the manifest of the release that tests put live."""
    return make_manifest(LAYERS, release_id=NEW, **changes)


@dataclass
class Host:
    """What a host is; ``report`` is what its ``deploy_check`` answers."""

    name: str = "web1"
    setup: bool = True
    clock: float = 0.0
    live: str | None = OLD
    layers: set[str] = field(default_factory=set)
    staged: set[str] = field(default_factory=lambda: {OLD})
    switching: bool = False
    locked_by: str = ""
    report: Document = field(default_factory=dict)
    code: int = 0
    migrated: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fails: dict[str, list[str]] = field(default_factory=dict)  # by verb: how its next calls fail
    damaged: list[str] = field(default_factory=list)
    reverts_to: str | None = None  # what an interrupted switch is settled to
    kin: Document = field(default_factory=dict)
    reports: list[Document] = field(default_factory=list)  # what its next checks answer
    commands: list[Document] = field(default_factory=list)  # those that run
    problem: str = ""  # why the site does not answer
    failures: list[dict[str, str]] = field(default_factory=list)  # in the journal
    warnings: tuple[str, ...] = ()  # about its configuration
    tells: dict[str, list[Event]] = field(default_factory=dict)  # by verb: what it tells meanwhile

    def facts(self) -> HostFacts:
        """Return what the verb of that name does."""
        manifest = new_manifest()
        return HostFacts(
            setup=self.setup,
            clock=self.clock,
            python="/usr/bin/python3",
            platform="linux-x86_64",
            glibc="2.36",
            free=1 << 40,
            inodes=1 << 20,
            layers=frozenset(self.layers),
            live=self.live,
            staged=tuple(sorted(self.staged)),
            last_good=OLD if self.live != OLD and OLD in self.staged else None,
            serving=(self.live,) if self.live else (),
            switching=self.switching,
            keys=tuple(manifest.required),
            warnings=self.warnings,
        )


class FakeTransport:
    """A :class:`~django_deploykit.release.transports.base.Transport` to a :class:`Host`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.interrupts = 0
        self.on_call: Callable[[str], None] = lambda _: None
        self._lost = threading.Event()
        self._holder: threading.Thread | None = None

    @property
    def name(self) -> str:
        return self.host.name

    def call(
        self,
        verb: Call[T],
        *arguments: str,
        stream: BinaryIO | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        name = verb.name
        self.host.calls.append(name)
        self.on_call(name)
        words = dict(zip(arguments[::2], arguments[1::2], strict=False))
        failures = self.host.fails.get(name, [])
        failure = failures.pop(0) if failures else ""
        if failure == BEFORE:
            raise LostError(f"the connection to {self.name} broke")
        if failure == REPORTED:
            raise DeployKitError(f"{name} failed here", "", TAKEN_BACK if name == "switch" else 1)
        if failure == UNTOUCHED:
            raise DeployKitError(f"{name} was refused here")
        if name == "hold":
            return read(verb.answer, self._hold(words, stream, on_event), name)
        if on_event is not None:
            for event in self.host.tells.get(name, []):
                on_event(event)
        result = getattr(self, f"_{name}")(words)
        if failure == AFTER:
            raise LostError(f"the connection to {self.name} broke")
        return read(verb.answer, result, name)

    def open(self) -> None:
        self.opened = True

    def attach(self, verb: str, *arguments: str) -> int:
        raise AssertionError((verb, arguments))

    def interrupt(self) -> None:
        self.interrupts += 1

    def close(self) -> None:
        pass

    def lose_lock(self) -> None:
        """End the verb that holds the lock, as a broken connection does."""
        self._lost.set()
        assert self._holder is not None
        self._holder.join()

    def _hold(
        self,
        words: dict[str, str],
        stream: BinaryIO | None,
        on_event: Callable[[Event], None] | None,
    ) -> Document:
        if self.host.locked_by:
            raise DeployKitError(f"{self.host.locked_by} holds the lock", "", LOCKED)
        self.host.locked_by = words["--owner"]
        try:
            assert on_event is not None
            assert stream is not None
            for event in self.host.tells.get("hold", []):
                on_event(event)
            on_event(Held(self.host.facts()))
            self._holder = threading.current_thread()
            while not self._lost.is_set():
                if select.select([stream], [], [], 0.01)[0] and not stream.read(64):
                    break
        finally:
            self.host.locked_by = ""
        return {"ended": "released"}

    def _facts(self, words: dict[str, str]) -> Document:
        return plain(self.host.facts())  # type: ignore[no-any-return]

    def _failed(self, words: dict[str, str]) -> Document:
        self.host.failures.append(words)
        return {"action": words["--action"], "release": words["--release"], "result": "failed"}

    def _settle(self, words: dict[str, str]) -> Document:
        self.host.switching = False
        self.host.live = self.host.reverts_to or self.host.live
        return {"settled": self.host.live, "live": self.host.live}

    def _receive(self, words: dict[str, str]) -> Document:
        self.host.layers |= {layer.sha256 for layer in LAYERS}
        return {"again": []}

    def _stage(self, words: dict[str, str]) -> Document:
        bad = [layer.sha256 for layer in LAYERS if layer.sha256 not in self.host.layers]
        if self.host.damaged:
            bad.append(self.host.damaged.pop())
            self.host.layers -= set(bad)
        if not bad:
            self.host.staged.add(words["--release"])
        return {"again": bad}

    def _check(self, words: dict[str, str]) -> Document:
        report = self.host.reports.pop(0) if self.host.reports else self.host.report
        return {"code": self.host.code, "report": report}

    def _kin(self, words: dict[str, str]) -> Document:
        return {"live": self.host.live, **self.host.kin}

    def _migrate(self, words: dict[str, str]) -> Document:
        self.host.migrated.append(words["--database"])
        return {}

    def _upload(self, words: dict[str, str]) -> Document:
        assert words["--release"] in self.host.staged
        return {"release": words["--release"]}

    def _switch(self, words: dict[str, str]) -> Document:
        assert words["--release"] in self.host.staged
        self.host.live = words["--release"]
        return {"live": self.host.live, "last_good": self.host.facts().last_good}

    def _status(self, words: dict[str, str]) -> Document:
        problem = self.host.problem
        return {
            "live": self.host.live,
            "listen": "",
            "answers": not problem,
            "problem": problem,
            "commands": self.host.commands,
        }

    def _cancel(self, words: dict[str, str]) -> Document:
        if not self.host.commands:
            raise DeployKitError("no such command runs here")
        return {"canceled": self.host.commands.pop()}

    def _prune(self, words: dict[str, str]) -> Document:
        return {"removed": []}


class FakeSender:
    """A sender whose every layer has a hundred bytes."""

    def total(self, facts: HostFacts) -> int:
        return 100 * len([layer for layer in LAYERS if layer.sha256 not in facts.layers])

    def send(
        self,
        transport: FakeTransport,
        facts: HostFacts,
        on_bytes: Callable[[int], None],
        whole: Sequence[str] = (),
        arrived: Callable[[], None] = lambda: None,
    ) -> int:
        transport.call(RECEIVE)
        arrived()
        on_bytes(self.total(facts))
        return 100 * len(whole) if whole else self.total(facts)
