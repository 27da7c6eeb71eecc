"""Starts coverage in a process when it imports measured code; ``pythons.py`` installs copies of it.

It runs while Python starts, even with ``-I`` and ``-S``, so it imports nothing by then. Processes
that import no measured code cost nothing.
"""

import sys

LIBRARY = ""  # the folder of coverage
DATA = ""  # the folder for what was measured
SUMS: "dict[str, int]" = {}  # CRC-32 of each measured file, by its path below the package
# What sys._base_executable becomes, so that children with -S are measured.
PYTHON = ""
PLATFORM = sys.platform
# In bundles and archives the runtime is at the top.
NAMES = ("django_deploykit", "runtime")


class Starter:
    """A finder of modules that finds none."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Start coverage before measured code is imported for the first time."""
        if name in NAMES:
            sys.meta_path.remove(Starter)
            if sys.platform != PLATFORM:
                return  # a test plays another system, for which coverage would look
            try:  # noqa: SIM105 - without more imports
                start()
            except Exception:  # tests compare what a process prints, so it prints nothing more
                pass


def start() -> None:
    """Measure this process until it ends or becomes another program, and its forks."""
    import os

    sys.path.append(LIBRARY)
    try:
        import coverage
    finally:
        sys.path.remove(LIBRARY)

    class Measured(coverage.Coverage):
        def save(self) -> None:
            try:
                data = self.get_data()
                if data:
                    data.purge_files([one for one in data.measured_files() if not is_current(one)])
                    data.write()
            except Exception:  # the disk is full or read-only, as tests want it
                pass

    measured = Measured(
        data_file=os.path.join(DATA, "data"),
        data_suffix=True,
        config_file=False,
        branch=True,
        include=["*/django_deploykit/*", "*/*.pyz/runtime/*"],
        messages=False,
    )
    warnings = ["no-data-collected", "module-not-measured", "couldnt-parse", "no-sysmon"]
    measured.set_option("run:disable_warnings", warnings)
    measured._auto_save = True
    measured.start()
    for name in ("_exit", "execv", "execve"):
        setattr(os, name, saving(measured, getattr(os, name)))  # type: ignore[no-untyped-call]


def saving(measured, ending):  # type: ignore[no-untyped-def] # Any would be an import
    """Return a function that ends this program without Python's exit handlers, and saves before."""

    def save_and_end(*arguments):  # type: ignore[no-untyped-def]
        measured.save()
        return ending(*arguments)

    return save_and_end


def is_current(path: str) -> bool:
    """Whether a measured file is of the version that is tested; sites may run older ones."""
    import zipimport
    import zlib

    archive, inside, name = path.rpartition(".pyz/")
    try:
        if inside:
            found = zipimport.zipimporter(archive + ".pyz")._files[name][7]  # type: ignore[attr-defined]
        else:
            name = path.rpartition("/django_deploykit/")[2]
            with open(path, "rb") as file:
                found = zlib.crc32(file.read())
    except (OSError, KeyError, zipimport.ZipImportError):
        return False
    return bool(found == SUMS.get(name))


if DATA:
    if PYTHON:
        sys._base_executable = PYTHON  # type: ignore[attr-defined]
    sys.meta_path.insert(0, Starter)
