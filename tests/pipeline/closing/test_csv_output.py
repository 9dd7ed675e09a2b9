"""The CSVs that people get: their sentences stand last, and no tool that takes quotes off shifts a cell."""

import csv
import io
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files import FILE_NOTES, FILE_REASONS, NOTES, PASSED_OVER, REASONS
from shared.partner_center import outcome_codes
from shared.pipeline import outcome_rules
from shared.pipeline.closing import accounting, close
from shared.pipeline.closing.csv_output import in_one_cell
from shared.pipeline.corrections import retry, withdrawal_decisions
from shared.pipeline.corrections import to_fix as fixing
from shared.storage.records import DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import Outcome, WithdrawalResult

SPLIT = re.compile(r"[,;|^\t\r\n]")
SENTENCES = ["error_description", "what_to_do"]


def sentences() -> Iterator[str]:
    """Every sentence of ours that can stand in a CSV."""
    for table in (REASONS, NOTES, FILE_REASONS, FILE_NOTES):
        for explanation in table.values():
            yield explanation.sentence
            yield explanation.what_to_do
    yield from PASSED_OVER.values()
    for explained in (*outcome_codes._BY_NAME.values(), outcome_codes._WITHOUT_A_CODE, outcome_codes.UNDOCUMENTED):
        yield explained.what_to_do
    yield outcome_codes._REGISTERED.what_to_do
    for module in (outcome_rules, close, withdrawal_decisions, fixing):
        yield from (
            value
            for name, value in vars(module).items()
            if isinstance(value, str) and name.endswith(("_SENTENCE", "_CURE", "_ELSEWHERE"))
        )


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_no_sentence_of_ours_holds_what_a_csv_is_split_at(sentence: str) -> None:
    assert not SPLIT.search(sentence)
    assert in_one_cell(sentence) == sentence


@pytest.mark.parametrize("columns", [close.COLUMNS, withdrawal_decisions.COLUMNS, accounting.COLUMNS, retry.COLUMNS])
def test_no_column_has_a_name_that_is_split_and_sentences_stand_last(columns: tuple[str, ...]) -> None:
    assert not any(map(SPLIT.search, columns))
    assert [name for name in columns if name in SENTENCES] in ([], list(columns[-2:]))


@given(st.text(), st.text())
def test_whatever_the_service_says_a_csv_without_its_quotes_has_as_many_cells(said: str, cure: str) -> None:
    outcome = DeviceOutcome(
        reading_id="f.1", row=1, outcome=Outcome.FAILED, error_code="400", error_description=said, what_to_do=cure
    )
    text = b"".join(close.csv_pieces([outcome])).decode()
    line = text.split("\r\n", 1)[1].removesuffix("\r\n").replace('"', "")
    assert len(re.split(r"[,;|^\t\r\n]", line)) == len(close.COLUMNS)


def test_the_words_of_the_service_stand_in_the_csv_without_what_splits_it() -> None:
    said = "Invalid input, see\r\nhttps://example.com; row 3"
    outcome = DeviceOutcome(reading_id="f.1", row=1, outcome=Outcome.FAILED, error_description=said)
    text = b"".join(close.csv_pieces([outcome])).decode()
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert line["error_description"] == "Invalid input see https://example.com row 3"
    device = DeviceWithdrawal(
        reading_id="f.1", row=1, run=1, batch_id="B", result=WithdrawalResult.REFUSED, error_description=said
    )
    assert withdrawal_decisions.line(outcome, device)[-2] == "Invalid input see https://example.com row 3"
