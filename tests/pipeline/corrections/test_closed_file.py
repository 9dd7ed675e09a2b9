"""A file that has ended, and its rows as they were read: a missing file or copy is named, with what to do."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.pipeline.blob_names import private_copy
from shared.pipeline.corrections.closed_file import (
    CopyExpired,
    FileStillOpen,
    FileUnknown,
    copied_bytes,
    ended_file,
    expect_copy,
    rows_again,
)
from tests.pipeline.world import CUSTOMER, World, numbered


def test_a_file_is_found_by_its_own_customer_once_it_has_ended(world: World) -> None:
    file = world.drop_file(numbered(3))
    with pytest.raises(FileStillOpen, match=r"devices\.csv.*Wait until it is closed"):
        ended_file(world.pipeline, CUSTOMER, file)
    world.run()
    assert ended_file(world.pipeline, CUSTOMER, file).record.file_id == file
    for customer, identifier in ((CUSTOMER, str(uuid4())), (str(uuid4()), file)):
        with pytest.raises(FileUnknown, match="RETENTION_DAYS"):
            ended_file(world.pipeline, customer, identifier)


def test_rows_and_bytes_are_those_of_the_copy_whatever_became_of_the_dropped_file(world: World) -> None:
    content = numbered(3)
    file = world.drop_file(content)
    world.run()
    world.drop.delete(f"{CUSTOMER}/Test/devices.csv")
    record = ended_file(world.pipeline, CUSTOMER, file).record
    assert [row.serial_number for row in rows_again(world.pipeline, record)] == ["SN-00001", "SN-00002", "SN-00003"]
    assert b"".join(copied_bytes(world.pipeline, record)) == content.encode()
    expect_copy(world.pipeline, record)


def test_a_copy_past_its_retention_is_named_as_such(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    record = ended_file(world.pipeline, CUSTOMER, file).record
    world.clock.now += timedelta(days=1)
    world.private.delete(private_copy(file))
    for ask in (
        lambda: list(rows_again(world.pipeline, record)),
        lambda: list(copied_bytes(world.pipeline, record)),
        lambda: expect_copy(world.pipeline, record),
    ):
        with pytest.raises(CopyExpired, match="your own copy"):
            ask()
