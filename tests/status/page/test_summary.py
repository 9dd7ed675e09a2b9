"""The head of a file's page: what happened, and what to do now."""

import pytest
from msgspec.structs import replace

from shared.reasons import NOWHERE_NOW, PERHAPS_NOWHERE
from shared.status.page import summary
from shared.status.schemas import (
    ReasonCount,
    Standstill,
    StandstillKind,
    WithdrawalView,
)
from shared.vocabulary import FileOrder, FileState, Outcome, Remedy, WithdrawalState
from tests.status.page.file_details import FILE_ID, NOW, details

WITHDRAWAL = WithdrawalView(
    state=WithdrawalState.FINISHED,
    asked_at=NOW,
    finished_at=NOW,
    total=3,
    withdrawn=1,
    already_gone=1,
    refused=1,
    last_answer=None,
)


@pytest.mark.parametrize(
    ("counts", "headline"),
    [
        ({"registered": 1}, "The device is registered"),
        ({"registered": 12}, "All 12 devices are registered"),
        ({"already_registered": 2}, "All 2 devices were already registered"),
        ({"registered": 9, "already_registered": 3}, "All 12 devices are registered, 3 of them from before"),
        ({"registered": 1, "failed": 1}, "1 of 2 devices is registered; 1 is not"),
        ({"registered": 2_000, "rejected": 3, "unknown": 4}, "2,000 of 2,007 devices are registered; 7 are not"),
        ({"duplicate": 2}, "There was nothing to register"),
    ],
)
def test_a_closed_file_says_in_one_line_how_it_ended(counts: dict[str, int], headline: str) -> None:
    assert summary.summarize(details(FileState.CLOSED, **counts)).headline == headline


@pytest.mark.parametrize(
    ("counts", "headline"),
    [
        ({"removed": 1}, "The device is removed"),
        ({"removed": 12}, "All 12 devices are removed"),
        ({"not_registered": 1}, "Nothing was to be removed: the device is not registered"),
        ({"not_registered": 3}, "Nothing was to be removed: none of the 3 devices is registered"),
        ({"removed": 2, "not_registered": 1}, "2 devices removed; 1 was not registered"),
        ({"removed": 1, "failed": 1}, "1 of 2 devices is removed; 1 is not removed"),
        (
            {"removed": 3, "not_registered": 2, "rejected": 2},
            "3 of 7 devices are removed; 2 were not registered; 2 are not removed",
        ),
        ({"duplicate": 2}, "There was nothing to remove"),
    ],
)
def test_a_closed_file_that_removes_devices_says_in_one_line_how_it_ended(
    counts: dict[str, int], headline: str
) -> None:
    closed = details(FileState.CLOSED, **counts)
    removal = replace(closed, file=replace(closed.file, order=FileOrder.REMOVE))
    assert summary.summarize(removal).headline == headline


def test_devices_of_a_move_that_are_registered_nowhere_come_first() -> None:
    closed = details(FileState.CLOSED, registered=1, failed=2, unknown=1)
    reasons = [
        ReasonCount(outcome=Outcome.FAILED, reason="812", remedy=Remedy.FIX, sentence=f"{NOWHERE_NOW} it was", rows=2),
        ReasonCount(
            outcome=Outcome.UNKNOWN, reason="no_verdict", remedy=Remedy.ASK, sentence=f"X. {PERHAPS_NOWHERE} it", rows=1
        ),
    ]
    move = replace(closed, file=replace(closed.file, order=FileOrder.MOVE), reasons=reasons)
    told = summary.summarize(move)
    assert told.headline == "1 of 4 devices is moved; 3 are not"
    assert [todo.title for todo in told.todos[:2]] == [
        "2 devices are registered nowhere.",
        "1 device may be registered nowhere.",
    ]


def test_a_file_at_work_says_how_far_it_is_and_that_nobody_needs_to_do_anything() -> None:
    told = summary.summarize(details(FileState.READ, registered=300, open=700))
    assert told.headline == "300 of 1,000 rows have their outcome"
    assert told.sentences == (
        "1 of 2 submissions to Partner Center are done.",
        "There is nothing to do: it continues by itself.",
    )
    assert summary.summarize(details(FileState.RECEIVED)).headline == "Its rows are being read"


