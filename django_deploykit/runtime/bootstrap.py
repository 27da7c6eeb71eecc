"""Running a bundle without installing it: ``./shop.pyz check``, ``./shop.pyz run web``.

The bundle is extracted once into a cache, race-free and verified, and the process becomes the
release's Python. ``__main__.py`` of the bundle takes the short way where that was done before.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import os
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Mapping, Sequence

from .base.errors import DeployKitError
from .base.machine import judge_target

if TYPE_CHECKING:
    from .bundle.manifest import Layer
    from .bundle.reader import BundleFile

# Where to look for what was extracted before; runs before anything else is imported. Kept in step
# with cache_folders() and key_of() below, and with `tree.process_lines`. Any Python, even 2, can
# read it, to say what is missing. Python runs these lines and the runtime without looking whether
# they are damaged, so they look themselves: first at their own checksum, then at the runtime.
_MAIN = """\
import binascii
import os
import sys

KEY = {key!r}
PROJECT = {project!r}
PYTHON = {python!r}
RUNTIME = {runtime!r}
NAMES = {names!r}.split()


def old():
    try:
        os.execvp("python" + PYTHON, ["python" + PYTHON] + sys.argv)
    except OSError:
        here = "%d.%d" % sys.version_info[:2]
        sys.exit("error: the bundle needs Python %s; this is %s\\nInstall Python %s here." % (PYTHON, here, PYTHON))


def damaged():
    sys.exit("error: %s is damaged\\nCopy the file again, or build it again." % sys.argv[0])


def read(name):
    return __spec__.loader.get_data(name)


def judge():
    text, _, sum = read("__main__.py").rpartition(b"# sum ")
    if sum != b"%08x\\n" % binascii.crc32(text):
        damaged()


def judge_runtime():
    import hashlib

    digest = hashlib.sha256()
    try:
        for name in NAMES:
            data = read("runtime/" + name)
            for part in ("runtime/" + name, "644", str(len(data)), hashlib.sha256(data).hexdigest()):
                raw = part.encode("utf-8")
                digest.update(b"%d:" % len(raw) + raw)
    except Exception:
        damaged()
    if digest.hexdigest() != RUNTIME:
        damaged()


def folders():
    env = os.environ
    named = env.get("DEPLOYKIT_CACHE") or env.get("CACHE_DIRECTORY", "").split(":")[0]
    home = env.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    yield named or os.path.join(home, "django-deploykit", "run"), os.stat
    yield "/tmp/django-deploykit-%d" % os.getuid(), os.lstat


def trusted(folder, look):
    release = os.path.join(folder, PROJECT, "releases", KEY)
    for path in (release, folder):
        try:
            status = look(path)
        except OSError:
            return None
        if status.st_uid not in (os.getuid(), 0) or status.st_mode & 0o022:
            return None
    return release


def warm(arguments):
    for folder, look in folders():
        release = trusted(folder, look)
        if release is None:
            continue
        if arguments[0] == "run" and len(arguments) > 1:
            os.execv("/bin/sh", ["sh", release + "/bin/deploykit-run"] + arguments[1:])
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", {settings!r})
        os.environ["VIRTUAL_ENV"] = release
        os.environ["PATH"] = release + "/bin:" + os.environ.get("PATH", os.defpath)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["DEPLOYKIT_RELEASE"] = {release!r}
        python = release + "/bin/python"
        os.execv(python, [python, release + "/app/manage.py"] + arguments)


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        old()
    judge()
    if len(sys.argv) > 1 and sys.argv[1] not in ("deploykit", "-h", "--help", "--version"):
        warm(sys.argv[1:])
    judge_runtime()
    from runtime.bootstrap import main

    sys.exit(main(sys.argv[1:]))
"""


def main_text(
    manifest_text: str, project: str, settings: str, release: str, runtime: Mapping[str, bytes]
) -> str:
    """Return the ``__main__.py`` of a bundle with that manifest.

    ``runtime`` are the files that the bundle has below ``runtime/``, by name.
    """
    from .bundle.manifest import FileEntry, tree_digest

    manifest = json.loads(manifest_text)
    text = _MAIN.format(
        key=key_of(manifest_text.encode("utf-8")),
        project=project,
        settings=settings,
        release=release,
        python=manifest["python"],
        runtime=tree_digest(
            FileEntry(f"runtime/{name}", 0o644, len(data), hashlib.sha256(data).hexdigest())
            for name, data in runtime.items()
        ),
        names=" ".join(sorted(runtime)),
    )
    return "%s# sum %08x\n" % (text, binascii.crc32(text.encode("utf-8")))


def key_of(manifest: bytes) -> str:
    """Return the name of a bundle's folder in the cache."""
    return hashlib.sha256(manifest).hexdigest()[:32]


