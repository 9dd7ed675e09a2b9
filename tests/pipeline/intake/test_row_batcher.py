"""Rows become outcomes or devices of a submission; a row that is neither stops the reading."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow
from shared.pipeline import private_copy
from shared.pipeline.outcome_rules import RowWithoutReason
from shared.vocabulary import FileState
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

KNOWN = ",,,LENOVO,21R3001BUK"


def test_a_group_tag_of_dots_names_no_batch(world: World) -> None:
    path = f"{CUSTOMER}/devices.csv"
    file = world.drop_file(f"{HEADER},Group Tag\r\nPF-A{KNOWN},...\r\nPF-A{KNOWN},Lab\r\nPF-B{KNOWN},. .\r\n", path)
    world.run()
    assert [(row["outcome"], row["error_code"], row["batch_id"]) for row in world.rows(file, path)] == [
        ("rejected", "no_batch", ""),
        ("registered", "", "Lab"),
        ("rejected", "no_batch", ""),
    ]


def test_a_row_without_device_and_reason_stops_the_reading_and_nothing_of_the_file_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*arguments: Any, **named: Any) -> Iterator[CheckedRow]:
        for row in read_device_file(*arguments, **named):
            yield replace(row, device=None) if row.row == 2 else row

    monkeypatch.setattr(private_copy, "read_device_file", defective)
    file = world.put(numbered(3))
    with pytest.raises(RowWithoutReason):
        world.receive()
    world.run()
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert stored.record.state is FileState.RECEIVED
    assert not any(world.service.report()["received"].values())
