"""The manifest of a bundle and its layers: bundle format 1, defined in one place.

A *layer* is a tree of files whose paths are relative to the release (a virtualenv), so a release is
the union of its layers: ``lib/python3.11/site-packages/django/...``, ``bin/celery``,
``app/manage.py``, ``app/staticfiles/...``. A layer's name is the :func:`tree_digest` of its files.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, field, fields
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ..base.documents import Document
from ..base.errors import DeployKitError
from ..base.lazy_dataclass import lazy_dataclass
from ..base.names import PROCESS_NAME, valid_app, valid_digest, valid_release_id

FORMAT = 1
LONGEST = 16 << 20  # bytes of a manifest, many times the size for a large project
INTERPRETER = "interpreter"  # the kind of a layer with the Python that runs the release
INTERPRETER_FOLDER = "python"  # in a release
KINDS = ("distribution", "app", "static", INTERPRETER)
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_ODD_PARTS = frozenset(("", ".", ".."))
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,254}\Z")
# Controls of the direction of text, separators of lines, and what UTF-8 cannot encode.
_INVISIBLE = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ODD_CHARACTER = re.compile(f"[\x00-\x1f\x7f-\x9f\\\\{_INVISIBLE}]")
_LONGEST_NAME = 255  # bytes, as file systems have it
_LONGEST_PATH = 1024  # bytes
_SHORT = 60  # characters, which are at most 240 bytes
_DEEPEST = 100  # parts of a path, whose folders are made by recursion
_PYTHON = re.compile(r"3\.[0-9]{1,2}\Z")
_CONTROL = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f{_INVISIBLE}]")
_LARGEST = 1 << 40  # bytes of one file; a larger size is an attack
# Files that staging writes into every release. It would overwrite a layer's file through its link.
_RESERVED = re.compile(
    r"(?:bin/(?:python[0-9.]*|activate|deploykit-run)|pyvenv\.cfg|manifest\.json(?:\.sig)?|lib64)(?:/.*)?\Z",
    re.IGNORECASE | re.DOTALL,
)


class ManifestError(DeployKitError):
    """A manifest or a layer's list that is not valid."""


class FileEntry(NamedTuple):
    """One file of a layer: path with ``/``, mode 0o644 or 0o755, size in bytes, SHA-256 in hex."""

    path: str
    mode: int
    size: int
    sha256: str


@lazy_dataclass(frozen=True)
class Layer:
    """A layer as the manifest lists it: ``sha256`` is the tree digest, ``size`` the files' bytes."""

    kind: str
    name: str
    version: str
    sha256: str
    size: int
    files: int

    @property
    def archive(self) -> str:
        """The name of its archive in a bundle."""
        suffix = ".tar.gz" if self.kind == INTERPRETER else ".zip"
        return f"layers/{self.sha256}{suffix}"


@lazy_dataclass(frozen=True)
class Process:
    """A line of the Procfile: a name and a shell command."""

    name: str
    command: str


_NAMES = ("required", "reads", "notes")  # the fields that are lists of texts


