"""What makes a measured site large: files, distributions, modules, migrations, history, processes.

Everything comes from a seed, so that two runs measure the same site.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.wheels import locked, make_wheel

_FOLDER = 100  # static files in a folder
_MB = 1_000_000
_MODULE = '''\
"""Part {number} of the site."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Part{number}:
    name: str = "part {number}"
    price: int = {number}

    def total(self, count: int) -> int:
        return self.price * count
'''
_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parts", "{before}")]
    operations = [
        migrations.AlterField("thing", "name", models.CharField(max_length={length}, blank=True)),
    ]
"""
_FIRST_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Thing",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=50, blank=True)),
            ],
        ),
    ]
"""
_LAST_MODEL = """\
from django.db import models


class Thing(models.Model):
    name = models.CharField(max_length={length}, blank=True)
"""
_OLD_COMMIT = """\
commit refs/heads/main
committer Ann <ann@example.org> 1700000000 +0000
data 3
Old
"""


def nested_static_files(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the paths and the bytes of static files, in folders of a hundred; 3 kB on average.

    Of ten, six are pictures, two are scripts and two are style sheets, which refer to two pictures and
    import a style sheet, so that a storage with a manifest has work with each. ``count`` must be a
    multiple of ten.
    """
    for number in range(count):
        yield _nested_path(number), _nested_bytes(number)


def _nested_path(number: int) -> str:
    name = ("style.css", "script.js")[number % 10 % 2] if number % 10 < 4 else "picture.png"
    stem, _, suffix = name.partition(".")
    return f"section{number // _FOLDER // 10}/page{number // _FOLDER}/{stem}{number}.{suffix}"


def _nested_bytes(number: int) -> bytes:
    chance = random.Random(number)
    if number % 10 >= 4:
        return b"\x89PNG\r\n\x1a\n" + chance.randbytes(chance.randrange(500, 7_500))
    if number % 2:
        rows = [f"export const value{row} = {row * number} + {row};" for row in range(60)]
        return "\n".join(rows).encode()
    ten = number - number % 10
    pictures = [_nested_path(ten + place).rpartition("/")[2] for place in (4, 5)]
    first = number - number % _FOLDER
    rows = [f'@import "style{first}.css";'] if number > first else []
    rows += [f'.p{row} {{ background: url("{name}") }}' for row, name in enumerate(pictures)]
    rows += [f".c{number}-{row} {{ margin: {row}px; color: #{row:06x} }}" for row in range(45)]
    return "\n".join(rows).encode()


def add_large_file(folder: Path, megabytes: int) -> None:
    """Write one static file that nothing compresses."""
    chance = random.Random(megabytes)
    with (folder / "film.mp4").open("wb") as file:
        for _ in range(megabytes):
            file.write(chance.randbytes(_MB))


def part_texts(modules: int, migrations: int) -> Mapping[str, str]:
    """Return the app ``parts``: templates and modules, and a chain of migrations of one model.

    The app is there whatever its size, so that only the size differs.
    """
    last = 49 + max(migrations, 1)
    texts = {
        "parts/__init__.py": "",
        "parts/models.py": _LAST_MODEL.format(length=last),
        "parts/migrations/__init__.py": "",
        "parts/library/__init__.py": "",
    }
    for number in range(modules):
        texts[f"parts/library/part{number}.py"] = _MODULE.format(number=number)
        texts[f"parts/templates/parts/part{number}.html"] = (
            f'{{% extends "pages/base.html" %}}{{% block body %}}Part {number}{{% endblock %}}\n'
        )
    before = "0001_initial"
    texts[f"parts/migrations/{before}.py"] = _FIRST_MIGRATION
    for number in range(2, migrations + 1):
        texts[f"parts/migrations/{number:04}_alter.py"] = _MIGRATION.format(
            before=before, length=50 + number - 1
        )
        before = f"{number:04}_alter"
    return texts


def add_distributions(project: Path, count: int) -> None:
    """Lock ``count`` tiny distributions, as wheels in ``vendor/``, each with a console script."""
    rows = []
    for number in range(count):
        name = f"tiny{number}"
        files = {f"{name}/part{part}.py": _MODULE.format(number=part) for part in range(20)}
        scripts = f"[console_scripts]\n{name} = {name}:main\n"
        wheel = make_wheel(
            project / "vendor",
            name,
            {f"{name}/__init__.py": "def main(): pass\n", **files},
            entry_points=scripts,
        )
        rows.append(locked(wheel, project))
    with (project / "requirements.txt").open("a", encoding="utf-8") as file:
        file.writelines(rows)


def add_history(project: Path, megabytes: int) -> None:
    """Put commits of large files, which are removed again, below the first commit of a repository.

    ``git fast-import`` writes a pack at once, without computing deltas.
    """
    size = min(megabytes, 50)
    command = ["git", "-c", "core.compression=0", "-c", "fastimport.unpackLimit=0"]
    with subprocess.Popen(
        [*command, "fast-import", "--quiet"], cwd=project, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin
        for number in range(megabytes // size if size else 0):
            data = random.Random(number).randbytes(size * _MB)
            head = f"{_OLD_COMMIT}M 100644 inline old{number}.bin\ndata {len(data)}\n"
            process.stdin.write(head.encode() + data + b"\n")
        process.stdin.write(f"{_OLD_COMMIT}deleteall\n".encode())
    if process.returncode:
        raise SystemExit(f"error: git fast-import ended with {process.returncode}")


def process_lines(count: int) -> str:
    """Return the Procfile of a site with ``count`` processes: one serves, the others wait."""
    rows = ["web: gunicorn site_wsgi --bind 127.0.0.1:$PORT --workers 2 --threads 4\n"]
    rows += [f"worker{number}: python wait.py\n" for number in range(1, count)]
    return "".join(rows)


WAIT = """\
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    signal.pause()
"""
