"""Which encoding each part of a text is in: found where a mark says so, and where one reading is cheaper than others.

A text goes over to another encoding where a script appends to a file that another tool began (`Out-File -Append`,
`Add-Content`, `copy a+b`), often without a mark, so that UTF-16 begins behind ASCII at any byte, or the other way.
Nearly all characters of a device file are ASCII, which looks different in each encoding. So a place that looks strange
in the encoding of the text before it is read in every way there is: characters have a price, low for what is common in
texts and high for what hardly occurs, a change of the encoding has one too, and the cheapest way through is taken.
Where two ways to different texts cost about the same, nobody can tell.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from itertools import islice, pairwise


class Encoding(StrEnum):
    """The encodings of parts of a text, by their Python names."""

    UTF_8 = "utf-8"
    """With it ASCII, of which it is an extension, and code pages: all that have bytes as units."""
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    UTF_32_LE = "utf-32-le"
    UTF_32_BE = "utf-32-be"

    @property
    def unit(self) -> int:
        """Bytes of a character, or of the half of one."""
        return _UNITS[self]


class Before(Enum):
    """What stands before a place in a text."""

    NOTHING = auto()
    LINE_FEED = auto()
    RETURN = auto()
    TEXT = auto()


_UNITS = dict(zip(Encoding, (1, 2, 2, 4, 4), strict=True))
_HALVES = 2
LONGEST_UNIT = 4
MARKS = {encoding: "\ufeff".encode(encoding) for encoding in Encoding}

BEHIND = 64
"""Bytes before a strange place that are read with it: the first characters of a part may look like any text."""
LONGEST_BEHIND = 512
"""Bytes that are, from the beginning of their line: it may have words of East Asia alone, which look like any bytes."""
AHEAD = 384
"""Bytes behind it that are: a few short lines, or enough of one."""
_SEEN = 32
"""Bytes that must be seen of what follows a place."""

_LETTER, _COMMON, _RARE, _NONE = 3, 4, 16, 20
"""Prices of a character that is not ASCII: a letter of an alphabet, a sign of East Asia, one that hardly any text has,
one that is not assigned. One of ASCII costs 1."""
_BESIDE_A_WORD = 8
"""A sign of East Asia beside a letter or digit of ASCII: more likely two of these, and a line end lost."""
_NUL = 12
_HALF = 12
"""A character cut off by the end of the text."""
_UTF_8_LETTER = 2
"""Bytes that are no UTF-8 seldom make a letter of it."""
_LONE_BYTE = 8
"""A byte that is no UTF-8: some code page."""
_NEXT_LINE, _LINE_END, _SAME_LINE = 6, 14, 18
"""Prices of a change of the encoding between two lines, between CR and LF, and inside of a line."""
_MARKED, _MARKED_IN_LINE = 2, 8
_CLOSE = 9
"""Two ways whose prices differ by less are equally likely."""
_OTHER_WAYS = 3
"""Ways looked at for that; often the lines are the same, and just a line end is read in the other encoding."""
_SURE = 18
"""A way that costs so much more than another is out."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The text goes on in its encoding, at least so many bytes from the strange place on."""

    to: int


@dataclass(frozen=True, slots=True)
class Change:
    """Another encoding begins."""

    at: int
    encoding: Encoding


def marked_encoding(start: bytes) -> Encoding | None:
    """The encoding whose mark stands at the start. That of UTF-32 comes first: it begins with the one of UTF-16."""
    return next((encoding for encoding in reversed(Encoding) if start.startswith(MARKS[encoding])), None)


# ---- strange places ----

