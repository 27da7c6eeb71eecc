"""Conversion and validation for python-decouple's signature, ``config(name, default, cast)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_deploykit.conf import readers
from django_deploykit.conf.secret import PLACEHOLDER


class _Missing:
    def __repr__(self) -> str:
        return "required"


MISSING: object = _Missing()


def _is_missing(value: object) -> bool:
    """Whether no value was passed. decouple's own marker for this counts too."""
    return value is MISSING or type(value).__name__ == "Undefined"


def as_text(text: str) -> str:
    """Return a text unchanged, as decouple does without a ``cast``."""
    return text


def as_bool(text: str) -> bool:
    """Return a boolean. An empty text is False, as in decouple."""
    return bool(text.strip()) and readers.read_bool(text)


def converter(cast: Any) -> tuple[Callable[[str], object], str]:
    """Return the function that converts a text, and its name."""
    if _is_missing(cast):
        return as_text, "str"
    if cast is bool:
        return as_bool, "bool"
    return cast, getattr(cast, "__name__", "value")


def cast_default(default: Any, convert: Callable[[str], object]) -> object:
    """Return a default after casting it, as decouple does. None stays None."""
    if _is_missing(default):
        return MISSING
    if default is None or convert is as_text:
        return default
    if convert is as_bool:
        return as_bool(default) if isinstance(default, str) else bool(default)
    return convert(default)


def quiet(convert: Callable[[str], object]) -> Callable[[str], object]:
    """Wrap a cast of the project so that only the class of its error is reported.

    The error's message may contain the value, which may be a secret.
    """
    if convert in (as_bool, as_text):
        return convert

    def read(text: str) -> object:
        problem = ""
        try:
            return convert(text)
        except Exception as error:  # noqa: BLE001 - whatever a foreign cast raises
            name = getattr(convert, "__name__", type(convert).__name__)
            problem = f"{name} does not accept it ({type(error).__name__})"
        raise ValueError(problem)

    return read


def placeholder(convert: Callable[[str], object]) -> object:
    """Return a harmless value of the type that a cast returns."""
    if convert is as_bool:
        return False
    for text in (PLACEHOLDER, "1", ""):
        try:
            return convert(text)
        except Exception:  # noqa: BLE001, S112 - whatever a foreign cast raises
            continue
    return None


def problem_for(name: str) -> readers.Problem | None:
    """Return the validation of a setting that is critical for security, or None for others."""
    return {"SECRET_KEY": _key_problem, "ALLOWED_HOSTS": _hosts_problem}.get(name)


def _key_problem(value: object) -> str:
    return readers.secret_problem(value, signing=True) if isinstance(value, str) else ""


def _hosts_problem(value: object) -> str:
    names = value if isinstance(value, (list, tuple)) else []
    return readers.hosts_problem([str(name) for name in names])
