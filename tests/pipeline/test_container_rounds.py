"""A container is listed a few pages at a time; blobs added meanwhile are found in the next round."""

from collections.abc import Iterator

import pytest

from local.in_memory_storage import InMemoryContainer
from shared.pipeline.container_rounds import (
    PAGES_AT_ONCE,
    Progress,
    ProgressBlob,
    pages_of_round,
    pages_of_thorough_round,
)
from shared.storage.blobs import BlobPage

PROGRESS = "sweep/progress"


class SmallPages(InMemoryContainer):
    """A container with two blobs on a page."""

    def page(self, marker: str | None = None, most: int = 2) -> BlobPage:  # noqa: ARG002
        return super().page(marker, 2)


@pytest.fixture
def memory() -> ProgressBlob:
    return ProgressBlob(InMemoryContainer(), PROGRESS)


def _filled(count: int) -> SmallPages:
    container = SmallPages()
    for number in range(count):
        container.put(f"{number:03d}", b"x")
    return container


def _sweep(container: SmallPages, memory: ProgressBlob, day: int) -> tuple[list[str], bool]:
    """The paths that one sweep lists, and whether all of them were listed thoroughly."""
    pages = list(pages_of_round(container, memory, day))
    assert len(pages) <= PAGES_AT_ONCE
    return [version.path for page in pages for version in page.versions], all(page.is_thorough for page in pages)


def test_a_small_container_is_listed_whole_each_time_and_thoroughly_once_a_day(memory: ProgressBlob) -> None:
    container = _filled(5)
    whole = [f"{number:03d}" for number in range(5)]
    assert [_sweep(container, memory, day) for day in (1, 1, 2, 2)] == [
        (whole, True),
        (whole, False),
        (whole, True),
        (whole, False),
    ]


def test_a_large_container_is_listed_in_several_sweeps_without_gaps(memory: ProgressBlob) -> None:
    container = _filled(20)
    sweeps = [_sweep(container, memory, 1) for _ in range(3)]
    assert [path for paths, _ in sweeps for path in paths] == [f"{number:03d}" for number in range(20)]
    assert all(is_thorough for _, is_thorough in sweeps)
    assert _sweep(container, memory, 1) == ([f"{number:03d}" for number in range(8)], False)


def test_a_thorough_round_that_lasts_into_the_next_day_ends_and_another_follows(memory: ProgressBlob) -> None:
    container = _filled(20)
    assert [_sweep(container, memory, day)[1] for day in (1, 1, 2, 2)] == [True, True, True, True]
    assert [len(_sweep(container, memory, 2)[0]) for _ in range(2)] == [8, 4]
    assert not _sweep(container, memory, 2)[1]


def test_a_page_whose_sweep_dies_is_listed_again(memory: ProgressBlob) -> None:
    container = _filled(20)
    pages: Iterator[object] = pages_of_round(container, memory, 1)
    next(pages)
    next(pages)
    assert _sweep(container, memory, 1)[0][:2] == ["002", "003"]


def test_progress_that_cannot_be_read_begins_a_round(memory: ProgressBlob) -> None:
    for content in (b"", b"740000", b'{"marker": 7}'):
        memory.container.write(PROGRESS, content, "text/plain")
        assert memory.read() == Progress()


def test_a_thorough_round_alone_lists_nothing_until_the_next_day(memory: ProgressBlob) -> None:
    container = _filled(10)

    def listed(day: int) -> int:
        return sum(len(page.versions) for page in pages_of_thorough_round(container, memory, day))

    assert [listed(day) for day in (1, 1, 1, 2, 2, 2)] == [8, 2, 0, 8, 2, 0]
