"""What every test needs, however pytest was started."""

from __future__ import annotations

import signal
import threading

# A shell without job control starts what it puts behind with SIGINT ignored, and children inherit
# that: tests that interrupt a command would interrupt nothing.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
