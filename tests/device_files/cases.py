"""Device files of our own making, one for each further way in which they differ or break, and each row's end."""

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from shared.device_files.rows import Rules
from shared.reasons import Note, RowReason
from tests.device_files.expected import Duplicate, Expected, Rejected, Sent
from tests.device_files.given import HASHES, sample
from tests.device_files.hash_builder import WINPE, build_hash, build_record, checksum_block, padded
from tests.device_files.workbook_builder import Number, Sheet, Workbook

HP, LENOVO, DELL, VMWARE = "5ES8901IC4", "TE2TD5VI", "90STDE5", "T23456789E123T56"
HEADER = "Device Serial Number,Windows Product ID,Hardware Hash"
PARTNER_HEADER = HEADER + ",Manufacturer name,Device model"
HP_ROW, LENOVO_ROW = f"{HP},,{HASHES[HP]}", f"{LENOVO},,{HASHES[LENOVO]}"
LENOVO_TUPLE = Sent(LENOVO, manufacturer="LENOVO", model="21R3001BUK")
OTHER_UUID = UUID("aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb")
OTHER_TPM = bytes(reversed(range(256)))
DEFAULT_UUID = UUID("03000200-0400-0500-0006-000700080009")


def device(serial: str, *notes: Note, tag: str = "", key: str | None = None, source: str | None = None) -> Sent:
    return Sent(serial, key, HASHES[serial], notes=notes, tag=tag, source=source)


def built(text: str, serial: str | None = "SN-1", *notes: Note, key: str | None = None, tag: str = "") -> Sent:
    return Sent(serial, key, text, notes=notes, tag=tag)


def rejected(*reasons: RowReason) -> list[Expected]:
    return [Rejected(reason) for reason in reasons]


def text(*lines: str, end: str = "\r\n", encoding: str = "utf-8") -> bytes:
    return "".join(line + end for line in lines).encode(encoding)


gzipped = partial(gzip.compress, mtime=0)
"""Without the time of day, as `archive`: parameters give tests their names, which are alike in every process."""


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members.items():
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    rows: Sequence[Expected]
    rules: Rules = field(default_factory=Rules)
    file: str = "devices.csv"


BOTH = [device(HP), device(LENOVO)]
PLAIN = (HEADER, HP_ROW, LENOVO_ROW)

TEXTS = [
    Case("UTF-16BE with a mark", b"\xfe\xff" + text(*PLAIN, encoding="utf-16-be"), BOTH),
    Case("UTF-16LE without a mark", text(*PLAIN, encoding="utf-16-le"), BOTH),
    Case("UTF-16BE without a mark", text(*PLAIN, encoding="utf-16-be"), BOTH),
    Case(
        "Windows-1252",
        text(HEADER + ",Group Tag", HP_ROW + ",Büro-Köln", encoding="cp1252"),
        [device(HP, tag="Büro-Köln")],
    ),
    Case("UTF-8 with letters beyond ASCII", text(HEADER + ",Group Tag", HP_ROW + ",Büro"), [device(HP, tag="Büro")]),
    Case("lines ended by CR alone", text(*PLAIN, end="\r"), BOTH),
    Case("no end of the last line", text(*PLAIN).rstrip(), BOTH),
    Case(
        "two UTF-16 files glued together, each with its mark",
        text("\ufeff" + HEADER, HP_ROW, encoding="utf-16-le")
        + text("\ufeff" + HEADER, LENOVO_ROW, encoding="utf-16-le"),
        BOTH,
    ),
    Case(
        "a UTF-8 file with a UTF-16 file glued to it",
        text(HEADER, HP_ROW) + text("\ufeff" + HEADER, LENOVO_ROW, encoding="utf-16-le"),
        BOTH,
    ),
    Case(
        "a UTF-16 file with a UTF-8 file glued to it",
        text("\ufeff" + HEADER, HP_ROW, encoding="utf-16-le") + text("\ufeff" + HEADER, LENOVO_ROW),
        BOTH,
    ),
    Case(
        "two UTF-8 files with marks, and the mark that ends a file in DOS",
        text("\ufeff" + HEADER, HP_ROW) + text("\ufeff" + HEADER, LENOVO_ROW) + b"\x1a",
        BOTH,
    ),
    Case(
        "NULs, zero-width and non-breaking blanks in cells and headers",
        text(
            "\u200bDevice\u00a0Serial Number\0,Windows Product ID,\ufeffHardware Hash",
            f"\u00a0{HP}\0\0,\u200b,{HASHES[HP]}",
        ),
        [device(HP)],
    ),
]

