"""Which variable of the environment an exception is about, when settings require one (pure)."""

from __future__ import annotations

import re

ASSUMED = "1"  # a value to find out what else is required; also a number and a boolean
# What libraries say about a variable that is not set: django-environ, python-decouple, environs,
# django-configurations.
_NOT_SET = re.compile(
    r"Set the (?P<a>\w+) environment variable|(?P<b>\w+) not found\. Declare it as envvar"
    r"|Environment variable \"(?P<c>\w+)\" not set"
    r"|required to be set as the environment variable '(?P<d>\w+)'"
)
_KEY = re.compile(r"KeyError: '(?P<name>\w+)'")
_READS = re.compile(r"\b(?:environ(?:\.get)?|getenv)\s*[(\[]\s*['\"](?P<name>\w+)['\"]")


def required_variable(problem: str, line: str) -> str:
    """Return the variable of the environment that an error is about, or an empty string.

    ``problem`` is the type and text of the error, ``line`` the project's line that raised it.

    >>> required_variable("KeyError: 'SECRET_KEY'", "KEY = os.environ['SECRET_KEY']")
    'SECRET_KEY'
    >>> required_variable("KeyError: 'a'", "b['a']")
    ''
    """
    if match := _NOT_SET.search(problem):
        return str(match[match.lastgroup or 0])
    key = _KEY.match(problem)
    if key and "environ" in line:
        return key["name"]
    if problem.startswith(("TypeError", "ValueError", "AttributeError")):
        read = _READS.search(line)
        return read["name"] if read else ""
    return ""
