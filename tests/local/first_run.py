"""The device files of a first run: each shows something that happens to device files.

`python -m tests.local.first_run` writes them; a test holds the files to this description.
"""

from pathlib import Path

from local.bench.hardware_hashes import hardware_hash
from local.dropping import SAMPLES

FOLDER = SAMPLES / "first-run"

HEADER = ("Device Serial Number", "Windows Product ID", "Hardware Hash")
_DAMAGED_AT = 700


def files() -> dict[str, bytes]:
    """The contents of each file, by name."""
    return {
        "1-from-the-script.csv": _utf16(["PF5T0QA1", "PF5T0QB7", "PF5T0QC3"]),
        "2-saved-by-excel.csv": _saved_by_excel({"330525000019": "3.30525E+11", "0042137": "42137"}),
        "3-with-mistakes.csv": _with_mistakes(),
    }


def _utf16(serials: list[str]) -> bytes:
    """As Get-WindowsAutopilotInfo writes it on a PC."""
    lines = [HEADER, *((serial, "", hardware_hash(number, serial)) for number, serial in enumerate(serials, 1))]
    return "".join(",".join(line) + "\r\n" for line in lines).encode("utf-16")


def _saved_by_excel(shown: dict[str, str]) -> bytes:
    """As Excel saves it in most of Europe: semicolons, and serial numbers of digits as numbers."""
    lines = [
        HEADER,
        *((cell, "", hardware_hash(number, serial)) for number, (serial, cell) in enumerate(shown.items(), 11)),
    ]
    return "".join(";".join(line) + "\r\n" for line in lines).encode("utf-8-sig")


def _with_mistakes() -> bytes:
    """A good row and the same again, a hash with a wrong character, and a device that the stand-in refuses."""
    good, cut = hardware_hash(21, "PF5T0QD9"), hardware_hash(22, "PF5T0QE5")
    other = "B" if cut[_DAMAGED_AT] == "A" else "A"
    lines = [
        HEADER,
        ("PF5T0QD9", "", good),
        ("PF5T0QE5", "", cut[:_DAMAGED_AT] + other + cut[_DAMAGED_AT + 1 :]),
        ("PF5T0QD9", "", good),
        ("STANDIN-808-1", "", hardware_hash(23, "STANDIN-808-1")),
    ]
    return "".join(",".join(line) + "\r\n" for line in lines).encode("utf-8")


def write(folder: Path) -> None:
    """Write all of them."""
    for name, content in files().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    write(FOLDER)
