"""A new submission: its body as it will be sent, its rows, and its first state."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.in_memory_storage import InMemoryContainer
from shared.pipeline.blob_names import is_payload
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.new_submission import SubmissionKey, kept_submission
from shared.storage.codec import unpacked
from shared.storage.submissions import SubmissionEntry
from shared.vocabulary import SubmissionState
from tests.pipeline.world import CUSTOMER, START

KEY = SubmissionKey("file", "file.1", CUSTOMER, "Test", "file/1", "7")


def kept(private: InMemoryContainer, body: bytes, rows: list[SentRow]) -> SubmissionEntry:
    return kept_submission(private, KEY, body, rows, "Waits.", START, START)


def rows_of(sources: list[str]) -> list[SentRow]:
    return [
        SentRow(row=number, source=source, serial_number=f"SN-{number}") for number, source in enumerate(sources, 5)
    ]


@given(st.binary(max_size=200))
def test_the_body_is_kept_to_the_byte_and_known_by_its_digest(body: bytes) -> None:
    private = InMemoryContainer()
    submission = kept(private, body, rows_of(["line 2"])).submission
    stored = private.read(submission.payload)
    assert stored == body
    assert is_payload(body, submission.payload_digest)
    assert not is_payload(body + b" ", submission.payload_digest)


def test_it_is_pending_and_names_its_rows() -> None:
    submission = kept(InMemoryContainer(), b"[]", rows_of(["line 2", "line 3"])).submission
    assert (submission.state, submission.devices) == (SubmissionState.PENDING, 2)
    assert (submission.first_row, submission.last_row, submission.rows) == (5, 6, None)
    assert (submission.request, submission.attempts, submission.sequence) == (None, 0, 0)
    assert submission.history[0].endswith(" Waits.")


@pytest.mark.parametrize("characters", [10, 60_000])
def test_rows_are_kept_in_the_journal_and_absurdly_long_ones_in_a_blob(characters: int) -> None:
    private, chance = InMemoryContainer(), random.Random(1)
    rows = rows_of([f"{chance.getrandbits(4 * characters):x}", "line 3"] * 4)
    entry = kept(private, b"[]", rows)
    content = private.read(entry.submission.rows) if entry.submission.rows else unpacked(entry.rows or {})
    assert (entry.rows is None) is (entry.submission.rows is not None) is (characters > 10)
    assert msgspec.json.decode(content or b"", type=list[SentRow]) == rows
