"""Text, numbers and times as the page shows them. Pure.

The page shows text from files and services. Characters that are invisible or that change the direction of text are
replaced by visible symbols. Templates escape HTML.
"""

from datetime import UTC, datetime
from unicodedata import category

from shared.vocabulary import counted

CONTROL_PICTURES = 0x2400
"""Unicode's pictures of the control characters 0 to 31 begin here."""
DELETE, PICTURE_OF_DELETE = 0x7F, "\u2421"
LAST_CONTROL = 0x1F

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters without a visible form (Unicode Standard, general category)."""

KILO = 1024


def visible(text: str) -> str:
    """`text` with a symbol or the code point in place of every invisible character."""
    if text.isprintable():
        return text
    return "".join(_symbol(character) if category(character) in INVISIBLE else character for character in text)


def _symbol(character: str) -> str:
    code = ord(character)
    if code <= LAST_CONTROL:
        return chr(CONTROL_PICTURES + code)
    return PICTURE_OF_DELETE if code == DELETE else f"[U+{code:04X}]"


def plain_time(moment: datetime) -> str:
    """20 Nov 2026, 12:00 (UTC, as the foot of the page says)."""
    return f"{moment.astimezone(UTC):%d %b %Y, %H:%M}".lstrip("0")


def machine_time(moment: datetime) -> str:
    """For `<time datetime>`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def size(number: int) -> str:
    """A number of bytes, such as 1.5 MiB."""
    if number < KILO:
        return counted(number, "byte")
    amount = float(number)
    for unit in ("KiB", "MiB"):
        amount /= KILO
        if amount < KILO:
            return f"{amount:.1f} {unit}"
    return f"{amount / KILO:.1f} GiB"
