"""The records of reading: which cell holds which field, and that no hash is shown."""

import rich.pretty

from shared.device_files.rows import ABSENT, Column, SendableDevice, header_of


def test_a_header_gives_each_field_its_first_column() -> None:
    header = header_of([None, Column.MODEL, Column.SERIAL_NUMBER, Column.MODEL], ["Room", "Model", "Serial", "Type"])
    assert (header.place(Column.SERIAL_NUMBER), header.place(Column.MODEL)) == (2, 1)
    assert header.place(Column.HARDWARE_HASH) == ABSENT
    assert header.width == len(header.names) == 4


def test_every_field_of_a_row_has_its_place_and_no_other_column_has() -> None:
    places = header_of(list(Column)).places
    assert [Column(place) for place in places] == list(Column)[: len(places)]
    assert Column.ASSIGNED_USER not in places


def test_a_device_is_shown_without_its_hash() -> None:
    device = SendableDevice("SN-1", hardware_hash="c2VjcmV0")
    for shown in (repr(device), str(device), f"{[device]}", rich.pretty.pretty_repr([device])):
        assert "SN-1" in shown
        assert "c2VjcmV0" not in shown