@lazy_dataclass(frozen=True)
class Manifest:
    """What a bundle contains; the same commit and lock file give the same manifest, byte for byte."""

    project: str
    release_id: str
    commit: str
    commit_time: int  # seconds since the epoch
    tree: str  # git's hash of the commit's tree
    settings_module: str
    python: str  # "3.11"
    platform: str  # "linux-x86_64"; "any" if no layer contains compiled code
    glibc: str  # the oldest glibc that it runs with, "2.17"; empty if it needs none
    layers: Tuple[Layer, ...]
    processes: Tuple[Process, ...]
    tag: str = ""
    branch: str = ""
    configuration: str = ""  # DJANGO_CONFIGURATION, for django-configurations
    wsgi: str = ""  # "shop.wsgi:application"
    asgi: str = ""
    static_root: str = ""  # relative to the release, "app/staticfiles"
    static_url: str = ""
    static_storage: str = ""  # the class of a storage that is no folder, "shop.storage.Bucket"
    required: Tuple[str, ...] = ()  # configuration without a default, "[django] secret_key"
    reads: Tuple[str, ...] = ()  # the names of settings in the environment, and other variables
    unhashed: bool = False  # pinned but unhashed requirements were allowed
    python_full: str = ""  # the builder's, "3.11.7", used to evaluate markers
    runtime: str = ""  # digest of the runtime's files
    format: int = FORMAT
    notes: Tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """Return the total bytes of a release's files."""
        return sum(layer.size for layer in self.layers)

    @property
    def interpreter(self) -> Optional[Layer]:
        """The layer with the Python that runs the release; None if hosts have one."""
        return next((one for one in self.layers if one.kind == INTERPRETER), None)

    @property
    def versions(self) -> Dict[str, str]:
        """Return the versions of the distributions by name."""
        return {one.name: one.version for one in self.layers if one.kind == "distribution"}

    @property
    def django_variables(self) -> Dict[str, str]:
        """Return the variables that choose the settings, for every command of the project."""
        found = {
            "DJANGO_SETTINGS_MODULE": self.settings_module,
            "DJANGO_CONFIGURATION": self.configuration,
        }
        return {name: value for name, value in found.items() if value}

    def dumps(self) -> str:
        """Return canonical JSON: sorted keys, two spaces, a final newline."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """Parse a manifest; raises :class:`ManifestError` with every problem found."""
        data = _object(text)
        problems = list(_iter_problems(data))
        if problems:
            raise ManifestError("the manifest is not valid: " + "; ".join(problems))
        known = {f.name for f in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        for key in _NAMES:
            kept[key] = tuple(kept.get(key, ()))
        kept["layers"] = tuple(Layer(**layer) for layer in data["layers"])
        kept["processes"] = tuple(Process(**process) for process in data["processes"])
        return cls(**kept)


def _object(text: str) -> Document:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ManifestError("the manifest is not a JSON object")
    if data.get("format") != FORMAT:
        raise ManifestError(
            f"unknown bundle format {data.get('format')!r}: this runtime reads format {FORMAT}",
            "Build the bundle with the same version of django-deploykit that reads it.",
        )
    return data


def _iter_problems(data: Document) -> Iterable[str]:
    optional = {
        "tag",
        "branch",
        "configuration",
        "wsgi",
        "asgi",
        "static_root",
        "static_url",
        "static_storage",
        "python_full",
        "runtime",
    }
    required = {
        "project",
        "release_id",
        "commit",
        "tree",
        "settings_module",
        "python",
        "platform",
        "glibc",
    }
    for key in sorted(optional | required):
        if (key in data or key in required) and not isinstance(data.get(key), str):
            yield f"{key} must be a string"
    if not isinstance(data.get("commit_time"), int):
        yield "commit_time must be an integer"
    yield from _iter_text_problems(data)
    if not valid_app(str(data.get("project"))):
        yield "project must be a name of lower-case letters, digits and dashes"
    if not valid_release_id(str(data.get("release_id"))):
        yield "release_id must look like 20261123T041500-ab12cd3"
    for key, kind in (("layers", Layer), ("processes", Process)):
        yield from _iter_list_problems(data.get(key), key, kind)
    for key in _NAMES:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            yield f"{key} must be a list of strings"


def _iter_text_problems(data: Document) -> Iterable[str]:
    """Yield problems with texts that become part of paths, scripts and terminal output."""
    for key in sorted(data):
        if isinstance(data[key], str) and not _plain(data[key]):
            yield f"{key} contains control characters"
    if isinstance(data.get("commit"), str) and not _COMMIT.match(data["commit"]):
        yield "commit must be a commit's hash"
    if isinstance(data.get("python"), str) and not _PYTHON.match(data["python"]):
        yield "python must look like 3.11"
    root = data.get("static_root") or ""
    if isinstance(root, str) and root and not (root.startswith("app/") and is_valid_path(root)):
        yield "static_root must be a folder below app/"


def _plain(text: str) -> bool:
    return not _CONTROL.search(text)


def _iter_list_problems(value: object, key: str, kind: type) -> Iterable[str]:
    if not isinstance(value, list):
        yield f"{key} must be a list"
        return
    names = {f.name: {"str": str, "int": int}[str(f.type)] for f in fields(kind)}
    for position, item in enumerate(value):
        good = isinstance(item, dict) and set(item) == set(names)
        if not good or not all(isinstance(item[name], names[name]) for name in names):
            yield f"{key}[{position}] must have exactly the fields {', '.join(names)}"
        elif not all(_plain(part) for part in item.values() if isinstance(part, str)):
            yield f"{key}[{position}] contains control characters"
        elif kind is Process and not PROCESS_NAME.match(item["name"]):
            yield f"{key}[{position}] has a name that is not valid for a process"
        elif kind is Layer:
            yield from _iter_layer_problems(item, f"{key}[{position}]")


def _iter_layer_problems(item: Document, where: str) -> Iterable[str]:
    if not (valid_digest(item["sha256"]) and item["kind"] in KINDS):
        yield f"{where} has no valid digest or kind"
    if not (0 <= item["size"] < _LARGEST and 0 <= item["files"] < _LARGEST):
        yield f"{where} has no valid size"


def tree_digest(entries: Iterable[FileEntry]) -> str:
    """Return the digest of a tree: SHA-256 over its sorted, length-framed entries.

    >>> tree_digest([])
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    parts = []  # hashed all at once, because this runs for every file of a release
    for path, mode, size, sha256 in sorted(entries):
        octal, number = f"{mode:o}", str(size)
        length = len(path) if path.isascii() else len(path.encode("utf-8", "surrogateescape"))
        parts.append(
            f"{length}:{path}{len(octal)}:{octal}{len(number)}:{number}{len(sha256)}:{sha256}"
        )
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def dump_list(entries: Iterable[FileEntry]) -> str:
    """Return the JSON of a layer's file list: rows of ``[path, mode, size, sha256]``, sorted."""
    rows = [[e.path, e.mode, e.size, e.sha256] for e in sorted(entries)]
    return json.dumps(rows, separators=(",", ":")) + "\n"


