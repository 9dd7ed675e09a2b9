"""What became of everything in a file that is no row."""

import pytest

from shared.device_files.account import LONGEST_EXCERPT, MOST_SHOWN, FileAccount, could_hold_device, excerpt
from shared.reasons import FileNote, PassedOverKind
from tests.device_files.given import HASHES


def test_kinds_are_counted_and_their_first_places_and_beginnings_kept() -> None:
    account = FileAccount()
    for number in range(1, 1_001):
        account.pass_over(PassedOverKind.PROSE, f"line {number}", "nothing of note " * 100)
    (prose,) = account.passed_over
    assert (prose.count, len(prose.places), len(prose.excerpts)) == (1_000, MOST_SHOWN, MOST_SHOWN)
    assert max(map(len, prose.excerpts)) == LONGEST_EXCERPT
    assert not prose.may_hold_device
    assert not account.remarks


def test_what_could_be_a_device_gives_the_file_a_warning_with_its_places() -> None:
    account = FileAccount()
    account.pass_over(PassedOverKind.COMMENT, "line 3", "# 5CG1234567")
    account.pass_over(PassedOverKind.COMMENT, "line 4", "# nothing")
    assert account.passed_over[0].may_hold_device
    assert [(remark.note, remark.detail) for remark in account.remarks] == [(FileNote.MAY_HOLD_DEVICES, "line 3")]


@pytest.mark.parametrize("text", ["5CG1234567", "see 3300000000001", "a Lenovo", HASHES["90STDE5"], "x" * 10_000])
def test_a_long_run_with_a_digit_or_a_maker_could_be_of_a_device(text: str) -> None:
    assert could_hold_device(text)


@pytest.mark.parametrize("text", ["", "made by Ada", "internationalisation", "Room 12", "21.11.2026", "2 of 3"])
def test_words_and_short_numbers_could_not(text: str) -> None:
    assert not could_hold_device(text)


def test_an_excerpt_shows_nothing_of_a_hash_but_long_names() -> None:
    assert excerpt("deploymentProfileAssignmentStatus") == "deploymentProfileAssignmentStatus"
    assert excerpt(f"hash: {HASHES['90STDE5']}\r\nend") == "hash: …"


def test_details_of_a_note_are_kept_once_each_and_bounded() -> None:
    account = FileAccount()
    for number in range(100):
        account.note(FileNote.COLUMNS_IGNORED, "Raum", f"Column {number}")
    (remark,) = account.remarks
    assert remark.detail.startswith("Raum; Column 0; ")
    assert len(remark.detail) < 500
