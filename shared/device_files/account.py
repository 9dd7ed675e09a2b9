"""What became of everything in a device file that is no row: nothing of a file passes unaccounted.

Headers and blank lines need no word. Everything else that is no row is *passed over* and counted here, with the places
and the beginning of some; and a note on the file says what a person may want to know of it as a whole.
"""

import re
from dataclasses import dataclass, field

from shared.device_files.cells import clean
from shared.device_files.placeholders import names_manufacturer
from shared.device_files.rows import FileRemark, PassedOver
from shared.reasons import FileNote, PassedOverKind

MOST_SHOWN = 5
"""Places and excerpts of a kind that are kept; the count goes on."""
LONGEST_EXCERPT = 80
LONGEST_DETAIL = 400
_LONG_RUN = re.compile(r"(?=[A-Za-z]*[0-9+/=])[A-Za-z0-9+/=]{32,}")
"""May be part of a hash, which is never shown; a name of letters alone is none."""
_DEVICE_LIKE = re.compile(r"(?=[^\W\d_]{0,63}[0-9])[^\W_]{8,}")
"""Eight or more letters and digits with a digit among them, as most serial numbers and all keys and hashes have."""
_SEARCHED = 4_096


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
        self.delimiter: str | None = None
        """Of the first table of text in it; None where it has none, or a single column."""

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


def names_device(line: str) -> bool:
    """Whether a line of a log names a device: a manufacturer beside what looks like a serial number, or that alone."""
    return _DEVICE_LIKE.fullmatch(line) is not None or (
        _DEVICE_LIKE.search(line) is not None and names_manufacturer(line)
    )


def excerpt(text: str) -> str:
    """The beginning of a text as it may be shown: on one line, and nothing that may be of a hash."""
    shown = _LONG_RUN.sub("…", clean(text[: 8 * LONGEST_EXCERPT]))
    return shown if len(shown) <= LONGEST_EXCERPT else shown[: LONGEST_EXCERPT - 1] + "…"


def _listed(details: list[str]) -> str:
    shown = "; ".join(map(excerpt, details[:MOST_SHOWN]))
    return (shown + "; …" if len(details) > MOST_SHOWN else shown)[:LONGEST_DETAIL]
