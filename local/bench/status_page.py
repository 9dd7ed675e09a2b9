"""The list of files on the status page, compared with a bare table of the same text.

Making it is CPU of this process. Painting it is measured in an installed browser whose processor is slowed down, from
the first byte to the first paint; where there is no browser, that figure is not available.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from jinja2 import Environment

from local.bench.bench import BATCH, CUSTOMER, Bench, BenchError
from local.bench.discarding import pipeline_without_storage
from local.bench.goals import Figure, Measured
from local.bench.timing import in_turns
from local.chromium import chromium
from local.in_memory_storage import InMemoryTable
from shared.pipeline.composition import Pipeline
from shared.status import queries
from shared.status.authentication import Person
from shared.status.names import CustomerNames
from shared.status.page import pages
from shared.storage.journal import Journal
from shared.storage.records import Counts, DeviceFile
from shared.vocabulary import FileState

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SLOWER = 4
"""How many times the browser's processor is slowed down."""
CELLS = 8
"""Of a row of the bare table, as many as the list of files has."""
BARE = (
    "<!doctype html><table>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}{% endfor %}{% endfor %}</table>"
)
_PAINTED = """() => {
    const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1;
    return painted - performance.getEntriesByType("navigation")[0].responseStart;
}"""
_RECEIVED = datetime(2026, 3, 1, tzinfo=UTC)


def measure(bench: Bench) -> Measured:
    """What making the page and painting it take, divided by the same for the bare table."""
    number, rounds = bench.sizes.listed_files, bench.sizes.page_rounds
    pipeline, bare = _pipeline_with(number), Environment(autoescape=True).from_string(BARE)
    rows = [[f"devices-{file}.csv {cell}" for cell in range(CELLS)] for file in range(number)]
    actions: tuple[Callable[[], str], ...] = (lambda: _page(pipeline, number), lambda: bare.render(rows=rows))
    in_turns(1, *actions)
    made = in_turns(rounds, *actions)
    bench.say("made; painting")
    painted = _painted(bench, [action() for action in actions], rounds)
    return Measured(
        figures={
            "page_made_vs_bare_table": Figure.of([ours.cpu / theirs.cpu for ours, theirs in made]),
            "page_painted_vs_bare_table": (
                Figure.of([ours / theirs for ours, theirs in painted]) if painted else Figure(None)
            ),
        },
        raw={
            "files": number,
            "page_cpu_ms": Figure.of([ours.cpu * 1_000 for ours, _ in made]).value,
            "page_painted_ms": Figure.of([ours for ours, _ in painted]).value if painted else None,
        },
    )


def _pipeline_with(number: int) -> Pipeline:
    journal = Journal(lambda _: InMemoryTable())
    for each in range(number):
        journal.files.enter_by_time(_file(each))
    return replace(pipeline_without_storage(), journal=journal)


def _file(number: int) -> DeviceFile:
    received = _RECEIVED - timedelta(minutes=number)
    return DeviceFile(
        customer_id=CUSTOMER,
        file_id=str(UUID(int=number)),
        path=f"{CUSTOMER}/{BATCH}/devices-{number}.csv",
        etag="etag",
        name=f"devices-{number}.csv",
        batch_id=BATCH,
        size=4_000,
        state=FileState.CLOSED,
        received_at=received,
        due_at=received,
        devices_per_submission=500,
        closed_at=received,
        closed_counts=Counts(total=500, registered=480, already_registered=5, failed=6, rejected=7, duplicate=2),
        submissions=1,
    )


def _page(pipeline: Pipeline, number: int) -> str:
    found = queries.files(pipeline, limit=number, names=CustomerNames.of([]))
    if len(found.files) != number:
        raise BenchError(f"Of {number:,} files, the list has {len(found.files):,}.")
    return pages.files_page(found, pages.FileListForm(), Person())


def _painted(bench: Bench, contents: list[str], rounds: int) -> list[tuple[float, float]]:
    """Milliseconds to the first paint of the page and of the bare table, round by round; empty without a browser."""
    program = chromium()
    if program is None:
        return []
    # Imported when it is needed: a browser is no part of the other measurements.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with bench.place() as folder, sync_playwright() as running:
        files = [folder / f"{place}.html" for place in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            file.write_text(content, encoding="utf-8")
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            for file in files:
                _milliseconds_to_paint(browser, file)
            return [
                (_milliseconds_to_paint(browser, files[0]), _milliseconds_to_paint(browser, files[1]))
                for _ in range(rounds)
            ]
        finally:
            browser.close()


def _milliseconds_to_paint(browser: "Browser", file: Path) -> float:
    window = browser.new_page()
    try:
        window.context.new_cdp_session(window).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        window.goto(file.as_uri())
        window.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        milliseconds: float = window.evaluate(_PAINTED)
    finally:
        window.close()
    return milliseconds
