"""The public vocabulary is complete, documented word for word, and fit for the CSVs that it stands in."""

import re
from enum import EnumMeta, StrEnum
from pathlib import Path

import pytest

from shared import reasons
from shared.device_files.rows import Rules
from shared.reasons import (
    FILE_REASONS,
    PASSED_OVER,
    READ_ELSEWHERE,
    REQUEST_REFUSED,
    TABLES,
    Explanation,
    FileReason,
    Note,
    PassedOverKind,
    RowExplanation,
    RowReason,
    UnreadableDeviceFile,
    explanation_of,
)
from shared.vocabulary import Remedy
from tests.device_files.cases import CASES, PARTNER_HEADER, text
from tests.device_files.expected import Rejected, Sent
from tests.device_files.given import read, sample
from tests.device_files.test_samples import SAMPLE_ROWS
from tests.device_files.workbook_builder import Sheet, Workbook

DOCUMENTS = Path(__file__).parents[1] / "docs"
EXPLANATIONS: dict[StrEnum, Explanation] = {value: table[value] for table in TABLES for value in table}
OTHERS = {"a refused request": REQUEST_REFUSED, "a row that is read elsewhere": READ_ELSEWHERE}


@pytest.mark.parametrize("explanation", [*EXPLANATIONS.values(), *OTHERS.values()], ids=[*EXPLANATIONS, *OTHERS])
def test_a_word_has_plain_sentences_and_says_what_to_do(explanation: Explanation) -> None:
    assert explanation.sentence.endswith(".")
    assert explanation.what_to_do.endswith(".")
    # No sentence holds what a tool that takes quotes off a CSV would split it at.
    assert not re.search(r'[,;|^"\t\r\n]', explanation.text)


@pytest.mark.parametrize("words", [kind for kind in vars(reasons).values() if isinstance(kind, EnumMeta)])
def test_every_word_has_its_explanation(words: type[StrEnum]) -> None:
    if words not in (StrEnum, PassedOverKind, Remedy):
        assert set(words) <= set(EXPLANATIONS)
        assert all(explanation_of(str(word)) is EXPLANATIONS[word] for word in words)


def test_a_word_of_another_version_of_the_app_has_no_explanation() -> None:
    assert explanation_of("word_of_another_version") is None


def test_no_value_is_two_things() -> None:
    values = [str(value) for table in TABLES for value in table] + list(PassedOverKind)
    assert len(values) == len(set(values))
    assert all(re.fullmatch(r"[a-z0-9_]+", value) for value in values)


def test_the_documents_have_every_word_with_its_sentences_and_no_other() -> None:
    line = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|(?: (\w+) \|)?$", re.MULTILINE)
    texts = [(DOCUMENTS / name).read_text(encoding="utf-8") for name in ("reasons.md", "outcomes.md")]
    rows = [row for text in texts for row in line.findall(text) if row[0] not in {*Remedy}]
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


def test_the_document_has_every_kind_that_is_passed_over_and_no_other() -> None:
    line = re.compile(r"^\| `(\w+)` \| ([^|]+) \|$", re.MULTILINE)
    assert dict(line.findall((DOCUMENTS / "reasons.md").read_text(encoding="utf-8"))) == PASSED_OVER


UNCLEAR = [["red", "green", "blue"], ["one", "AB12345678", "two"], ["three", "AB12345679", "four"]]
DAMAGED: dict[RowReason | Note, tuple[bytes, Rules]] = {
    RowReason.SERIAL_NOT_A_SERIAL: (text(PARTNER_HEADER, "True,,,LENOVO,21R3"), Rules()),
    RowReason.FORMULA_WITHOUT_VALUE: (sample("field/w_cx_bool_err_date.xlsx"), Rules()),
    RowReason.TEXT_UNREADABLE: (text(PARTNER_HEADER, "PF3\ufffdAB1,,,LENOVO,21R3"), Rules()),
    RowReason.PRODUCT_KEY_COPIED: (
        text(PARTNER_HEADER, "PF3ABC1,3305250000123,,,", "PF3ABC2,3305250000123,,,"),
        Rules(),
    ),
    RowReason.PART_NOT_UNDERSTOOD: (
        Workbook(
            [Sheet("A", [PARTNER_HEADER.split(","), ["PF3ABC1", "", "", "LENOVO", "21R3"]]), Sheet("B", UNCLEAR)]
        ).data(),
        Rules(),
    ),
    RowReason.GROUP_TAG_UNREADABLE: (
        text(PARTNER_HEADER + ",Group Tag", "PF3ABC1,,,LENOVO,21R3,Sal\ufffds"),
        Rules(batch_by_group_tag=True),
    ),
    RowReason.NO_BATCH: (
        text(PARTNER_HEADER, "PF3ABC1,,,LENOVO,21R3"),
        Rules(batch_by_group_tag=True, has_default_batch=False),
    ),
    Note.MANUFACTURER_SPELLING: (text(PARTNER_HEADER, "5CG0ABC1,,,Hewlett Packard,21R3"), Rules()),
    Note.SERIAL_UNWRAPPED: (sample("field/w_objstr_serial.csv"), Rules()),
    Note.COPIED_KEY_LEFT_OUT: (sample("field/51_key_copied_down.csv"), Rules()),
    Note.TAG_NOT_CERTAIN: (text(PARTNER_HEADER + ",Group Tag", "PF3ABC1,,,LENOVO,21R3,Sal\ufffds"), Rules()),
    Note.TAG_REPEATS_SERIAL: (b"Serial,Make,Model,Tag\nABC1234,Dell Inc.,Latitude,ABC1234\n", Rules()),
    Note.TAG_WITHOUT_VALUE: (sample("field/w_cx_formula.xlsx"), Rules()),
}
"""Files whose rows have a reason or note that no case has."""


@pytest.mark.parametrize("value", DAMAGED)
def test_what_no_case_has_is_given_too(value: RowReason | Note) -> None:
    data, rules = DAMAGED[value]
    assert any(value is row.reason or value in row.notes for row in read(data, rules=rules))


def test_every_row_reason_and_note_that_reading_gives_is_tried() -> None:
    expected = [row for rows in (*SAMPLE_ROWS.values(), *(case.rows for case in CASES)) for row in rows]
    reasons = {row.reason for row in expected if isinstance(row, Rejected)}
    notes = {note for row in expected if isinstance(row, Sent) for note in row.notes}
    assert set(RowReason) - reasons - set(DAMAGED) == {RowReason.DUPLICATE}
    assert set(Note) - notes - set(DAMAGED) == set()


def test_the_message_of_an_unreadable_file_names_it_says_what_happened_and_what_to_do() -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(b"%PDF-1.7", name="devices.pdf")
    message = str(raised.value)
    assert message.startswith("devices.pdf: The file is of a kind that is not read. It is a PDF document.")
    assert message.endswith(FILE_REASONS[FileReason.UNKNOWN_FORMAT].what_to_do)
