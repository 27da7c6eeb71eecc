"""Typed JSON: writes frozen dataclasses, and reads and validates them.

Data from another machine or from a file is checked against the annotations of a dataclass:
``str``, ``int``, ``float``, ``bool``, ``Optional[X]``, ``Tuple[X, ...]``, ``Tuple[X, Y]``,
``FrozenSet[X]``, ``Mapping[str, X]`` and other dataclasses. A field with a default may be missing.
"""

from __future__ import annotations

import base64
import collections.abc
import dataclasses
import json
import zlib
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ..base.errors import DeployKitError

LINE_LIMIT = 1 << 26  # bytes of one line of JSON
TEXT_LIMIT = 1 << 20  # characters of a string, unless its field says otherwise
ITEM_LIMIT = 250_000  # items of a list or an object
_LARGEST = 1 << 63  # the largest integer
T = TypeVar("T")
# By class: each field's annotation, limit and whether it is required, by the field's name.
_known: Dict[type, Dict[str, Tuple[object, int, bool]]] = {}


class WireError(DeployKitError):
    """Data from elsewhere is not valid; the message names the place in it."""


class IgnoresUnknownKeys:
    """Base of dataclasses that another version of django-deploykit may have written.

    Unknown keys are ignored in these dataclasses, and refused in all others.
    """


def long_text(limit: int) -> Any:
    """Return a field for a string that may be longer than :data:`TEXT_LIMIT`."""
    return dataclasses.field(metadata={"limit": limit})


def plain(value: object) -> Any:
    """Return a dataclass as JSON types: dicts, lists, strings, numbers."""
    if dataclasses.is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, collections.abc.Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def read(cls: Type[T], data: object, where: str) -> T:
    """Return parsed JSON as a ``cls``; raise :class:`WireError` if it does not fit.

    ``where`` is the name of the data in messages: ``facts.layers[3] must be a string``.
    """
    if not isinstance(data, dict):
        raise _wrong(where, "an object")
    kinds = _kinds(cls)
    if not issubclass(cls, IgnoresUnknownKeys):
        for key in data:
            if key not in kinds:
                raise WireError(f"{where} has an unknown key: {str(key)[:60]!r}")
    values: Dict[str, object] = {}
    for name, (kind, limit, required) in kinds.items():
        if name in data:
            values[name] = _value(kind, data[name], f"{where}.{name}", limit)
        elif required:
            raise WireError(f"{where}.{name} is missing")
    make: Callable[..., T] = cls
    return make(**values)


def parse(cls: Type[T], text: Union[str, bytes], where: str) -> T:
    """Return JSON text as a ``cls``; raise :class:`WireError` if it is not valid or too long."""
    return read(cls, parse_json(text, where), where)


def parse_json(text: Union[str, bytes], where: str) -> object:
    """Return the data in JSON text of at most :data:`LINE_LIMIT` characters or bytes."""
    if len(text) > LINE_LIMIT:
        raise WireError(f"{where} is longer than {LINE_LIMIT} bytes")
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"{where} is not valid JSON: {error}") from None
    return found


def iter_lines(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield a file's lines; raise :class:`WireError` for one of over :data:`LINE_LIMIT` bytes."""
    while line := readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise WireError(f"a line is longer than {LINE_LIMIT} bytes")
        yield line


def deflate(data: bytes) -> str:
    """Return bytes compressed and encoded as text."""
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def inflate(text: str, limit: int, where: str) -> bytes:
    """Reverse :func:`deflate`; raise :class:`WireError` if the result exceeds ``limit`` bytes."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(base64.b64decode(text, validate=True), limit + 1)
    except (ValueError, zlib.error):
        raise WireError(f"{where} is damaged") from None
    if len(data) > limit:
        raise WireError(f"{where} is longer than {limit} bytes")
    if not inflater.eof:
        raise WireError(f"{where} is damaged")
    return data


def _kinds(cls: Any) -> Dict[str, Tuple[object, int, bool]]:
    """Return a row of :data:`_known`."""
    if cls in _known:
        return _known[cls]
    hints = get_type_hints(cls)
    missing = dataclasses.MISSING
    _known[cls] = {
        one.name: (
            hints[one.name],
            one.metadata.get("limit", TEXT_LIMIT),
            one.default is missing and one.default_factory is missing,
        )
        for one in dataclasses.fields(cls)
    }
    return _known[cls]


def _value(kind: object, data: object, where: str, limit: int) -> object:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return read(kind, data, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if type(None) in arguments:  # Optional
        return None if data is None else _value(arguments[0], data, where, limit)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return _fixed(arguments, data, where, limit)
    if origin in (tuple, frozenset):
        items = _sized(list, "a list", data, where)
        if arguments[0] is str and _are_texts(items, limit):
            return origin(items)
        return origin(
            _value(arguments[0], one, f"{where}[{n}]", limit) for n, one in enumerate(items)
        )
    if origin is collections.abc.Mapping:
        rows = _sized(dict, "an object", data, where)
        if arguments[1] is str and _are_texts(rows.values(), limit):
            return {_text(key, f"a key of {where}", TEXT_LIMIT): one for key, one in rows.items()}
        return {
            _text(key, f"a key of {where}", TEXT_LIMIT): _value(
                arguments[1], one, f"{where}[{str(key)[:60]!r}]", limit
            )
            for key, one in rows.items()
        }
    return _text(data, where, limit) if kind is str else _number(kind, data, where)


def _fixed(kinds: Iterable[object], data: object, where: str, limit: int) -> object:
    kinds, items = list(kinds), _sized(list, "a list", data, where)
    if len(items) != len(kinds):
        raise _wrong(where, f"a list of {len(kinds)} items")
    return tuple(_value(kinds[n], one, f"{where}[{n}]", limit) for n, one in enumerate(items))


def _sized(kind: Type[T], name: str, data: object, where: str) -> T:
    if not isinstance(data, kind):
        raise _wrong(where, name)
    if len(data) > ITEM_LIMIT:  # type: ignore[arg-type]
        raise WireError(f"{where} has more than {ITEM_LIMIT} items")
    return data


def _text(data: object, where: str, limit: int) -> str:
    if not isinstance(data, str):
        raise _wrong(where, "a string")
    if len(data) > limit:
        raise WireError(f"{where} is longer than {limit} characters")
    return data


def _are_texts(items: Iterable[object], limit: int) -> bool:
    """Whether all are valid texts. This is faster than :func:`_text`, which names the place."""
    return all(isinstance(one, str) and len(one) <= limit for one in items)


def _number(kind: object, data: object, where: str) -> object:
    if kind is bool:
        if not isinstance(data, bool):
            raise _wrong(where, "true or false")
        return data
    if isinstance(data, bool) or not isinstance(data, (int, float) if kind is float else int):
        raise _wrong(where, "a number" if kind is float else "an integer")
    if not abs(data) <= _LARGEST:  # also NaN, and integers that are too large for a float
        raise WireError(f"{where} is too large a number")
    return float(data) if kind is float else data


def _wrong(where: str, expected: str) -> WireError:
    return WireError(f"{where} must be {expected}")
