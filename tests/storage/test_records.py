"""The records of the journal: what they add up to, and how long their histories may become."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.storage.codec import to_entity
from shared.storage.records import LONGEST_HISTORY, LONGEST_SENTENCE, Counts, DeviceFile, Withdrawal, with_sentence
from shared.vocabulary import FileState, WithdrawalState

NOW = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
NUMBERS = st.integers(0, 10**6)
COUNTS = st.builds(Counts, **dict.fromkeys(Counts.__struct_fields__, NUMBERS))
LARGEST_PROPERTY = 32_768
"""Characters of a text in a property (Understanding the Table service data model: 64 KiB of UTF-16)."""


def device_file(**fields: object) -> DeviceFile:
    known: dict[str, object] = {
        "file_id": "f",
        "path": "p",
        "etag": "e",
        "name": "n",
        "size": 1,
        "state": FileState.RECEIVED,
        "received_at": NOW,
        "due_at": NOW,
        "devices_per_submission": 500,
    }
    return DeviceFile(**(known | fields))  # type: ignore[arg-type]


@given(COUNTS, COUNTS)
def test_counts_add_up_field_by_field(one: Counts, other: Counts) -> None:
    both = one + other
    assert both == other + one
    assert both.ended == one.ended + other.ended
    assert both.total == one.total + other.total
    assert one + Counts() == one


def test_rows_that_have_ended_are_those_with_any_outcome() -> None:
    ended = {"registered": 1, "already_registered": 2, "failed": 4, "rejected": 8, "duplicate": 16, "unknown": 32}
    assert Counts(total=999, **ended, cancelled=64).ended == 127


def test_a_sentence_stands_behind_its_time() -> None:
    assert with_sentence(("before",), "Read.", NOW) == ("before", "2026-11-20 12:00:05 Read.")


@given(st.lists(st.text(min_size=1, max_size=2 * LONGEST_SENTENCE), max_size=10), st.integers(0, 300))
def test_a_long_history_keeps_its_beginning_and_its_latest_sentences(sentences: list[str], repeats: int) -> None:
    history: tuple[str, ...] = ()
    told = [*sentences, *(f"{number}." for number in range(repeats))]
    for sentence in told:
        history = with_sentence(history, sentence, NOW)
    assert len(history) == min(len(told), LONGEST_HISTORY)
    if told:
        assert history[0].endswith(told[0][:LONGEST_SENTENCE])
        assert history[-1].endswith(told[-1][:LONGEST_SENTENCE])


def test_the_longest_history_fits_a_property() -> None:
    history: tuple[str, ...] = ()
    for _ in range(2 * LONGEST_HISTORY):
        history = with_sentence(history, "x" * 10_000, NOW)
    row = to_entity(device_file(history=history), ("p", "r"))
    assert len(str(row["history_json"])) <= LARGEST_PROPERTY
    assert "shortened" not in row


def test_each_reading_has_keys_of_its_own() -> None:
    assert [device_file(reading=number).reading_id for number in (1, 2)] == ["f.1", "f.2"]


def test_a_withdrawal_is_done_with_every_device_whose_result_is_known() -> None:
    withdrawal = Withdrawal(asked_at=NOW, due_at=NOW, total=9, withdrawn=1, already_gone=2, refused=4)
    assert (withdrawal.done, withdrawal.is_under_way) == (7, True)
    ended = Withdrawal(asked_at=NOW, due_at=NOW, total=0, state=WithdrawalState.FINISHED)
    assert not ended.is_under_way