def main(arguments: Sequence[str]) -> int:
    """Run the bundle that this process was started from; returns the exit code."""
    path = Path(sys.argv[0]).resolve()
    try:
        if not arguments or arguments[0] in ("-h", "--help", "--version"):
            return _explain(path)
        if arguments[0] == "deploykit":
            from .cli.verbs import main as verbs

            return verbs(list(arguments[1:]), path)
        if arguments[0] == "run" and len(arguments) < 2:
            return _explain(path)
        release = ensure(path)
    except DeployKitError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return become(release, list(arguments))


def become(release: Path, arguments: List[str]) -> int:
    """Replace this process by a command of the release."""
    sys.stdout.flush()
    program = release / "bin" / "deploykit-run"
    if arguments[0] == "run":
        os.execv("/bin/sh", ["sh", str(program), *arguments[1:]])
    from .storage.virtualenv import load_release

    name = load_release(release).project
    os.execv("/bin/sh", ["sh", str(release / "bin" / name), *arguments])
    return 1  # pragma: no cover


def ensure(path: Path) -> Path:
    """Return the extracted release of a bundle, extracting it where that was not done yet."""
    from .base.workers import Aside
    from .bundle.seal import judge_seal

    # The whole file has to be read for its seal: that begins before anything else is loaded.
    verdict = Aside(lambda: judge_seal(path))
    try:
        return _ensure(path, verdict.result)
    finally:
        verdict.close()


def _ensure(path: Path, judge: Callable[[], None]) -> Path:
    """Do what :func:`ensure` says; ``judge`` raises where the file is not as its seal says."""
    from .bundle.reader import BundleFile
    from .bundle.seal import DamagedError
    from .storage.layers import has, judge_space
    from .storage.virtualenv import interpreter

    with BundleFile(path) as bundle:
        manifest = bundle.manifest
        judge_target(manifest.platform, manifest.glibc)
        interpreter(manifest.python)
        folder = cache_folder(os.environ) / manifest.project
        release = folder / "releases" / key_of(bundle.read("manifest.json"))
        if release.is_dir():
            return release
        store = folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        missing = [layer for layer in manifest.layers if not has(store, layer.sha256)]
        judge_space(
            store, sum(layer.size for layer in missing), 2 * sum(layer.files for layer in missing)
        )
        try:
            _lay_out(bundle, store, release, missing, judge)
        except DamagedError:
            judge()  # damage of the file as a whole is told as such
            raise
        except OSError as error:
            raise DeployKitError(
                f"the bundle cannot be extracted to {store}: {error.strerror}"
            ) from None
    return release


def _lay_out(
    bundle: BundleFile,
    store: Path,
    release: Path,
    missing: Sequence[Layer],
    judge: Callable[[], None],
) -> None:
    """Extract what is missing and stage the release, which appears when all was found to be right."""
    from .storage.layers import extracted
    from .storage.symlinks import lay
    from .storage.virtualenv import stage

    manifest = bundle.manifest
    gone = {layer.sha256 for layer in missing}
    there = [layer for layer in manifest.layers if layer.sha256 not in gone]
    with closing(extracted(bundle, store, missing)) as coming:

        def bring(into: Path) -> None:
            lay(chain(there, coming), store, into)
            judge()

        stage(manifest, store, release, {}, lay=bring)


def cache_folder(env: Mapping[str, str]) -> Path:
    """Return the first folder of the list that this user owns and can write, made if need be."""
    named, private = cache_folders(env)
    for folder, look in ((named, os.stat), (private, os.lstat)):
        if _usable(folder, look):
            return folder
    import tempfile  # slow to load, and rarely needed

    return Path(tempfile.mkdtemp(prefix="django-deploykit-"))


def cache_folders(env: Mapping[str, str]) -> List[Path]:
    """Return where extracted bundles may lie: named by the environment, the user's, a private one."""
    named = env.get("DEPLOYKIT_CACHE") or env.get("CACHE_DIRECTORY", "").split(":")[0]
    home = env.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    first = named or os.path.join(home, "django-deploykit", "run")
    return [Path(first), Path("/tmp/django-deploykit-%d" % os.getuid())]


def _usable(folder: Path, look: Callable[[Path], os.stat_result]) -> bool:
    """Whether a folder is this user's alone; systemd gives a link for a cache, nobody else may."""
    from .storage.layers import private_folder

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = look(folder)
        private_folder(folder, ".trial-").rmdir()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _explain(path: Path) -> int:
    from .bundle.reader import BundleFile
    from .cli.verbs import VERBS

    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    name = path.name
    when = manifest.release_id[:15]
    print(f"{manifest.project} {manifest.release_id} (commit {manifest.commit[:12]}, {when} UTC)")
    print(
        f"Python {manifest.python}, {manifest.platform}, {len(manifest.layers)} layers, {manifest.size >> 20} MiB"
    )
    print("\nWhat it can do:")
    print(f"  ./{name} check                  any Django command of the project")
    for process in manifest.processes:
        print(f"  ./{name} run {process.name:<18} {process.command}")
    print(f"  ./{name} deploykit VERB         on a host: {', '.join(VERBS)}")
    if manifest.required:
        print("\nIt needs this configuration, from an INI file or the environment:")
        for key in manifest.required:
            print(f"  {key}")
    return 0
