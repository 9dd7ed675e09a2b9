"""Device files of plain rows and every kind of other line, encoding and damage between them; the same for each seed."""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.device_files import Rules
from tests.device_files.cases import DEFAULT_UUID
from tests.device_files.given import sample_hashes
from tests.device_files.hash_builder import WINPE, block, build_hash, build_record, checksum_block, padded

HEADERS = (
    "Device Serial Number,Windows Product ID,Hardware Hash",
    "Device Serial Number,Windows Product ID,Hardware Hash,Group Tag,Assigned User",
    "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model",
    "Manufacturer,Model,Serial Number",
    "Hardware Hash,Serial Number,Room,Manufacturer,Model,Group Tag",
    "Serial Number",
)
SERIALS = (
    "SN1", "sn1", "SN-1", "PF0AB12C", "5ES8901IC4", "0012345678", "000", "X", "xxxx", "ffffffff", "FF01", "T0E1",
    "T0GHA", "1S20XW0012PF0AB12C",
    "1Smodel 7SN1", "hash", "Model", "Serial", "none", "1234567890", "detailstable0hash", "5-Jan",
    "2024-01-02", "1.6E+11", "VM-42-af", "R9-ZNP67", " SN1", "SN1 ", "'SN1", "'=1", "=1+1", '="007"', "#1", "#N/A", "",
    "SN 1", "SÄN1", "\u017fn1", "S\u200bN1", "\u0661\u0662", "a" * 256, "b" * 257, "sep=;", "hardware-hash", "a-hash",
    "Get the serial number here", "S,1",
)  # fmt: skip
MAKERS = (
    "Contoso", "CONTOSO", "HP", "Dell Inc.", '"VMware, Inc."', "VMware, Inc.", "None", "", "Ünlü", "T0GH", "#x", " HP",
    "'=x", "Model",
)  # fmt: skip
MODELS = (
    "Laptop 7", "laptop 7", "M1", "", "Default string", "Standard PC (Q35 + ICH9, 2009)", "x" * 257, "=M",
    "Serial Number",
)  # fmt: skip
KEYS = ("", "", "", "3300000000001", "0000000000000", "00330-80000-00000-AA123", "123451234567", "n/a", "12345")
TAGS = ("", "Sales", "Büro", " Sales", 'Sa"les', '"Sales"', "'+1", "t" * 300)
_OTHER_LINES = (
    "", "", ",,,,", "# comment", "Some words of prose, and more", "sep=;", "sep=,", '"', '"never closed,', "T0GH",
    "\x1a", "Hardware Hash", *HEADERS,
)  # fmt: skip
_ENDS = ("\r\n", "\n", "\r", "\r\r\n", "\n\r")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig", "cp1252")


@dataclass(frozen=True)
class MixedFile:
    data: bytes
    chunk: int
    """Bytes given at a time."""
    piece: int
    """Bytes worked on at a time."""
    rules: Rules

    def chunks(self) -> Sequence[bytes]:
        return [self.data[at : at + self.chunk] for at in range(0, len(self.data), self.chunk)]


_NO_TPM_ID = block(11, struct.pack("<IBBI", 0, 3, 0, 32) + bytes(range(32)))
"""An offline id that is not of a TPM key."""
SERIALS_OF_HASHES = (
    "SN1", "SN2", "sn2", "SN-3", "5-Jan", "none", "T0GHA", "PF0AB12C", "SÄN1", " SN1", "\u017fn1",
)  # fmt: skip


def _hashes() -> list[tuple[str, str]]:
    """Serial number and hash: of the samples, and of devices that share parts with each other in every way."""
    uuids = [UUID(int=101), UUID(int=102), DEFAULT_UUID, UUID(int=0), None]
    tpm_keys = [bytes([number]) * 256 for number in (1, 2)] + [None]
    found = list(sample_hashes())
    for number in range(60):
        pick = random.Random(number)
        serial = pick.choice(SERIALS_OF_HASHES)
        fields: dict[str, object] = {
            "uuid": pick.choice(uuids),
            "tpm_key": pick.choice(tpm_keys),
            "os_type": pick.choice([2, 2, 2, WINPE]),
            "tool_build": pick.choice([26100, 26100, 27000]),
            "collected": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=pick.choice([0, 10, 2000, -4500])),
            "product_key": pick.choice(["", "", "3300000000001"]),
            "more": pick.choice(
                [b"", b"", _NO_TPM_ID, b"\x0c\x00\x08\x00abcd", b"\x0e\x00\x06\x00X\x00", b"CS\x04\x00"]
            ),
        }
        maker, model = pick.choice(["Contoso", "Contoso", "None", "", "M" * 300]), pick.choice(["Laptop 7", "", "Bü"])
        if pick.random() < 0.8:
            found.append((serial, build_hash(serial, maker, model, **fields)))
        else:
            record = build_record(serial, maker, model, **fields)  # type: ignore[arg-type]
            found.append((serial, padded(record + pick.choice([b"", checksum_block(record + b"x")]))))
    for number in range(60):
        pick = random.Random(number)
        serial = pick.choice(["SN1", "SN2", "SN-3", "PF0AB12C"])
        uuid, tpm_key, os_type = pick.choice(uuids), pick.choice(tpm_keys), pick.choice([2, WINPE])
        found.append((serial, build_hash(serial, uuid=uuid, tpm_key=tpm_key, os_type=os_type)))
    return found


