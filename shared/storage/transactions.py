"""Entity group transactions of Table Storage: up to a hundred changes of one partition, all or none. Pure.

A request is `POST {endpoint}/$batch`, and its body is multipart twice over:

    --batch_0
    Content-Type: multipart/mixed; boundary=changeset_0

    --changeset_0                                        once for each operation
    Content-Type: application/http
    Content-Transfer-Encoding: binary

    PUT {endpoint}/{table}(PartitionKey='p',RowKey='r') HTTP/1.1
    Content-Type: application/json
    Accept: application/json;odata=minimalmetadata
    DataServiceVersion: 3.0

    {"PartitionKey":"p","RowKey":"r","written":"1099511627776","written@odata.type":"Edm.Int64"}
    --changeset_0--
    --batch_0--

The module relies on these parts of the protocol (Table service REST API, "Performing entity group transactions",
"Payload format for Table service operations", "Understanding the Table service data model", "Insert Or Replace Entity",
"Update Entity"):

- PUT without If-Match inserts or replaces, with If-Match it replaces; POST to the table inserts; DELETE needs If-Match.
- The answer to an accepted request is 202, again multipart twice over, with one part for each operation if all were
  done, or a single part, of the operation that failed: then nothing was done. The failed operation's index precedes the
  colon of its message; without a number it is the first.
- Text needs no type, nor do booleans and whole numbers of 32 bits. Times, floats and longer numbers name theirs.

A body is ASCII: other characters are escaped in JSON or percent-encoded, so its character set does not matter. No line
of it can begin like a boundary, since every line end in a value is escaped: so the boundaries are always the same.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from shared.errors import DeviceDropError

Value = str | int | float | bool | datetime
Entity = Mapping[str, Value]

PARTITION_KEY = "PartitionKey"
ROW_KEY = "RowKey"
TRANSACTION_ROWS = 100
"""Most changes in one transaction. Its body is at most 4 MiB; the service answers 413 to more."""
LARGEST_INT32 = 2**31 - 1
"""A whole number beyond it, on either side of zero, is sent as Edm.Int64."""

_LARGEST_INT64 = 2**63 - 1


class NotEncodable(DeviceDropError):
    """An entity holds a value unknown to this encoder; nothing was sent."""


class NotUnderstood(DeviceDropError):
    """An answer has a shape that the protocol's pages do not show. Whether the changes were made is unknown."""


@dataclass(frozen=True, slots=True)
class Upsertion:
    """A row that is inserted or replaced."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Insertion:
    """A row that must not exist."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Replacement:
    """A row that must still have `etag`."""

    entity: Entity
    etag: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A row that must exist, with any content. Only the keys of `entity` matter."""

    entity: Entity


Operation = Upsertion | Insertion | Replacement | Deletion


@dataclass(frozen=True, slots=True)
class Failure:
    """The failed operation of a transaction, with the service's message."""

    status: int
    code: str | None
    message: str
    index: int


CONTENT_TYPE = "multipart/mixed; boundary=batch_0"
"""The content type of every transaction's body."""


def encoded(operations: Sequence[Operation], table_url: str) -> bytes:
    """The body of a transaction on the table at `table_url`.

    Raises:
        NotEncodable: a key or value has a type, or holds a character, that is unknown here.
    """
    try:
        return _body(operations, table_url)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotEncodable(f"An entity cannot be encoded: {type(error).__name__}.") from error


def answered(content_type: str, body: bytes, operations: int) -> list[str] | Failure:
    """The result in a 202 answer to a transaction of so many `operations`: the new ETag of each row, or the failure.

    The ETag of a deleted row is empty.

    Raises:
        NotUnderstood: the parts are not those that the protocol's pages show.
    """
    parts = _parts(content_type, body)
    failed = [part for part in parts if not _DONE <= part.status < _NOT_DONE]
    if not failed and len(parts) == operations:
        return [part.etag for part in parts]
    if len(failed) == len(parts) == 1:
        return _failure(failed[0])
    raise NotUnderstood(f"{operations} operations were answered with {len(parts)} parts, {len(failed)} of them failed.")


def error_words(body: bytes) -> tuple[str | None, str | None]:
    """Code and message of an error in the service's JSON; None if the body is something else."""
    try:
        error = msgspec.json.decode(body, type=_ErrorDocument).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None, None
    return error.code, error.message.value


# --- the request


_START = b"--batch_0\r\nContent-Type: multipart/mixed; boundary=changeset_0\r\n\r\n"
_PART = "--changeset_0\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
_END = b"--changeset_0--\r\n--batch_0--\r\n"
_ACCEPT = " HTTP/1.1\r\nAccept: application/json;odata=minimalmetadata\r\nDataServiceVersion: 3.0\r\n"
_JSON_HEAD = f"{_ACCEPT}Content-Type: application/json\r\n"
_INSERT_HEAD = f"{_JSON_HEAD}Prefer: return-no-content\r\n\r\n".encode()
_UPSERT_HEAD = f"{_JSON_HEAD}\r\n".encode()
_DELETE_HEAD = f"{_ACCEPT}If-Match: *\r\n\r\n\r\n".encode()

_encode_json: Callable[[object], bytes] = msgspec.json.Encoder().encode