DELIMITED = [
    Case("semicolons", text(*PLAIN).replace(b",", b";"), BOTH),
    Case("tabs", text(*PLAIN).replace(b",", b"\t"), BOTH),
    Case("a sep= line", text("sep=;", *PLAIN).replace(b",", b";"), BOTH),
    Case("semicolons without a header", text(HP_ROW, LENOVO_ROW).replace(b",", b";"), BOTH),
    Case(
        "files glued together with two delimiters",
        text(HEADER, HP_ROW) + text(HEADER, LENOVO_ROW).replace(b",", b";"),
        BOTH,
    ),
    Case("quoted and unquoted rows in one file", text(HEADER, f'"{HP}","","{HASHES[HP]}"', LENOVO_ROW), BOTH),
    Case(
        "each line quoted as a whole, with semicolons",
        text(*(f'"{line}"'.replace(",", ";") for line in PLAIN)),
        BOTH,
    ),
    Case("a row with another delimiter than its header", text(HEADER, HP_ROW.replace(",", ";"), LENOVO_ROW), BOTH),
    Case(
        "a quoted first cell after a mark",
        text('\ufeff"VMware, Inc.","VMware20,1","VM-1"'),
        [Sent("VM-1", None, None, "VMware, Inc.", "VMware20,1")],
    ),
    Case("each line quoted as a whole", text(*(f'"{line}"' for line in PLAIN)), BOTH),
    Case(
        "a quoted manufacturer with a comma and doubled quotes",
        text(PARTNER_HEADER, 'R52X,,,"SAMSUNG ELECTRONICS CO., LTD.","Book ""3"""'),
        [Sent("R52X", None, None, "SAMSUNG ELECTRONICS CO., LTD.", 'Book "3"')],
    ),
    Case(
        "a quote that never closes takes no other row with it",
        text(PARTNER_HEADER, f'"{LENOVO},,,LENOVO,21R3001BUK', "90STDE5,,,Dell Inc.,Latitude 5530"),
        [LENOVO_TUPLE, Sent(DELL, manufacturer="Dell Inc.", model="Latitude 5530")],
    ),
    Case(
        "a hash wrapped at 64 characters between quotes",
        text(HEADER, f'{HP},,"' + "\n".join(HASHES[HP][at : at + 64] for at in range(0, 4000, 64)) + '"', LENOVO_ROW),
        [device(HP, Note.HASH_REPAIRED), device(LENOVO)],
    ),
    Case(
        "a hash wrapped without quotes",
        text(HEADER, f"{HP},," + "\n".join(HASHES[HP][at : at + 76] for at in range(0, 4000, 76)), LENOVO_ROW),
        [device(HP), device(LENOVO)],
    ),
    Case(
        "cells that a spreadsheet was told to leave alone",
        text(HEADER + ",Group Tag,Manufacturer,Model", "'007,,,'+Tag,LENOVO,'-M", '="00123",,,=1+1,HP,M'),
        [
            Sent("007", None, None, "LENOVO", "-M", tag="+Tag"),
            Sent("00123", None, None, "HP", "M", tag="=1+1"),
        ],
    ),
]