_STRANGE_BYTES = re.compile(
    rb"[^\0]\0[^\0]\0"  # two letters of UTF-16
    rb"|\n\0(?!\0)"  # a line end of it
    rb"|[^\0]\0{3}[^\0]\0{3}|\0\0[^\0]{2}\0\0[^\0]{2}"  # two of UTF-32
    rb"|\xff\xfe|\xfe\xff",
)
_NOT_ASCII = re.compile("[^\x01-\x7f]{1,32}")
"""What is not ASCII, in pieces short enough to be remembered."""
_NOT_ASCII_AND_NEXT = re.compile("[^\x01-\x7f]{1,32}[\x01-\x7f]?")
_NULS_BETWEEN = re.compile("(?:[^\0]\0){3}")
"""UTF-32 read as UTF-16."""


def strange_byte(data: bytes, start: int, end: int) -> int | None:
    """Where between two places a text in bytes may go over to another encoding."""
    if data.find(0, start, end) >= 0:
        found = _STRANGE_BYTES.search(data, start, end)
        return found.start() if found else None
    marks = (data.find(MARKS[encoding], start, end) for encoding in (Encoding.UTF_16_LE, Encoding.UTF_16_BE))
    return min((place for place in marks if place >= 0), default=None)


def strange_character(text: str, start: int) -> int | None:
    """Where from `start` on a text read in 16 or 32 bits has what no such text has, or hardly any."""
    if "\0" not in text and (text.isascii() or is_latin_1(text)):
        return None
    unsound = (found.start() for found in _NOT_ASCII.finditer(text, start) if not _is_sound(found[0]))
    nuls = (found.start() for found in _NULS_BETWEEN.finditer(text, start))
    return min((*islice(unsound, 1), *islice(nuls, 1)), default=None)


def may_be_shifted(text: str) -> bool:
    """Whether a text read as UTF-16LE would be sound in UTF-16BE, too, that begins one byte later."""
    return not is_latin_1(text) and any(map(_is_sound_when_shifted, set(_NOT_ASCII_AND_NEXT.findall(text))))


@functools.lru_cache(4096)
def _is_sound_when_shifted(run: str) -> bool:
    try:
        shifted = (b"\0" + run.encode("utf-16-le")[:-1]).decode("utf-16-be")
    except UnicodeDecodeError:
        return False
    return ord(shifted[0]) in _PRINTED and all(map(_is_sound, _NOT_ASCII.findall(shifted)))


