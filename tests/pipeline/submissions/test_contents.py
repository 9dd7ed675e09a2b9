"""The stored contents of a submission are read, and missing contents are named."""

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.storage.record_table import Conflict
from shared.storage.records import Batch, BatchState, Submission
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered


@pytest.fixture
def waiting(make_world: MakeWorld) -> World:
    """A world that sends nothing by itself."""
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")


def _dropped(world: World) -> tuple[Contents, Submission]:
    submission = world.submission(world.drop_file(numbered(3))).record
    return Contents(world.journal, world.private), submission


def test_body_and_rows_are_those_that_were_kept(waiting: World) -> None:
    contents, submission = _dropped(waiting)
    assert contents.body(submission) == waiting.private.read(submission.payload)
    assert [row.serial_number for row in contents.rows(submission)] == ["SN-00001", "SN-00002", "SN-00003"]


def test_a_body_that_was_changed_counts_as_missing(waiting: World) -> None:
    contents, submission = _dropped(waiting)
    waiting.lose_content(submission.file_id)
    waiting.private.put(submission.payload, b"[]")
    with pytest.raises(BlobMissing, match="Restore it"):
        contents.body(submission)


def test_a_body_that_is_lost_is_made_again_from_the_private_copy(waiting: World) -> None:
    contents, submission = _dropped(waiting)
    body = contents.body(submission)
    waiting.private.delete(submission.payload)
    assert contents.body(submission) == body
    waiting.private.put(submission.payload, b"[]")
    assert contents.body(submission) == body


def test_what_another_worker_has_cleaned_up_is_not_missing(waiting: World) -> None:
    contents, submission = _dropped(waiting)
    waiting.private.delete(submission.payload)
    stored = waiting.submission(submission.file_id)
    waiting.journal.submissions.change(stored, replace(submission, sequence=submission.sequence + 1))
    with pytest.raises(Conflict):
        contents.body(submission)


def test_a_batch_is_named_as_the_service_spells_it(waiting: World) -> None:
    contents, submission = _dropped(waiting)
    assert contents.spelling_of_batch(submission) == "Test"
    known = Batch(
        customer_id=CUSTOMER,
        batch_id="TEST",
        state=BatchState.KNOWN,
        claimed_by="",
        claimed_until=waiting.clock(),
    )
    waiting.journal.batches.change(None, known)
    assert contents.spelling_of_batch(submission) == "TEST"
