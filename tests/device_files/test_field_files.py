"""Files from the field, each read as samples/field/expected.json says; samples/field/README.md explains its keys."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import pytest

from shared.device_files.rows import CheckedRow, Rules
from shared.reasons import FileNote, Note, UnreadableDeviceFile
from tests.device_files.given import SAMPLES, read, read_with_account

FIELD = SAMPLES / "field"


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sent: Sequence[str] | Literal["refused"]
    why: str
    not_sent: int | None = None
    also: str = ""
    tags: Mapping[str, str] = {}
    makers: Mapping[str, str] = {}
    models: Mapping[str, str] = {}
    maker: str = ""
    """Of every device."""
    model: str = ""
    level: Literal["batch", "customer"] = "batch"


EXPECTED = msgspec.json.decode((FIELD / "expected.json").read_bytes(), type=dict[str, Expected])

_ALSO: Mapping[str, tuple[Sequence[str], int]] = {
    "w_shift5.csv": (["PST00001", "00123456", "PST00003"], 0),
    "w_trail_partner_tag.csv": (["VM-0001"], 1),
    "w_units_row.xlsx": (["S100001", "S100002"], 0),
    "w_cx_formula.xlsx": (["PSH00001", "00PSH002", "PSH00003"], 0),
}
"""Devices sent and rows not sent, where `also` names another good answer and the reader gives that one."""


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_from_the_field_is_read_as_it_must_be(name: str) -> None:
    expected = EXPECTED[name]
    if name in _ALSO:
        expected = msgspec.structs.replace(expected, sent=_ALSO[name][0], not_sent=_ALSO[name][1])
    of_customer = expected.level == "customer"
    try:
        rows = read(
            (FIELD / name).read_bytes(),
            name=name,
            rules=Rules(batch_by_group_tag=of_customer, has_default_batch=not of_customer),
        )
    except UnreadableDeviceFile as error:
        if expected.sent and expected.sent != "refused":
            pytest.fail(str(error))
        return
    sent = {_identity(row): row for row in rows if row.device is not None}
    wanted = [] if expected.sent == "refused" else expected.sent
    assert Counter(_identity(row) for row in rows if row.device is not None) == Counter(wanted), _told(rows)
    if expected.not_sent is not None:
        assert len(rows) - len(sent) == expected.not_sent, _told(rows)
    for field, values in (
        ("group_tag", expected.tags),
        ("manufacturer", expected.makers),
        ("model", expected.models),
    ):
        assert {identity: getattr(row, field) for identity, row in sent.items() if identity in values} == {
            identity: value for identity, value in values.items() if identity in sent
        }
    if expected.maker:
        assert {(row.manufacturer, row.model) for row in sent.values()} == {(expected.maker, expected.model)}


def test_every_file_has_its_expectation() -> None:
    files = {path.name for path in FIELD.iterdir()} - {"expected.json", "README.md"}
    assert files == set(EXPECTED)
    assert all(EXPECTED[name].also for name in _ALSO)


def test_formulas_without_a_value_are_noted_where_the_devices_are_sent_without_their_tags() -> None:
    rows, account = read_with_account((FIELD / "w_cx_formula.xlsx").read_bytes(), name="w_cx_formula.xlsx")
    assert all(Note.TAG_WITHOUT_VALUE in row.notes for row in rows)
    assert all(row.manufacturer and Note.MODEL_DIFFERS_FROM_HASH not in row.notes for row in rows)
    assert FileNote.FORMULAS_WITHOUT_VALUE in {remark.note for remark in account.remarks}


def test_what_is_told_of_a_second_sheet_that_is_not_understood() -> None:
    (one, *others), account = read_with_account((FIELD / "w_sheet2_other_names.xlsx").read_bytes(), name="book.xlsx")
    assert one.serial_number == "S100001"
    assert others or account.passed_over


def _identity(row: CheckedRow) -> str:
    return row.serial_number or row.product_key


def _told(rows: Sequence[CheckedRow]) -> list[tuple[str, str, str | None]]:
    return [(row.source, row.serial_number, row.reason) for row in rows]