def load_list(text: str, digest: str) -> List[FileEntry]:
    """Parse a layer's list; verify it against ``digest`` and the rules for paths."""
    try:
        entries = [FileEntry(str(p), int(m), int(s), str(h)) for p, m, s, h in json.loads(text)]
        found = tree_digest(entries)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ManifestError(f"the file list of layer {digest[:12]} is damaged") from None
    if found != digest:
        raise ManifestError(f"the file list of layer {digest[:12]} does not match its digest")
    validate_entries(entries, digest)
    return entries


def validate_entries(entries: Iterable[FileEntry], digest: str) -> None:
    """Raise :class:`ManifestError` for hostile trees.

    A path must not be absolute, duplicate, reserved, too long or too deep, or both a file and a
    folder. It must not contain ``..``, backslashes, or characters that control a terminal or the
    direction of text. Modes must be 0644 or 0755.
    """
    seen: Set[str] = set()
    folders: Set[str] = set()  # valid, and not files: entries are sorted, so a file comes first
    for entry in sorted(entries):
        folder, _, name = entry.path.rpartition("/")
        bad = (
            not ((folder in folders and _PLAIN_NAME.match(name)) or is_valid_path(entry.path))
            or len(entry.path) > _LONGEST_PATH
            or entry.mode not in (0o644, 0o755)
            or not 0 <= entry.size < _LARGEST
            or not valid_digest(entry.sha256)
            or entry.path in seen
            or (folder not in folders and not seen.isdisjoint(_parents(entry.path)))
        )
        if bad:
            raise ManifestError(
                f"layer {digest[:12]} lists {entry.path!r}, which is not allowed in a bundle"
            )
        seen.add(entry.path)
        if "/" in folder:  # at the top level some names are reserved
            folders.add(folder)


def _parents(path: str) -> List[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def is_valid_path(path: str) -> bool:
    """Whether a layer may contain a file with this path."""
    parts = path.split("/")  # without loops, because this runs for every file of a release
    return not (
        not _ODD_PARTS.isdisjoint(parts)
        or _ODD_CHARACTER.search(path)
        or parts[0][0] in ".~"
        or ":" in parts[0]
        or path in ("app", "bin", "lib")
        or _RESERVED.match(path)
        or len(parts) > _DEEPEST
        or (len(path) > _SHORT and _is_long(parts))
    )


def _is_long(parts: List[str]) -> bool:
    sizes = [len(part.encode("utf-8")) for part in parts]
    return max(sizes) > _LONGEST_NAME or sum(sizes) + len(parts) > _LONGEST_PATH