def _body(operations: Sequence[Operation], table_url: str) -> bytes:
    partition = _quoted(operations[0].entity[PARTITION_KEY])
    row_url = f"{table_url}({PARTITION_KEY}='{partition}',{ROW_KEY}='"
    post, put, delete = (
        f"{_PART}{line}".encode("ascii") for line in (f"POST {table_url}", f"PUT {row_url}", f"DELETE {row_url}")
    )
    pieces = [_START]
    for operation in operations:
        entity = operation.entity
        row = f"{_quoted(entity[ROW_KEY])}')".encode("ascii")
        match operation:
            case Insertion():
                pieces += (post, _INSERT_HEAD, _json(entity), b"\r\n")
            case Upsertion():
                pieces += (put, row, _UPSERT_HEAD, _json(entity), b"\r\n")
            case Replacement(_, etag):
                pieces += (put, row, _replace_head(etag), _json(entity), b"\r\n")
            case Deletion():
                pieces += (delete, row, _DELETE_HEAD)
    pieces.append(_END)
    return b"".join(pieces)


_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)


def _quoted(key: Value) -> str:
    """A key as quoted in an address."""
    if not isinstance(key, str):
        raise TypeError("A key is no text.")
    return key if _PLAIN_KEY.fullmatch(key) else quote(key.replace("'", "''"), safe="")


def _replace_head(etag: str) -> bytes:
    if not etag.isprintable():  # a line end in it would begin another header
        raise ValueError("An ETag holds a control character.")
    return f"{_JSON_HEAD}If-Match: {etag}\r\n\r\n".encode("ascii")


def _json(entity: Entity) -> bytes:
    """An entity in the payload format."""
    typed = _with_types(entity)
    try:
        body = _encode_json(typed)
    except UnicodeEncodeError:  # a lone surrogate: JSON can escape it, UTF-8 cannot encode it
        return _escaped(typed)
    return body if body.isascii() else _escaped(typed)


def _escaped(typed: Entity) -> bytes:
    return json.dumps(typed, separators=(",", ":")).encode("ascii")


def _with_types(entity: Entity) -> dict[str, Value]:
    """`entity` as JSON, with the types that it must name. A subclass may mean something else and is refused."""
    typed = dict(entity)
    for name, value in entity.items():
        kind = type(value)
        if kind is str or kind is bool:
            continue
        if kind not in _TYPED:
            raise TypeError(f"Values of type {kind.__name__} are not known.")
        if isinstance(value, datetime):
            typed[name], typed[f"{name}@odata.type"] = _time(value), "Edm.DateTime"
        elif isinstance(value, float):
            typed[name], typed[f"{name}@odata.type"] = _float(value), "Edm.Double"
        elif isinstance(value, int) and abs(value) > LARGEST_INT32:
            typed[name], typed[f"{name}@odata.type"] = _long(value), "Edm.Int64"
    return typed


_TYPED = (int, float, datetime)


def _long(value: int) -> str:
    if not -_LARGEST_INT64 - 1 <= value <= _LARGEST_INT64:
        raise OverflowError("A whole number has more than 64 bits.")
    return str(value)


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _time(value: datetime) -> str:
    """The time in UTC. A time without a zone is local, as for the storage client and `datetime.astimezone`."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


# --- the answer


class _Message(msgspec.Struct):
    value: str


class _Error(msgspec.Struct):
    code: str
    message: _Message


class _ErrorDocument(msgspec.Struct):
    error: _Error = msgspec.field(name="odata.error")


_BOUNDARY = re.compile(r'multipart/mixed\s*;\s*boundary="?([^\s";]+)"?', re.IGNORECASE)
_BLANK_LINE = b"\r\n\r\n"
_STATUS_LINE = b"HTTP/1.1 "
_ETAG = b"\r\netag:"
_DONE, _NOT_DONE = 200, 300
_INDEX = re.compile(r"(\d{1,2}):")


class _Part(NamedTuple):
    """The answer to one operation."""

    status: int
    headers: bytes
    body: bytes

    @property
    def etag(self) -> str:
        """The ETag; empty when there is none."""
        place = self.headers.lower().find(_ETAG)
        return "" if place < 0 else self.headers[place + len(_ETAG) :].partition(b"\r\n")[0].strip().decode("latin-1")


def _parts(content_type: str, body: bytes) -> list[_Part]:
    """The answer to each operation; an answer without its closing boundary is not understood."""
    boundary = _BOUNDARY.fullmatch(content_type.strip())
    if boundary is None:
        raise NotUnderstood(f"The answer is no multipart document but {content_type or 'nameless'}.")
    outer = _between(body, boundary[1])
    inner = _BOUNDARY.search(outer[0].lstrip().partition(_BLANK_LINE)[0].decode("latin-1"))
    if len(outer) != 1 or inner is None:
        raise NotUnderstood("The answer does not hold one change set.")
    return [_part(text) for text in _between(outer[0], inner[1])]


def _part(text: bytes) -> _Part:
    """The text between two boundaries: the part's headers, a status line, the operation's headers and its body."""
    answer = text.partition(_BLANK_LINE)[2]
    headers, _, body = answer.partition(_BLANK_LINE)
    status = headers[len(_STATUS_LINE) : len(_STATUS_LINE) + 3]
    if not (headers.startswith(_STATUS_LINE) and status.isdigit() and len(status) == len("200")):
        raise NotUnderstood("A part of the answer is no HTTP answer.")
    return _Part(int(status), headers, body)


def _between(body: bytes, boundary: str) -> list[bytes]:
    """The texts between the boundaries of a multipart document: a boundary begins a line, which no value can."""
    pieces = (b"\n" + body).split(b"\n--" + boundary.encode("latin-1"))
    if len(pieces) < len(("before", "part", "end")) or not pieces[-1].startswith(b"--"):
        raise NotUnderstood("The answer has no end.")
    return pieces[1:-1]


def _failure(part: _Part) -> Failure:
    code, message = error_words(part.body)
    index = _INDEX.match(message or "")
    return Failure(part.status, code, message or "", int(index[1]) if index else 0)
