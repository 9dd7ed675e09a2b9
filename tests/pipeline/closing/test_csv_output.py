"""The CSVs for people: sentences come last, and no tool that removes quotes shifts a cell."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center import outcome_codes
from shared.pipeline.closing import accounting, csv_output
from shared.pipeline.closing.csv_output import in_one_cell, results_csv
from shared.pipeline.corrections import retry, withdrawal_decisions
from shared.reasons import PASSED_OVER, READ_ELSEWHERE, REQUEST_REFUSED, TABLES
from shared.storage.records import DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import Outcome, WithdrawalResult

SPLIT = re.compile(r"[,;|^\t\r\n]")
SENTENCES = ["error_description", "what_to_do"]


EXPLANATIONS = [*(each for table in TABLES for each in table.values()), REQUEST_REFUSED, READ_ELSEWHERE]
"""All our own sentences about files and rows."""
OURS = {text for each in EXPLANATIONS for text in (each.text, each.sentence, each.what_to_do)} | {
    *PASSED_OVER.values(),
    *(each.what_to_do for each in outcome_codes.EXPLANATIONS),
}


@pytest.mark.parametrize("sentence", sorted(OURS))
def test_no_sentence_of_ours_holds_what_a_csv_is_split_at(sentence: str) -> None:
    assert not SPLIT.search(sentence)
    assert in_one_cell(sentence) == sentence


@pytest.mark.parametrize(
    "columns", [csv_output.COLUMNS, withdrawal_decisions.COLUMNS, accounting.COLUMNS, retry.COLUMNS]
)
def test_no_column_has_a_name_that_is_split_and_sentences_stand_last(columns: tuple[str, ...]) -> None:
    assert not any(map(SPLIT.search, columns))
    assert [name for name in columns if name in SENTENCES] in ([], list(columns[-2:]))


@given(st.text(), st.text())
def test_whatever_the_service_says_a_csv_without_its_quotes_has_as_many_cells(said: str, cure: str) -> None:
    outcome = DeviceOutcome(
        reading_id="f.1", row=1, outcome=Outcome.FAILED, error_code="400", error_description=said, what_to_do=cure
    )
    text = b"".join(results_csv([outcome], ",")).decode("utf-8-sig")
    line = text.split("\r\n", 1)[1].removesuffix("\r\n").replace('"', "")
    assert len(re.split(r"[,;|^\t\r\n]", line)) == len(csv_output.COLUMNS)


def test_the_words_of_the_service_stand_in_the_csv_without_what_splits_it() -> None:
    said = "Invalid input, see\r\nhttps://example.com; row 3"
    outcome = DeviceOutcome(reading_id="f.1", row=1, outcome=Outcome.FAILED, error_description=said)
    text = b"".join(results_csv([outcome], ",")).decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert line["error_description"] == "Invalid input see https://example.com row 3"
    device = DeviceWithdrawal(
        reading_id="f.1", row=1, run=1, batch_id="B", result=WithdrawalResult.REFUSED, error_description=said
    )
    assert withdrawal_decisions.line(outcome, device)[-2] == "Invalid input see https://example.com row 3"
