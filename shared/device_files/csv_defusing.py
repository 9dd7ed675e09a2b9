"""Cells as they may stand in a CSV that a spreadsheet opens: nothing is run, and nothing is changed by saving it."""

import re

from shared.device_files.cells import LOST, NEEDS_MARK, RUNS, clean, without_invisible
from shared.device_files.checks import excel_damage

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def marked_as_text(cell: str) -> str:
    """`cell` as it may stand in a CSV: where a spreadsheet would run it, an apostrophe is put in front.

    `clean` removes that one alone, so one is put also before an apostrophe that `clean` would take for it. Control
    characters, which a terminal would run, are left out or shown as lost.
    """
    if _is_plain(cell):
        return cell
    cell = _CONTROL.sub("", LOST.sub("\ufffd", cell))
    return f"'{cell}" if NEEDS_MARK.match(without_invisible(cell).rstrip()) else cell


def safe_original(cell: str) -> str:
    """A cell of a device file as it may stand in a CSV: `clean` gives of it what it gives of the original.

    What begins with a digit and would be changed by a spreadsheet that opens and saves it is marked as text too: zeros
    at its beginning, a product key; and all that may be a date, a time, an amount or a fraction in some country.
    """
    if "0" <= cell[:1] <= "9" and (not cell.isalnum() or excel_damage.would_change(cell)):
        return f"'{without_invisible(cell)}"
    is_harmless = _is_plain(cell) or not (_CONTROL.search(cell) or RUNS.match(without_invisible(cell)))
    return cell if is_harmless else marked_as_text(clean(cell))


def _is_plain(cell: str) -> bool:
    """Whether a cell is written as it is beyond doubt, as nearly every one is."""
    return not cell or (cell[0].isalnum() and cell.isascii() and cell.isprintable())
