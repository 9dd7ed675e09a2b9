"""Cursors: the position at which the next page of a list begins, as text that clients give back unchanged.

A cursor grants nothing and is no secret. It holds a position and no filters: with other filters the page begins at the
same position. A cursor of another kind of list is refused, and so is a text that holds no position.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, TypeVar

import msgspec

from shared.errors import DeviceDropError

_BAD_CURSOR = (
    "This is no cursor of this list. Leave it out for the first page; for the next page, give `next` of the answer "
    "unchanged, with the same filters."
)


class BadCursor(DeviceDropError):
    """The text is no cursor of this list."""


class FilePosition(msgspec.Struct, frozen=True, array_like=True, tag="files"):
    """After a file in the index of files by time: the keys of the file there."""

    day: Annotated[str, msgspec.Meta(pattern=r"^\d{7}~\d{4}-\d{2}-\d{2}\Z")]
    row: Annotated[str, msgspec.Meta(pattern=r"^\d{14}~[0-9a-f-]{0,36}\Z")]


class RowPosition(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """After a row of a file."""

    row: Annotated[int, msgspec.Meta(ge=0)]


class DevicePosition(msgspec.Struct, frozen=True, array_like=True, tag="devices"):
    """After a row of a closed file, among the rows of one customer with one serial number."""

    file_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]
    row: Annotated[int, msgspec.Meta(ge=1)]


class AnyDevicePosition(msgspec.Struct, frozen=True, array_like=True, tag="any_devices"):
    """After a row of a closed file, among the rows of all customers with one serial number."""

    customer_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]
    file_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]
    row: Annotated[int, msgspec.Meta(ge=1)]


class ActPosition(msgspec.Struct, frozen=True, array_like=True, tag="acts"):
    """After an act: its key among all."""

    row: Annotated[str, msgspec.Meta(pattern=r"^\d{14}~[0-9a-f-]{0,36}\Z")]


class CustomerPosition(msgspec.Struct, frozen=True, array_like=True, tag="customers"):
    """After a customer: what customers are ordered by."""

    is_unnamed: bool
    name: Annotated[str, msgspec.Meta(max_length=1_000)]
    customer_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]


class RegisteredPosition(msgspec.Struct, frozen=True, array_like=True, tag="registered"):
    """At a registered device of a customer: its batch, and its place in it."""

    batch_id: Annotated[str, msgspec.Meta(max_length=1_000)]
    place: Annotated[int, msgspec.Meta(ge=0)]


AnyPosition = (
    FilePosition
    | RowPosition
    | DevicePosition
    | AnyDevicePosition
    | ActPosition
    | CustomerPosition
    | RegisteredPosition
)
Position = TypeVar(
    "Position",
    FilePosition,
    RowPosition,
    DevicePosition,
    AnyDevicePosition,
    ActPosition,
    CustomerPosition,
    RegisteredPosition,
)


def cursor(position: AnyPosition) -> str:
    """`position` as text that is safe in an address."""
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_in(text: str, kind: type[Position]) -> Position:
    """The position in the cursor `text`. Raises BadCursor."""
    try:
        content = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        position = msgspec.json.decode(content, type=kind)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise BadCursor(_BAD_CURSOR) from error
    if cursor(position) != text:
        raise BadCursor(_BAD_CURSOR)
    return position