SHAPES = [
    Case(
        "Managed Desktop's header",
        text("Manufacturer,Model,Serial Number,Hardware Hash", f"Dell Inc.,Latitude 5530,{DELL},{HASHES[DELL]}"),
        [device(DELL, Note.HASH_FROM_WINPE)],
    ),
    Case(
        "the field names of the API as a header",
        text(
            "SerialNumber,oemManufacturerName,modelName,productKey,hardwareHash,groupTag",
            f"{LENOVO},LENOVO,21R3001BUK,,,Kiosk",
            ",,,3300000000001,,",
        ),
        [Sent(LENOVO, None, None, "LENOVO", "21R3001BUK", tag="Kiosk"), Sent(key="3300000000001")],
    ),
    Case(
        "headers with remarks, and a device name that is a model only beside the manufacturer",
        text("Serial Number (required),Manufacturer Name *,Device Name", "TE2TD5VI,LENOVO,21R3001BUK")
        + text("Device Name,Serial Number,Manufacturer", "DESKTOP-1,S1,HP"),
        [LENOVO_TUPLE, Rejected(RowReason.SERIAL_ALONE)],
    ),
    Case("OrderID is no group tag", text(HEADER + ",OrderID", HP_ROW + ",PO-4711"), [device(HP)]),
    Case(
        "columns in another order, with others between, and what_to_do in front",
        text("what_to_do,Hardware Hash,Room,Serial Number", f"mend it,{HASHES[HP]},12,{HP}"),
        [device(HP)],
    ),
    Case(
        "identifiers without a header",
        text(
            "LENOVO,21R3001BUK,TE2TD5VI",
            "No Such Maker,X1,123456A",
            '"VMware, Inc.","VMware20,1",VM-1',
            "VMware, Inc.,VMware20,1,VM-2",
        ),
        [
            LENOVO_TUPLE,
            Rejected(RowReason.UNCLEAR_COLUMNS),
            Sent("VM-1", None, None, "VMware, Inc.", "VMware20,1"),
            Sent("VM-2", None, None, "VMware, Inc.", "VMware20,1", (Note.CELLS_REALIGNED,)),
        ],
    ),
    Case(
        "a row before the first that shows what the columns are",
        text("No Such Maker,X1,123456A", "LENOVO,21R3001BUK,TE2TD5VI"),
        [Rejected(RowReason.UNCLEAR_COLUMNS, source="line 1"), LENOVO_TUPLE],
    ),
    Case(
        "a partner file without its header",
        text(f"{HP_ROW},HP,HP EliteBook 840 G8 Notebook PC", "TE2TD5VI,,,LENOVO,21R3001BUK"),
        [device(HP), LENOVO_TUPLE],
    ),
    Case(
        "hashes without a header in other places",
        text(
            f"{HP},{HASHES[HP]}",
            f"{LENOVO},{HASHES[LENOVO][:900]}",
            f"X,{HASHES[DELL]}",
            f"{HASHES[DELL]},{HASHES[HP]}",
        ),
        [device(HP), *rejected(*[RowReason.UNCLEAR_COLUMNS] * 3)],
    ),
    Case(
        "lists of one column, one glued to the other",
        text("Product Key ID", "3300000000001") + text("Hardware Hash", HASHES[HP]),
        [Sent(key="3300000000001"), device(HP, Note.SERIAL_FROM_HASH)],
    ),
    Case("hashes alone without a header", text(HASHES[HP]), [device(HP, Note.SERIAL_FROM_HASH)]),
    Case(
        "comments are left out, errors of a spreadsheet are not",
        text(HEADER, "# collected on Monday", "#N/A,,", f"#A17,,{HASHES[HP]}"),
        [Rejected(RowReason.SERIAL_DAMAGED), Rejected(RowReason.SERIAL_MISMATCH)],
    ),
    Case(
        "a preamble, a header, blank rows, and a sentence with commas, which is a row",
        text(
            "Devices of Monday",
            "made by Ada",
            "",
            PARTNER_HEADER,
            "TE2TD5VI,,,LENOVO,21R3001BUK",
            ",,,,",
            " , ,\t,,",
            "Line 2 illustrates the tuple, which is made of manufacturer, model, and serial number",
        ),
        [LENOVO_TUPLE, Rejected(RowReason.HASH_NOT_A_HASH)],
    ),
    Case(
        "words in every column of a device are refused aloud",
        text(PARTNER_HEADER, "the serial number here,,,the maker,the model", "TE2TD5VI,,,LENOVO,21R3001BUK"),
        [Rejected(RowReason.UNCLEAR_COLUMNS), LENOVO_TUPLE],
    ),
    Case(
        "a report whose cells have other names",
        text(
            "Textbox1",
            "Report",
            "Textbox2,Textbox3,Textbox4,A,B,C",
            f"{HEADER},{HP_ROW}",
            f"{HEADER},{LENOVO_ROW}",
            f"{HEADER},S1,,",
        ),
        [*BOTH, Rejected(RowReason.SERIAL_ALONE)],
    ),
    Case(
        "a comma in a manufacturer before the hash",
        text(
            "Manufacturer,Model,Serial Number,Hardware Hash",
            f"VMware, Inc.,VMware20,1,{VMWARE},{HASHES[VMWARE]}",
            f"VMware, Inc.,VMware20,1,OTHER,{HASHES[VMWARE]}",
        ),
        [device(VMWARE, Note.CELLS_REALIGNED), Rejected(RowReason.SHIFTED_CELLS)],
    ),
    Case(
        "a cell too many without a sign whose it is",
        text(PARTNER_HEADER, "S1,,,LENOVO,21R3,Sales", "S2,,,ACME,Rocket, red"),
        rejected(RowReason.SHIFTED_CELLS, RowReason.SHIFTED_CELLS),
    ),
    Case(
        "a group tag with a comma, and a cell without a header",
        text(HEADER + ",Group Tag", f"{HP_ROW},Sales, NL", f"{LENOVO_ROW},Sales,Room 5")
        + text(HEADER, f"{HP_ROW},Kiosk", f"{LENOVO_ROW},LENOVO,21R3001BUK"),
        [*rejected(*[RowReason.SHIFTED_CELLS] * 3), device(LENOVO)],
    ),
    Case(
        "commas in manufacturer and model before the group tag",
        text(
            PARTNER_HEADER + ",Group Tag",
            f"{VMWARE},,{HASHES[VMWARE]},VMware, Inc.,VMware20,1,Kiosk",
            "S1,,,VMware, Inc.,VMware20,1,Kiosk",
        ),
        [
            device(VMWARE, Note.CELLS_REALIGNED, tag="Kiosk"),
            Sent("S1", None, None, "VMware, Inc.", "VMware20,1", (Note.CELLS_REALIGNED,), tag="Kiosk"),
        ],
    ),
    Case(
        "a row that holds names of columns is no header without several, one of which identifies a device",
        text(PARTNER_HEADER, "S1,,,Manufacturer,Model", "Serial Number,,,,", "TE2TD5VI,,,LENOVO,21R3001BUK"),
        [*rejected(RowReason.SERIAL_ALONE, RowReason.SERIAL_PLACEHOLDER), LENOVO_TUPLE],
    ),
    Case(
        "a legal form shows what belongs to an unknown manufacturer",
        text(PARTNER_HEADER, "S1,,,Acme Rockets Co., Ltd.,R1"),
        [Sent("S1", None, None, "Acme Rockets Co., Ltd.", "R1", (Note.CELLS_REALIGNED,))],
    ),
    Case(
        "a hash in another column",
        text(HEADER, f"{HP},{HASHES[HP]}", f"{HASHES[LENOVO]},,{LENOVO}", f"WRONG,{HASHES[DELL]}"),
        [
            device(HP, Note.CELLS_REALIGNED),
            device(LENOVO, Note.CELLS_REALIGNED),
            Rejected(RowReason.SHIFTED_CELLS),
        ],
    ),
    Case(
        "values of programs and of spreadsheets, and words for the cell above, are no names",
        text(
            "Serial,Manufacturer,Model,Group Tag",
            *(
                "S1,HP,System.Object[],",
                "S2,@{Name=HP},A,",
                "S3,2024-05-01,A,",
                "S4,ditto,do.,",
                "S5,HP,A,System.Object[]",
            ),
        ),
        [
            *rejected(*[RowReason.SERIAL_ALONE] * 4),
            Sent("S5", None, None, "HP", "A", (Note.TAG_NOT_CERTAIN,), tag="System.Object[]"),
        ],
    ),
    Case(
        "words for no group tag name no batch",
        text(
            "Serial,Manufacturer,Model,Group Tag",
            *(f"S{n},HP,A,{tag}" for n, tag in enumerate(("n/a", "-", "None", "undefined", "Group Tag", "keine"))),
            *(
                f"T{n},HP,A,{tag}"
                for n, tag in enumerate(("#N/A", "1.65E+05", "05. Mrz", "ditto", "\ufffd\ufffd", "\u3003", '""""'))
            ),
            "U1,HP,A,2026",
            "U2,HP,A,165000",
            "ABC1234,HP,A,ABC1234",
            "S/N: ABC1235,HP,A,abc1235",
        ),
        [
            *rejected(*[RowReason.NO_BATCH] * 6, *[RowReason.GROUP_TAG_UNREADABLE] * 7),
            Sent("U1", None, None, "HP", "A", tag="2026"),
            Sent("U2", None, None, "HP", "A", tag="165000"),
            Rejected(RowReason.NO_BATCH, (Note.TAG_REPEATS_SERIAL,)),
            Rejected(RowReason.NO_BATCH, (Note.TAG_REPEATS_SERIAL, Note.SERIAL_UNWRAPPED)),
        ],
        Rules(batch_by_group_tag=True, has_default_batch=False),
    ),
    Case(
        "dates, prices, names of PCs, the serial number and the maker are no models, and a BIOS maker made no PC",
        text(
            "Serial,Manufacturer,Model",
            *(
                f"S{n},HP,{model}"
                for n, model in enumerate(
                    (
                        "05. Mrz",
                        "12:30",
                        '"1.299,00 €"',
                        "2 Stk",
                        "S4",
                        "hp",
                        "(see BIOS)",
                        "siehe Anhang",
                        "DESKTOP-1AB2C3D",
                        "Windows 11 Pro",
                        "Rev 1.0",
                        "07",
                    )
                )
            ),
            "S9,American Megatrends Inc.,EliteBook 840",
        ),
        rejected(*[RowReason.SERIAL_ALONE] * 4, RowReason.SERIAL_NOT_A_SERIAL, *[RowReason.SERIAL_ALONE] * 8),
    ),
    Case(
        "a name with a digit is no manufacturer but a model: the cells behind a missing one have moved",
        text("Serial,Manufacturer,Model,Group Tag,Site", "S1,HP ProBook 450,Kiosk,Berlin,", "S2,System76,Lemur,Kiosk,"),
        [Rejected(RowReason.SERIAL_ALONE), Sent("S2", None, None, "System76", "Lemur", tag="Kiosk")],
    ),
    Case(
        "names of columns that go on in the next line",
        text("Serial,Manufacturer,Model,Group", "Number,,,Tag", f"{DELL},Dell Inc.,Latitude 5530,Kiosk"),
        [Sent(DELL, manufacturer="Dell Inc.", model="Latitude 5530", tag="Kiosk")],
    ),
    Case(
        "quotes around texts with a comma are certain, in a row that ends early too",
        text(
            "Serial,Manufacturer,Model,Group Tag,Delivery,Room",
            'S1,"VMware, Inc.","VMware20,1",HP',
            'S2,"Clevo Co., Ltd",NS50MU',
        ),
        [
            Sent("S1", None, None, "VMware, Inc.", "VMware20,1", tag="HP"),
            Sent("S2", None, None, "Clevo Co., Ltd", "NS50MU"),
        ],
    ),
    Case(
        "a blank behind the comma shows that a model fell apart, below a name that is not known too",
        text("Serial,Manufacturer,Model,Remark,Room", "S1,Schenker,XMG Core, 15,,"),
        [Rejected(RowReason.SHIFTED_CELLS)],
    ),
    Case(
        "rows of a tool below the header of another table: their group tags are not lost",
        text(
            "Serial,Model,Hardware Hash,Manufacturer,Key PKID,Group Tag",
            f"{DELL},,{HASHES[DELL]},,,Lager",
            f"{HP},,{HASHES[HP]},Kiosk",
            "Manufacturer,Windows Product ID,Hardware Hash,Remark,Serial",
            f"{LENOVO},,{HASHES[LENOVO]},Kiosk",
        ),
        [device(DELL, Note.HASH_FROM_WINPE, tag="Lager"), *rejected(*[RowReason.SHIFTED_CELLS] * 2)],
    ),
    Case(
        "a line of totals does not hide that other names follow",
        text(
            "Serial|Manufacturer|Model|Group Tag",
            "S1|HP|A|Kiosk",
            "Total: 3 devices",
            "Bezeichnung,Fabrikat,Abteilung,Gerät",
            "21R3001BUK,LENOVO,07,S2",
        ),
        [
            Sent("S1", None, None, "HP", "A", tag="Kiosk"),
            Rejected(RowReason.SERIAL_NOT_A_SERIAL),
            *rejected(*[RowReason.UNCLEAR_COLUMNS] * 2),
        ],
    ),
    Case(
        "a machine type of Lenovo is no serial number",
        text("Serial,Manufacturer,Model", "21R3001BUK,LENOVO,PF3ABCDE", "PF3ABCDE,LENOVO,21R3001BUK"),
        [Rejected(RowReason.SERIAL_NOT_A_SERIAL), Sent("PF3ABCDE", None, None, "LENOVO", "21R3001BUK")],
    ),
    Case(
        "what stands beside a hash without a model may be a group tag that is called like the manufacturer",
        text("Manufacturer,Site,Serial,Room,Model", f"{LENOVO},,{HASHES[LENOVO]},LENOVO"),
        [Rejected(RowReason.SHIFTED_CELLS)],
    ),
    Case(
        "a user of a domain is no group tag",
        text("Serial,Manufacturer,Model,Group Tag", "S1,HP,A,CONTOSO\\anna"),
        [Rejected(RowReason.GROUP_TAG_UNREADABLE)],
        Rules(batch_by_group_tag=True),
    ),
    Case(
        "a date or fraction that a workbook made of a group tag names no batch",
        Workbook(
            [
                Sheet(
                    "S",
                    [
                        ["Serial", "Manufacturer", "Model", "Group Tag"],
                        ["S1", "HP", "A", Number("1.5")],
                        ["S2", "HP", "A", Number("15")],
                    ],
                )
            ]
        ).data(),
        [Rejected(RowReason.GROUP_TAG_UNREADABLE), Sent("S2", None, None, "HP", "A", tag="15")],
        Rules(batch_by_group_tag=True, has_default_batch=False),
    ),
    Case(
        "a serial number that is the row's own model or maker is none",
        text(
            "Serial,Manufacturer,Model",
            "21R3001BUK,LENOVO,21r3001buk",
            "21R3-001BUK,LENOVO,21R3001BUK",
            "1S21R3001BUK,LENOVO,21R3001BUK",
            "4712XMG,4712XMG,Core",
            f"{DELL},Dell Inc.,DELL1",
        ),
        [
            *rejected(*[RowReason.SERIAL_NOT_A_SERIAL] * 4),
            Sent(DELL, manufacturer="Dell Inc.", model="DELL1"),
        ],
    ),
    Case(
        "a manufacturer as people spell it, below another name, shows that a row moved",
        text(
            "Serial,Group Tag,Manufacturer,Model",
            "S1,Hewlett Packard,Kiosk,EliteBook 840",
            "S2,\u201cHP\u201d,Kiosk,EliteBook 840",
            "S3,Kiosk,Latitude 5530,Dell Inc",
            "S4,HP,Hewlett Packard,EliteBook 840",
        ),
        [
            *rejected(*[RowReason.SHIFTED_CELLS] * 3),
            Sent("S4", None, None, "Hewlett Packard", "EliteBook 840", (Note.MANUFACTURER_SPELLING,), tag="HP"),
        ],
    ),
    Case(
        "a user is no group tag",
        text(HEADER + ",Group Tag,Assigned User", f"{HP_ROW},ada@contoso.com,Kiosk", f"{LENOVO_ROW},ada@contoso.com"),
        rejected(*[RowReason.GROUP_TAG_UNREADABLE] * 2),
        Rules(batch_by_group_tag=True),
    ),
    Case(
        "a user is no group tag, which decides on nothing in a batch folder",
        text(HP_ROW + ",ada@contoso.com"),
        [device(HP, Note.TAG_NOT_CERTAIN, tag="ada@contoso.com")],
    ),
    Case(
        "letters that were read in a wrong encoding or stand escaped name neither a device nor a batch",
        text(
            "Serial,Manufacturer,Model,Group Tag",
            *("S1,Dell%20Inc.,A,", "S2,HP,Latitude=205530,", "S3,HP,A,BÃ¼ro", "S4,HP,A,B+APw-ro", "S5,HP,A,SÃO PAULO"),
        ),
        [
            *rejected(*[RowReason.TEXT_UNREADABLE] * 2, *[RowReason.GROUP_TAG_UNREADABLE] * 2),
            Sent("S5", None, None, "HP", "A", tag="SÃO PAULO"),
        ],
        Rules(batch_by_group_tag=True),
    ),
    Case(
        "rows that are commented out",
        text("Serial,Manufacturer,Model", "#S1,HP,A", "// S2,HP,A", "REM S3,HP,A", "#N/A,HP,A"),
        rejected(*[RowReason.SERIAL_NOT_A_SERIAL] * 3, RowReason.SERIAL_DAMAGED),
    ),
    Case(
        "a cell of 300 characters",
        text(HEADER + ",Group Tag", f"{HP_ROW},{'x' * 300}"),
        rejected(RowReason.CELL_TOO_LONG),
    ),
]

