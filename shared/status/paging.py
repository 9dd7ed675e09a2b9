"""Cursors: where the next page of a list begins, as text that scripts give back as it came.

A cursor grants nothing and is no secret. It holds a position alone, so a cursor of a list with other filters begins at
that position; one of another kind of list, or one that was changed by hand into no position at all, is refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, TypeVar

import msgspec

from shared.errors import DeviceDropError

_BAD_CURSOR = (
    "This is no cursor of this list. Leave it out for the first page, and give back `next` as it came, with the same "
    "filters."
)


class BadCursor(DeviceDropError):
    """Text that is no cursor of the list that it was given to."""


class FilePosition(msgspec.Struct, frozen=True, array_like=True, tag="files"):
    """Behind a file in the list of files by time: its keys in that index."""

    day: Annotated[str, msgspec.Meta(pattern=r"^\d{7}~\d{4}-\d{2}-\d{2}\Z")]
    row: Annotated[str, msgspec.Meta(pattern=r"^\d{14}~[0-9a-f-]{0,36}\Z")]


class RowPosition(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """Behind a row of a file."""

    row: Annotated[int, msgspec.Meta(ge=0)]


class DevicePosition(msgspec.Struct, frozen=True, array_like=True, tag="devices"):
    """Behind a row of a closed file, among all rows with one serial number of one customer."""

    file_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]
    row: Annotated[int, msgspec.Meta(ge=1)]


Position = TypeVar("Position", FilePosition, RowPosition, DevicePosition)


def cursor(position: FilePosition | RowPosition | DevicePosition) -> str:
    """`position` as text that is safe in an address."""
    return urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_in(text: str, kind: type[Position]) -> Position:
    """The position that was given out as `text`. Raises BadCursor."""
    try:
        content = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        position = msgspec.json.decode(content, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadCursor(_BAD_CURSOR) from error
    if cursor(position) != text:
        raise BadCursor(_BAD_CURSOR)
    return position
