"""Paths and queries as ASP.NET Core and the Functions host read them. Pure.

Held against recorded exchanges in tests/local/functions_host/test_recorded_http.py.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote

_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_KEPT_IN_A_PATH = "!$&'()*+,-./:;=@_~"
_ESCAPE = re.compile(r"(%[0-9a-fA-F]{2})")
_LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8."""


def decoded_path(path: str) -> str:
    """The path as routes see it: decoded but for slashes and what is no UTF-8, then without dot segments."""
    return _without_dots(_ESCAPES.sub(lambda run: _decoded(run[0], slashes=False), path))


def encoded_path(path: str) -> str:
    """A decoded path as the address that functions see."""
    parts = _ESCAPE.split(path)
    return "".join(part if _ESCAPE.fullmatch(part) else quote(part, safe=_KEPT_IN_A_PATH) for part in parts)


def query_parameters(query: str) -> dict[str, str]:
    """The parameters of a query. Names that differ only in case are one; an empty value does not arrive."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    read = joined((_of_query(name), _of_query(value)) for name, _, value in pairs)
    return {name: value for name, value in read.items() if value}


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Fields by name, whatever its case, in its last spelling; the values of a repeated field are joined by commas."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in fields:
        known = found.get(name.lower())
        found[name.lower()] = (name, value if known is None else f"{known[1]},{value}")
    return dict(found.values())


def _of_query(text: str) -> str:
    return _ESCAPES.sub(lambda run: _decoded(run[0], slashes=True), text.replace("+", " "))


def _decoded(escapes: str, *, slashes: bool) -> str:
    """Adjacent escapes, decoded where they are UTF-8; the others stay as they are."""
    decoded, rest = "", escapes
    while rest:
        for length in range(1, _LONGEST_CHARACTER + 1):
            piece = rest[: 3 * length]
            try:
                character = bytes.fromhex(piece.replace("%", "")).decode()
            except UnicodeDecodeError:
                continue
            decoded += character if slashes or character != "/" else piece
            rest = rest[3 * length :]
            break
        else:
            decoded, rest = decoded + rest[:3], rest[3:]
    return decoded


def _without_dots(path: str) -> str:
    segments: list[str] = []
    *folders, last = path.split("/")
    for segment in folders:
        if segment == ".." and len(segments) > 1:
            segments.pop()
        elif segment not in (".", ".."):
            segments.append(segment)
    if last == ".." and len(segments) > 1:
        segments.pop()
    return "/".join([*segments, "" if last in (".", "..") else last])
