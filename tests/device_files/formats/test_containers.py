"""Containers: whatever lies in a file is a part, or passed over and counted, or the reason why it is neither."""

import json
import tempfile
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.formats import archives, containers
from shared.device_files.formats.containers import Opener
from shared.device_files.formats.parts import ItemsPart, TablePart, UnreadPart
from shared.device_files.rows import Column
from shared.reasons import FileNote, FileReason, PassedOverKind, UnreadableDeviceFile
from tests.device_files.cases import archive, gzipped
from tests.device_files.formats.test_workbooks import SAMPLES
from tests.device_files.workbook_builder import Number, Sheet, Workbook
from tests.examples import examples

CSV = b"Serial,Manufacturer,Model\r\nS1,HP,M\r\n"
TABLE = ("table", [["Serial", "Manufacturer", "Model"], ["S1", "HP", "M"]])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
LOCKED_WORKBOOK = OLE + "EncryptedPackage".encode("utf-16-le")
Read = dict[str, tuple[str, object]]


def sense(cells: Sequence[str]) -> int:
    return len({"Serial", "Manufacturer", "Model"}.intersection(cells))


def meaning(name: str) -> Column | None:
    return {"serialNumber": Column.SERIAL_NUMBER, "productKey": Column.PRODUCT_KEY}.get(name)


def read(data: bytes, account: FileAccount | None = None, name: str = "d.bin") -> Read:
    """The contents of a file: each part by its prefix or label, with its rows or the reason why there are none."""
    found: Read = {}
    for part in Opener(account or FileAccount(), sense, meaning).parts([data], name):
        match part:
            case TablePart():
                assert part.prefix.startswith(part.member)
                content = ("table", [list(cells) for _, cells in part.records])
                assert found.setdefault(part.prefix.strip(), content) is content
            case ItemsPart():
                content_ = ("items", [dict(values) for _, values in part.items])
                assert found.setdefault(part.prefix.strip(), content_) is content_
            case UnreadPart():
                found[part.label] = ("unread", part.reason)
    return found


def passed_over(account: FileAccount) -> tuple[str, ...]:
    return tuple(place for over in account.passed_over for place in over.places)


def test_an_old_workbook_is_noted_for_what_cannot_be_seen_of_it() -> None:
    account = FileAccount()
    assert "d.bin!Devices" in read((SAMPLES / "workbook.xls").read_bytes(), account)
    assert FileNote.OLD_WORKBOOK in [remark.note for remark in account.remarks]


def test_a_file_is_one_part_whatever_its_name() -> None:
    assert read(CSV, name="devices.xlsx") == {"": TABLE}
    assert read(b'[{"serialNumber": "S1"}]') == {"": ("items", [{"serialNumber": "S1"}])}
    assert read(gzipped(CSV)) == {"": TABLE}


def test_the_sheets_of_a_workbook_are_its_parts_also_in_a_gzip_stream() -> None:
    rows = [["Serial", "Manufacturer", "Model"], ["S1", "HP", "M"]]
    data = Workbook([Sheet("A", rows), Sheet("Empty"), Sheet("B", rows), Sheet("Bad", xml="<sheetData>")]).data()
    wanted = {"d.bin!A": TABLE, "d.bin!B": TABLE, "d.bin!Bad": ("unread", FileReason.WORKBOOK_UNREADABLE)}
    assert read(data) == wanted
    assert read(gzipped(data)) == wanted


