"""A lost request body is rebuilt byte for byte, or not at all."""

import pytest

from local.partner_center import Behaviour
from shared.pipeline.blob_names import is_payload, private_copy
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.request_body import body_made_again
from shared.storage.records import DeviceFile, Submission
from shared.vocabulary import SubmissionState
from tests.device_files.hash_builder import build_hash
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.whole.test_faults import RefusesSome
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

TAGS = "\r\n".join(
    [
        f"{HEADER},Group Tag",
        *(f"SN-{number},,,LENOVO,21R3001BUK,{('Sales', 'Lab', 'sales')[number % 3]}" for number in range(9)),
    ]
)
READ_TWICE = "\r\n".join(
    [
        HEADER,
        "A1,,,Contoso,Laptop 7",
        "B1,,,Contoso,Laptop 7",
        "C1,,,Contoso,Laptop 7",
        f"A1,,{build_hash('A1', uuid=None, tpm_key=None)},,",
    ]
)
IN_BATCH, BY_TAG = f"{CUSTOMER}/Test/devices.csv", f"{CUSTOMER}/devices.csv"


def _dropped(world: World, content: str, path: str) -> tuple[DeviceFile, list[Submission]]:
    stored = world.journal.files.get(CUSTOMER, world.drop_file(content, path))
    assert stored is not None
    return stored.record, [each.record for each in world.journal.submissions.of_reading(stored.record.reading_id)]


def _made_again(world: World, file: DeviceFile, submission: Submission) -> bytes | None:
    rows = Contents(world.journal, world.private).rows(submission)
    return body_made_again(world.private, file, submission, rows)


@pytest.mark.parametrize(
    ("content", "path", "readings"), [(numbered(7), IN_BATCH, 1), (TAGS, BY_TAG, 1), (READ_TWICE, IN_BATCH, 2)]
)
def test_each_body_of_a_file_is_made_again_as_it_was(
    make_world: MakeWorld, content: str, path: str, readings: int
) -> None:
    world = make_world(INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="2")
    file, submissions = _dropped(world, content, path)
    assert file.reading == readings
    assert len(submissions) > 1
    for submission in submissions:
        assert _made_again(world, file, submission) == world.private.read(submission.payload)


def test_the_body_of_a_half_is_made_again_as_it_was(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.meet(RefusesSome(world.partner_center, "SN-00002"))
    file, _ = _dropped(world, numbered(8), IN_BATCH)
    while world.submission(file.file_id).record.state is not SubmissionState.SPLIT:
        assert world.deliver_next()
    for number in ("1-0", "1-1"):
        half = world.submission(file.file_id, number).record
        body = _made_again(world, file, half)
        assert body == world.private.read(half.payload)
        assert body is not None
        assert is_payload(body, half.payload_digest)


@pytest.mark.parametrize("copy", [None, b"", numbered(4, "OTHER-").encode(), numbered(2).encode(), b"\xff" * 900])
def test_a_copy_that_is_gone_or_gives_other_bytes_makes_no_body(make_world: MakeWorld, copy: bytes | None) -> None:
    world = make_world(INLINE_SUBMISSIONS="0")
    file, (submission,) = _dropped(world, numbered(4), IN_BATCH)
    world.private.delete(private_copy(file.file_id))
    if copy is not None:
        world.private.put(private_copy(file.file_id), copy)
    assert _made_again(world, file, submission) is None
