"""``python -m benchmarks configuration``: 60 settings, read by us and by other libraries.

Each round does all libraries once, one after the other, in one process, and each anew: what a
process does once when it loads its settings. Half of the settings are in the environment, half have
their default. Times are those of the processor, since other programs may run on the machine.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Samples
from benchmarks.page import with_row
from benchmarks.table import ROWS, markdown
from django_deploykit.conf import Config

BOUND = 0.9  # of the fastest other library
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"
IMPORT_ROW = next(row for row in ROWS if row.ours[0] == "import of the settings helpers")
_TEXTS = {"str": "text", "bool": "true", "int": "12", "float": "0.5", "list": "a,b,c"}
_COUNTS = {"str": 30, "bool": 12, "int": 8, "float": 2, "list": 8}
_DEFAULTS: dict[str, Any] = {"str": "x", "bool": False, "int": 1, "float": 1.0, "list": []}
_IMPORT = """\
import time
import django.conf
begun = time.process_time()
import django_deploykit.conf
print((time.process_time() - begun) * 1000)
"""


@dataclass(frozen=True)
class Setting:
    """A setting: the kind of its value, its name, and its default."""

    kind: str
    name: str
    default: Any


def settings() -> list[Setting]:
    """Return the settings: every other one is in the environment."""
    return [
        Setting(kind, f"SITE_{kind.upper()}_{number}", _DEFAULTS[kind])
        for kind, count in _COUNTS.items()
        for number in range(count)
    ]


def environment(rows: list[Setting]) -> dict[str, str]:
    """Return the variables of every other setting."""
    return {one.name: _TEXTS[one.kind] for one in rows[::2]}


def _library(name: str) -> Any:
    return importlib.import_module(name)


Reader = Callable[[list[Setting]], object]


def ours(rows: list[Setting]) -> object:
    """Read with ``Config``."""
    config = Config("shop")
    return [getattr(config, one.kind)(one.name, default=one.default) for one in rows]


def decouple(rows: list[Setting]) -> object:
    """Read with python-decouple."""
    library = _library("decouple")
    config = library.AutoConfig()
    casts = {"str": str, "bool": bool, "int": int, "float": float, "list": library.Csv()}
    # A default is cast too, and Csv only takes texts.
    return [
        config(one.name, default="" if one.kind == "list" else one.default, cast=casts[one.kind])
        for one in rows
    ]


def django_environ(rows: list[Setting]) -> object:
    """Read with django-environ."""
    env = _library("environ").Env()
    return [getattr(env, one.kind)(one.name, default=one.default) for one in rows]


def environs(rows: list[Setting]) -> object:
    """Read with environs."""
    env = _library("environs").Env()
    return [getattr(env, one.kind)(one.name, default=one.default) for one in rows]


def dynaconf(rows: list[Setting]) -> object:
    """Read with dynaconf, which converts texts by their look."""
    found = _library("dynaconf").Dynaconf(
        envvar_prefix=False, environments=False, load_dotenv=False
    )
    return [found.get(one.name, one.default) for one in rows]


def _fields(rows: list[Setting]) -> dict[str, Any]:
    # pydantic reads lists as JSON, so that they are texts here.
    kinds: dict[str, Any] = {"str": str, "bool": bool, "int": int, "float": float, "list": str}
    return {one.name: (kinds[one.kind], "" if one.kind == "list" else one.default) for one in rows}


def pydantic_settings(rows: list[Setting]) -> object:
    """Read with pydantic-settings: its class is made once in a process, as settings are read."""
    base = _library("pydantic_settings").BaseSettings
    return _library("pydantic").create_model("Site", __base__=base, **_fields(rows))()


def goodconf(rows: list[Setting]) -> object:
    """Read with goodconf."""
    base = _library("goodconf").GoodConf
    made = _library("pydantic").create_model("Site", __base__=base, **_fields(rows))()
    made.load()
    return made


OTHERS: dict[str, tuple[str, Reader]] = {
    "python-decouple": ("decouple", decouple),
    "django-environ": ("environ", django_environ),
    "environs": ("environs", environs),
    "goodconf": ("goodconf", goodconf),
    "pydantic-settings": ("pydantic_settings", pydantic_settings),
    "dynaconf": ("dynaconf", dynaconf),
}


def readers() -> dict[str, Reader]:
    """Return ours, and those of the libraries that are installed."""
    installed = {
        name: read for name, (module, read) in OTHERS.items() if importlib.util.find_spec(module)
    }
    return {"ours": ours, **installed}


def measure(rounds: int) -> dict[str, float]:
    """Return the median of each library, in microseconds."""
    rows = settings()
    os.environ.update(environment(rows))
    subjects = readers()
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, read in subjects.items():
            gc.collect(0)
            begun = time.process_time()
            read(rows)
            if number:  # the first round imports
                times[name].append((time.process_time() - begun) * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def import_times(rounds: int) -> list[float]:
    """Return the times of our import in milliseconds, with Django's settings loaded.

    The first import is not counted: it writes the bytecode, which every installation has.
    """
    argv = [sys.executable, "-c", _IMPORT]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = [
        subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        for _ in range(rounds + 1)
    ]
    return [float(one.stdout) for one in done[1:]]


def import_row(times: list[float]) -> str:
    """Return the row of the import as the table of all measurements has it."""
    samples = Samples()
    for number, value in enumerate(times):
        samples.add(*IMPORT_ROW.ours, number, value)
    return markdown(samples, (IMPORT_ROW,)).splitlines()[-1]


def table(medians: dict[str, float], imported: float) -> str:
    """Return the table, with the ratio to the fastest other library."""
    lines = ["| library | 60 settings | ours is |", "| --- | --- | --- |"]
    mine = medians["ours"]
    for name, value in sorted(medians.items(), key=lambda row: row[1]):
        ratio = "" if name == "ours" else f"{mine / value:.2f} of it"
        lines.append(f"| {name} | {value:.0f} µs | {ratio} |")
    others = [value for name, value in medians.items() if name != "ours"]
    if others:
        ratio_to_fastest = mine / min(others)
        met = "yes" if ratio_to_fastest <= BOUND else "**no**"
        lines.append("")
        lines.append(f"At most {BOUND:g} of the fastest: {ratio_to_fastest:.2f}, {met}.")
    met = "yes" if imported <= IMPORT_ROW.bound else "**no**"
    lines.append(
        f"Import of `django_deploykit.conf` at most {IMPORT_ROW.bound:g} ms: {imported:.1f} ms, {met}."
    )
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Measure and print the table. A bound that is missed fails nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks configuration", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="default: 100")
    parser.add_argument(
        "--document", action="store_true", help=f"write the import's row into {DOCUMENT.name}"
    )
    options = parser.parse_args(argv)
    imports = import_times(min(options.rounds, 11))
    print(table(measure(options.rounds), statistics.median(imports)))
    if options.document:
        old = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_row(old, import_row(imports), DOCUMENT), encoding="utf-8")
    return 0