_HASHES = _hashes()
_DAMAGES = ("short", "changed", "tail", "lower", "url", "quoted", "wrapped", "blank", "long", "padding")


def _damaged(text: str, pick: random.Random) -> str:
    at = pick.choice([2, 5, 7, pick.randrange(len(text)), len(text) - 1])
    match pick.choice(_DAMAGES):
        case "short":
            return text[: pick.choice([at, 128, 1000, 3996, 3999])]
        case "changed":
            return text[:at] + pick.choice("AB+/é!=\0") + text[at + 1 :]
        case "tail":
            return text[:-1] + pick.choice("AB=\n ")
        case "lower":
            return text.lower()
        case "url":
            return text.replace("+", pick.choice("- ")).replace("/", "_")
        case "quoted":
            return f'"{text}"'
        case "wrapped":
            return "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
        case "blank":
            return pick.choice([f" {text}", f"{text} ", f"{text[:at]} {text[at:]}"])
        case "long":
            return text + pick.choice(["A", "AAAA", "====", "B"])
        case _:
            return text[: at - at % 4] + "AAA=" + text[at - at % 4 + 4 :]


def _row(names: Sequence[str], hashes: Sequence[tuple[str, str]], pick: random.Random, *, is_plain: bool) -> list[str]:
    serial, text = pick.choice(hashes)
    without_hash = pick.random() < 0.35
    maker, model = ("Contoso", "Laptop 7") if is_plain else (pick.choice(MAKERS), pick.choice(MODELS))
    if without_hash:
        serial = pick.choice(["SN1", "SN2", "PF0AB12C", f"S{pick.randrange(10**4)}"])
    if not is_plain and pick.random() < 0.4:
        serial = pick.choice(SERIALS)
    if not is_plain and pick.random() < 0.3:
        text = _damaged(text, pick)
    cells = {
        "serial": serial,
        "hash": "" if without_hash else text,
        "product": "" if is_plain else pick.choice(KEYS),
        "manufacturer": maker if without_hash or not is_plain else "",
        "model": model if without_hash or not is_plain else "",
        "tag": pick.choice(TAGS[:2] if is_plain else TAGS),
        "user": pick.choice(["", f"u{pick.randrange(100)}@contoso.com"]),
        "room": pick.choice(["", "12", '1"2', "T0GH"] if not is_plain else ["", "12"]),
    }
    row = [next((cell for key, cell in cells.items() if key in name.casefold()), "") for name in names]
    if not is_plain and pick.random() < 0.15:
        row = pick.choice([row[:-1], [*row, ""], [*row, "extra"], row[::-1]])
    return row


def _text(pick: random.Random) -> str:
    header = pick.choice(HEADERS)
    delimiter = pick.choice(",,,,;\t")
    plainness = pick.choice([0.5, 0.9, 1.0])
    hashes = pick.sample(_HASHES, pick.choice([3, 6, len(_HASHES)]))
    lines = [header.replace(",", delimiter)] if pick.random() < 0.9 else []
    for _ in range(pick.randrange(1, 18)):
        is_plain = pick.random() < plainness
        if not is_plain and pick.random() < 0.3:
            line = pick.choice(_OTHER_LINES)
            header = line if line in HEADERS else header
            lines.append(line.replace(",", pick.choice([delimiter, ","])))
        else:
            lines.append(delimiter.join(_row(header.split(","), hashes, pick, is_plain=is_plain)))
    usual = pick.choice(["\r\n", "\r\n", "\n", "\r"])
    text = "".join(line + (usual if pick.random() < 0.97 else pick.choice(_ENDS)) for line in lines)
    return text if pick.random() < 0.8 else text.rstrip("\r\n")


def mixed_file(seed: int) -> MixedFile:
    """The file of a seed."""
    pick = random.Random(seed)
    data = b"".join(_text(pick).encode(pick.choice(_ENCODINGS), "replace") for _ in range(pick.choice([1, 1, 1, 2])))
    if pick.random() < 0.15:
        at = pick.randrange(1 + len(data))
        data = data[:at] + pick.randbytes(pick.randrange(4)) + data[at + pick.randrange(4) :]
    rules = Rules(
        trust_hash_serial=pick.random() < 0.3,
        reject_bad_checksum_of_unknown_tools=pick.random() < 0.3,
        oldest_hash_days=pick.choice([None, None, 0, 100, 3000]),
        maximum_rows=pick.choice([1_000_000, 1_000_000, 1_000_000, 0, 1, 5]),
    )
    return MixedFile(
        data,
        chunk=pick.choice([1_000_000, 1_000_000, 1000, 4097, pick.randrange(1, 5000)]),
        piece=pick.choice([131_072, 131_072, 4096, pick.randrange(100, 9000), pick.randrange(8, 100)]),
        rules=rules,
    )
