"""Checks of the files that git tracks, and of the configuration."""

from __future__ import annotations

import ast
import datetime
import os
import re
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import settings_sources
from django_deploykit.checks.subject import Subject
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
def tracked_secrets(subject: Subject) -> Iterator[Finding]:
    """git tracks files that contain secrets or data.

    They are in every clone and every bundle.
    """
    for name in subject.tracked or ():
        if _SECRET_FILES.search(name) and not _HARMLESS.search(name):
            yield Finding(
                f"git tracks {name}, which looks like a secret or data",
                f"Run git rm --cached {name}, add it to .gitignore, and replace the secret, "
                "because the history still contains it.",
                path=name,
            )


@check("W801")
def expired_skip(subject: Subject) -> Iterator[Finding]:
    """A skip in deploykit.ini has expired.

    What it skipped is reported again.
    """
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    for skip in subject.skips:
        if skip.until and skip.until < today:
            path, _, line = skip.where.rpartition(":")
            yield Finding(
                f"the skip of {skip.id} expired on {skip.until}: {skip.reason}",
                "Fix the problem, or set a new date.",
                path=os.path.relpath(path, subject.root),
                line=int(line),
            )


@check("W802")
def unknown_option(subject: Subject) -> Iterator[Finding]:
    """A configuration file sets an option that the settings never read.

    Otherwise a typo there is silent.
    """
    for config in configs():
        known = {one.env.upper() for one in config.declarations}
        own = prefix(config.app)
        for source in config.sources.files:
            for key, (section, option) in source.options.items():
                if {key, key.removeprefix(own)} & known:
                    continue
                names = [f"[{one.section}] {one.option}" for one in config.declarations]
                path, _, line = source.values[key].where.partition(" [")[0].rpartition(":")
                yield Finding(
                    f"the settings do not read [{section}] {option}"
                    f"{nearest(f'[{section}] {option}', names)}",
                    "Remove it, or correct its name.",
                    path=path,
                    line=int(line) if line.isdigit() else 0,
                )


@check("W806")
def quoted_value(subject: Subject) -> Iterator[Finding]:
    """A configured value is in quotes, or ends with a newline.

    INI files and systemd keep quotes as part of the value, so passwords do not match.
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
                problem = "is in quotes, which are part of it" if quoted else "ends with a newline"
                yield Finding(
                    f"the value of {one.env} {problem} ({found.where})", "Write only the value."
                )


@check("W817")
def untracked_settings(subject: Subject) -> Iterator[Finding]:
    """The settings import a file that git does not track.

    local_settings.py exists only on the machine where it was written: no bundle includes it, and
    production runs without its values.
    """
    for path in settings_sources(subject.root):
        for node in ast.walk(ast.parse(Path(path).read_bytes())):
            if not isinstance(node, ast.ImportFrom):
                continue
            if (node.module or "").rpartition(".")[2] != "local_settings":
                continue
            file = os.path.join(os.path.dirname(path), "local_settings.py")
            name = os.path.relpath(file, subject.root)
            if subject.tracked is None or name not in subject.tracked:
                yield Finding(
                    f"local_settings is imported, but git does not track {name}, "
                    "so no bundle includes it",
                    f"Move its values: python -m django_deploykit.conf move {name}",
                    path=os.path.relpath(path, subject.root),
                    line=node.lineno,
                )


@check("I818")
def other_configuration(subject: Subject) -> Iterator[Finding]:
    """The settings read configuration only by other means.

    No bundle includes files such as .env, and typos in them are silent. Moving takes a line or two;
    the names of environment variables stay the same.
    """
    if configs():
        return
    for path in settings_sources(subject.root):
        found = replacements(Path(path).read_text(encoding="utf-8", errors="replace"), "app")
        found = [one for one in found if one.source != "local_settings.py"]
        if found:
            kinds = ", ".join(sorted({one.source for one in found}))
            name = os.path.relpath(path, subject.root)
            yield Finding(
                f"the settings read configuration with {kinds}, which reads no file of the host",
                f"Compare each line with ours: python -m django_deploykit.conf move {name}",
                path=name,
                line=found[0].line,
            )