def is_latin_1(text: str) -> bool:
    """Whether all letters of a text are of Western Europe: none of these is two of ASCII."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


_LONGEST_DOUBTFUL = 5
"""So many characters of East Asia may each be two of ASCII; the longest that is beyond doubt."""
_FEW = 2
"""Signs in a row that a remark may have anywhere: a line of ASCII that was read in 16 bits has more."""
_OF_ONE_SCRIPT = re.compile("[\u0a00-\u0aff\u200c\u200d]{2,}|[\u0d00-\u0dff\u200c\u200d]{2,}")
"""A word in a script each of whose letters has a byte that is a line end."""


@functools.lru_cache(4096)
def _is_sound(run: str) -> bool:
    """Whether characters that are not ASCII are as texts in UTF-16 have them, one rare letter among them perhaps."""
    if _OF_ONE_SCRIPT.fullmatch(run) and not all(map(_is_two_of_ascii, run)):
        return True
    if len(run) <= _FEW and all(unicodedata.category(character)[0] in "PS" for character in run):
        return True
    rare = [character for character in run if character != "\0" and _price(character) > _COMMON]
    if len(rare) > 1 or any(unicodedata.category(letter) != "Lo" or _holds_ascii(letter) for letter in rare):
        return False
    return len(run) <= _LONGEST_DOUBTFUL or not all(map(_is_two_of_ascii, run))


# ---- prices ----

_BLANK, _HIGH = 0x20, 0x80
_PRINTED = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
_SELDOM = frozenset(b"!$%*<=>?[\\]^`{|}~")
_PRICES_OF_ASCII = [_NUL if byte not in _PRINTED else 2 if byte in _SELDOM else 1 for byte in range(_HIGH)]
_UTF_8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CODE_PAGES = ("cp1252", "gb2312", "shift_jis", "euc_kr")
_BIG5_LEVEL_2 = b"\xc7"
_ALPHABETS_END = 0x2000
"""Below are the scripts of Europe, the Near East and South Asia."""
_KANA, _SIGNS, _HAN = 0x3041, 0x3100, 0x4E00
"""Only from these scripts come common characters whose two bytes could be two letters of ASCII."""
_SYMBOLS = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u2022\u2026\u20e3\u2121\u2122\u3231\u3232\u3239\ufe0f\ufeff"
    + "".join(map(chr, (*range(0x2160, 0x216C), *range(0x2460, 0x2474))))
)
"""In names of models and companies, and in emoji, though two letters of ASCII or a line end have the same bytes."""
_LAST_OF_16_BITS = 0xFFFF
_TWO_LINE_ENDS = (0x0A0D, 0x0D0A)
_LINE_END_BYTES = frozenset(b"\n\r")
"""Scripts in which each character holds one: "M\\n" read as UTF-16 is a letter of Gurmukhi."""


def _is_two_of_ascii(character: str) -> bool:
    high, low = divmod(ord(character), 0x100)
    return high >= _BLANK and high in _PRINTED and low in _PRINTED


def _holds_ascii(character: str) -> bool:
    """Whether the bytes of a character are two letters of ASCII, or one is a line end."""
    return _is_two_of_ascii(character) or not _LINE_END_BYTES.isdisjoint(divmod(ord(character), 0x100))


@functools.lru_cache(65_536)
def _price(character: str) -> int:
    """What a character costs that is read in 16 or 32 bits."""
    code = ord(character)
    if code in _PRINTED:
        return 1
    if code == 0:
        return _NUL
    if code in _TWO_LINE_ENDS:
        return 2 * _NONE
    if unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs"):
        return _NONE
    if code < _ALPHABETS_END or code > _LAST_OF_16_BITS or character in _SYMBOLS:
        return _RARE if code >> 8 in _LINE_END_BYTES else _LETTER
    if _is_two_of_ascii(character) and not (_KANA <= code < _SIGNS or code >= _HAN):
        return _RARE
    return _COMMON if _is_of_code_page(character) else _RARE


def _is_of_code_page(character: str) -> bool:
    """Whether a code page for daily use has the character."""
    is_of_one = any(character.encode(code_page, "ignore") for code_page in _CODE_PAGES)
    return is_of_one or b"" < character.encode("big5", "ignore") < _BIG5_LEVEL_2


# ---- the cheapest way through ----

_Link = tuple[int, Encoding, "_Link | None"]
"""A change of the encoding: where, to what, and the one before."""
_Way = tuple[int, _Link | None]
"""A way to read a text up to some place: its price and its last change."""
_LINE_ENDS = {
    encoding: {"\n".encode(encoding): Before.LINE_FEED, "\r".encode(encoding): Before.RETURN} for encoding in Encoding
}
_LINE_BREAKS = {encoding: ("\n".encode(encoding), "\r\n".encode(encoding)) for encoding in Encoding}
_BETWEEN_LINES = re.compile("[\r\n\0\ufeff]+")


def next_change(
    data: bytes, strange: int, encoding: Encoding, *, before: Before, is_end: bool
) -> Change | Unchanged | None:
    """How a text goes on that is strange at a place; `None` where it cannot be told.

    `data` goes on with a text in `encoding`, to `AHEAD` bytes behind the strange place or to the end of the text.
    """
    ways = _Ways(data, encoding, before=before, is_end=is_end)
    end = ways.extend(strange + _SEEN, len(data))
    is_end = is_end and end == len(data)
    price, changes = ways.cheapest(end)
    if not changes:
        to = end if is_end else end - _SEEN // 2
        return None if _may_be_ascii(data[:to], encoding) else Unchanged(to)
    barred = {changes[0]}
    for _ in range(_OTHER_WAYS):
        ways = _Ways(data, encoding, before=before, is_end=is_end, barred=barred)
        ways.extend(end, end)
        other_price, other_changes = ways.cheapest(end)
        if other_price - price >= _CLOSE:
            break
        lines, other_lines = (_lines(data[:end], encoding, way) for way in (changes, other_changes))
        if lines[:-1] != other_lines[:-1] or (is_end and lines != other_lines):
            return None
        barred.update(other_changes[:1])
    is_damaged = _may_be_ascii(data[: changes[0].at], encoding) or _is_byte_lost(data, encoding, changes[0])
    return None if is_damaged else changes[0]


def _is_byte_lost(data: bytes, encoding: Encoding, change: Change) -> bool:
    """Whether the two bytes of each character swap their places in the middle of a line."""
    begins_part = (MARKS[change.encoding], *_LINE_BREAKS[change.encoding])
    ends_line = data[change.at - _HALVES : change.at] in _LINE_ENDS[encoding]
    is_swapped = encoding.unit == change.encoding.unit == _HALVES
    return is_swapped and not ends_line and not data.startswith(begins_part, change.at)


def _may_be_ascii(data: bytes, encoding: Encoding) -> bool:
    """Whether a text in UTF-16 has what is more likely two letters of ASCII, but too little of it to tell."""
    if encoding is Encoding.UTF_8:
        return False
    runs = _NOT_ASCII.findall(data.decode(encoding, "replace"))
    return any(
        _price(character) > _COMMON and _holds_ascii(character)
        for run in runs
        if not _is_sound(run)
        for character in run
    )


def _lines(data: bytes, encoding: Encoding, changes: Sequence[Change]) -> list[str]:
    """The lines of a text whose encoding changes so."""
    parts = [Change(0, encoding), *changes, Change(len(data), encoding)]
    texts = (data[part.at : following.at].decode(part.encoding, "ignore") for part, following in pairwise(parts))
    return _BETWEEN_LINES.split("\n".join(texts).rstrip("\r\n\0"))


class _Ways:
    """The cheapest ways to read a text up to each place of it, in each encoding."""

    def __init__(
        self,
        data: bytes,
        encoding: Encoding,
        *,
        before: Before,
        is_end: bool,
        barred: AbstractSet[Change] = frozenset(),
    ) -> None:
        """`barred`: changes that no way takes."""
        self._data = data
        self._before = before
        self._half = _HALF if is_end else 0
        self._barred = barred
        widest = LONGEST_UNIT if b"\0\0" in data else _HALVES
        self._encodings = [(each, unit) for each, unit in _UNITS.items() if unit <= widest or each is encoding]
        self._ways: list[dict[Encoding, _Way]] = [{} for _ in range(len(data) + 1)]
        self._ways[0][encoding] = (0, None)

    def extend(self, least: int, most: int) -> int:
        """Go on, at least to a place, until it is sure how the cheapest way begins; returns the place."""
        for at, reached in enumerate(self._ways[:most]):
            if reached:
                if at >= least and self._is_sure(at):
                    return at
                self._go_on(at, reached)
        return most

    def cheapest(self, end: int) -> tuple[int, list[Change]]:
        """The price and the changes of the cheapest way to a place, or just beyond."""
        price, link = min(
            (way for reached in self._ways[end : end + LONGEST_UNIT] for way in reached.values()), key=_price_of
        )
        return price, _changes(link)

    def _is_sure(self, at: int) -> bool:
        """Whether all cheap ways to a place begin with the same change, or have none."""
        ways = [way for reached in self._ways[at : at + LONGEST_UNIT] for way in reached.values()]
        enough = min(map(_price_of, ways)) + _SURE
        return len({tuple(_changes(link)[:1]) for price, link in ways if price < enough}) == 1

    def _go_on(self, at: int, reached: dict[Encoding, _Way]) -> None:
        ended = self._by_line_end(at, reached)
        enough = min(map(_price_of, reached.values())) + _MARKED
        for encoding, unit in self._encodings:
            length, price = self._character(at, encoding, unit)
            way = reached.get(encoding)
            if (way is None or way[0] > enough) and (price < _NUL or unit == 1):
                way = self._entered(at, encoding, ended, way)
            if way is not None:
                further = self._ways[min(at + length, len(self._data))]
                known = further.get(encoding)
                if known is None or way[0] + price < known[0]:
                    further[encoding] = (way[0] + price, way[1])

    def _by_line_end(self, at: int, reached: dict[Encoding, _Way]) -> dict[Before, _Way]:
        """The cheapest ways to a place by how they end."""
        ended: dict[Before, _Way] = {}
        for encoding, way in reached.items():
            last = self._data[at - _UNITS[encoding] : at]
            end = _LINE_ENDS[encoding].get(last, Before.TEXT) if at else self._before
            if end not in ended or way[0] < ended[end][0]:
                ended[end] = way
        return ended

    def _entered(self, at: int, encoding: Encoding, ended: dict[Before, _Way], way: _Way | None) -> _Way | None:
        """`way`, or a cheaper one that changes to its encoding here."""
        if self._barred and Change(at, encoding) in self._barred:
            return way
        ends_line = self._data.startswith(_LINE_BREAKS[encoding], at)
        is_marked = self._data.startswith(MARKS[encoding], at)
        for before, (price_before, link) in ended.items():
            price = price_before + _price_of_change(before, ends_line=ends_line, is_marked=is_marked)
            if way is None or price < way[0]:
                way = price, (at, encoding, link)
        return way

    def _character(self, at: int, encoding: Encoding, unit: int) -> tuple[int, int]:
        """How many bytes the character at a place has in an encoding, and its price."""
        if unit == 1:
            return _character_of_bytes(self._data, at)
        code = self._data[at : at + unit]
        if len(code) < unit:
            return unit, self._half
        price = _price_of_code(code, encoding)
        if price == _COMMON:
            beside = (self._data[at + unit : at + 2 * unit], self._data[max(0, at - unit) : at])
            price += _BESIDE_A_WORD * sum(_is_letter_of_ascii(code, encoding) for code in beside)
        if price == _NONE and unit == _HALVES:
            pair = self._data[at : at + 4].decode(encoding, "ignore")
            if len(pair) == 1 and ord(pair) > _LAST_OF_16_BITS:
                return 4, _price(pair)
        return unit, price


def _price_of(way: _Way) -> int:
    return way[0]


def _changes(link: _Link | None) -> list[Change]:
    changes: list[Change] = []
    while link is not None:
        at, encoding, link = link
        changes.insert(0, Change(at, encoding))
    return changes


def _price_of_change(before: Before, *, ends_line: bool, is_marked: bool) -> int:
    """What a change of the encoding costs; `ends_line`: it begins with a line end."""
    if before is Before.NOTHING:
        return 0
    is_between_lines = before is not Before.TEXT or ends_line
    if is_marked:
        return _MARKED if is_between_lines else _MARKED_IN_LINE
    if before is Before.RETURN and ends_line:
        return _LINE_END
    return _NEXT_LINE if is_between_lines else _SAME_LINE


@functools.lru_cache(65_536)
def _price_of_code(code: bytes, encoding: Encoding) -> int:
    character = code.decode(encoding, "ignore")
    return _price(character) if character else _NONE


@functools.lru_cache(256)
def _is_letter_of_ascii(code: bytes, encoding: Encoding) -> bool:
    character = code.decode(encoding, "ignore")
    return character.isascii() and character.isalnum()


def _character_of_bytes(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < _HIGH:
        return 1, _PRICES_OF_ASCII[byte]
    found = _UTF_8_CHARACTER.match(data, at)
    return (found.end() - at, _UTF_8_LETTER) if found else (1, _LONE_BYTE)
