"""The text of a bundle's ``__main__.py``, which runs an extracted release without the runtime."""

from __future__ import annotations

import binascii
import hashlib
from typing import Mapping

from ..base.names import helper_path
from .manifest import FileEntry, Manifest, tree_digest

# Any Python, even 2, can parse it, so it can say which version is missing. Python runs this text
# and the runtime without verifying them, so it first checks its own checksum, then the runtime's
# digest. tests/unit/runtime/bundle/test_main_script.py compares its copies of bootstrap.py's code.
_MAIN = """\
import binascii
import os
import stat
import sys

KEY = {key!r}
PROJECT = {project!r}
PYTHON = {python!r}
RUNTIME = {runtime!r}
HELPER = {helper!r}  # of root, if this host is set up for the project: commands then run as the site
NAMES = {names!r}.split()


def refuse_old_python():
    try:
        os.execvp("python" + PYTHON, ["python" + PYTHON] + sys.argv)
    except OSError:
        here = "%d.%d" % sys.version_info[:2]
        sys.exit("error: the bundle needs Python %s; this is %s\\nInstall Python %s here." % (PYTHON, here, PYTHON))


def exit_damaged():
    sys.exit("error: %s is damaged\\nCopy the file again, or build it again." % sys.argv[0])


def read(name):
    return __spec__.loader.get_data(name)


def check_self():
    text, _, sum = read("__main__.py").rpartition(b"# sum ")
    if sum != b"%08x\\n" % binascii.crc32(text):
        exit_damaged()


def check_runtime():
    import hashlib

    digest = hashlib.sha256()
    try:
        for name in NAMES:
            data = read("runtime/" + name)
            for part in ("runtime/" + name, "644", str(len(data)), hashlib.sha256(data).hexdigest()):
                raw = part.encode("utf-8")
                digest.update(b"%d:" % len(raw) + raw)
    except Exception:
        exit_damaged()
    if digest.hexdigest() != RUNTIME:
        exit_damaged()


def cache_folders():
    env = os.environ
    named = env.get("DEPLOYKIT_CACHE") or env.get("CACHE_DIRECTORY", "").split(":")[0]
    home = env.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    yield os.path.abspath(named or os.path.join(home, "django-deploykit", "run")), os.stat
    yield "/tmp/django-deploykit-%d" % os.getuid(), os.lstat


def is_trusted(path):
    owners = (0, os.getuid(), os.stat("/").st_uid)
    here, parts, links = "/", path.split("/"), 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            here = os.path.dirname(here)
            continue
        found = os.path.join(here, part) if part else here
        try:
            status = os.lstat(found)
        except OSError:
            return True
        if status.st_uid not in owners:
            return False
        if stat.S_ISLNK(status.st_mode):
            target, links = os.readlink(found), links + 1
            if links > 40:
                return False
            here = "/" if target.startswith("/") else here
            parts = target.split("/") + parts
            continue
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return False
        here = found
    return True


def trusted(folder, look):
    release = os.path.join(folder, PROJECT, "releases", KEY)
    if not is_trusted(release):
        return None
    for path in (release, folder):
        try:
            status = look(path)
        except OSError:
            return None
        if status.st_uid not in (os.getuid(), 0) or status.st_mode & 0o022:
            return None
    return release


def run_extracted(arguments):
    for folder, look in cache_folders():
        release = trusted(folder, look)
        if release is None:
            continue
        if arguments[0] == "run" and len(arguments) > 1:
            os.execv("/bin/sh", ["sh", release + "/bin/deploykit-run"] + arguments[1:])
        for name, value in {variables!r}:
            os.environ.setdefault(name, value)
        os.environ["VIRTUAL_ENV"] = release
        os.environ["PATH"] = release + "/bin:" + os.environ.get("PATH", os.defpath)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["DEPLOYKIT_RELEASE"] = {release!r}
        python = release + "/bin/python"
        os.execv(python, [python, release + "/app/manage.py"] + arguments)


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        refuse_old_python()
    check_self()
    if len(sys.argv) > 1 and sys.argv[1] not in ("deploykit", "-h", "--help", "--version"):
        if not os.path.lexists(HELPER):
            run_extracted(sys.argv[1:])
    check_runtime()
    from runtime.bootstrap import main

    sys.exit(main(sys.argv))
"""


def main_text(manifest_text: str, runtime: Mapping[str, bytes]) -> str:
    """Return the ``__main__.py`` of a bundle with that manifest.

    ``runtime`` contains the bundle's files below ``runtime/``, by name.
    """
    manifest = Manifest.loads(manifest_text)
    text = _MAIN.format(
        key=cache_key(manifest_text.encode("utf-8")),
        project=manifest.project,
        variables=sorted(manifest.django_variables.items()),
        release=manifest.release_id,
        python=manifest.python,
        runtime=runtime_digest(runtime),
        helper=helper_path(manifest.project),
        names=" ".join(sorted(runtime)),
    )
    return "%s# sum %08x\n" % (text, binascii.crc32(text.encode("utf-8")))


def runtime_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest of the runtime's files, which are given by path below ``runtime/``."""
    return tree_digest(
        FileEntry(f"runtime/{name}", 0o644, len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    )


def cache_key(manifest: bytes) -> str:
    """Return the name of a bundle's folder in the cache."""
    return hashlib.sha256(manifest).hexdigest()[:32]