_UNKNOWN_TOOL = padded(build_record(tool_build=17763) + checksum_block(b"other"))
_NO_CHECKSUM = base64.b64encode(build_record()).decode()
_OLD_FORM = base64.b64encode(bytes(range(128))).decode()
_ZEROS = build_hash("016520771357", "Microsoft Corporation", "Surface Pro 9")
_SCIENTIFIC = build_hash("165208123456")
_TYPED_SCIENTIFIC = build_hash("12E4")
_MONTH = build_hash("MAR12")
_PLACEHOLDER = build_hash("To be filled by O.E.M.")
_WITH_KEY = build_hash(product_key="3300000000001")

CHECKS = [
    Case(
        "serial numbers compare without case and blanks around them",
        text(HEADER, f" {HP.lower()} ,,{HASHES[HP]}"),
        [device(HP)],
    ),
    Case(
        "a bar code of 1S, machine type and serial number",
        text(
            PARTNER_HEADER,
            f"1S21R3001BUK{LENOVO},,{HASHES[LENOVO]},,",
            "1S21R3001BUKPF123456,,,LENOVO,21R3001BUK",
            "1S21R3001BUKPF123456,,,LENOVO,P14s",
        ),
        [
            device(LENOVO, Note.SERIAL_PREFIX_REMOVED),
            Sent("PF123456", None, None, "LENOVO", "21R3001BUK", (Note.SERIAL_PREFIX_REMOVED,)),
            Rejected(RowReason.SERIAL_NOT_A_SERIAL),
        ],
    ),
    Case(
        "what Excel made of a serial number is restored from the hash",
        text(HEADER, f"16520771357,,{_ZEROS}"),
        [built(_ZEROS, "016520771357", Note.SERIAL_RESTORED)],
    ),
    Case(
        "scientific",
        text(HEADER, f"1.65208E+11,,{_SCIENTIFIC}"),
        [built(_SCIENTIFIC, "165208123456", Note.SERIAL_RESTORED)],
    ),
    Case(
        "scientific with a comma",
        text(HEADER, f'"1,65208E+11",,{_SCIENTIFIC}'),
        [built(_SCIENTIFIC, "165208123456", Note.SERIAL_RESTORED)],
    ),
    Case(
        "taken for scientific",
        text(HEADER, f"1.20E+05,,{_TYPED_SCIENTIFIC}"),
        [built(_TYPED_SCIENTIFIC, "12E4", Note.SERIAL_RESTORED)],
    ),
    Case("taken for a date", text(HEADER, f"12-Mar,,{_MONTH}"), [built(_MONTH, "MAR12", Note.SERIAL_RESTORED)]),
    Case(
        "what Excel would not have made of the hash's serial number is a mismatch",
        text(HEADER, f"1.65209E+11,,{_SCIENTIFIC}", f"6520771357,,{_ZEROS}", f"13-Mar,,{_MONTH}"),
        rejected(RowReason.SERIAL_MISMATCH, RowReason.SERIAL_MISMATCH, RowReason.SERIAL_MISMATCH),
    ),
    Case(
        "Excel damage without a hash",
        text(PARTNER_HEADER, "1.65208E+11,,,HP,M", "5-Jan,,,HP,M", "#REF!,,,HP,M", "########,,,HP,M", ",3.3E+12,,,"),
        rejected(*[RowReason.SERIAL_DAMAGED] * 4, RowReason.PRODUCT_KEY_DAMAGED),
    ),
    Case("an error beside a hash", text(HEADER, f"#N/A,,{HASHES[HP]}"), [device(HP, Note.SERIAL_FROM_HASH)]),
    Case(
        "a placeholder in the hash",
        text(HEADER, f"REAL-1,,{_PLACEHOLDER}"),
        [built(_PLACEHOLDER, "REAL-1", Note.SERIAL_ONLY_IN_FILE)],
    ),
    Case(
        "placeholders in both: of a maker, and the collecting tool's own where there is no serial number",
        text(HEADER, f"Default string,,{_PLACEHOLDER}", f",,{(_NO_SERIAL := build_hash('SMBIOS_STRING_INDEX_0'))}"),
        [
            Rejected(RowReason.SERIAL_PLACEHOLDER),
            built(_NO_SERIAL, "SMBIOS_STRING_INDEX_0", Note.SERIAL_PLACEHOLDER_IN_BOTH),
        ],
    ),
    Case(
        "a serial number that differs from the hash's",
        text(HEADER, f"WRONG,,{HASHES[HP]}"),
        [device(HP, Note.SERIAL_OF_HASH_TRUSTED)],
        Rules(trust_hash_serial=True),
    ),
    Case(
        "product keys beside a hash",
        text(
            HEADER,
            f"SN-1,3300000000001,{_WITH_KEY}",
        ),
        [built(_WITH_KEY, "SN-1", key="3300000000001")],
    ),
    Case(
        "a product key that is not the hash's",
        text(HEADER, f"SN-1,3300000000002,{_WITH_KEY}"),
        rejected(RowReason.PRODUCT_KEY_MISMATCH),
    ),
    Case(
        "a product key of another shape beside a hash",
        text(HEADER, f"SN-1,00330-80000-00000-AA123,{_WITH_KEY}"),
        [built(_WITH_KEY, "SN-1", Note.PRODUCT_KEY_LEFT_OUT)],
    ),
    Case("the hash's product key is never added", text(HEADER, f"SN-1,,{_WITH_KEY}"), [built(_WITH_KEY, "SN-1")]),
    Case(
        "a product key that the hash lacks",
        text(HEADER, f"{VMWARE},3300000000001,{HASHES[VMWARE]}"),
        [device(VMWARE, key="3300000000001")],
    ),
    Case(
        "no accepted identity",
        text(
            PARTNER_HEADER + ",Group Tag",
            "S1,,,,",
            "S1,,,HP,",
            "S1,,,,M",
            ",,,HP,M",
            ",,,,,Kiosk",
            ",n/a,,,,Kiosk",
            ",none at all,,,",
            "None,,,HP,M",
            "S1,,,To be filled by O.E.M.,M",
        ),
        rejected(
            RowReason.SERIAL_ALONE,
            RowReason.SERIAL_ALONE,
            RowReason.SERIAL_ALONE,
            RowReason.NO_IDENTITY,
            RowReason.NO_IDENTITY,
            RowReason.NO_IDENTITY,
            RowReason.PRODUCT_KEY_NOT_A_KEY,
            RowReason.SERIAL_PLACEHOLDER,
            RowReason.SERIAL_ALONE,
        ),
    ),
    Case(
        "a product key identifies the device alone, another shape gives way to the rest",
        text(PARTNER_HEADER, "S1,3300000000001,,HP,M", "S2,00330-80000,,HP,M", "S3,3300000000002,,,"),
        [
            Sent(key="3300000000001"),
            Sent("S2", None, None, "HP", "M", (Note.PRODUCT_KEY_LEFT_OUT,)),
            Sent(key="3300000000002"),
        ],
    ),
    Case("the old form of hash", text(HEADER, f"S1,,{_OLD_FORM}"), [built(_OLD_FORM, "S1", Note.HASH_OF_OLD_FORM)]),
    Case(
        "a hash without its checksum",
        text(HEADER, f"SN-1,,{_NO_CHECKSUM}"),
        [built(_NO_CHECKSUM, "SN-1", Note.HASH_WITHOUT_CHECKSUM)],
    ),
    Case(
        "a wrong checksum of a little known tool",
        text(HEADER, f"SN-1,,{_UNKNOWN_TOOL}"),
        [built(_UNKNOWN_TOOL, "SN-1", Note.HASH_CHECKSUM_UNCERTAIN)],
    ),
    Case(
        "a wrong checksum of a little known tool, refused by setting",
        text(HEADER, f"SN-1,,{_UNKNOWN_TOOL}"),
        rejected(RowReason.HASH_CHECKSUM_WRONG),
        Rules(reject_bad_checksum_of_unknown_tools=True),
    ),
    Case(
        "a hash of no manufacturer, from Windows PE, that is old",
        text(
            HEADER,
            f"SN-1,,{(odd := build_hash(manufacturer='', os_type=WINPE, collected=datetime(2020, 1, 1, tzinfo=UTC)))}",
        ),
        [built(odd, "SN-1", Note.HASH_WITHOUT_MANUFACTURER, Note.HASH_FROM_WINPE, Note.HASH_OLD)],
        Rules(oldest_hash_days=365),
    ),
    Case(
        "manufacturer and model that are not the hash's",
        text(PARTNER_HEADER, f"{HP_ROW},Dell Inc.,Latitude 5530"),
        [device(HP, Note.MODEL_DIFFERS_FROM_HASH)],
    ),
    Case(
        "template hash", text(HEADER, ",,T0FzAQEAHAAAAAoA6AOCOgEABgBgW7EdzorHH3g"), rejected(RowReason.TEMPLATE_SAMPLE)
    ),
]

