"""Runs a bundle without installing it: ``./shop.pyz check``, ``./shop.pyz run web``.

The bundle is extracted into a cache once, verified and without races. Then the release's Python
replaces this process. If it is already extracted, the bundle's ``__main__.py`` does this itself.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Mapping, Optional, Sequence

from .base.errors import WRONG_USE, DeployKitError
from .base.machine import validate_target
from .base.names import HELPERS
from .base.trusted_folders import is_trusted, make_folders

if TYPE_CHECKING:
    from .bundle.manifest import Layer
    from .bundle.reader import BundleFile


def main(argv: Sequence[str], helpers: str = HELPERS) -> int:
    """Run the bundle ``argv[0]`` with the arguments after it; return the exit code.

    On a host that is set up for the project, root's helper is in the folder ``helpers``. Commands
    then run as the site, because by themselves they would use another database.
    """
    path, arguments = Path(argv[0]).resolve(), argv[1:]
    try:
        if not arguments or arguments[0] in ("-h", "--help", "--version"):
            from .cli.banner import print_banner

            return print_banner(path)
        if arguments[0] == "deploykit":
            return _run_verb(arguments[1:], path)
        if arguments[0] == "run" and len(arguments) < 2:
            raise _process_missing(path)
        site = set_up_here(path, helpers)
        if site is not None:
            return _run_verb(["command", "--root", str(site), "--", *arguments], path)
        release = ensure(path)
    except DeployKitError as error:
        _print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return become(release, list(arguments))


def _print_error(error: DeployKitError) -> None:
    from .base.printable import printable

    for text in filter(None, (f"error: {error.message}", error.hint)):
        print(printable(text), file=sys.stderr)


def _run_verb(words: Sequence[str], path: Path) -> int:
    from .cli.main import main as run_verb

    return run_verb(words, path)


def set_up_here(path: Path, helpers: str) -> Optional[Path]:
    """Return the folder of the site that setup made here for a bundle's project, or None."""
    if next(Path(helpers).glob("deploykit-*"), None) is None:
        return None
    from .bundle.reader import BundleFile
    from .supervisors.helper_reader import site_folder

    with BundleFile(path) as bundle:
        return site_folder(bundle.manifest.project, helpers)


def become(release: Path, arguments: List[str]) -> int:
    """Replace this process with a command of the release."""
    sys.stdout.flush()
    program = release / "bin" / "deploykit-run"
    if arguments[0] == "run":
        os.execv("/bin/sh", ["sh", str(program), *arguments[1:]])
    from .storage.virtualenv import load_release

    name = load_release(release).project
    os.execv("/bin/sh", ["sh", str(release / "bin" / name), *arguments])
    return 1  # pragma: no cover


def ensure(path: Path) -> Path:
    """Return the extracted release of a bundle, extracting the bundle if necessary."""
    from .base.workers import Background
    from .bundle.seal import validate_seal

    # Verifying the seal reads the whole file, so it starts before anything else is imported.
    verdict = Background(lambda: validate_seal(path))
    try:
        return _ensure(path, verdict.result)
    finally:
        verdict.close()


def _ensure(path: Path, validate: Callable[[], None]) -> Path:
    """Do the work of :func:`ensure`; ``validate`` raises unless the file matches its seal."""
    from .bundle.main_script import cache_key
    from .bundle.reader import BundleFile
    from .bundle.seal import DamagedError
    from .storage.layers import is_stored, validate_space
    from .storage.virtualenv import validate_python

    with BundleFile(path) as bundle:
        manifest = bundle.manifest
        validate_target(manifest.platform, manifest.glibc)
        validate_python(manifest)
        folder = cache_folder(os.environ) / manifest.project
        release = folder / "releases" / cache_key(bundle.read("manifest.json"))
        if release.is_dir():
            return release
        store = folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        missing = [layer for layer in manifest.layers if not is_stored(store, layer.sha256)]
        validate_space(
            store, sum(layer.size for layer in missing), 2 * sum(layer.files for layer in missing)
        )
        try:
            _build(bundle, store, release, missing, validate)
        except DamagedError:
            validate()  # prefer the error that the whole file is damaged
            raise
        except OSError as error:
            raise DeployKitError(
                f"the bundle cannot be extracted into {store}: {error.strerror}"
            ) from None
    return release


def _build(
    bundle: BundleFile,
    store: Path,
    release: Path,
    missing: Sequence[Layer],
    validate: Callable[[], None],
) -> None:
    """Extract missing layers and stage the release; it appears when everything is verified."""
    from .storage.layers import iter_extracted
    from .storage.symlinks import place_layers
    from .storage.virtualenv import stage

    manifest = bundle.manifest
    stored = [layer for layer in manifest.layers if layer not in missing]
    with closing(iter_extracted(bundle, store, missing)) as coming:
        stage(
            manifest,
            store,
            release,
            {},
            place=lambda folder: place_layers(chain(stored, coming), store, folder),
            finish=lambda _: validate(),
        )


def cache_folder(env: Mapping[str, str]) -> Path:
    """Return the first cache folder that this user owns and can write to; create it if missing."""
    named, private = cache_folders(env)
    for folder, look in ((named, os.stat), (private, os.lstat)):
        if _usable(folder, look):
            return folder
    import tempfile  # slow to import, and rarely needed

    for place in (None, "/tmp", "/var/tmp"):  # None: what TMPDIR names
        folder = Path(tempfile.mkdtemp(prefix="django-deploykit-", dir=place))
        if is_trusted(str(folder)):
            return folder
        folder.rmdir()
    raise DeployKitError(
        "there is no folder for the extracted bundle that only you can change",
        "Set DEPLOYKIT_CACHE to a folder of your own, in folders of root or your own.",
    )


def cache_folders(env: Mapping[str, str]) -> List[Path]:
    """Return the two possible cache folders: the environment's or the user's, and one in /tmp."""
    named = env.get("DEPLOYKIT_CACHE") or env.get("CACHE_DIRECTORY", "").split(":")[0]
    home = env.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    first = named or os.path.join(home, "django-deploykit", "run")
    return [Path(os.path.abspath(first)), Path("/tmp/django-deploykit-%d" % os.getuid())]


def _usable(folder: Path, look: Callable[[Path], os.stat_result]) -> bool:
    """Whether only this user can write to a folder. systemd's cache folder may be a link."""
    from .storage.layers import make_private_folder

    if not is_trusted(str(folder)):
        return False
    try:
        make_folders(str(folder))
        status = look(folder)
        make_private_folder(folder, ".trial-").rmdir()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _process_missing(path: Path) -> DeployKitError:
    from .bundle.reader import BundleFile

    with BundleFile(path) as bundle:
        names = [process.name for process in bundle.manifest.processes]
    return DeployKitError(
        "run needs the name of a process", f"This bundle has: {', '.join(names)}", WRONG_USE
    )
