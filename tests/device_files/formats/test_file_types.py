"""Kinds of files: told by their bytes, and refused with the step that helps."""

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.formats.file_types import Kind, check_old_workbook, is_log, is_report, is_workbook, kind_of
from shared.reasons import FileReason, UnreadableDeviceFile
from tests.device_files.formats.test_workbooks import SAMPLES
from tests.examples import examples

_CLIXML = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">\n  <Obj RefId="0">'
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def _refusal(start: bytes) -> tuple[FileReason, str]:
    with pytest.raises(UnreadableDeviceFile) as raised:
        kind_of(start)
    return raised.value.reason, raised.value.detail


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("<!DOCTYPE html><html>", "ConvertTo-Html"),
        ('<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">', "web page"),
        ("<!-- saved from url -->\n<html>", "web page"),
        ("<table><tr><td>Serial", "web page"),
        ('<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:x">', "2003"),
        ('<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">', "2003"),
        ("From: a@b.c\r\nTo: d@e.f\r\nSubject: devices\r\n of May\r\nMIME-Version: 1.0\r\n", "mail"),
        ("Received: from mail.example.com (1.2.3.4) by mx\nSubject: x\n", "mail"),
        ("MIME-Version: 1.0\nX-Document-Type: Workbook\n", "web archive"),
        ("[InternetShortcut]\nURL=file:///C:/devices.csv", "shortcut"),
        ("Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE]", "registry"),
        ("-----BEGIN CERTIFICATE-----\nMIIC", "certificate"),
        ("-----BEGIN PGP MESSAGE-----\n", "Decrypt"),
        ("<!DOCTYPE html><html><title>Sign in to your account</title>", "download"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
        ("INSERT INTO devices (serial_number) VALUES\n('A')", "SQL"),
        ('TABLE\n0,1\n"devices"\nVECTORS\n0,3\n', "DIF"),
        ('ID;PWXL;N;E\nC;Y1;X1;K"Serial Number"\n', "SYLK"),
        ('<?xml version="1.0"?>\n\n<office:document xmlns:office="urn:x">', "OpenDocument"),
        ("UNA:+.? '\nUNB+UNOC:3+4012345000009:14+4054321000002:14'\n", "EDI"),
        ("ISA*00*          *00*          *ZZ*SENDER*ZZ*RECV*261101~GS*SH", "EDI"),
        ("BEGIN:VCALENDAR\nVERSION:2.0\n", "calendar"),
        ('[[devices]]\nserial_number = "A1"\n', "TOML"),
        ("- serialNumber: A1\n  manufacturer: HP\n", "YAML"),
        ("devices:\n  - serial: A1\n    make: HP\n", "YAML"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_texts_that_are_no_tables_are_named(text: str, called: str, encoding: str) -> None:
    reason, detail = _refusal(text.encode(encoding))
    assert reason is FileReason.UNKNOWN_FORMAT
    assert called in detail


@pytest.mark.parametrize(
    ("text", "called"),
    [
        (_CLIXML, "Export-Csv -NoTypeInformation -Encoding utf8"),
        ("#< CLIXML\r\n" + _CLIXML, "Export-Clixml"),
        ('<?xml version="1.0" encoding="utf-16"?>\n' + _CLIXML, "Export-Clixml"),
        ("Serial Number,Model\\r\\nA1,X", "line breaks"),
        ("Serial Number,Model<br>A1,X", "line breaks"),
        ("Serial Number,Model\u2028A1,X", "line breaks"),
        ("+ACI-SerialNumber+ACI-,+ACI-Model+ACI-\r\n", "UTF-7"),
        ("@{SerialNumber=A1; Model=X}", "Set-Content"),
        ("@{\n  SerialNumber = 'A1'\n}", "Export-Csv"),
        ("class PSCustomObject\r\n{\r\n  SerialNumber = A1", "Format-Custom"),
        ('"IsReadOnly","IsFixedSize","Keys"\r\n', "hashtable"),
        ('#TYPE System.String\r\n"Length"\r\n"59"\r\n', "lengths"),
        ("\r\n\r\nIdentifyingNumber=A1\r\n\r\nName=X\r\n", "wmic"),
        ('{"TotalRowCount": 1, "Schema": []}', "Intune"),
        ("<#PSScriptInfo\n.VERSION 3.9", "script"),
        ("<#\n.SYNOPSIS\nRetrieves the Windows AutoPilot deployment details", "Get-WindowsAutopilotInfo -OutputFile"),
        ("\n#Requires -RunAsAdministrator\n", "script"),
        ("[CmdletBinding()]\nparam(", "script"),
        ("@ECHO OFF\r\npowershell -File Get-WindowsAutopilotInfo.ps1", "script"),
        (
            '#TYPE Microsoft.PowerShell.Commands.Internal.Format.Start\n"ClassId2e4f51ef21dd47e99d3c952918aff9cd",',
            "Format-Table",
        ),
        ('"ClassId2e4f51ef21dd47e99d3c952918aff9cd","pageHeaderEntry"', "Format-Table"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_powershell_wrote_otherwise_is_refused_with_the_command_that_helps(
    text: str, called: str, encoding: str
) -> None:
    reason, detail = _refusal(text.encode(encoding))
    assert reason is FileReason.NOT_DEVICES
    assert called in detail


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ('// export\n[{"a": 1}]', "comments"),
        ('[ // export\n{"a": 1}]', "comments"),
        ('"[{\\"serialNumber\\":\\"A1\\"}]"', "twice"),
        ('{"a": 1},\n{"a": 2},\n', "commas"),
    ],
)
def test_text_that_only_looks_like_json_is_named(text: str, called: str) -> None:
    reason, detail = _refusal(text.encode())
    assert reason is FileReason.JSON_UNREADABLE
    assert called in detail


def test_the_powershell_object_of_the_field_is_named() -> None:
    reason, detail = _refusal((SAMPLES / "field" / "w_clixml.xml").read_bytes())
    assert reason is FileReason.NOT_DEVICES
    assert detail == (
        "It is a PowerShell object (Export-Clixml). Write it with Export-Csv -NoTypeInformation -Encoding utf8."
    )


@pytest.mark.parametrize(
    ("start", "called"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\0\0\0\x18ftypheic", "picture"),
        (b"MZ\x90\0\x03", "program"),
        (b"MSCF\0\0\0\0\x10", "expand FILE.cab -F:*.csv"),
        (b"L\0\0\0\x01\x14\x02\0\0\0\0\0", "shortcut"),
        (b"ElfFile\0" + bytes(100), "event log"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(4000), "macOS"),
        (b"\0\x01\0\0Standard ACE DB\0", "database"),
        (b"\x03\x7e\x0b\x15\0\0\0\0", "dBASE"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\0\0\x1a\0\0\x10", "Lotus"),
        (bytes(257) + b"ustar", "tar"),
        (bytes(range(1, 32)) * 20, "no text"),
        ((b"\x10\0\x02\0\x01\0\xff\xd8" + bytes(8)) * 200, "no text"),
        ((b"\x91\x07\x80\x03" + bytes(60)) * 60, "no text"),
    ],
)
def test_other_files_are_named_by_their_first_bytes(start: bytes, called: str) -> None:
    reason, detail = _refusal(start)
    assert reason is FileReason.UNKNOWN_FORMAT
    assert called in detail


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Serial,Manufacturer,Model\r\n", Kind.TABLE),
        ("From: Ada\nDate: Monday\n\nSerial,Manufacturer,Model\n", Kind.TABLE),
        ("Received: 3 devices\nSerial,Manufacturer,Model\n", Kind.TABLE),
        ('#TYPE System.Management.Automation.PSCustomObject\n"Serial"\n', Kind.TABLE),
        ("# collected on Monday\nSerial\n", Kind.TABLE),
        ("Serial<br>Number,Model\nA1,X\n", Kind.TABLE),
        ("/* of Monday */\nSerial,Model\n", Kind.TABLE),
        ("// of Monday\n[Serial],[Model]\n", Kind.TABLE),
        ("Insert into the list\nSerial,Model\n", Kind.TABLE),
        ("<serialNumber>,<ProductID>,<hardwareHash>\n", Kind.TABLE),
        ("<serial number>;<maker>\n", Kind.TABLE),
        ("<serialNumber> ,x\n", Kind.TABLE),
        ('<Key\n  xmlns="urn:x"\n>', Kind.XML),
        ("<Key><HardwareHash>", Kind.XML),
        ("<Objects><Key/></Objects>", Kind.XML),
        ('[{"serialNumber": "a"}]', Kind.JSON),
        ('[null, {"serialNumber": "a"}]', Kind.JSON),
        ('[1, {"serialNumber": "a"}]', Kind.JSON),
        ('["x", {"serialNumber": "a"}]', Kind.JSON),
        ("[A] 1,HP,840", Kind.TABLE),
        ("[CMDB] export\nSerial\n", Kind.TABLE),
        ("Серийный номер,Производитель\n" * 20, Kind.TABLE),
        ("シリアル番号,製造元\n" * 20, Kind.TABLE),
        ("", Kind.TABLE),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_is_read_is_told(text: str, kind: Kind, encoding: str) -> None:
    has_mark = encoding in ("utf-8", "utf-8-sig", "utf-16")
    if has_mark or text.isascii():
        assert kind_of(text.encode(encoding)) is kind


def test_a_table_is_one_though_its_encoding_changes_behind_the_header() -> None:
    rows = "“5CG9041ABC”,“HP”,“ProBook 450 G10”\r\n" * 40
    assert kind_of(b"Serial,Manufacturer,Model\r\n" + rows.encode("utf-16")) is Kind.TABLE
    assert kind_of("Serial\r\n".encode("utf-16") + b"SERIAL0123\r\n" * 40) is Kind.TABLE


@pytest.mark.parametrize("code_page", ["cp1252", "cp1251", "cp932", "cp437", "mac_roman"])
def test_a_text_in_a_code_page_is_a_text(code_page: str) -> None:
    text = "Büro;Schönefeld" if code_page != "cp1251" else "Сервис"
    text = "東京都新宿区" if code_page == "cp932" else text
    assert kind_of(f"Serial;Group Tag\r\n5CG9041ABC;{text}\r\n".encode(code_page)) is Kind.TABLE


@pytest.mark.parametrize(
    ("members", "called"),
    [
        (["[Content_Types].xml", "word/document.xml"], "Word"),
        (["xl/workbook.bin"], "xlsb"),
        (["mimetype", "content.xml"], "OpenDocument"),
        (["Index/Document.iwa", "preview.jpg"], "Numbers"),
    ],
)
def test_documents_that_are_packed_are_named(members: list[str], called: str) -> None:
    with pytest.raises(UnreadableDeviceFile, match=called):
        is_workbook(members)


def test_a_workbook_is_told_by_its_members() -> None:
    assert is_workbook(["xl/workbook.xml"])
    assert is_workbook(["xl\\Workbook.xml"])
    assert is_workbook(["xl/workbook2.xml"])
    assert not is_workbook(["a.csv", "old/xl/workbook.xml"])


@pytest.mark.parametrize(
    ("streams", "reason", "called"),
    [
        (["EncryptedPackage"], FileReason.WORKBOOK_LOCKED, ""),
        (["WordDocument"], FileReason.UNKNOWN_FORMAT, "Word"),
        (["__properties_version1.0", "Workbook"], FileReason.UNKNOWN_FORMAT, "mail"),
        ([], FileReason.UNKNOWN_FORMAT, "no workbook"),
    ],
)
def test_old_documents_are_named_by_their_streams(streams: list[str], reason: FileReason, called: str) -> None:
    data = _OLE + b"".join(name.encode("utf-16-le") + bytes(64) for name in streams)
    with pytest.raises(UnreadableDeviceFile) as raised:
        check_old_workbook(io.BytesIO(data))
    assert raised.value.reason is reason
    assert called in raised.value.detail


def test_an_old_workbook_may_hold_a_word_document() -> None:
    data = _OLE + "Workbook".encode("utf-16-le") + bytes(300_000) + "WordDocument".encode("utf-16-le")
    check_old_workbook(io.BytesIO(data))


def test_names_say_what_is_a_log() -> None:
    logs = ["a.log", "sub\\trace.etl", "x/TpmHliInfo_Output.txt"]
    others = ["a.csv", "a.txt", "a", "a.dat", "devices.json", "DeviceHash_PC.csv", "a.log.csv"]
    assert is_report("x\\MDMDiagReport.xml")
    assert is_report("AutopilotDDSZTDFile.json")
    assert not is_report("MDMDiagReport.csv")
    assert [*map(is_log, logs)] == [True] * len(logs)
    assert [*map(is_log, others)] == [False] * len(others)


@settings(max_examples=examples(1_000))
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_of_a_kind_or_refused(start: bytes) -> None:
    with contextlib.suppress(UnreadableDeviceFile):
        assert kind_of(start) in Kind


def test_an_xml_file_that_begins_with_its_document_type_is_xml() -> None:
    assert kind_of(b"<!DOCTYPE Keys [<!ENTITY x 'y'>]><Keys></Keys>") is Kind.XML
