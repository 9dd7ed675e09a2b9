"""Reads JSON whose values do not all have the types of the reference pages. Pure.

The strict decoder is faster and runs first; this decoder reads the answers that the strict one refuses. A value that
decides nothing must not cost the verdicts beside it: if unreadable, it counts as absent. A deciding value (each model
names those fields in `deciding`) is read whenever its meaning is unambiguous, such as a number in place of a text, and
makes its model unreadable otherwise.
"""

import json
import re
from functools import cache
from types import NoneType
from typing import Any, ClassVar, TypeVar, get_args, get_origin

import msgspec


class Unreadable(ValueError):
    """A deciding value has an unusable type. The message is the path to the value."""


class LenientModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A model that can be read leniently: all fields are optional; absent, null and None are the same."""

    deciding: ClassVar[frozenset[str]] = frozenset()
    """Fields without which the rest of the model would be misunderstood."""


Model = TypeVar("Model", bound=LenientModel)

_HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")
"""A lone surrogate, which no encoding can write."""

_ABSENT: tuple[object, ...] = (None, "", False, [], {})
"""Values without meaning in any field."""


def loads_leniently(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The JSON in `content`, also with lone surrogates. A number that is none, or has no end, stays a text.

    Raises:
        json.JSONDecodeError, UnicodeDecodeError, RecursionError: it is no JSON.
    """
    return json.loads(content, parse_int=_whole_number, parse_float=_fraction, parse_constant=str)


def _whole_number(text: str) -> int | str:
    return int(text) if len(text) <= _MOST_DIGITS else text


def _fraction(text: str) -> float | str:
    value = float(text)
    return value if abs(value) < 10**_MOST_DIGITS else text


_MOST_DIGITS = 20
"""Of a number that is read as one; a number of the service has a few."""


def read_leniently(model: type[Model], value: object) -> Model:
    """`value`, a decoded JSON object, as a `model`.

    Raises:
        Unreadable: `value` is not an object, or one of its deciding fields is unreadable.
    """
    if not isinstance(value, dict):
        raise Unreadable("it is not an object")
    read: dict[str, Any] = {}
    for field in _fields(model):
        given = value.get(field.encode_name)
        if _says_nothing(given):
            continue
        try:
            read[field.name] = _read(field.type, given)
        except Unreadable as error:
            if field.name in model.deciding:
                raise Unreadable(f"{field.encode_name}: {error}") from None
    return model(**read)


@cache
def _fields(model: type[LenientModel]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of `model`; finding them takes ten times as long as reading an object."""
    return msgspec.structs.fields(model)


def _says_nothing(value: object) -> bool:
    return any(value is nothing or (value == nothing and type(value) is type(nothing)) for nothing in _ABSENT)


def _read(annotation: object, value: object) -> object:
    kinds: list[Any] = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    for kind in kinds:
        if get_origin(kind) is tuple:
            return _read_list(get_args(kind)[0], value)
        if issubclass(kind, LenientModel):
            return read_leniently(kind, value)
    return _read_scalar(kinds, value)


def _read_list(kind: type[object], value: object) -> tuple[object, ...]:
    """The items in order. An unreadable item becomes an empty one, so that the others keep their positions."""
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise Unreadable("it is not a list")
    read = []
    for item in items:
        try:
            read.append(_read(kind, item))
        except Unreadable:
            read.append(kind())
    return tuple(read)


def _read_scalar(kinds: list[type[object]], value: object) -> object:
    if isinstance(value, str) and str in kinds:
        return _HALF_OF_A_PAIR.sub("\ufffd", value)
    if type(value) in kinds:
        return value
    if isinstance(value, str) and int in kinds and value.strip().isdecimal() and len(value) <= _MOST_DIGITS:
        return int(value)
    if isinstance(value, float) and value.is_integer() and int in kinds:
        return int(value)
    if isinstance(value, bool | int | float) and str in kinds:
        return msgspec.json.encode(int(value) if isinstance(value, float) and value.is_integer() else value).decode()
    raise Unreadable(f"it is a value of the type {type(value).__name__}")
