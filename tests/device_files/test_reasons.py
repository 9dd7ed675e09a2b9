"""The public vocabulary is complete, and documented word for word."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from shared.device_files import (
    FILE_REASONS,
    NOTES,
    REASONS,
    Explanation,
    FileReason,
    Note,
    RowExplanation,
    RowReason,
    UnreadableDeviceFile,
)
from tests.device_files.cases import CASES
from tests.device_files.expected import Rejected, Sent
from tests.device_files.given import read
from tests.device_files.test_samples import SAMPLE_ROWS

DOCUMENT = Path(__file__).parents[2] / "docs" / "reasons.md"
EXPLANATIONS: dict[StrEnum, Explanation] = dict([*REASONS.items(), *NOTES.items(), *FILE_REASONS.items()])


@pytest.mark.parametrize("value", [*RowReason, *Note, *FileReason])
def test_a_reason_has_one_plain_sentence_and_says_what_to_do(value: StrEnum) -> None:
    explanation = EXPLANATIONS[value]
    assert explanation.sentence.endswith(".")
    assert explanation.what_to_do.endswith(".")


def test_no_value_is_two_things() -> None:
    values = [str(value) for value in (*RowReason, *Note, *FileReason)]
    assert len(values) == len(set(values))
    assert all(re.fullmatch(r"[a-z0-9_]+", value) for value in values)


def test_the_document_has_every_reason_with_its_words_and_no_other() -> None:
    line = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|(?: (\w+) \|)?$", re.MULTILINE)
    rows = line.findall(DOCUMENT.read_text(encoding="utf-8"))
    documented = {name: (sentence, what_to_do, remedy) for name, sentence, what_to_do, remedy in rows}
    assert documented == {
        str(value): (
            explanation.sentence,
            explanation.what_to_do,
            str(explanation.remedy) if isinstance(explanation, RowExplanation) else "",
        )
        for value, explanation in EXPLANATIONS.items()
    }
    assert len(rows) == len(documented)


def test_every_row_reason_and_note_that_reading_gives_is_tried_by_a_case() -> None:
    expected = [row for rows in (*SAMPLE_ROWS.values(), *(case.rows for case in CASES)) for row in rows]
    reasons = {row.reason for row in expected if isinstance(row, Rejected)}
    notes = {note for row in expected if isinstance(row, Sent) for note in row.notes}
    assert set(RowReason) - reasons == {RowReason.DUPLICATE, RowReason.NO_BATCH}
    assert set(Note) - notes == set()


def test_the_message_of_an_unreadable_file_names_it_says_what_happened_and_what_to_do() -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(b"%PDF-1.7", name="devices.pdf")
    assert str(raised.value) == (
        "devices.pdf: The file is of a kind that is not read. It is a PDF document. "
        "Drop the devices as CSV, XLSX, XLS, JSON, OA3.xml, or one of these in a .zip or .gz."
    )
