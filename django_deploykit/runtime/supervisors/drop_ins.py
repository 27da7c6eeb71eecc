"""Drop-ins that give a process of a site other variables or files than its commands get (pure).

The checks and migrations of a release run as commands, so they do not see what a drop-in sets.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath
from typing import Callable, Dict, Iterable, List

# The options of [Service] that change what the site reads.
_OPTIONS = re.compile(
    r"(?:(?:Pass|Unset)?Environment|EnvironmentFile"
    r"|(?:Load|Set)Credential(?:Encrypted)?|ImportCredential)\Z"
)
# Variables of the server and the interpreter, which are rightly set for one process.
_OF_SERVERS = re.compile(r"(?:PORT|WEB_CONCURRENCY|GUNICORN_CMD_ARGS|PYTHONUNBUFFERED|MALLOC_.*)\Z")


def paths_by_unit(app: str, shown: Iterable[Dict[str, str]]) -> Dict[str, List[str]]:
    """Return the paths of drop-ins by unit, from the properties ``Id`` and ``DropInPaths``.

    Left out are the ones that commands have too, because they are for all services, or for all
    whose names begin with the app's.
    """
    common = ("service.d", f"{app}-.service.d")
    found = {}
    for facts in shown:
        paths = shlex.split(facts.get("DropInPaths", ""))
        name = re.sub(r"@[^@]*\.service\Z", "@.service", facts.get("Id", ""))
        found[name] = [one for one in paths if PurePosixPath(one).parent.name not in common]
    return found


def iter_settings(text: str) -> Iterable[str]:
    """Yield what a drop-in changes of what the site reads: names, never values.

    >>> list(iter_settings("[Service]\\nEnvironment=DEBUG=yes 'MAIL=a b'\\nNice=5\\n"))
    ['Environment= (DEBUG, MAIL)']
    """
    joined = re.sub(r"\\\n[ \t]*", " ", text)
    for line in joined.splitlines():
        option, found, value = (part.strip() for part in line.partition("="))
        if line.startswith(("#", ";")) or not found or not _OPTIONS.match(option):
            continue
        if not option.endswith("Environment"):
            yield f"{option}="
            continue
        names = [name for name in _names(value) if not _OF_SERVERS.match(name)]
        if names:
            yield f"{option}= ({', '.join(names)})"
        elif not value:  # it removes what the unit sets
            yield f"{option}="


def _names(value: str) -> List[str]:
    try:
        words = shlex.split(value)
    except ValueError:  # a quote that is not closed, which systemd ignores with a warning
        words = value.split()
    return [word.partition("=")[0] for word in words]


def drop_in_warnings(
    paths: Dict[str, List[str]], read: Callable[[str], str], place: str
) -> List[str]:
    """Return a warning for each drop-in that changes what a process reads.

    ``read`` returns the text of a file, ``place`` is where the site's variables belong.
    """
    found = []
    for unit, names in paths.items():
        for path in names:
            try:
                settings = list(iter_settings(read(path)))
            except OSError as error:
                found.append(f"{path}, a drop-in of {unit}, cannot be read: {error.strerror}")
                continue
            if settings:
                found.append(
                    f"{path} changes what {unit} reads: {', '.join(settings)}. Checks, migrations"
                    f" and commands do not have it. Use {place}"
                )
    return found
