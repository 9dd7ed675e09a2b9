"""Device files of any size, made as a stream: never whole in memory."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path

from local.bench.hardware_hashes import hardware_hash

PIECE = 4 * 1024 * 1024
"""Bytes per piece, as storage returns them."""

HASH_HEADER = "Device Serial Number,Windows Product ID,Hardware Hash"
TUPLE_HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"


class Kind(Enum):
    """The kinds of device files that are measured, by contents and encoding."""

    HASHES_UTF16 = "utf-16"
    """As Get-WindowsAutopilotInfo writes them."""
    HASHES_UTF8 = "utf-8"
    TUPLES = "ascii"
    """Serial number, manufacturer and model."""

    @property
    def has_hashes(self) -> bool:
        """Whether each row holds a hardware hash."""
        return self is not Kind.TUPLES


def serial_number(number: int) -> str:
    """The serial number of device `number`."""
    return f"PF{number:07d}"


def lines(kind: Kind, rows: int) -> Iterator[str]:
    """The header and `rows` lines, with their ends."""
    yield (HASH_HEADER if kind.has_hashes else TUPLE_HEADER) + "\r\n"
    for number in range(1, rows + 1):
        serial = serial_number(number)
        if kind.has_hashes:
            yield f"{serial},,{hardware_hash(number, serial)}\r\n"
        else:
            yield f"{serial},,,LENOVO,21R3001BUK\r\n"


def pieces(kind: Kind, rows: int) -> Iterator[bytes]:
    """The file in pieces of about 4 MiB."""
    encoding = "utf-16-le" if kind is Kind.HASHES_UTF16 else kind.value
    held = [b"\xff\xfe"] if kind is Kind.HASHES_UTF16 else []
    size = 0
    for line in lines(kind, rows):
        held.append(line.encode(encoding))
        size += len(held[-1])
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def write(file: Path, content: Iterable[bytes]) -> None:
    """Write a stream to `file`."""
    with file.open("wb") as output:
        output.writelines(content)


def read(file: Path) -> Callable[[], Iterator[bytes]]:
    """Returns a function that reads `file` from the start in pieces of 4 MiB."""

    def opened() -> Iterator[bytes]:
        with file.open("rb") as content:
            while piece := content.read(PIECE):
                yield piece

    return opened