_FIRST = build_hash()
_NEWER = build_hash(collected=datetime(2026, 5, 1, tzinfo=UTC))
_IMPLAUSIBLE = build_hash(collected=datetime(2030, 1, 1, tzinfo=UTC))
_FROM_WINPE = build_hash(os_type=WINPE, tpm_key=None, collected=datetime(2026, 6, 1, tzinfo=UTC))
_SAME_BUT_SERIAL = build_hash("SN-2")
_SAME_UUID_ONLY = build_hash("SN-3", tpm_key=OTHER_TPM)
_CLONE = build_hash(uuid=OTHER_UUID, tpm_key=OTHER_TPM)

DUPLICATES = [
    Case("the same row twice", text(HEADER, f"SN-1,,{_FIRST}", f"SN-1,,{_FIRST}"), [built(_FIRST), Duplicate(1)]),
    Case(
        "the newest hash wins, however late it comes",
        text(HEADER, f"SN-1,,{_FIRST}", HP_ROW, f"SN-1,,{_NEWER}"),
        [Duplicate(3), device(HP), built(_NEWER)],
    ),
    Case(
        "a clock that is ahead is not newer",
        text(HEADER, f"SN-1,,{_FIRST}", f"SN-1,,{_IMPLAUSIBLE}"),
        [built(_FIRST), Duplicate(1)],
    ),
    Case(
        "a newer hash from Windows PE without TPM does not win",
        text(HEADER, f"SN-1,,{_FIRST}", f"SN-1,,{_FROM_WINPE}"),
        [built(_FIRST), Duplicate(1, (Note.HASH_FROM_WINPE,))],
    ),
    Case(
        "a full hash after one from Windows PE wins",
        text(HEADER, f"SN-1,,{_FROM_WINPE}", f"SN-1,,{_FIRST}"),
        [Duplicate(2, (Note.HASH_FROM_WINPE,)), built(_FIRST)],
    ),
    Case(
        "UUID and TPM agree: one device, though the serial number was written anew",
        text(HEADER, f"SN-1,,{_FIRST}", f"SN-2,,{_SAME_BUT_SERIAL}"),
        [built(_FIRST), Duplicate(1)],
    ),
    Case(
        "one agreement alone is a note",
        text(HEADER, f"SN-1,,{_FIRST}", f"SN-3,,{_SAME_UUID_ONLY}", f"SN-1,,{_CLONE}"),
        [
            built(_FIRST),
            built(_SAME_UUID_ONLY, "SN-3", Note.SHARES_IDENTITY),
            built(_CLONE, "SN-1", Note.SHARES_IDENTITY),
        ],
    ),
    Case(
        "default UUIDs and placeholders are no agreement",
        text(
            HEADER,
            f"REAL-1,,{(one := build_hash('None', uuid=DEFAULT_UUID, tpm_key=None))}",
            f"REAL-2,,{(two := build_hash('None', uuid=DEFAULT_UUID, tpm_key=None, product_key='3300000000001'))}",
        ),
        [built(one, "REAL-1", Note.SERIAL_ONLY_IN_FILE), built(two, "REAL-2", Note.SERIAL_ONLY_IN_FILE)],
    ),
    Case(
        "rejected rows are nobody's duplicate",
        text(HEADER, f"WRONG,,{_FIRST}", f"SN-1,,{_FIRST}"),
        [Rejected(RowReason.SERIAL_MISMATCH), built(_FIRST)],
    ),
    Case(
        "tuples by manufacturer, model and serial number without case",
        text(PARTNER_HEADER, "S1,,,HP,M1", "s1,,,hp,m1", "S1,,,HP,M2"),
        [
            Sent("S1", None, None, "HP", "M1"),
            Duplicate(1, (Note.MANUFACTURER_SPELLING,)),
            Sent("S1", None, None, "HP", "M2", (Note.SHARES_IDENTITY,)),
        ],
    ),
    Case(
        "a hash before none",
        text(PARTNER_HEADER, "SN-1,,,Contoso,Laptop 7", f"SN-1,,{_FIRST},,", "SN-1,,,Contoso,Laptop 7"),
        [Duplicate(2), built(_FIRST), Duplicate(2)],
    ),
    Case(
        "a tuple never makes one device of two cloned ones",
        text(PARTNER_HEADER, "SN-1,,,Contoso,Laptop 7", f"SN-1,,{_FIRST},,", f"SN-1,,{_CLONE},,"),
        [Duplicate(2), built(_FIRST), built(_CLONE, "SN-1", Note.SHARES_IDENTITY)],
    ),
    Case(
        "product keys",
        text(
            PARTNER_HEADER,
            ",3300000000001,,,",
            ",3300000000001,,,",
            ",00330-80000-00000-AA123,,,",
            ",00330-80000-00000-aa123,,,",
            f"{VMWARE},3300000000001,{HASHES[VMWARE]},,",
            "S1,,,HP,M1",
            "S1,3300000000009,,HP,M1",
        ),
        [
            Duplicate(5),
            Duplicate(5),
            *rejected(RowReason.PRODUCT_KEY_NOT_A_KEY, RowReason.PRODUCT_KEY_NOT_A_KEY),
            device(VMWARE, key="3300000000001"),
            Sent("S1", None, None, "HP", "M1"),
            Duplicate(6),
        ],
    ),
    Case(
        "one product key beside two serial numbers was copied and identifies neither",
        text(HEADER, f"SN-1,3300000000001,{_WITH_KEY}", f"{VMWARE},3300000000001,{HASHES[VMWARE]}"),
        [built(_WITH_KEY, "SN-1", Note.COPIED_KEY_LEFT_OUT), device(VMWARE, Note.COPIED_KEY_LEFT_OUT)],
    ),
]

