"""What would happen to a file says the same as what happens."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from shared.device_files.rows import Rules
from shared.pipeline.intake.preview import MOST_ROWS_KEPT, Destination, Fate, Preview, preview
from shared.pipeline.intake.rules import MOST_BATCHES, rules_for
from shared.reasons import FileReason, IntakeReason, Note, RowReason
from shared.vocabulary import FileOrder
from tests.device_files.cases import HEADER, HP_ROW
from tests.device_files.given import SAMPLES
from tests.device_files.hash_builder import build_hash
from tests.pipeline.world import CUSTOMER, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BY_TAG = Destination(Rules(batch_by_group_tag=True, has_default_batch=False))
TAGGED = "Manufacturer,Model,Serial number,Group Tag"


def seen(content: str, destination: Destination = BY_TAG, *, is_late: bool = False) -> Preview:
    return preview(lambda: [content.encode()], name="a.csv", destination=destination, now=NOW, is_late=lambda: is_late)


def tagged(*tags: str) -> str:
    rows = [f"LENOVO,21R3001BUK,PF3AB{number:04},{tag}" for number, tag in enumerate(tags)]
    return "\r\n".join([TAGGED, *rows, ""])


def test_the_preview_of_a_file_is_what_intake_makes_of_it(world: World) -> None:
    content = tagged("Kiosk", "KIOSK", "", "Sales", "n/a") + "LENOVO,21R3001BUK,PF3AB0003,Sales\r\nALONE,,,\r\n"
    found = seen(content, Destination(rules_for(world.pipeline.settings, CUSTOMER, None)))
    file_id = world.drop_file(content, f"{CUSTOMER}/devices.csv")
    stored = world.pipeline.journal.files.get(CUSTOMER, file_id)
    assert stored is not None
    counts = stored.record.read_counts
    assert (found.rows, found.fates[Fate.REJECTED], found.fates[Fate.DUPLICATE]) == (
        counts.total,
        counts.rejected,
        counts.duplicate,
    )
    submitted = Counter[str]()
    for submission in world.pipeline.journal.submissions.of_reading(stored.record.reading_id):
        submitted[submission.record.batch_id] += submission.record.devices
    assert found.batches == submitted == {"Kiosk": 2, "Sales": 1}


def test_rows_without_a_tag_go_to_the_default_batch_or_the_batch_folder() -> None:
    rules = Rules(batch_by_group_tag=True, has_default_batch=True)
    assert seen(tagged("", "Kiosk"), Destination(rules, None, "Spare")).batches == {"Spare": 1, "Kiosk": 1}
    assert seen(tagged("", "Kiosk"), Destination(Rules(), "Sales")).batches == {"Sales": 2}
    assert seen(tagged("", "Kiosk")).reasons == {RowReason.NO_BATCH: 1}


def test_too_many_batches_reject_the_whole_file() -> None:
    found = seen(tagged(*map(str, range(MOST_BATCHES + 1))))
    assert found.fault is not None
    assert found.fault.reason == IntakeReason.TOO_MANY_BATCHES
    assert found.sends == 0
    assert seen(tagged(*map(str, range(MOST_BATCHES)))).fault is None


def test_a_file_that_cannot_be_read_says_why() -> None:
    found = seen("%PDF-1.7")
    assert found.fault is not None
    assert found.fault.reason == FileReason.UNKNOWN_FORMAT
    assert (found.rows, found.sends) == (0, 0)


def test_what_a_spreadsheet_damaged_and_the_hash_restores_is_told_row_by_row() -> None:
    damaged = (SAMPLES.parents[2] / "local" / "samples" / "first-run" / "2-saved-by-excel.csv").read_text("utf-8")
    found = seen(damaged, Destination(Rules(), "Sales"))
    assert found.notes[Note.SERIAL_RESTORED] == len(found.noted) > 0
    assert all(Note.SERIAL_RESTORED in row.notes and row.serial_number.isalnum() for row in found.noted)


def test_the_first_rejected_rows_are_kept_and_all_are_counted() -> None:
    rows = "".join(f"ALONE-{number},,\r\n" for number in range(MOST_ROWS_KEPT + 5))
    found = seen(f"{HEADER}\r\n{rows}{HP_ROW}\r\n", Destination(Rules(), "Sales"))
    assert found.reasons == {RowReason.SERIAL_ALONE: MOST_ROWS_KEPT + 5}
    assert len(found.rejected) == MOST_ROWS_KEPT
    assert found.sends == 1


def test_when_the_time_is_up_the_first_rows_are_counted_and_that_is_said() -> None:
    rows = "".join(f"ALONE-{number},,\r\n" for number in range(1_000))
    found = seen(f"{HEADER}\r\n{rows}", Destination(Rules(), "Sales"), is_late=True)
    assert found.is_cut_short
    assert 0 < found.rows < 1_000
    assert not seen(f"{HEADER}\r\n{rows}", Destination(Rules(), "Sales")).is_cut_short


def test_a_later_row_that_is_the_better_record_counts_as_intake_counts_it() -> None:
    content = f"{HEADER},Manufacturer,Model\r\n5ES8901IC4,,,HP,HP EliteBook 840 G8 Notebook PC\r\n{HP_ROW}\r\n"
    found = seen(content, Destination(Rules(), "Sales"))
    assert found.fates == {Fate.SEND: 1, Fate.DUPLICATE: 1}


def test_a_file_without_rows_ends_when_the_time_is_up_as_well() -> None:
    read: list[int] = []

    def comments() -> Iterator[bytes]:
        yield f"{HEADER}\r\nSN-1,,,LENOVO,T14\r\n".encode()
        for piece in range(100):
            read.append(piece)
            yield (b"#" + b" word" * 200 + b"\r\n") * 1_100

    found = preview(comments, name="a.csv", destination=BY_TAG, now=NOW, is_late=lambda: len(read) > 2)
    assert found.is_cut_short
    assert len(read) < 10


def test_rows_that_name_nothing_to_find_their_device_by_are_counted_where_it_is_to_be_removed_or_moved() -> None:
    content = f"{HEADER}\r\n,,{build_hash(serial='')}\r\n{HP_ROW}\r\n"
    rules = Rules(has_default_batch=True)
    assert seen(content, Destination(rules)).nameless_sentence == ""
    found = seen(content, Destination(rules, order=FileOrder.REMOVE))
    assert (found.sends, found.nameless) == (2, 1)
    assert found.nameless_sentence.startswith("1 row will end as nothing_to_find_it_by: The row has neither")
