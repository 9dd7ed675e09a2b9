"""Each wake-up reaches the module that acts on it; an unreadable wake-up is logged and dropped."""

import logging

import pytest

from shared.pipeline.dispatch import wake
from shared.storage.wakeups import (
    BlobWakeUp,
    DueSubmission,
    FileWakeUp,
    SubmissionsWakeUp,
    SubmissionWakeUp,
    WakeUp,
    encode,
)
from shared.vocabulary import FileState, SubmissionState
from tests.pipeline.world import CUSTOMER, World, numbered

PATH = f"{CUSTOMER}/Test/devices.csv"


def arrives(world: World, wake_up: WakeUp) -> None:
    wake(world.pipeline, encode(wake_up).encode(), "message-1")


def state_of(world: World, file: str) -> FileState:
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return stored.record.state


def test_the_wake_up_of_a_blob_reads_it(world: World) -> None:
    file = world.put(numbered(3))
    arrives(world, BlobWakeUp(path=PATH))
    assert state_of(world, file) is FileState.READ


def test_the_wake_up_of_a_submission_polls_it_when_it_is_due(world: World) -> None:
    file = world.drop_file(numbered(3))
    accepted = world.submission(file).record
    assert accepted.state is SubmissionState.ACCEPTED
    world.clock.now += world.settings.advanced.claim
    arrives(world, SubmissionWakeUp(reading_id=f"{file}.1", number="1", sequence=accepted.sequence))
    assert world.submission(file).record.state.is_final


def test_a_wake_up_of_several_submissions_wakes_each_of_them(world: World) -> None:
    file = world.drop_file(numbered(3))
    accepted = world.submission(file).record
    world.clock.now += world.settings.advanced.claim
    due = (DueSubmission(number="1", sequence=accepted.sequence),)
    arrives(world, SubmissionsWakeUp(reading_id=f"{file}.1", due=due))
    assert world.submission(file).record.state.is_final


def test_the_wake_up_of_a_file_closes_it_when_all_its_submissions_are_over(world: World) -> None:
    file = world.drop_file(numbered(3))
    while not world.submission(file).record.state.is_final:
        assert world.deliver_next()
    arrives(world, FileWakeUp(customer_id=CUSTOMER, file_id=file))
    assert state_of(world, file) is FileState.CLOSED


def test_the_wake_up_of_an_unknown_file_changes_nothing(world: World) -> None:
    arrives(world, FileWakeUp(customer_id=CUSTOMER, file_id="0" * 36))
    assert world.wakeups.waiting == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"type":"unknown"}', b"\xff\xfe"])
def test_a_message_that_cannot_be_read_is_logged_by_its_id(
    world: World, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="shared"):
        wake(world.pipeline, body, "message-7")
    (record,) = caplog.records
    assert vars(record)["message_id"] == "message-7"
    assert world.wakeups.waiting == []
