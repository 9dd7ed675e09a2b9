"""Lists a container in rounds: each sweep lists a few pages, from where the last sweep stopped.

A listing cannot be filtered by time, so a full listing would take longer with every stored blob. A blob is reached
within one round: at the next sweep if the container holds at most 20,000 blobs, and one sweep later for every further
20,000. With a sweep every five minutes, 5.7 million blobs are reached within a day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from shared.pipeline.blob_names import JSON
from shared.storage.blobs import BlobVersion, Container

PAGES_AT_ONCE = 4
"""Pages of at most 5,000 blobs that one sweep lists."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of the current round."""

    marker: str | None = None
    """The start of the next page; None begins a round."""
    day: int = 0
    """The day, as an ordinal, on which the last thorough round began."""
    is_thorough: bool = False


@dataclass(frozen=True, slots=True)
class RoundPage:
    """A page of the container; the first round of each day is thorough."""

    versions: Sequence[BlobVersion]
    is_thorough: bool


def pages_of_round(container: Container, progress: "ProgressBlob", today: int) -> Iterator[RoundPage]:
    """The pages that one sweep lists. If the caller fails or stops at a page, the next sweep lists it again."""
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
    """Like `pages_of_round`, but yields nothing after the day's thorough round."""
    now = progress.read()
    return iter(()) if now.marker is None and now.day == today else pages_of_round(container, progress, today)


@dataclass(frozen=True, slots=True)
class ProgressBlob:
    """The blob that stores the progress through a container."""

    container: Container
    path: str

    def read(self) -> Progress:
        """The progress of the round; its beginning if unknown."""
        content = self.container.read(self.path)
        try:
            return Progress() if content is None else msgspec.json.decode(content, type=Progress)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Store the progress for the next sweep."""
        self.container.write(self.path, msgspec.json.encode(progress), JSON)
