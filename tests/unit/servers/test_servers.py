"""What the programs of application servers share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ASK = """
from django_deploykit.servers import inherited_sockets
print([(one.family.name, one.getsockname()) for one in inherited_sockets()])
"""


def test_the_sockets_are_the_third_and_the_fourth_descriptor(tmp_path: Path) -> None:
    path = str(tmp_path / "probe.sock")
    with socket.create_server(("127.0.0.1", 0)) as site, socket.socket(socket.AF_UNIX) as probe:
        probe.bind(path)
        script = f"exec 3<&{site.fileno()} 4<&{probe.fileno()}; exec {sys.executable} -c '{ASK}'"
        for one in (site, probe):
            os.set_inheritable(one.fileno(), True)
        # The shell of Debian only knows descriptors of one digit.
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, close_fds=False, check=True
        )
        assert done.stdout.strip() == str([("AF_INET", site.getsockname()), ("AF_UNIX", path)])
