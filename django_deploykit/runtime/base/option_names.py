"""Maps an option's place in an INI, ``[database] url``, to its environment name, ``DATABASE_URL``.

The section ``[django]`` contains names as they are, and every other section is the start of a name:
``[shop] currency`` is ``SHOP_CURRENCY``. Each name has one place (:func:`place_of`), and the option
at that place has that name (:func:`environment_name`), whatever the application is called. The
section ``[environment]`` contains names as they are too, of environment variables.

Settings are looked for under their name and under their name after the application's prefix, such
as ``SHOP_DATABASE_URL`` for ``DATABASE_URL``, in INI files as in the environment.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, List, Mapping, Optional, Sequence, Tuple

# First words of names that are sections of their own, even if Django has such a setting.
_SECTIONS = ("database", "cache", "email", "redis", "celery", "sentry", "storage", "aws")
_DJANGO = "django"
ENVIRONMENT = "environment"  # its options become environment variables
_VERBATIM = (_DJANGO, ENVIRONMENT)


def prefix(app: str) -> str:
    """Return the prefix of the application's own environment names, such as ``SHOP_``."""
    return _name(app) + "_"


def environment_name(section: str, option: str) -> str:
    """Return the environment name of an INI option.

    >>> environment_name("database", "url"), environment_name("django", "debug")
    ('DATABASE_URL', 'DEBUG')
    """
    return _name(option if section in _VERBATIM else f"{section}_{option}")


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", text).upper()


def place_of(app: str, name: str, is_django: Callable[[str], bool]) -> Tuple[str, str]:
    """Return the section and option of an environment name; ``is_django`` finds Django's settings.

    >>> [place_of("shop", name, "DEBUG".__eq__) for name in ("DEBUG", "STRIPE_KEY", "SHOP_LOGO")]
    [('django', 'debug'), ('stripe', 'key'), ('shop', 'logo')]
    """
    name = name.upper()
    own = prefix(app)
    if app not in _VERBATIM and name.startswith(own) and name != own:
        return app, name[len(own) :].lower()
    first, _, rest = name.lower().partition("_")
    if rest and (first in _SECTIONS or not (first in _VERBATIM or is_django(name))):
        return first, rest
    return _DJANGO, name.lower()


def key_of(section: str, option: str) -> str:
    """Return an option as written in messages and manifests, ``[database] url``."""
    return f"[{section}] {option}"


def missing_keys(
    required: Sequence[str],
    app: str,
    keys: Iterable[str],
    environ: Optional[Mapping[str, str]] = None,
) -> List[str]:
    """Return the required keys that neither the INI's ``keys`` nor the environment sets.

    The settings look for the name in the environment, so another key with the same name counts too.
    """
    own = prefix(app)
    names = {_name_of(key) for key in keys} | set(environ or ())
    return [key for key in required if not names & {_name_of(key), own + _name_of(key)}]


def variable_of(key: str) -> str:
    """Return the variable of a key such as ``[environment] DEBUG``, or "" if it has another section."""
    section, _, option = key[1:].partition("] ")
    return _name(option) if section == ENVIRONMENT else ""


def _name_of(key: str) -> str:
    section, _, option = key[1:].partition("] ")
    return environment_name(section, option)
