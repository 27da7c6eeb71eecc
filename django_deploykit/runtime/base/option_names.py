"""Maps an option's place in an INI, ``[database] url``, to its environment name, ``DATABASE_URL``.

Each name has one place (:func:`place_of`), and the option at that place has that name
(:func:`environment_name`). Every name may start with the application's prefix:
``SHOP_DATABASE_URL``. In an INI the section ``[shop]`` stands for that prefix, so ``CURRENCY`` and
``SHOP_CURRENCY`` are the same option in an INI.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, List, Mapping, Optional, Sequence, Tuple

# First words of names that are sections of their own, even if Django has such a setting.
_SECTIONS = ("database", "cache", "email", "redis", "celery", "sentry", "storage", "aws")


def prefix(app: str) -> str:
    """Return the prefix of the application's own environment names, such as ``SHOP_``."""
    return _name(app) + "_"


def environment_name(app: str, section: str, option: str) -> str:
    """Return the environment name of an INI option.

    >>> environment_name("shop", "database", "url"), environment_name("shop", "django", "debug")
    ('DATABASE_URL', 'DEBUG')
    """
    return _name(option if section in ("django", app) else f"{section}_{option}")


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", text).upper()


def place_of(app: str, name: str, is_django: Callable[[str], bool]) -> Tuple[str, str]:
    """Return the section and option of an environment name; ``is_django`` finds Django's settings.

    >>> [place_of("shop", name, "DEBUG".__eq__) for name in ("DEBUG", "STRIPE_KEY", "SHOP_LOGO")]
    [('django', 'debug'), ('stripe', 'key'), ('shop', 'logo')]
    """
    lower = name.lower()
    first, _, rest = lower.partition("_")
    own = name[len(prefix(app)) :] if name.startswith(prefix(app)) else ""
    if own:
        return app, own.lower()
    if rest and first in _SECTIONS:
        return first, rest
    if is_django(name):
        return "django", lower
    # [django] contains Django's settings without a prefix, so DJANGO_... cannot be put into it.
    return (first, rest) if rest and first != "django" else (app, lower)


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
    names = {_name_of(app, key) for key in keys} | set(environ or ())
    return [key for key in required if not names & {_name_of(app, key), own + _name_of(app, key)}]


def _name_of(app: str, key: str) -> str:
    section, _, option = key[1:].partition("] ")
    return environment_name(app, section, option)
