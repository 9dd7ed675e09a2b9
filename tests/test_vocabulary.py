"""The public words: each is stored as it is spelled, and nothing happens after a final state."""

import re
from enum import StrEnum

import pytest

from shared import vocabulary
from shared.storage.records import Counts
from shared.vocabulary import FileState, Outcome, SubmissionState

KINDS = [
    kind
    for kind in vars(vocabulary).values()
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind not in (StrEnum, vocabulary.Standing)
]
"""`Standing` has words for people, with blanks and commas."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_is_spelled_as_its_name_in_small_letters(kind: type[StrEnum]) -> None:
    words = [word for word in kind if word]  # an empty one says that there is nothing to say
    assert {word.value for word in words} == {word.name.lower() for word in words}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", word) for word in words)


def test_every_outcome_is_counted() -> None:
    assert set(Counts.__struct_fields__) - {"total"} == set(Outcome)


def test_the_final_states_of_a_file_come_last() -> None:
    states = list(FileState)
    assert [state.is_final for state in states] == sorted(state.is_final for state in states)
    assert [state for state in states if state.is_final] == [FileState.CLOSED, FileState.REJECTED, FileState.GONE]


def test_a_submission_is_final_once_the_service_has_nothing_more_to_say_on_it() -> None:
    assert [state for state in SubmissionState if not state.is_final] == [
        SubmissionState.PENDING,
        SubmissionState.ACCEPTED,
    ]


def test_numbers_have_their_noun() -> None:
    assert vocabulary.counted(1, "row") == "1 row"
    assert vocabulary.counted(12_345, "row") == "12,345 rows"
    assert vocabulary.counted(1, "row is", "rows are") == "1 row is"
    assert vocabulary.counted(0, "row is", "rows are") == "0 rows are"
