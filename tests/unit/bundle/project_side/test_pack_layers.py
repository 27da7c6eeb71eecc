"""Packing: bytecode that is the same in every process, archives with each content once."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from django_deploykit.bundle.project_side import pack_layers
from django_deploykit.runtime.bundle.manifest import FileEntry, load_list
from django_deploykit.runtime.bundle.reader import layer_files
from django_deploykit.runtime.bundle.seal import DamagedError

# Names and constants that the process has interned are other objects than new ones.
_SOURCE = """\
import os
NAMES = {"UNWATCH_IT", "WATCH_IT", "EXEC_IT"}
BRACKETS = ("[", "]", "\u00e9", "")
def one(path, unheard_of_name=("a b", 1.5, b"x")):
    return path in {"UNWATCH_IT", "WATCH_IT"} or path in {"gone", "left", "path"}
class Two:
    def three(self, path):
        return path in {"UNWATCH_IT", "WATCH_IT"}, lambda found: os.path.join(path, found)
"""


def tree(folder: Path, files: dict[str, bytes]) -> dict[str, object]:
    """Return files in ``folder`` as a job's tree."""
    rows = []
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        rows.append((name, str(path)))
    return {"kind": "app", "name": "app", "version": "", "files": rows}


def packed(folder: Path, files: dict[str, bytes]) -> tuple[list[FileEntry], Path]:
    """Pack files; returns the list and the archive's path."""
    cache = folder / "cache"
    cache.mkdir()
    row = pack_layers.pack(tree(folder / "tree", files), str(cache), str(folder), 4)
    digest = str(row["sha256"])
    return load_list((cache / f"{digest}.json").read_text(), digest), cache / f"{digest}.zip"


def test_bytecode_does_not_depend_on_what_the_process_has_loaded(tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text(_SOURCE)
    code = (
        "import sys; from django_deploykit.bundle.project_side import pack_layers; held = eval(sys.argv[3]); "
        "print(pack_layers.bytecode('app/one.py', sys.argv[2]).hex())"
    )
    known = (
        "[sys.intern(one) for one in 'UNWATCH_IT WATCH_IT unheard_of_name three gone [ é'.split()]"
    )
    before = f"({known}, pack_layers.bytecode('app/two.py', sys.argv[2]))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(pack_layers.__file__).parent), str(source), held],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": "0"},
        ).stdout
        for held in ("()", known, before, "__import__('email.message', fromlist=['x'])")
    }
    assert len(found) == 1


def test_bytecode_runs(tmp_path: Path) -> None:
    import marshal

    source = tmp_path / "one.py"
    source.write_text(_SOURCE)
    data = pack_layers.bytecode("app/one.py", str(source))
    assert data is not None
    names: dict[str, object] = {"__name__": "one"}
    exec(marshal.loads(data[16:]), names)
    assert names["NAMES"] == {"UNWATCH_IT", "WATCH_IT", "EXEC_IT"}
    assert names["one"]("left") is True  # type: ignore[operator]


def test_source_that_does_not_compile_has_no_bytecode(tmp_path: Path) -> None:
    entries, _ = packed(tmp_path, {"app/template.py": b"class {{ name }}:\n"})
    assert [entry.path for entry in entries] == ["app/template.py"]


def test_equal_files_are_stored_once(tmp_path: Path) -> None:
    files = {"app/a.css": b"body {}" * 99, "app/b.css": b"body {}" * 99, "app/c.css": b""}
    entries, path = packed(tmp_path, files)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["app/a.css", "app/c.css"]
    with path.open("rb") as file:
        found = {entry.path: content for entry, content in layer_files(file, entries, "layer")}
    assert found == files


def test_an_archive_without_a_listed_content_is_refused(tmp_path: Path) -> None:
    entries, path = packed(tmp_path, {"app/a.css": b"body {}", "app/b.css": b"other {}"})
    data = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(data, "w") as target:
        target.writestr("app/a.css", source.read("app/a.css"))
    with pytest.raises(DamagedError, match="does not contain the files"):
        list(layer_files(data, entries, "layer"))


def test_writes_bytecode_beside_the_sources_if_asked(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    job = tree(tmp_path / "tree", {"app/one.py": b"ONE = 1\n", "bin/two.py": b"TWO = 2\n"})
    pack_layers.pack(job, str(cache), str(tmp_path), 4, beside=True)
    found = [path.name for path in (tmp_path / "tree").rglob("*.pyc")]
    assert found == [Path(pack_layers.cached_path("one.py")).name]


def test_static_files_and_long_names_get_no_bytecode(tmp_path: Path) -> None:
    """Collected files stay as they are; no file system has longer names."""
    job = tree(tmp_path / "tree", {"app/s/a.py": b"1\n"})
    row = pack_layers.pack({**job, "kind": "static"}, str(tmp_path), str(tmp_path), 4)
    assert row["files"] == 1
    job = tree(tmp_path / "tree", {f"app/{'x' * 250}.py": b"1\n"})
    assert pack_layers.pack(job, str(tmp_path), str(tmp_path), 4)["files"] == 1
