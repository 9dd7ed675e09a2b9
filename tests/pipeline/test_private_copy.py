"""The private copy gives the rows as the final reading produced them."""

import pytest

from shared.device_files.rows import CheckedRow
from shared.pipeline.blob_names import private_copy
from shared.pipeline.private_copy import rows_as_read
from shared.storage.blobs import VersionGone
from shared.storage.records import DeviceFile
from tests.device_files.hash_builder import build_hash
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

READ_TWICE = "\r\n".join(
    [HEADER, "A1,,,Contoso,Laptop 7", "B1,,,Contoso,Laptop 7", f"A1,,{build_hash('A1', uuid=None, tpm_key=None)},,"]
)


def _file(world: World, content: str) -> DeviceFile:
    stored = world.journal.files.get(CUSTOMER, world.drop_file(content))
    assert stored is not None
    return stored.record


def _fate(row: CheckedRow) -> tuple[bool, int | None]:
    return row.device is not None, row.duplicate_of


def test_a_file_that_was_read_twice_is_read_as_its_second_reading_gave_it(world: World) -> None:
    file = _file(world, READ_TWICE)
    assert file.reading == 2
    assert [_fate(row) for row in rows_as_read(world.private, file)] == [(False, 3), (True, None), (True, None)]
    world.run()
    assert [row["outcome"] for row in world.rows(file.file_id)] == ["duplicate", "registered", "registered"]


def test_a_copy_that_is_gone_is_named(world: World) -> None:
    file = _file(world, numbered(2))
    world.private.delete(private_copy(file.file_id))
    with pytest.raises(VersionGone):
        list(rows_as_read(world.private, file))
