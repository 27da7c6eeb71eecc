"""What holds for every run of pytest: signals, hypothesis, reruns, skips, and forks of threads."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.skips import Report, iter_unexpected, write_down

# How long an example takes depends on what else this machine does.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

# A shell without job control starts background commands with SIGINT ignored, and children inherit
# that: tests that interrupt a command would interrupt nothing.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _skipped(config: pytest.Config) -> list[Report]:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("skipped", [])) if reporter else []


def _unexpected(config: pytest.Config) -> list[str]:
    if not os.environ.get("CI"):
        return []
    return list(iter_unexpected(_skipped(config), os.environ.get("DEPLOYKIT_MAY_SKIP")))


# Python 3.12 and newer warn if a process with several threads forks: the child may wait forever for
# a lock that another thread held. An "error" filter would hide it, as os.fork clears the exception.
_FORK = "is multi-threaded, use of fork"
_forks: list[str] = []  # the tests that did it


def pytest_warning_recorded(warning_message: warnings.WarningMessage, nodeid: str) -> None:
    """Remember tests that forked a process with several threads."""
    if _FORK in str(warning_message.message):
        _forks.append(nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that forked threads, and a CI run that skipped a test for no allowed reason."""
    if hasattr(session.config, "workerinput"):
        return  # the process that started the workers has all reports
    if path := os.environ.get("DEPLOYKIT_SKIPS"):
        write_down(_skipped(session.config), Path(path))
    failed = _forks or _unexpected(session.config)
    if failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show why a test failed that passed when it ran again, and what else fails the run."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"ran again: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)
    if _forks:
        terminalreporter.section("forked a process with several threads", sep="_")
        for nodeid in sorted(set(_forks)):
            terminalreporter.write_line(nodeid)
    if unexpected := _unexpected(config):
        terminalreporter.section("skipped, which CI does not allow (tests/skips.py)", sep="_")
        for line in unexpected:
            terminalreporter.write_line(line)
