"""A channel on the user's terminal: what is typed goes there, what comes is shown, as ssh does it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko

from django_deploykit.release.transports.base import LostError


def converse(channel: paramiko.Channel, command: str, host: str) -> int:
    """Run a command over a channel with this process's own streams; return its exit code."""
    source = sys.stdin.fileno() if _has_file(sys.stdin) else None
    on_terminal = source is not None and os.isatty(source) and sys.stdout.isatty()
    if on_terminal:
        size = shutil.get_terminal_size()
        channel.get_pty(os.environ.get("TERM", "vt100"), size.columns, size.lines)
    channel.exec_command(command)
    errors = threading.Thread(target=_show_errors, args=(channel,), daemon=True)
    errors.start()
    try:
        with _raw(source if on_terminal else None, channel):
            _shuttle(channel, source)
    except KeyboardInterrupt:
        return 130
    errors.join(2)
    code = channel.recv_exit_status()
    channel.close()
    if code < 0:
        raise LostError(f"the connection to {host} was lost")
    return code


def _has_file(stream: Any) -> bool:
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    return True


@contextmanager
def _raw(source: int | None, channel: paramiko.Channel) -> Iterator[None]:
    """Let the host's terminal do the editing; its size follows the window's."""
    if source is None:
        yield
        return
    before = termios.tcgetattr(source)

    def resized(*_: object) -> None:
        size = shutil.get_terminal_size()
        with contextlib.suppress(paramiko.SSHException):
            channel.resize_pty(size.columns, size.lines)

    old = signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(source, termios.TCSADRAIN)  # what was typed ahead stays
        yield
    finally:
        signal.signal(signal.SIGWINCH, old)
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def _shuttle(channel: paramiko.Channel, source: int | None) -> None:
    """Carry bytes both ways until the host's side ends."""
    if source is None:
        channel.shutdown_write()
    watched: list[Any] = [channel] if source is None else [channel, source]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if source in ready and source is not None:
            typed = os.read(source, 1 << 15)
            if typed:
                channel.sendall(typed)
            else:
                channel.shutdown_write()
                watched.remove(source)
        if channel in ready:
            if not channel.recv_ready() and not channel.eof_received and not channel.closed:
                time.sleep(0.01)  # what came is for standard error, which is shown elsewhere
                continue
            shown = channel.recv(1 << 15)
            if not shown:
                return
            _write(1, shown)


def _show_errors(channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError):
        while shown := channel.recv_stderr(1 << 15):
            _write(2, shown)


def _write(target: int, data: bytes) -> None:
    stream = sys.stdout if target == 1 else sys.stderr
    stream.flush()
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
