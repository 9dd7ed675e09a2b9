"""What a person sees of a dropped file."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from rich.console import Console

from local.dropping import Dropped
from local.following import Progress, harmless, next_steps, progress_table, show_rows, what_to_do, why
from shared.reasons import NOTES, Note
from shared.status.presenters import file_links, outcome_view
from shared.status.schemas import FileView, OutcomeCounts, OutcomeView
from shared.storage.records import DeviceOutcome
from shared.vocabulary import FileState, Outcome, ProfileOutcome, Remedy

CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
SERIAL_RESTORED = str(Note.SERIAL_RESTORED)
RESTORED = NOTES[Note.SERIAL_RESTORED].sentence
DROPPED = Dropped(f"{CUSTOMER}/Batch/[bold]a.csv", "0x1")


def progress(state: FileState, counts: OutcomeCounts | None = None) -> Progress:
    view = FileView(
        file_id=DROPPED.file_id,
        customer_id=CUSTOMER,
        customer_name=None,
        batch_id="Batch",
        name="a.csv",
        path=DROPPED.path,
        state=state,
        is_final=state.is_final,
        reason="no_device_rows",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        closed_at=None,
        size=1,
        counts=counts or OutcomeCounts(),
        submissions=2,
        submissions_final=1,
        parent_file_id=None,
        links=file_links(CUSTOMER, DROPPED.file_id, state, None),
    )
    return Progress(DROPPED, view, "It has no rows.")


def shown(*what: object) -> str:
    console = Console(width=200, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(*what)
    return captured.get()


def row(number: int, serial_number: str) -> OutcomeView:
    outcome = DeviceOutcome(
        reading_id=f"{DROPPED.file_id}.1", row=number, outcome=Outcome.REGISTERED, serial_number=serial_number
    )
    return outcome_view(outcome)


@pytest.mark.parametrize("state", list(FileState))
def test_every_state_has_a_sentence_and_only_final_ones_end_the_waiting(state: FileState) -> None:
    one = progress(state)
    assert one.sentence
    assert one.is_final == state.is_final
    assert one.is_closed == (state is FileState.CLOSED)


def test_a_file_that_may_hold_more_is_not_shown_as_done() -> None:
    one = progress(FileState.CLOSED)
    assert one.sentence == "closed"
    assert one.view is not None
    two = Progress(DROPPED, replace(one.view, is_incomplete=True))
    assert two.sentence.startswith("closed, may be incomplete ('python -m local status ")


def test_a_file_not_seen_yet_is_waited_for() -> None:
    one = Progress(DROPPED, None)
    assert (one.is_final, one.sentence) == (False, "waiting to be received")


def test_the_table_shows_counts_and_takes_no_markup_from_names() -> None:
    text = shown(progress_table([progress(FileState.CLOSED, OutcomeCounts(total=3, registered=1, rejected=2))]))
    assert "[bold]a.csv" in text
    assert "closed" in text


@pytest.mark.parametrize(
    ("counts", "named"),
    [
        (OutcomeCounts(total=1, rejected=1), {"--failed", "--to-fix"}),
        (OutcomeCounts(total=1, failed=1), {"--failed", "--to-fix"}),
        (OutcomeCounts(total=1, unknown=1), {"--failed", "retry"}),
        (OutcomeCounts(total=3, rejected=1, failed=1, unknown=1), {"--failed", "--to-fix", "retry"}),
        (OutcomeCounts(total=1, already_registered=1), {"--failed"}),
    ],
)
def test_only_commands_that_help_with_a_file_are_named(counts: OutcomeCounts, named: set[str]) -> None:
    one = progress(FileState.CLOSED, counts)
    assert one.view is not None
    [sentence] = next_steps([Progress(DROPPED, replace(one.view, needs_attention=True))])
    assert {word for word in ("--failed", "--to-fix", "retry") if word in sentence} == named
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("outcome", "description", "notes", "shown_as"),
    [
        (Outcome.ALREADY_REGISTERED, "ZtdDeviceAlreadyAssigned", "", "ZtdDeviceAlreadyAssigned"),
        (
            Outcome.ALREADY_REGISTERED,
            "ZtdDeviceAlreadyAssigned",
            SERIAL_RESTORED,
            f"ZtdDeviceAlreadyAssigned. {RESTORED}",
        ),
        (Outcome.ALREADY_REGISTERED, "It was there.", SERIAL_RESTORED, f"It was there. {RESTORED}"),
        (Outcome.FAILED, "A reason", SERIAL_RESTORED, f"808 A reason. {RESTORED}"),
        (Outcome.REGISTERED, "", SERIAL_RESTORED, RESTORED),
    ],
)
def test_reason_and_notes_are_sentences_of_their_own(
    outcome: Outcome, description: str, notes: str, shown_as: str
) -> None:
    one = replace(row(1, "PF"), outcome=outcome, error_code="808", error_description=description, notes=notes)
    assert why(one) == shown_as


@pytest.mark.parametrize(
    ("profile_outcome", "remedy", "told"),
    [
        (ProfileOutcome.ASSIGNED, Remedy.NOTHING, "Nothing."),
        (ProfileOutcome.NONE, Remedy.NOTHING, "Nothing."),
        (ProfileOutcome.REJECTED, Remedy.NOTHING, "Correct the name. (profile_unknown)"),
        (ProfileOutcome.REJECTED, Remedy.ASK, "Nothing. Correct the name. (profile_unknown)"),
    ],
)
def test_what_to_do_about_a_profile_is_told_as_on_the_page(
    profile_outcome: ProfileOutcome, remedy: Remedy, told: str
) -> None:
    one = replace(
        row(1, "PF"),
        what_to_do="Nothing.",
        remedy=remedy,
        profile_outcome=profile_outcome,
        profile_reason="profile_unknown",
        profile_what_to_do="Correct the name.",
    )
    assert what_to_do(one) == told


def test_a_rejected_file_says_why() -> None:
    assert "It has no rows." in shown(progress_table([progress(FileState.REJECTED)]))


def test_control_characters_from_files_do_not_reach_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\u202ec").plain == "a\\x1b[2Jb\\u202ec"
    console = Console(width=200)
    with console.capture() as captured:
        show_rows(console, "a.csv", [row(1, "PF\x1b]0;title\x07")])
    assert "\x1b]0" not in captured.get()
    assert "PF\\x1b]0;title\\x07" in captured.get()


def test_each_row_is_shown_and_a_file_without_rows_takes_no_room() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        show_rows(console, "a.csv", [row(number, f"PF-{number}") for number in range(3)])
    assert all(f"PF-{number}" in captured.get() for number in range(3))
    with console.capture() as captured:
        show_rows(console, "a.csv", [])
    assert captured.get() == ""
