"""What a project accesses is recorded, on every Python. More of it: ``tests/integration``."""

from __future__ import annotations

import pytest

from tests.tracing import Builder, builder

__all__ = ["builder"]


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork() or os._exit(0); os.wait()",
        "import socket; s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); s.close()",
        "import os; os.listdir(OUTSIDE)",
        "open('data.txt', 'a').write('!')",
    ],
)
def test_does_not_cache_after(builder: Builder, code: str) -> None:
    assert builder(code)().sources is None


def test_reuses_after_a_file_of_the_project_was_read(builder: Builder) -> None:
    build = builder("open('data.txt').close()")
    build()
    assert build().reused
