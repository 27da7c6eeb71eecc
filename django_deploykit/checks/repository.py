"""Checks of what git tracks, and of the configuration files."""

from __future__ import annotations

import ast
import datetime
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject, settings_files
from django_deploykit.conf import configs
from django_deploykit.conf.replacements import replacements
from django_deploykit.project import nearest
from django_deploykit.runtime.base.option_names import prefix

_SECRET_FILES = re.compile(
    r"(^|/)(\.env(\.(local|prod|production|staging))?|local_settings\.py|.*\.sqlite3?|db\.sqlite3"
    r"|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|keystore)|\.netrc|\.pgpass"
    r"|.*\.(dump|sql\.gz|bak)|credentials\.json|service[-_]account.*\.json)$"
)
_HARMLESS = re.compile(
    r"(^|/)(tests?|fixtures|examples?|docs)/|(cacert|ca[-_]bundle|public|pub)[^/]*\.(pem|key)$"
)


@check("W805")
def tracked_secrets(subject: Subject) -> Iterator[Found]:
    """git tracks files that hold secrets or data.

    They are in every clone and every bundle.
    """
    for name in subject.tracked or ():
        if _SECRET_FILES.search(name) and not _HARMLESS.search(name):
            yield Found(
                f"git tracks {name}, which looks like a secret or data",
                f"git rm --cached {name}, add it to .gitignore, and change the secret: history keeps it.",
                path=name,
            )


@check("W801")
def skip_is_over(subject: Subject) -> Iterator[Found]:
    """A skip of deploykit.ini is past its day.

    What was to be mended by then counts again.
    """
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    for skip in subject.skips:
        if skip.until and skip.until < today:
            path, _, line = skip.where.rpartition(":")
            yield Found(
                f"the skip of {skip.id} ended on {skip.until}: {skip.reason}",
                "Mend it, or set a new day.",
                path=os.path.relpath(path, subject.root),
                line=int(line),
            )


@check("W802")
def unknown_option(subject: Subject) -> Iterator[Found]:
    """A configuration file sets something that the settings never read.

    A typo there is otherwise silent.
    """
    for config in configs():
        known = {one.env for one in config.declarations}
        for source in config.sources.files:
            for key, (section, option) in source.options.items():
                own = prefix(config.app)
                if {key, key.removeprefix(own), own + key} & known:
                    continue
                names = [f"[{one.section}] {one.option}" for one in config.declarations]
                guess = nearest(f"[{section}] {option}", names)
                where = source.values[key].where.partition(" [")[0]
                path, _, line = where.rpartition(":")
                yield Found(
                    f"[{section}] {option} is read by nobody{guess}",
                    "Remove it, or mend its name.",
                    path=path,
                    line=int(line) if line.isdigit() else 0,
                )


@check("W806")
def odd_value(subject: Subject) -> Iterator[Found]:
    """A configured value is wrapped in quotes or ends in a newline.

    INI files and systemd keep quotes as part of the value; passwords then never match.
    """
    for config in configs():
        for one in config.declarations:
            try:
                found = config.sources.find(one.env)
            except (OSError, UnicodeDecodeError):
                continue
            text = found.text if found else ""
            quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
            if found and (quoted or text.endswith(("\n", "\r"))):
                what = (
                    "is wrapped in quotes, which belong to the value"
                    if quoted
                    else "ends in a newline"
                )
                yield Found(f"{one.env} {what} ({found.where})", "Write the value alone.")


@check("W817")
def settings_left_behind(subject: Subject) -> Iterator[Found]:
    """The settings import a file that git does not track.

    local_settings.py stays on the machine where it was written: no bundle has it, and production
    runs without what it says.
    """
    for path in _sources(subject):
        for node in ast.walk(_parsed(path)):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.rpartition(".")[2] != "local_settings":
                continue
            name = os.path.relpath(
                os.path.join(os.path.dirname(path), "local_settings.py"), subject.root
            )
            if subject.tracked is None or name not in subject.tracked:
                yield Found(
                    f"local_settings is imported, but git does not track {name}: no bundle has it",
                    f"Move its values: python -m django_deploykit.conf move {name}",
                    path=os.path.relpath(path, subject.root),
                    line=getattr(node, "lineno", 0),
                )


@check("I818")
def other_configuration(subject: Subject) -> Iterator[Found]:
    """The settings read configuration by other means alone.

    Files such as .env are in no bundle, and typos there are silent. Moving over is a line or two;
    the environment's names stay.
    """
    if configs():
        return
    for path in _sources(subject):
        found = replacements(Path(path).read_text(encoding="utf-8", errors="replace"), "app")
        found = [one for one in found if one.source != "local_settings.py"]
        if found:
            kinds = ", ".join(sorted({one.source for one in found}))
            relative = os.path.relpath(path, subject.root)
            yield Found(
                f"the settings read configuration through {kinds}, which knows no file of the host",
                f"See each line beside ours: python -m django_deploykit.conf move {relative}",
                path=relative,
                line=found[0].line,
            )


def _sources(subject: Subject) -> list[str]:
    """Return the files of the settings that can be read as Python."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    return [path for path in settings_files(subject.root, module) if path.endswith(".py")]


def _parsed(path: str) -> ast.Module:
    return ast.parse(Path(path).read_bytes())
