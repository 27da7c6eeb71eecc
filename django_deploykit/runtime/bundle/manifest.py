"""The manifest of a bundle and the layers that it lists: bundle format 1, in one place.

A *layer* is a tree of files whose paths are relative to the release (a virtualenv), so that a
release is the union of its layers: ``lib/python3.11/site-packages/django/...``, ``bin/celery``,
``app/manage.py``, ``app/staticfiles/...``. Its name is :func:`tree_digest` of its files.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, Iterable, List, NamedTuple, Set, Tuple

from ..base.errors import DeployKitError
from ..base.names import _APP, _DIGEST, PROCESS_NAME, valid_release_id

FORMAT = 1
LONGEST = 16 << 20  # bytes of a manifest, many times what a large project has
KINDS = ("distribution", "app", "static")
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_ODD_PARTS = frozenset(("", ".", ".."))
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
_ODD_CHARACTER = re.compile(r"[\x00-\x1f\x7f\\]")
_PYTHON = re.compile(r"3\.[0-9]{1,2}\Z")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_LARGEST = 1 << 40  # bytes of one file; what is larger is no size but a trick
# What staging makes in every release: a layer's file there would be written through to the store.
_OWN = re.compile(
    r"(?:bin/(?:python[0-9.]*|activate|deploykit-run)|pyvenv\.cfg|manifest\.json(?:\.sig)?|lib64(?:/.*)?)\Z",
    re.IGNORECASE | re.DOTALL,
)


class ManifestError(DeployKitError):
    """A manifest or a layer's list that this runtime cannot accept."""


class FileEntry(NamedTuple):
    """One file of a layer: path with ``/``, mode 0o644 or 0o755, size in bytes, SHA-256 in hex."""

    path: str
    mode: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Layer:
    """A layer as the manifest lists it: ``sha256`` is the tree digest, ``size`` the files' bytes."""

    kind: str
    name: str
    version: str
    sha256: str
    size: int
    files: int


@dataclass(frozen=True)
class Process:
    """A line of the Procfile: a name and a shell command."""

    name: str
    command: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle is; the same commit and lock give the same manifest, byte for byte."""

    project: str
    release_id: str
    commit: str
    commit_time: int  # seconds since the epoch
    tree: str  # git's hash of the commit's tree
    settings_module: str
    python: str  # "3.11"
    platform: str  # "linux-x86_64"; "any" where no layer holds compiled code
    glibc: str  # the oldest glibc that serves, "2.17"; empty where none is needed
    layers: Tuple[Layer, ...]
    processes: Tuple[Process, ...]
    tag: str = ""
    branch: str = ""
    wsgi: str = ""  # "shop.wsgi:application"
    asgi: str = ""
    static_root: str = ""  # relative to the release, "app/staticfiles"
    static_url: str = ""
    required: Tuple[str, ...] = ()  # configuration without a default, "[django] secret_key"
    unhashed: bool = False  # pinned but unhashed requirements were allowed
    python_full: str = ""  # of the builder, "3.11.7": markers were judged with it
    runtime: str = ""  # digest of the runtime's files
    format: int = FORMAT
    notes: Tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """Bytes of all files that a release of this bundle holds."""
        return sum(layer.size for layer in self.layers)

    def dumps(self) -> str:
        """Return canonical JSON: sorted keys, two spaces, a final newline."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """Read and judge a manifest; raises :class:`ManifestError` with every problem found."""
        data = _object(text)
        problems = list(_problems(data))
        if problems:
            raise ManifestError("the manifest is not valid: " + "; ".join(problems))
        known = {f.name for f in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        for key in ("required", "notes"):
            kept[key] = tuple(kept.get(key, ()))
        kept["layers"] = tuple(Layer(**layer) for layer in data["layers"])
        kept["processes"] = tuple(Process(**process) for process in data["processes"])
        return cls(**kept)


def _object(text: str) -> Dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ManifestError("the manifest is not a JSON object")
    if data.get("format") != FORMAT:
        raise ManifestError(
            f"bundle format {data.get('format')!r} is unknown here: this runtime reads format {FORMAT}",
            "Build the bundle with the version of django-deploykit that is to read it.",
        )
    return data


def _problems(data: Dict[str, Any]) -> Iterable[str]:
    optional = {
        "tag",
        "branch",
        "wsgi",
        "asgi",
        "static_root",
        "static_url",
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
    yield from _text_problems(data)
    if not _APP.match(str(data.get("project"))):
        yield "project must be a name of lower-case letters, digits and dashes"
    if not valid_release_id(str(data.get("release_id"))):
        yield "release_id must look like 20261123T041500-ab12cd3"
    for key, kind in (("layers", Layer), ("processes", Process)):
        yield from _list_problems(data.get(key), key, kind)
    for key in ("required", "notes"):
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            yield f"{key} must be a list of strings"


def _text_problems(data: Dict[str, Any]) -> Iterable[str]:
    """Yield what is wrong with texts that become paths, lines of scripts or a person's screen."""
    for key in sorted(data):
        if isinstance(data[key], str) and not _plain(data[key]):
            yield f"{key} holds control characters"
    if isinstance(data.get("commit"), str) and not _COMMIT.match(data["commit"]):
        yield "commit must be a commit's hash"
    if isinstance(data.get("python"), str) and not _PYTHON.match(data["python"]):
        yield "python must look like 3.11"
    root = data.get("static_root") or ""
    if isinstance(root, str) and root and not (root.startswith("app/") and good_path(root)):
        yield "static_root must be a folder below app/"


