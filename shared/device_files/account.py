"""What became of everything in a device file that is no row: nothing of a file passes unaccounted.

Headers and blank lines need no word. Everything else that is no row is *passed over* and counted here, with the places
and the beginning of some; and a note on the file says what a person may want to know of it as a whole.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from shared.device_files.cells import clean
from shared.device_files.placeholders import names_manufacturer

MOST_SHOWN = 5
"""Places and excerpts of a kind that are kept; the count goes on."""
LONGEST_EXCERPT = 80
LONGEST_DETAIL = 400
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=]{32,}")
"""May be part of a hash, which is never shown."""
_DEVICE_LIKE = re.compile(r"(?=[^\W\d_]{0,63}[0-9])[^\W_]{8,}")
"""Eight or more letters and digits with a digit among them, as most serial numbers and all keys and hashes have."""
_SEARCHED = 4_096


class PassedOverKind(StrEnum):
    """What a part of a file is that is neither row nor header nor blank."""

    COMMENT = "comment"
    PROSE = "prose"
    """Words in a single cell."""
    UNCLEAR_TEXT = "unclear_text"
    """Words above the headers, with something among them that could be of a device."""
    TEMPLATE_LINE = "template_line"
    """Placeholder texts of documentation below the headers, such as `<serial number>`."""
    TOOL_OUTPUT = "tool_output"
    """What a tool writes around its rows: dashes below names, `(2 rows affected)`, a prompt, a transcript's frame."""
    UNKNOWN_HEADER = "unknown_header"
    """Names of columns none of which is known."""
    HIDDEN_SHEET = "hidden_sheet"
    ARCHIVE_MEMBER = "archive_member"
    """A member of an archive that is of no kind in which devices are kept."""
    BESIDE_THE_LIST = "beside_the_list"
    """Values of a JSON or XML document that stand beside its devices."""


class FileNote(StrEnum):
    """What a person may want to know about a file as a whole."""

    MAY_HOLD_DEVICES = "may_hold_devices"
    """Something that was passed over looks like a device."""
    COLUMNS_IGNORED = "columns_ignored"
    COLUMN_PREFERRED = "column_preferred"
    HEADER_NOT_UNDERSTOOD = "header_not_understood"
    HIDDEN_SHEETS_SKIPPED = "hidden_sheets_skipped"
    HIDDEN_ROWS_READ = "hidden_rows_read"
    FORMULAS_WITHOUT_VALUE = "formulas_without_value"
    READ_AS_WINDOWS_1252 = "read_as_windows_1252"
    ENCODING_CHANGES = "encoding_changes"
    PRODUCT_KEYS_COPIED = "product_keys_copied"
    DEVICE_IDENTIFIERS = "device_identifiers"
    """Every row is a corporate device identifier, the form of Windows Autopilot device preparation."""


class PassedOver(Struct, frozen=True):
    """All parts of one kind that were passed over."""

    kind: PassedOverKind
    count: int
    places: tuple[str, ...]
    """The first few, as a person finds them: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1`."""
    excerpts: tuple[str, ...]
    """The beginnings of these, without anything that may be of a hash."""
    may_hold_device: bool
    """Something of it looks like a serial number, a product key, a hash or a manufacturer."""


class FileRemark(Struct, frozen=True):
    """A note on a file, with what it is about in this one."""

    note: FileNote
    detail: str = ""


@dataclass(slots=True)
class _Tally:
    count: int = 0
    places: list[str] = field(default_factory=list)
    excerpts: list[str] = field(default_factory=list)
    may_hold_device: bool = False


class FileAccount:
    """Collects what is passed over and noted while one file is read. Bounded, whatever the file holds."""

    def __init__(self) -> None:
        self._tallies: dict[PassedOverKind, _Tally] = {}
        self._details: dict[FileNote, list[str]] = {}

    def pass_over(
        self, kind: PassedOverKind, place: str, text: str = "", *, may_hold_device: bool | None = None
    ) -> None:
        """Count a part of the file that is no row; whether it may hold a device is told from `text` unless given."""
        tally = self._tallies.setdefault(kind, _Tally())
        tally.count += 1
        is_suspicious = could_hold_device(text) if may_hold_device is None else may_hold_device
        tally.may_hold_device = tally.may_hold_device or is_suspicious
        if is_suspicious:
            self.note(FileNote.MAY_HOLD_DEVICES, place)
        if len(tally.places) < MOST_SHOWN:
            tally.places.append(clean(place)[:LONGEST_EXCERPT])
            tally.excerpts.append(excerpt(text))

    def note(self, note: FileNote, *details: str) -> None:
        """Note something about the file; details of one note are gathered, each once."""
        known = self._details.setdefault(note, [])
        for detail in details:
            if len(known) <= MOST_SHOWN and detail not in known:
                known.append(detail)

    @property
    def passed_over(self) -> tuple[PassedOver, ...]:
        """Everything passed over so far, by kind."""
        return tuple(
            PassedOver(kind, tally.count, tuple(tally.places), tuple(tally.excerpts), tally.may_hold_device)
            for kind, tally in sorted(self._tallies.items())
        )

    @property
    def remarks(self) -> tuple[FileRemark, ...]:
        """The notes on the file so far."""
        return tuple(FileRemark(note, _listed(details)) for note, details in sorted(self._details.items()))


def could_hold_device(text: str) -> bool:
    """Whether a text could name a device: a long run of letters and digits with a digit, or a known manufacturer."""
    searched = text[:_SEARCHED]
    return len(text) > _SEARCHED or _DEVICE_LIKE.search(searched) is not None or names_manufacturer(searched)


def excerpt(text: str) -> str:
    """The beginning of a text as it may be shown: on one line, and nothing that may be of a hash."""
    shown = _LONG_RUN.sub("…", clean(text[: 8 * LONGEST_EXCERPT]))
    return shown if len(shown) <= LONGEST_EXCERPT else shown[: LONGEST_EXCERPT - 1] + "…"


def _listed(details: list[str]) -> str:
    shown = "; ".join(map(excerpt, details[:MOST_SHOWN]))
    return (shown + "; …" if len(details) > MOST_SHOWN else shown)[:LONGEST_DETAIL]
