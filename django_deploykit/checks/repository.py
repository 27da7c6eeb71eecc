"""Checks of the files that git tracks, and of the configuration."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.catalogue import check
from django_deploykit.checks.finding import Finding
from django_deploykit.checks.project_settings import assignments, iter_options, settings_sources
from django_deploykit.checks.subject import Subject, today
from django_deploykit.conf import configs
from django_deploykit.conf.readers import secret_problem
from django_deploykit.conf.replacements import replacements
from django_deploykit.conf.secret import has_password, looks_secret
from django_deploykit.conf.sources import Sources
from django_deploykit.conf.urls import standard_parts
from django_deploykit.project import nearest
from django_deploykit.runtime.base.names import is_number
from django_deploykit.runtime.base.option_names import prefix

_SECRET_FILES = re.compile(
    r"(^|/)(\.env(\.(local|prod|production|staging))?|local_settings\.py|.*\.sqlite3?|db\.sqlite3"
    r"|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|keystore)|\.netrc|\.pgpass"
    r"|.*\.(dump|sql\.gz|bak)|credentials\.json|service[-_]account.*\.json)$"
)
# A key may also be of a cache or a mapping, so its value must look like the key of a service.
_ONLY_KEY = re.compile(r"^(?!.*(secret|pass|token|private)).*key$", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{12,}")
# Names that look like a secret's, but are not.
_NO_SECRET = re.compile(
    r"PUBLIC|PUBLISHABLE|SITE_?KEY|RATE|THROTTL|NAME|HEADER|FIELD|URL|PREFIX|ALGORITHM|BACKEND|CLASS|VALIDAT|HASHER"
    r"|MODEL|SERIALIZER|TIMEOUT|LIFETIME|EXPIR|TYPE|AGE$|PATH|FILE|USE_|_ID$|TEMPLATE|MODULE|FUNCTION",
    re.IGNORECASE,
)
# No spaces, no dotted name of Python, and no limit such as 5/m/ip.
_WORD = re.compile(r"(?!\w+(\.\w+)+$|\d+/)[^\s]{4,}")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HARMLESS = re.compile(
    r"(^|/)(tests?|fixtures|examples?|docs|\.github)/|\.(md|rst|html?|css|m?js|svg|po)\.bak$"
    r"|(cacert|ca[-_]bundle|public|pub)[^/]*\.(pem|key)$"
)


@check("W805")
def tracked_secrets(subject: Subject) -> Iterator[Finding]:
    """git tracks files that contain secrets or data.

    They are in every clone and every bundle.
    """
    for name in subject.tracked or ():
        if not _SECRET_FILES.search(name) or _HARMLESS.search(name):
            continue
        if not _is_harmless(subject.root / name):
            yield Finding(
                f"git tracks {name}, which looks like a secret or data",
                f"Run git rm --cached {shlex.quote(name)}, add it to .gitignore, and replace the secret, "
                "because the history still contains it.",
                path=name,
            )


def _is_harmless(path: Path) -> bool:
    """Whether a file has no secret although its name suggests one: its text shows it."""
    if not path.name.startswith(".env") and path.suffix not in (".pem", ".key"):
        return False
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    if not path.name.startswith(".env"):  # a certificate, or a public key
        return "-----BEGIN" in text and "PRIVATE KEY" not in text
    return not any(map(_has_secret, text.splitlines()))


def _has_secret(line: str) -> bool:
    """Whether a line of a .env file sets a secret to a real value."""
    name, _, value = line.strip().removeprefix("export ").partition("=")
    value = value.strip().strip("\"'")
    if not name or name.startswith("#") or not value or value.startswith(("$", "%")):
        return False
    if not looks_secret(name.strip()):
        return has_password(value)
    return not secret_problem(value)


@check("E115")
def password_in_code(subject: Subject) -> Iterator[Finding]:
    """A password or a key of a service is in settings that git tracks.

    Anyone who can read the repository, now or later, can use the database, the storage or the mail
    account.
    """
    for path in settings_sources(subject.root):
        name = os.path.relpath(path, subject.root)
        if subject.tracked is not None and name not in subject.tracked:
            continue
        for setting, node in assignments(path).items():
            if setting in ("SECRET_KEY", "SECRET_KEY_FALLBACKS") or node.value is None:
                continue  # E104 reports it
            for what, line in literal_secrets(
                setting, node.value, getattr(settings, setting, None)
            ):
                yield Finding(
                    f"{what} is written in the settings",
                    "Change it, because this one is known, and read it: config.secret(…), "
                    "or config.database() for a database.",
                    path=name,
                    line=line,
                )


def literal_secrets(name: str, node: ast.expr, value: object) -> Iterator[tuple[str, int]]:
    """Yield a name and a line for each secret that an expression contains and ``value`` uses."""
    used = set(_strings(value))
    if isinstance(node, ast.Constant):
        if _is_literal_secret(name, node.value) and node.value in used:
            yield name, node.lineno
        return
    for one in ast.walk(node):
        pairs: list[tuple[object, ast.expr]] = []
        if isinstance(one, ast.Dict):
            keys = (getattr(key, "value", None) for key in one.keys)
            pairs = list(zip(keys, one.values, strict=True))
        elif isinstance(one, ast.Call):
            pairs = [(keyword.arg, keyword.value) for keyword in one.keywords]
        for key, item in pairs:
            text = getattr(item, "value", None) if isinstance(item, ast.Constant) else None
            if _is_literal_secret(str(key), text) and text in used:
                yield f"{name}[…][{key!r}]", item.lineno


def _is_literal_secret(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    if has_password(value):
        return not is_local(value)
    if not looks_secret(name) or _NO_SECRET.search(name):
        return False
    if _ONLY_KEY.search(name) and not _RANDOM.fullmatch(value):
        return False
    return bool(_WORD.fullmatch(value)) and not secret_problem(value)


def is_local(url: str) -> bool:
    """Whether a URL is of this machine, as for development."""
    parts = standard_parts(url)
    return parts is not None and (parts.hostname or "localhost") in _LOCAL


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _strings(one)


@check("W801")
def expired_skip(subject: Subject) -> Iterator[Finding]:
    """A skip in deploykit.ini has expired.

    What it skipped is reported again.
    """
    for skip in subject.skips:
        if skip.until and skip.until < today():
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
                    line=int(line) if is_number(line) else 0,
                )


@check("W806")
def quoted_value(subject: Subject) -> Iterator[Finding]:
    """A configured value is in quotes, or ends with a newline.

    INI files and systemd keep quotes as part of the value, so passwords do not match.
    """
    for one, found in iter_options(configs(), Sources.find):
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
    places: list[tuple[str, int]] = []
    kinds: set[str] = set()
    for path in settings_sources(subject.root):
        found = replacements(Path(path).read_text(encoding="utf-8", errors="replace"), "app")
        found = [one for one in found if one.source != "local_settings.py"]
        if found:
            places.append((os.path.relpath(path, subject.root), found[0].line))
            kinds |= {one.source for one in found}
    if places:
        (path, line), *others = places
        also = f" (also in {', '.join(name for name, _ in others)})" if others else ""
        yield Finding(
            f"the settings read configuration with {', '.join(sorted(kinds))}, "
            f"so they read no INI file of the host{also}",
            f"Compare each line with ours: python -m django_deploykit.conf move {path}",
            path=path,
            line=line,
        )
