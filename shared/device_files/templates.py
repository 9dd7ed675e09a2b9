"""Device files to fill in, as people download them: the headers of the reader's own table, and one line that says how.

The line begins as a comment, which the reader passes over. It has no comma, so that a spreadsheet shows it in one cell.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.device_files.rows import Column
from shared.device_files.tables.headers import STANDARD_NAMES

_HASH, _TUPLE, _KEY = "hardware-hash.csv", "serial-maker-model.csv", "product-key.csv"

TEMPLATE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        _HASH: "Hardware hash",
        _TUPLE: "Serial number, manufacturer and model",
        _KEY: "Product key id (PKID)",
    }
)
"""The templates by the name of their file, in words."""

_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    _HASH: (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, Column.GROUP_TAG),
    _TUPLE: (Column.SERIAL_NUMBER, Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG),
    _KEY: (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.GROUP_TAG),
}

_ADVICE: Mapping[str, str] = {
    _HASH: "One row for each device. Paste the whole hash as Get-WindowsAutopilotInfo wrote it: a cut one is rejected.",
    _TUPLE: "One row for each device. Write maker and model exactly as the firmware spells them.",
    _KEY: "One row for each device. Format the column of the key as text before you fill it in: it has 13 digits.",
}

_OF_ALL = "The group tag names the batch where the file is dropped without one. This line is passed over."


def template(name: str) -> bytes | None:
    """The template of that name as a CSV file (UTF-8 with a byte order mark), or None."""
    if name not in _COLUMNS:
        return None
    header = ",".join(STANDARD_NAMES[column] for column in _COLUMNS[name])
    return f"\ufeff{header}\r\n# {_ADVICE[name]} {_OF_ALL}\r\n".encode()
