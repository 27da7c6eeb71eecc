"""Virtualenvs that get another path."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from django_deploykit.runtime.relocate import record_columns, relocate


def test_scripts_name_the_new_path_and_record_lists_them(tmp_path: Path) -> None:
    venv, target = tmp_path / "made", tmp_path / "the final one"
    info = venv / "lib" / "python3.11" / "site-packages" / "a-1.dist-info"
    info.mkdir(parents=True)
    (venv / "bin").mkdir()
    script = venv / "bin" / "tool"
    script.write_text(f"#!{venv}/bin/python\nprint()\n")
    binary = venv / "bin" / "program"
    binary.write_bytes(b"\0" + os.fsencode(venv))
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    (venv / "pyvenv.cfg").write_text(f"command = python3 -m venv {venv}\n")
    rows = [
        ["../../../bin/tool", "sha256=old", "1"],
        ["../../../bin/program", "sha256=kept", "2"],
        ["a.py", "", ""],
    ]
    with (info / "RECORD").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    relocate(venv, target)
    assert script.read_text() == f"#!{target}/bin/python\nprint()\n"
    assert (venv / "pyvenv.cfg").read_text() == f"command = python3 -m venv {target}\n"
    assert binary.read_bytes() == b"\0" + os.fsencode(venv)
    with (info / "RECORD").open(newline="") as file:
        found = list(csv.reader(file))
    assert found == [["../../../bin/tool", *record_columns(script.read_bytes())], *rows[1:]]
