"""What every test needs, however pytest was started."""

from __future__ import annotations

import signal
import threading
from typing import Any

# A shell without job control starts what it puts behind with SIGINT ignored, and children inherit
# that: tests that interrupt a command would interrupt nothing.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show why a test failed that was tried again: what passes at the second try has a reason too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"tried again: {report.nodeid}", sep="_")
        terminalreporter.write_line(report.longreprtext)
