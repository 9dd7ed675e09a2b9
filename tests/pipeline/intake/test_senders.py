"""Who sent a blob on the page, which its metadata alone does not say."""

from datetime import timedelta

import pytest

from shared.pipeline.intake.senders import sender_metadata, sending_of
from shared.pipeline.sweep import sweep
from shared.storage.blobs import BlobVersion
from tests.pipeline.world import START, World


def blob(metadata: dict[str, str]) -> BlobVersion:
    return BlobVersion("c/a.csv", "1", 5, START, metadata)


def test_the_first_version_that_names_an_entry_is_the_one_that_was_sent(world: World) -> None:
    metadata = sender_metadata(world.pipeline, "J\u00f6rg", "digest")
    assert all(value.isascii() for value in metadata.values())
    for _ in range(2):
        sending = sending_of(world.pipeline, blob(metadata), "f-1")
        assert sending is not None
        assert (sending.sent_by, sending.content_digest) == ("J\u00f6rg", "digest")
    assert sending_of(world.pipeline, blob(metadata), "f-2") is None


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"sending": ""},
        {"sending": "x/y"},
        {"sending": "00000000000001~a"},
        {"sending": "a" * 8_000},
        {"sent_by": "Ada"},
    ],
)
def test_any_other_metadata_names_nobody(world: World, metadata: dict[str, str]) -> None:
    assert sending_of(world.pipeline, blob(metadata), "f-1") is None


def test_nobody_is_not_entered(world: World) -> None:
    assert sender_metadata(world.pipeline, "") == {}


def test_entries_go_after_the_retention(world: World) -> None:
    metadata = sender_metadata(world.pipeline, "Ada")
    world.clock.now += world.settings.retention + timedelta(minutes=1)
    sweep(world.pipeline)
    assert sending_of(world.pipeline, blob(metadata), "f-1") is None