_ROWS = [["Device Serial Number", "Windows Product ID", "Hardware Hash", "Manufacturer name", "Device model"]]
_OBJECTS = [
    {"serialNumber": HP, "productKey": None, "hardwareHash": HASHES[HP], "groupTag": "Kiosk"},
    {"serialNumber": LENOVO, "oemManufacturerName": "LENOVO", "modelName": "21R3001BUK", "policies": []},
]
_FROM_OBJECTS = [device(HP, tag="Kiosk", source="item 1"), LENOVO_TUPLE]

CONTAINERS = [
    Case(
        "a workbook, its numbers, its formats and its hidden sheets, under another name",
        Workbook(
            [
                Sheet(
                    "Devices",
                    [
                        *_ROWS,
                        [HP, "", HASHES[HP]],
                        [Number("165207713570"), "", "", "HP", "M"],
                        [Number("16520771357", zeros=12), "", "", "HP", "M"],
                        [Number("16520771357"), "", _ZEROS],
                        [Number("1652077135701234567"), "", "", "HP", "M"],
                        ["", Number("3300000000001")],
                    ],
                ),
                Sheet("Old", [*_ROWS, ["S9", "", "", "HP", "M"]], state="hidden"),
                Sheet("More", [["Serial Number", "Manufacturer", "Model"], ["S1", "HP", "M"]]),
            ]
        ).data(),
        [
            device(HP, source="devices.csv!Devices line 2"),
            Sent("165207713570", None, None, "HP", "M", (Note.SERIAL_FROM_NUMBER,)),
            Sent("016520771357", None, None, "HP", "M"),
            built(_ZEROS, "016520771357", Note.SERIAL_RESTORED),
            Rejected(RowReason.SERIAL_DAMAGED),
            Sent(key="3300000000001"),
            Sent("S1", None, None, "HP", "M", source="devices.csv!More line 2"),
        ],
    ),
    Case(
        "a CSV whose lines stand in one column of a workbook",
        Workbook(
            [Sheet("Devices", [["Our devices"], ["Serial;Manufacturer;Model"], ["S1;HP;M"], ['S2;"VMware, Inc.";V']])]
        ).data(),
        [
            Sent("S1", None, None, "HP", "M", source="devices.csv!Devices line 3"),
            Sent("S2", None, None, "VMware, Inc.", "V"),
        ],
    ),
    Case(
        "a CSV in one column of a workbook, of which a spreadsheet split a row at its commas",
        Workbook(
            [Sheet("Devices", [["Our devices"], ["Serial;Manufacturer;Model"], ["S1;HP;M"], ["S2;VMware", " Inc.;V"]])]
        ).data(),
        [
            Sent("S1", None, None, "HP", "M", source="devices.csv!Devices line 3"),
            Sent("S2", None, None, "VMware, Inc.", "V"),
        ],
    ),
    Case(
        "an old workbook",
        sample("workbook.xls"),
        [
            device(HP, source="devices.xls!Devices line 2"),
            Sent("16520771357", None, None, "Microsoft Corporation", "Surface Pro 9", (Note.SERIAL_FROM_NUMBER,)),
            Sent(key="3300000000001"),
        ],
        file="devices.xls",
    ),
    Case("a JSON array", json.dumps(_OBJECTS).encode(), _FROM_OBJECTS),
    Case("a JSON array in UTF-16", json.dumps(_OBJECTS, indent=2).encode("utf-16"), _FROM_OBJECTS),
    Case("JSON lines", text(*map(json.dumps, _OBJECTS)), [device(HP, tag="Kiosk", source="line 1"), LENOVO_TUPLE]),
    Case(
        "a JSON object that holds the list",
        json.dumps({"count": 2, "value": _OBJECTS, "next": None}).encode(),
        _FROM_OBJECTS,
    ),
    Case("one JSON object", json.dumps(_OBJECTS[0]).encode(), [device(HP, tag="Kiosk")]),
    Case(
        "JSON with numbers for text and nothing in it",
        b'[{"serialNumber": 165207713570, "manufacturer": "HP", "model": 700}, {"serialNumber": 1.5E+11}, {}]',
        [
            Sent("165207713570", None, None, "HP", "700", (Note.SERIAL_FROM_NUMBER,)),
            Rejected(RowReason.SERIAL_DAMAGED),
            Rejected(RowReason.NO_IDENTITY),
        ],
    ),
    Case(
        "OA3 in UTF-16 with a declaration, a product key and its id",
        f'<?xml version="1.0" encoding="utf-16"?><Key><ProductKey>AAAAA-BBBBB-CCCCC-DDDDD-EEEEE</ProductKey>'
        f"<ProductKeyID>3300000000001</ProductKeyID><HardwareHash>{_WITH_KEY}</HardwareHash></Key>".encode("utf-16"),
        [built(_WITH_KEY, "SN-1", Note.SERIAL_FROM_HASH, key="3300000000001")],
    ),
    Case(
        "several keys in one XML",
        f"<Keys><Key><HardwareHash>{HASHES[HP]}</HardwareHash></Key>\n<Key><HardwareHash>{HASHES[LENOVO]}</HardwareHash></Key></Keys>".encode(),
        [device(HP, Note.SERIAL_FROM_HASH, source="Key 1"), device(LENOVO, Note.SERIAL_FROM_HASH, source="Key 2")],
    ),
    Case(
        "an archive with files of many kinds, one of them bad",
        archive(
            **{
                "a.csv": text(HEADER, HP_ROW),
                "__MACOSX/._a.csv": b"\0\1\2",
                "folder/": b"",
                "folder/picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
                "folder/b.xlsx": Workbook([Sheet("S", [*_ROWS, [LENOVO, "", HASHES[LENOVO]]])]).data(),
                "inner.zip": archive(**{"x.csv": text(HEADER)}),
                "c.json": json.dumps(_OBJECTS[:1]).encode(),
            }
        ),
        [
            device(HP, source="a.csv line 2"),
            device(LENOVO, source="folder/b.xlsx!S line 2"),
            Rejected(RowReason.UNREADABLE_MEMBER, source="inner.zip (The archive holds another archive.)"),
            Duplicate(1),
        ],
        file="devices.zip",
    ),
    Case("a gzip stream", gzipped(text(*PLAIN)), BOTH, file="devices.csv.gz"),
    Case("two gzip streams in one", gzipped(text(HEADER, HP_ROW)) + gzipped(text(LENOVO_ROW)), BOTH),
]

CASES = [*TEXTS, *DELIMITED, *SHAPES, *CHECKS, *DUPLICATES, *CONTAINERS]
