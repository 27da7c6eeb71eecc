"""Checks of what git tracks, and of the configuration files."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator

from django_deploykit.checks.catalogue import Found, check
from django_deploykit.checks.subject import Subject
from django_deploykit.conf import configs
from django_deploykit.conf.layers import prefix
from django_deploykit.project import nearest

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
        for layer in config.layers.files:
            for key, (section, option) in layer.options.items():
                own = prefix(config.app)
                if {key, key.removeprefix(own), own + key} & known:
                    continue
                names = [f"[{one.section}] {one.option}" for one in config.declarations]
                guess = nearest(f"[{section}] {option}", names)
                where = layer.values[key].where.partition(" [")[0]
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
                found = config.layers.find(one.env)
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