def test_every_member_of_an_archive_is_a_part_or_says_why_it_is_none() -> None:
    account = FileAccount()
    data = archive(
        **{
            "a.csv": CSV,
            "sub/b.json": json.dumps([{"serialNumber": "S2"}]).encode(),
            "sub\\c.csv": CSV,
            "d": CSV,
            "e.xlsx": Workbook([Sheet("S", [["S3", Number("7", zeros=3)]])]).data(),
            "locked.xlsx": LOCKED_WORKBOOK,
            "inner.zip": archive(x=CSV),
            "inner.csv.gz": gzipped(CSV),
            "broken.xlsx": archive(**{"xl/workbook.xml": b"<a/>"}),
            "hidden.xlsx": Workbook([Sheet("S", [["S4"]], state="hidden")]).data(),
            "letter.docx": archive(**{"word/document.xml": b""}),
            "list.pdf": b"%PDF-1.7",
            "objects.clixml": b"<Objs Version='1.1'>",
            "Lieferschein 4711": b"%PDF-1.7",
            "list.html": b"<html><table>",
            "list.mht": b"MIME-Version: 1.0\r\n\r\n<td>",
            "list.accdb": b"\0\1\0\0Standard ACE DB\0",
            "list.bin": bytes(range(1, 32)) * 20,
            "empty.csv": b"",
        }
    )
    assert read(data, account) == {
        "a.csv": TABLE,
        "sub/b.json": ("items", [{"serialNumber": "S2"}]),
        "sub\\c.csv": TABLE,
        "d": TABLE,
        "e.xlsx!S": ("table", [["S3", "007"]]),
        "locked.xlsx": ("unread", FileReason.WORKBOOK_LOCKED),
        "inner.zip": ("unread", FileReason.ARCHIVE_NESTED),
        "inner.csv.gz": ("unread", FileReason.ARCHIVE_NESTED),
        "broken.xlsx": ("unread", FileReason.WORKBOOK_UNREADABLE),
        "hidden.xlsx": ("unread", FileReason.NO_DEVICE_ROWS),
        "letter.docx": ("unread", FileReason.UNKNOWN_FORMAT),
        "list.pdf": ("unread", FileReason.UNKNOWN_FORMAT),
        "objects.clixml": ("unread", FileReason.NOT_DEVICES),
        "Lieferschein 4711": ("unread", FileReason.UNKNOWN_FORMAT),
        "list.html": ("unread", FileReason.UNKNOWN_FORMAT),
        "list.mht": ("unread", FileReason.UNKNOWN_FORMAT),
        "list.accdb": ("unread", FileReason.UNKNOWN_FORMAT),
        "list.bin": ("unread", FileReason.UNKNOWN_FORMAT),
    }
    assert set(passed_over(account)) == {"hidden.xlsx!S", "empty.csv"}


def test_members_of_a_diagnostics_archive_that_hold_no_devices_are_passed_over() -> None:
    account = FileAccount()
    others = {
        "foldersAndFiles/System.evtx": b"ElfFile\0" + bytes(4_000),
        "trace.etl": (b"\x10\0\x02\0\x01\0\xff\xd8" + bytes(8)) * 400,
        "RegistryKeys\\export.reg": "Windows Registry Editor Version 5.00".encode("utf-16"),
        "MDMDiagReport.html": b"<html><body>",
        "logs.cab": b"MSCF\0\0\0\0",
        "photo.png": b"\x89PNG\r\n\x1a\n",
        "Get-WindowsAutopilotInfo.ps1": b"<#PSScriptInfo",
        "collect.cmd": b"@echo off",
        "devices.lnk": b"L\0\0\0\x01\x14\x02\0",
        "error.log": b"",
    }
    assert read(archive(**others, **{"DeviceHash_PC.csv": CSV}), account) == {"DeviceHash_PC.csv": TABLE}
    (over,) = account.passed_over
    assert (over.kind, over.count, over.may_hold_device) == (PassedOverKind.ARCHIVE_MEMBER, len(others), False)
    assert "foldersAndFiles/System.evtx" in over.places
    assert "It is an event log." in over.excerpts
    assert account.remarks == ()


def test_the_archive_of_the_field_with_an_empty_folder_of_windows_is_read() -> None:
    account = FileAccount()
    ((label, (kind, rows)),) = read((SAMPLES / "field" / "w_backslash.zip").read_bytes(), account).items()
    assert (label, kind) == ("sub\\dev.csv", "table")
    assert isinstance(rows, list)
    assert [row[0] for row in rows[1:]] == ["PSH00001", "00PSH002", "PSH00003"]
    assert account.passed_over == ()


@pytest.mark.parametrize("content", [b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(3_000), b"\0\1\2", b""])
def test_what_macos_keeps_beside_a_file_is_nothing(content: bytes) -> None:
    account = FileAccount()
    assert read(archive(**{"sub/._a.csv": content, "sub/a.csv": CSV}), account) == {"sub/a.csv": TABLE}
    assert account.passed_over == ()


def test_a_list_that_only_has_the_name_of_such_a_file_is_read() -> None:
    assert read(archive(**{"._a.csv": CSV})) == {"._a.csv": TABLE}


