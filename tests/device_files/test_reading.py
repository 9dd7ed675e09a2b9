"""The one way in: rows with their numbers, lazily, and why a file or a part of it has none."""

from collections.abc import Iterator

import pytest

from shared.device_files.account import FileAccount
from shared.device_files.reading import device_rows, read_device_file
from shared.device_files.rows import Rules
from shared.reasons import FileNote, FileReason, RowReason, UnreadableDeviceFile
from tests.device_files.cases import archive, text
from tests.device_files.given import NOW, read, read_with_account

NAMES = "Device Serial Number,Manufacturer name,Device model"
IDENTIFIERS = text("LENOVO,21R3001BUK,PF-001", "HP,ProBook,5CG001")


def rows_of(*serials: str) -> bytes:
    return text(NAMES, *(f"{serial},HP,ProBook" for serial in serials))


def test_rows_are_numbered_without_gaps_over_all_parts_of_a_file() -> None:
    data = archive(**{"a.csv": rows_of("A-1", "A-2"), "b.csv": b"%PDF-1", "c.csv": rows_of("C-1")})
    rows = read(data, name="devices.zip")
    assert [row.row for row in rows] == [1, 2, 3, 4]
    assert [row.serial_number for row in rows if row.device] == ["A-1", "A-2", "C-1"]
    assert [row.reason for row in rows if row.device is None] == [RowReason.UNREADABLE_MEMBER]


def test_a_row_is_given_before_the_rest_of_the_file_is_read() -> None:
    asked = 0

    def chunks() -> Iterator[bytes]:
        nonlocal asked
        for number in range(2_000):
            asked += 1
            yield rows_of(f"SN-{number}") if number == 0 else f"SN-{number},HP,{'x' * 200}\r\n".encode()

    rows = read_device_file(chunks, name="devices.csv", rules=Rules(), now=NOW)
    assert next(rows).serial_number == "SN-0"
    assert asked < 2_000


def test_cells_are_given_as_they_stand_in_the_file_before_they_are_judged() -> None:
    ((number, row),) = device_rows(lambda: [text(NAMES, " sn-1 ,HP,")], name="devices.csv")
    assert (number, row.source, row.serial_number, row.model) == (1, "line 2", "sn-1", "")


@pytest.mark.parametrize(
    ("data", "held"),
    [
        (text("Dear colleague,", "the devices follow tomorrow."), "Dear colleague"),
        (text("# nothing yet"), "nothing yet"),
        (archive(**{"a.csv": b"%PDF-1"}), "a.csv"),
    ],
)
def test_a_file_without_a_row_is_refused_by_its_name_with_what_it_holds(data: bytes, held: str) -> None:
    with pytest.raises(UnreadableDeviceFile) as refused:
        read(data, name="list.csv")
    assert (refused.value.reason, refused.value.file) == (FileReason.NO_DEVICE_ROWS, "list.csv")
    assert held in str(refused.value)


def test_of_an_archive_what_may_be_a_list_is_told_whatever_its_name_and_of_logs_what_names_a_device() -> None:
    others = {
        "export.dat": b"Kennung;Fabrikat\n5CG12345;HP\n",
        "serials.log": b"5CG12346\n",
        "list.yaml": b"- serialNumber: 5CG12347\n  manufacturer: HP\n",
        "setup.log": b"".join(b"2026-11-20 10:00, Info [0x%05d] MIG Something happened, ok\n" % n for n in range(200)),
        "tpm_Output.txt": b"TPM: 2.0\r\nManufacturer: INTC\r\n",
        "AutopilotDDSZTDFile.json": b'{"ZtdRegistrationId": "0a7c2f4e"}',
        "MDMDiagReport.xml": b"<Report><DeviceId>4C4C4544</DeviceId></Report>",
    }
    rows, account = read_with_account(archive(**{"a.csv": rows_of("A-1"), **others}), name="d.zip")
    assert [row.source.partition(" ")[0] for row in rows if row.device is None] == ["export.dat", "list.yaml"]
    (warning,) = (remark for remark in account.remarks if remark.note is FileNote.MAY_HOLD_DEVICES)
    assert warning.detail == "serials.log line 1"


def test_a_file_of_corporate_identifiers_is_noted_and_refused_where_the_rules_say_so() -> None:
    rows, account = read_with_account(IDENTIFIERS)
    assert [row.device is not None for row in rows] == [True, True]
    assert [remark.note for remark in account.remarks] == [FileNote.DEVICE_IDENTIFIERS]
    with pytest.raises(UnreadableDeviceFile) as refused:
        read(IDENTIFIERS, rules=Rules(refuse_device_identifiers=True))
    assert refused.value.reason is FileReason.DEVICE_IDENTIFIERS_REFUSED
    mixed = rows_of("SN-1")
    assert len(read(mixed, rules=Rules(refuse_device_identifiers=True))) == 1, "with a header they are devices"


def test_one_row_more_than_the_rules_allow_refuses_the_file() -> None:
    assert len(read(rows_of("A", "B"), rules=Rules(maximum_rows=2))) == 2
    with pytest.raises(UnreadableDeviceFile, match="more than 1 rows") as refused:
        read(rows_of("A", "B"), rules=Rules(maximum_rows=1))
    assert refused.value.reason is FileReason.TOO_MANY_ROWS


def test_an_account_tells_of_what_is_no_row() -> None:
    account = FileAccount()
    list(device_rows(lambda: [text("# a comment", NAMES, "SN-1,HP,X")], name="devices.csv", account=account))
    assert [(over.kind, over.count) for over in account.passed_over] == [("comment", 1)]


def test_a_table_without_a_delimiter_that_is_read_is_refused_for_that() -> None:
    with pytest.raises(UnreadableDeviceFile, match="commas or semicolons") as raised:
        read(b"SerialNumber   Manufacturer  Model\nS100A1         HP            B1\n")
    assert raised.value.reason is FileReason.NOT_DEVICES
