"""report.html: one page that says all and needs nothing."""

import re
from html.parser import HTMLParser

from msgspec import structs

from shared.status.queries import file as file_details
from shared.status.queries import known_file
from shared.status.report import MOST_ROWS, report_html, report_page
from shared.storage.records import Counts, DeviceOutcome
from shared.vocabulary import FileState, Outcome
from tests.pipeline.world import CUSTOMER, HEADER, START, World, tuples

HOSTILE = '<img src=x onerror=alert(1)> =cmd|"/c calc"!A1 \x1b]0;title\x07 \u202egpj {{ 7 * 7 }} </style></title>&amp;'
PATH = f"{CUSTOMER}/Test/{HOSTILE.replace('/', '_')}.csv"


class Page(HTMLParser):
    """What a browser would make of a page, as far as it matters here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(world: World, file_id: str) -> tuple[str, Page]:
    text = report_html(world.pipeline, known_file(world.pipeline, CUSTOMER, file_id))
    return text, Page(text)


def test_it_says_what_happened_to_the_file_and_what_to_do(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1", "STANDIN-812-1"]) + "ALONE,,,,\r\n")
    world.run()
    _, page = report(world, file)
    assert "devices.csv" in page.text
    assert "1 of 4 devices is registered; 3 are not" in page.text
    assert "download to_fix.xlsx" in page.text
    for row in world.rows(file)[1:]:
        assert row["serial_number"] in page.text
        assert row["what_to_do"] in page.text
        assert row["error_code"] in page.text
    assert "FINE-1" not in page.text
    assert "Closed: 4 total" in page.text


def test_it_needs_nothing_from_anywhere_and_runs_nothing(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1"]))
    world.run()
    text, page = report(world, file)
    assert not {"script", "link", "form", "img", "a", "iframe", "object"} & {name for name, _ in page.elements}
    assert all(str(use["href"]).startswith("#") for use in page.named("use"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not re.search(r"url\((?!#)|@import", text)
    (policy,) = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert not re.search(r"https?://", text.replace("http://www.w3.org/", ""))


def test_names_and_cells_full_of_markup_formulas_and_escapes_are_only_text(world: World) -> None:
    cell = '"' + HOSTILE.replace('"', '""') + '"'
    file = world.drop_file(f"{HEADER}\r\n{cell},,,{cell},\r\nSTANDIN-812-1,,,{cell},{cell}\r\n", PATH)
    world.run()
    text, page = report(world, file)
    assert not {"img", "script"} & {name for name, _ in page.elements}
    assert len(page.named("style")) == 1
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)


def test_a_file_that_was_rejected_says_why(world: World) -> None:
    file = world.drop_file(b"%PDF-1.7")
    _, page = report(world, file)
    assert "Nothing was sent" in page.text
    assert "It is a PDF document." in page.text


def test_a_file_under_way_has_a_report_too(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1"]) + "ALONE,,,,\r\n")
    _, page = report(world, file)
    assert "1 of 2 rows have their outcome" in page.text
    assert "ALONE" in page.text


def test_only_the_first_thousand_rows_are_shown_and_where_the_rest_stands(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1"]))
    world.run()
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    count = MOST_ROWS + 500
    outcomes = [Outcome.FAILED, Outcome.REJECTED, Outcome.REGISTERED, Outcome.UNKNOWN]
    world.journal.outcomes.write(
        DeviceOutcome(
            reading_id=stored.record.reading_id,
            row=row,
            outcome=outcomes[row % 4],
            serial_number=f"ROW-{row:04d}",
        )
        for row in range(1, count + 1)
    )
    counts = Counts(total=count, failed=375, rejected=375, registered=375, unknown=375)
    world.journal.files.change(stored, structs.replace(stored.record, closed_counts=counts))
    _, page = report(world, file)
    shown = [int(number) for number in re.findall(r"ROW-(\d{4})", page.text)]
    assert shown == [row for row in range(1, count + 1) if row % 4 != 2][:MOST_ROWS]
    assert "These are the first 1,000; 125 more stand in results.csv." in page.text


def test_it_is_made_of_the_records_alone(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1"]))
    world.run()
    details = file_details(world.pipeline, CUSTOMER, file)
    assert details.file.state is FileState.CLOSED
    page = Page(report_page(details, [], START))
    assert "Written by Device Drop at 20 Nov 2026, 12:00." in page.text
    assert "Rows that need attention" not in page.text
