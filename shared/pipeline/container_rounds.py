"""Goes through a container in rounds: each sweep lists a few pages, from where the last one stopped.

A listing cannot be filtered by time, so listing everything would take longer with every blob that is kept. A blob is
met within one round: at the next sweep while the container holds 20,000 blobs or fewer, and one sweep later for every
further 20,000. At a sweep every five minutes, 5.7 million blobs are met within a day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from shared.pipeline.blob_names import JSON
from shared.storage.blobs import BlobVersion, Container

PAGES_AT_ONCE = 4
"""Of at most 5,000 blobs."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the present round has come."""

    marker: str | None = None
    """Where the next page begins; None begins a round."""
    day: int = 0
    """The day, as an ordinal, on which the last thorough round began."""
    is_thorough: bool = False


@dataclass(frozen=True, slots=True)
class RoundPage:
    """A page of the container; the first round that begins on a day is thorough."""

    versions: Sequence[BlobVersion]
    is_thorough: bool


def pages_of_round(container: Container, progress: "ProgressBlob", today: int) -> Iterator[RoundPage]:
    """The pages that one sweep lists. A page whose caller fails or stops is listed again by the next sweep."""
    now = progress.read()
    for _ in range(PAGES_AT_ONCE):
        if now.marker is None:
            now = Progress(day=today, is_thorough=now.day != today)
        page = container.page(now.marker)
        yield RoundPage(page.versions, now.is_thorough)
        now = replace(now, marker=page.next_marker)
        progress.write(now)
        if page.next_marker is None:
            return


def pages_of_thorough_round(container: Container, progress: "ProgressBlob", today: int) -> Iterator[RoundPage]:
    """As `pages_of_round`, and nothing when the thorough round of the day is done."""
    now = progress.read()
    return iter(()) if now.marker is None and now.day == today else pages_of_round(container, progress, today)


@dataclass(frozen=True, slots=True)
class ProgressBlob:
    """Where the progress through a container is kept."""

    container: Container
    path: str

    def read(self) -> Progress:
        """How far the round has come; its beginning when that is not known."""
        content = self.container.read(self.path)
        try:
            return Progress() if content is None else msgspec.json.decode(content, type=Progress)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Keep it for the next sweep."""
        self.container.write(self.path, msgspec.json.encode(progress), JSON)
