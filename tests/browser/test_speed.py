"""The cost of a list of a thousand files, as a multiple of the cost of a short one: no test knows the machine."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from shared.status import queries
from shared.status.authentication import Person
from shared.status.page import pages
from shared.storage.records import Counts, DeviceFile
from shared.vocabulary import FileState
from tests.browser.looking import DESK, looking
from tests.browser.office import CONTOSO
from tests.browser.site import Site, running_site

FILES, FEW_FILES = 1_000, 50
MOST = 2 * FILES / FEW_FILES
"""Times that the long list may cost what the short one costs, measured beside it: in proportion, and twice that for
noise. A cost that grows with the square of the files is ten times as much."""
TRIES = 5
"""The machine may be busy with other things: the least of these counts."""


@pytest.fixture(scope="module")
def long_list() -> Iterator[Site]:
    with running_site() as site:
        for number in range(FILES):
            site.world.journal.files.enter_by_time(_file(site, number))
        yield site


def _file(site: Site, number: int) -> DeviceFile:
    received = site.world.clock() - timedelta(minutes=number)
    return DeviceFile(
        customer_id=CONTOSO,
        file_id=str(UUID(int=number)),
        path=f"{CONTOSO}/Sales Laptops/devices-{number}.csv",
        etag="etag",
        name=f"devices-{number}.csv",
        batch_id="Sales Laptops",
        size=4_000,
        state=FileState.CLOSED,
        received_at=received,
        due_at=received,
        devices_per_submission=500,
        closed_at=received,
        closed_counts=Counts(total=500, registered=480, already_registered=5, failed=6, rejected=7, duplicate=2),
        submissions=1,
    )


def test_making_a_long_list_costs_no_more_for_each_file(long_list: Site) -> None:
    def seconds(shown: int) -> float:
        started = time.process_time()
        found = queries.files(long_list.world.pipeline, limit=shown)
        assert pages.files_page(found, pages.AskedFiles(), Person()).count("<tr") == shown + 1
        return time.process_time() - started

    few, many = _least([(seconds(FEW_FILES), seconds(FILES)) for _ in range(TRIES)])
    assert many < MOST * few


def test_painting_a_long_list_costs_no_more_for_each_file(browser: Browser, long_list: Site) -> None:
    def milliseconds(shown: int) -> float:
        address = f"{long_list.files}?limit={shown if shown > FEW_FILES else ''}"
        return _milliseconds_to_paint(browser, address, shown)

    few, many = _least([(milliseconds(FEW_FILES), milliseconds(FILES)) for _ in range(TRIES)])
    assert many < MOST * few


def _least(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return min(first for first, _ in pairs), min(second for _, second in pairs)


def _milliseconds_to_paint(browser: Browser, address: str, shown: int) -> float:
    with looking(browser, DESK) as (window, _):
        window.goto(address)
        assert window.locator("tbody tr").count() == shown
        milliseconds: float = window.evaluate(
            """() => {
                const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity;
                return painted - performance.getEntriesByType("navigation")[0].responseStart;
            }"""
        )
        return milliseconds