def _plain(text: str) -> bool:
    return not _CONTROL.search(text)


def _list_problems(value: Any, key: str, kind: Any) -> Iterable[str]:
    if not isinstance(value, list):
        yield f"{key} must be a list"
        return
    names = {f.name: {"str": str, "int": int}[str(f.type)] for f in fields(kind)}
    for position, item in enumerate(value):
        good = isinstance(item, dict) and set(item) == set(names)
        if not good or not all(isinstance(item[name], names[name]) for name in names):
            yield f"{key}[{position}] must hold exactly {', '.join(names)}"
        elif not all(_plain(part) for part in item.values() if isinstance(part, str)):
            yield f"{key}[{position}] holds control characters"
        elif kind is Process and not PROCESS_NAME.match(item["name"]):
            yield f"{key}[{position}] has a name that no process can have"
        elif kind is Layer:
            yield from _layer_problems(item, f"{key}[{position}]")


def _layer_problems(item: Dict[str, Any], where: str) -> Iterable[str]:
    if not (_DIGEST.match(item["sha256"]) and item["kind"] in KINDS):
        yield f"{where} has no valid digest or kind"
    if not (0 <= item["size"] < _LARGEST and 0 <= item["files"] < _LARGEST):
        yield f"{where} has no valid size"


def tree_digest(entries: Iterable[FileEntry]) -> str:
    """Return the identity of a tree: SHA-256 over its sorted, length-framed entries.

    >>> tree_digest([])
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    parts = []  # joined and hashed at once: this is done for every file of a release
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
    """Read a layer's list, hold it to ``digest`` and to the rules for paths."""
    try:
        entries = [FileEntry(str(p), int(m), int(s), str(h)) for p, m, s, h in json.loads(text)]
        found = tree_digest(entries)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ManifestError(f"the file list of layer {digest[:12]} is damaged") from None
    if found != digest:
        raise ManifestError(f"the file list of layer {digest[:12]} does not match its digest")
    judge_entries(entries, digest)
    return entries


def judge_entries(entries: Iterable[FileEntry], digest: str) -> None:
    """Refuse hostile trees: absolute, ``..``, backslash or control characters, doubles, odd modes.

    A path may not be a file and a folder at once, nor one that every release has of its own.
    """
    seen: Set[str] = set()
    folders: Set[str] = set()  # that are known to be good, and no files: those stand before theirs
    for entry in sorted(entries):
        folder, _, name = entry.path.rpartition("/")
        bad = (
            not ((folder in folders and _PLAIN_NAME.match(name)) or good_path(entry.path))
            or entry.mode not in (0o644, 0o755)
            or not 0 <= entry.size < _LARGEST
            or not _DIGEST.match(entry.sha256)
            or entry.path in seen
            or (folder not in folders and not seen.isdisjoint(_parents(entry.path)))
        )
        if bad:
            raise ManifestError(
                f"layer {digest[:12]} lists {entry.path!r}, which a bundle may not hold"
            )
        seen.add(entry.path)
        if "/" in folder:  # elsewhere some names are every release's own
            folders.add(folder)


def _parents(path: str) -> List[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def good_path(path: str) -> bool:
    """Whether a layer may hold a file of that path."""
    parts = path.split("/")  # called for every file of a release: expressions, not loops
    return not (
        not _ODD_PARTS.isdisjoint(parts)
        or _ODD_CHARACTER.search(path)
        or parts[0][0] in ".~"
        or ":" in parts[0]
        or path in ("app", "bin", "lib")
        or _OWN.match(path)
    )