def test_a_hidden_sheet_in_an_archive_is_named_with_its_workbook() -> None:
    account = FileAccount()
    book = Workbook([Sheet("S", [["S1"]]), Sheet("Old", [["5CG9041ABC"]], state="hidden")]).data()
    assert read(archive(**{"sub/b.xlsx": book}), account) == {"sub/b.xlsx!S": ("table", [["S1"]])}
    assert passed_over(account) == ("sub/b.xlsx!Old",)
    assert {remark.note for remark in account.remarks} == {FileNote.HIDDEN_SHEETS_SKIPPED, FileNote.MAY_HOLD_DEVICES}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", FileReason.EMPTY),
        (gzipped(b""), FileReason.EMPTY),
        (gzipped(gzipped(CSV)), FileReason.ARCHIVE_NESTED),
        (gzipped(archive(a=CSV)), FileReason.ARCHIVE_NESTED),
        (gzipped(CSV)[:-10], FileReason.ARCHIVE_UNREADABLE),
        (archive(a=CSV)[:-30], FileReason.ARCHIVE_UNREADABLE),
        (LOCKED_WORKBOOK, FileReason.WORKBOOK_LOCKED),
        (OLE + "Workbook".encode("utf-16-le"), FileReason.WORKBOOK_UNREADABLE),
        (archive(**{"xl/workbook.xml": b"<a/>"}), FileReason.WORKBOOK_UNREADABLE),
        (archive(**{"word/document.xml": b""}), FileReason.UNKNOWN_FORMAT),
        (b"%PDF-1.7", FileReason.UNKNOWN_FORMAT),
        (b"<Objs Version='1.1'>", FileReason.NOT_DEVICES),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused(data: bytes, reason: FileReason) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(data)
    assert raised.value.reason is reason


def test_an_archive_that_holds_too_much_is_refused_as_a_whole() -> None:
    blanks = (b" " * 60_000 + b"\n") * 150
    members = {f"{number}.evtx": b"ElfFile\0" + blanks for number in range(8)}
    small = read(archive(**members, **{"a.csv": CSV}))
    assert small == {"a.csv": TABLE}, "what is not read is not unpacked"
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(archive(**{f"{number}.csv": blanks for number in range(8)}))
    assert raised.value.reason is FileReason.ARCHIVE_TOO_LARGE


def test_an_archive_larger_than_is_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAXIMUM_ARCHIVE", 100)
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(archive(a=bytes(10), b=bytes(10)))
    assert raised.value.reason is FileReason.ARCHIVE_TOO_LARGE


def test_a_workbook_larger_than_is_read_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.device_files.formats.workbooks.MAXIMUM_WORKBOOK", 100)
    with pytest.raises(UnreadableDeviceFile, match="100 are the most") as raised:
        read(Workbook([Sheet("S", [["S1"]])]).data())
    assert raised.value.reason is FileReason.WORKBOOK_TOO_LARGE


def test_a_workbook_waits_in_no_file_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("A file with a name was made.")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(containers, "_SPOOLED_IN_MEMORY", 10)
    assert read(Workbook([Sheet("S", [["S1"]])]).data()) == {"d.bin!S": ("table", [["S1"]])}


def _in_chunks(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4_096, 5_000])
def test_chunks_may_have_any_size(size: int) -> None:
    for data in (CSV * 300, gzipped(CSV * 300), archive(a=CSV * 300)):
        parts = Opener(FileAccount(), sense, meaning).parts(_in_chunks(data, size), "d")
        assert [len(list(part.records)) for part in parts if isinstance(part, TablePart)] == [600]


_NAMES = st.lists(st.sampled_from(["a", "folder", "__x", "b c", "ü"]), min_size=1, max_size=3).map("/".join)
_SUFFIXES = st.sampled_from([".csv", ".json", ".xml", ".txt", ".png", ".evtx", "", ".zip", ".log"])
_CONTENTS = st.one_of(
    st.sampled_from([CSV, b"", gzipped(CSV), b"%PDF-1", b"<html>", LOCKED_WORKBOOK, b"\x89PNG", b"<Objs />"]),
    st.binary(min_size=1, max_size=60),
)


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.tuples(_NAMES, _SUFFIXES).map("".join), _CONTENTS, max_size=8))
def test_no_member_goes_without_a_word(members: dict[str, bytes]) -> None:
    account = FileAccount()
    told: set[str] = set()
    for part in Opener(account, sense, meaning).parts([archive(**members)], "d.zip"):
        told.add(part.label if isinstance(part, UnreadPart) else part.member)
    count = sum(over.count for over in account.passed_over)
    assert len(told) + count == len(members)
    assert told <= set(members)
    assert {name for name, content in members.items() if content == CSV} <= told