@pytest.mark.parametrize("state", [FileState.RECEIVED, FileState.CLOSING])
def test_a_file_of_which_nothing_waits_for_the_service_goes_on_while_sending_stands_still(state: FileState) -> None:
    pause = Standstill(
        kind=StandstillKind.PAUSED,
        customer_id=None,
        customer_name=None,
        since=NOW,
        tried_again_at=None,
        reason="Sending is paused.",
        what_to_do="Resume.",
    )
    told = summary.summarize(replace(details(state), stopped=[pause]))
    assert told.label == summary.IN_PROGRESS
    assert "stands still" not in " ".join(told.sentences)


def test_what_can_be_done_is_said_by_kind_of_remedy() -> None:
    found = replace(
        details(registered=1, failed=6),
        reasons=[
            ReasonCount(outcome=Outcome.REJECTED, reason="serial_alone", remedy=Remedy.FIX, rows=2),
            ReasonCount(outcome=Outcome.FAILED, reason="808", remedy=Remedy.ASK, rows=3),
            ReasonCount(outcome=Outcome.FAILED, reason="", name="StorageError", remedy=Remedy.SEND_AGAIN, rows=1),
            ReasonCount(outcome=Outcome.UNKNOWN, reason="no_verdict", remedy=Remedy.SEND_AGAIN, rows=4),
        ],
    )
    told = summary.summarize(found)
    assert [todo.title for todo in told.todos] == ["Fix 2 rows.", "Send 5 rows again.", "3 rows need someone else."]
    assert (told.rows_to_fix, told.rows_to_send_again) == (2, 5)


def test_rows_that_were_sent_again_are_not_asked_for_once_more() -> None:
    found = replace(details(registered=1, unknown=4), retry_file_id=FILE_ID)
    assert summary.summarize(found).rows_to_send_again == 0


def test_what_is_said_aloud_changes_at_each_tenth_of_the_way() -> None:
    said = [
        summary.announcement(details(FileState.READ, registered=ended, open=1_000 - ended))
        for ended in range(0, 1_000, 7)
    ]
    assert len(set(said)) == 10
    assert summary.announcement(details(registered=12)) == "All 12 devices are registered."


def test_a_withdrawal_says_how_far_it_is_and_what_was_refused_may_be_tried_again() -> None:
    found = replace(details(registered=3), withdrawal=WITHDRAWAL)
    said = summary.withdrawn(WITHDRAWAL)
    assert said == "Withdrawn: 2 of 3 devices were removed; 1 refused by Partner Center"
    assert summary.may_withdraw(found)
    assert summary.devices_to_withdraw(found) == 1
    assert not summary.is_in_progress(found)
    under_way = replace(found, withdrawal=replace(WITHDRAWAL, state=WithdrawalState.UNDER_WAY))
    assert summary.is_in_progress(under_way)
    assert not summary.may_withdraw(under_way)
    assert not summary.may_withdraw(details(already_registered=3))


def test_rows_that_were_fixed_while_their_file_is_open_are_no_longer_to_be_fixed() -> None:
    reason = ReasonCount(outcome=Outcome.REJECTED, reason="serial_alone", remedy=Remedy.FIX, rows=2)
    found = replace(details(FileState.READ, registered=1, rejected=2, open=1), reasons=[reason])
    told = [
        summary.summarize(replace(found, file=replace(found.file, registered_later=fixed, fixed_later=fixed)))
        for fixed in (0, 1, 2)
    ]
    assert [[todo.title for todo in each.todos] for each in told] == [["Fix 2 rows."], ["Fix 1 row."], []]
    assert [each.rows_to_fix for each in told] == [2, 1, 0]
    assert "There is nothing to do: it continues by itself." in told[-1].sentences


def test_devices_that_later_files_registered_are_told_apart_from_those_that_were_withdrawn() -> None:
    found = details(registered=1, failed=1, rejected=2)
    withdrawal = replace(WITHDRAWAL, total=1, withdrawn=1, already_gone=0, refused=0)
    of_file = replace(found.file, registered_later=3, fixed_later=2, withdrawal=withdrawal)
    told = summary.summarize(replace(found, file=of_file, withdrawal=withdrawal))
    assert told.sentences == (
        "Before that 1 of 4 devices was registered.",
        summary.WITHDRAWING_DOES_NOT,
        "1 row of it was registered by the file that sent them again.",
        "2 rows of it were registered by the file that fixed them.",
    )


@pytest.mark.parametrize(
    ("outcome", "reason"), [(outcome, "") for outcome in Outcome] + [(Outcome.REJECTED, "new_word")]
)
def test_every_reason_is_shown_even_one_that_is_not_known(outcome: Outcome, reason: str) -> None:
    summary.meaning(ReasonCount(outcome=outcome, reason=reason, rows=1))
