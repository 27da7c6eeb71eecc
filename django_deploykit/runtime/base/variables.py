"""The environment variables that a site's configuration sets, for each of its processes and commands.

``<etc>/<app>.env`` is stronger than ``[environment]`` in ``<etc>/conf.d/*.ini``, which is stronger
than in ``<etc>/<app>.ini``. Under systemd the first is read by systemd, because only root may read
it. The others come as credentials, and a release's scripts call :func:`main` for them.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Tuple

from .environment_file import name_problem, parse_environment, value_problem
from .errors import DeployKitError
from .files import read_bytes
from .ini import parse
from .option_names import ENVIRONMENT, variable_of

_LONGEST = 1 << 20  # bytes of an environment file
# systemd sets these in every unit, so a weaker source would have no effect.
_OF_UNITS = re.compile(r"(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LANGUAGE|LC_[A-Z]+)\Z")


class Variables(NamedTuple):
    """What a site's files set: ``weak`` in INI files, ``strong`` in its environment file."""

    weak: Mapping[str, str]
    strong: Mapping[str, str]

    def added_to(self, environ: Mapping[str, str]) -> Dict[str, str]:
        """Return an environment with these variables, as systemd adds them to a unit's."""
        return {**self.weak, **environ, **self.strong}


def place_of_key(key: str, etc: Path, app: str) -> str:
    """Return where a required key is set: ``[django] secret_key in /etc/shop/shop.ini``."""
    name = variable_of(key)
    return f"{name} in {environment_file(etc, app)}" if name else f"{key} in {etc / f'{app}.ini'}"


def environment_file(etc: Path, app: str) -> Path:
    """Return the path of the file with environment variables, which the administrator owns."""
    return etc / f"{app}.env"


def ini_files(etc: Path, app: str) -> List[Path]:
    """Return the INI files of a site, the weakest first. The first may be missing."""
    return [etc / f"{app}.ini", *sorted((etc / "conf.d").glob("*.ini"))]


def site_variables(etc: Path, app: str) -> Variables:
    """Return the variables that a site's files set; raises :class:`DeployKitError`."""
    strong, problems = read_environment_file(environment_file(etc, app))
    weak, more = section_variables(
        (str(path), read_ini_text(path)) for path in ini_files(etc, app) if path.exists()
    )
    raise_problems([*problems, *more])
    return Variables(weak, strong)


def read_ini_text(path: Path) -> str:
    """Return the text of an INI file."""
    # If a byte is not UTF-8, the settings do not load, and their error names the file.
    return read_bytes(Path(os.path.realpath(path))).decode("utf-8-sig", "replace")


def read_environment_file(path: Path) -> Tuple[Dict[str, str], List[str]]:
    """Return the variables of an environment file, if it is there, and its problems."""
    try:
        data = read_bytes(Path(os.path.realpath(path)), _LONGEST)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path}: {error.strerror}"]
    values, problems = parse_environment(data)
    return values, [f"{path}:{line}: {problem}" for line, problem in problems]


def raise_problems(problems: List[str]) -> None:
    """Raise :class:`DeployKitError` if there are any, in one line: lists of hosts show only one."""
    if problems:
        raise DeployKitError("; ".join(problems), "Correct the site's environment variables.")


def section_variables(files: Iterable[Tuple[str, str]]) -> Tuple[Dict[str, str], List[str]]:
    """Return the variables of ``[environment]`` in INI files, given as path and text, and problems.

    Names are in upper case. As everywhere in INI files, empty options count as not set.
    """
    found: Dict[str, str] = {}
    problems = []
    for path, text in files:
        for option, (value, line) in parse(text)[0].get(ENVIRONMENT, {}).items():
            name = option.upper()
            problem = name_problem(name) or value_problem(value)
            if _OF_UNITS.match(name):
                problem = "systemd sets it for each process: set it in the environment file (.env)"
            if problem:
                problems.append(f"{path}:{line}: [{ENVIRONMENT}] {option}: {problem}")
            elif value:
                found[name] = value
    return found, problems


def assignments(variables: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the lines of a shell that export variables which the environment does not have.

    >>> assignments({"DEBUG": "no", "GREETING": "it's"}, {"DEBUG": "yes"})
    'GREETING=\\'it\\'"\\'"\\'s\\'; export GREETING\\n'
    """
    return "".join(
        f"{name}={shlex.quote(value)}; export {name}\n"
        for name, value in variables.items()
        if name not in environ
    )


def main() -> int:
    """Print the assignments for ``[environment]`` in the INI files among systemd's credentials."""
    folder = Path(os.environ["CREDENTIALS_DIRECTORY"])
    paths = sorted(folder.glob("*.ini"), key=lambda path: (path.name.startswith("conf.d"), path))
    variables, problems = section_variables((path.name, read_ini_text(path)) for path in paths)
    try:
        raise_problems(problems)
    except DeployKitError as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(assignments(variables, os.environ))
    return 0


if __name__ == "__main__":
    sys.exit(main())
