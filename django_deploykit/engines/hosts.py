"""The engine of our own hosts: servers over SSH, or this machine for the environment ``local``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from django_deploykit.management.engine import Answers, Build, Change, Engine
from django_deploykit.management.extra import SHIPPING
from django_deploykit.project.inventory import ENVIRONMENT, HOSTS_KEYS

if TYPE_CHECKING:
    from django_deploykit.management.session import Session
    from django_deploykit.runtime.wire.journal import JournalRecord
    from django_deploykit.runtime.wire.logs import LogRequest
    from django_deploykit.runtime.wire.operating import HostStatus

KEYS = {name: ENVIRONMENT[name] for name in HOSTS_KEYS}


class Hosts(Engine):
    """Offers every action. What it needs is imported when it is needed, because it is slow."""

    packages = SHIPPING

    def release(self, session: Session, build: Build) -> AbstractContextManager[Change]:
        from django_deploykit.management.releasing import plan_built

        return plan_built(session, build)

    def rollback(self, session: Session, release: str) -> AbstractContextManager[Change]:
        from django_deploykit.management.rolling_back import plan_rollback

        return plan_rollback(session, release)

    def setup(self, session: Session, build: Build) -> int:
        from django_deploykit.management.setting_up import set_up

        return set_up(session, build)

    def teardown(self, session: Session, *, data: bool) -> int:
        from django_deploykit.management.tearing_down import tear_down

        return tear_down(session, data=data)

    def status(self, session: Session) -> Answers[HostStatus]:
        from django_deploykit.management.operating import status

        return status(session)

    def history(self, session: Session) -> Answers[tuple[JournalRecord, ...]]:
        from django_deploykit.management.operating import history

        return history(session)

    def logs(self, session: Session, request: LogRequest, pattern: str, *, follow: bool) -> int:
        from django_deploykit.management.logs import show_logs

        return show_logs(session, request, pattern, follow=follow)

    def exec(self, session: Session, words: Sequence[str], release: str) -> int:
        from django_deploykit.management.operating import run_command

        return run_command(session, words, release)

    def cancel(self, session: Session, command: str) -> int:
        from django_deploykit.management.operating import cancel

        return cancel(session, command)

    def stop(self, session: Session) -> int:
        from django_deploykit.management.operating import stop

        return stop(session)


ENGINE = Hosts()
