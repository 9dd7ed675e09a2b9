"""Page tokens: where the next page of one question begins, sealed, so that no other question and no hand makes one."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.errors import DeviceDropError
from shared.status.signing import BadSeal, Seals
from shared.storage.blobs import Container

_BAD_PAGE = (
    "This page token was not given out for this question. Ask without it for the first page, and give back `next` "
    "as it came, with the same filters."
)

Asked = Sequence[str | datetime | None]


class BadPage(DeviceDropError):
    """A page token that this question did not give out."""


class PageTokens:
    """The tokens of one question; `asked` is everything that makes it another question."""

    def __init__(self, private: Container, asked: Asked) -> None:
        self._seals = Seals(private)
        self._purpose = "page " + msgspec.json.encode(asked).decode()

    def token(self, *place: str | int) -> str:
        """The token of the page that begins behind `place`."""
        return self._seals.sealed(self._purpose, msgspec.json.encode(place))

    def place(self, token: str) -> list[str | int]:
        """The place that was given to `token`. Raises BadPage."""
        try:
            content = self._seals.opened(self._purpose, token)
        except BadSeal as error:
            raise BadPage(_BAD_PAGE) from error
        place: list[str | int] = msgspec.json.decode(content)
        return place
