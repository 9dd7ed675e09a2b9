r"""Any text as a key of Table Storage, without two texts ever sharing a key. Pure.

Table Storage refuses `/ \ # ?` and control characters in keys and more than 1 KiB of UTF-16, which is 512 characters
(Understanding the Table service data model, "Characters disallowed in key fields"). `%` and `'` are legal but have
broken clients, so they are escaped too, and `~` because it separates the parts of a key.
"""

import hashlib
import re

LONGEST_KEY = 512
"""UTF-16 units."""

_ESCAPE = "!"
_UNSAFE = re.compile(r"[/\\#?%'~!\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def safe_key(text: str, longest: int = LONGEST_KEY) -> str:
    """`text` as a key of at most `longest` UTF-16 units.

    An escaped character is `!` and its code point in hexadecimal, ended by `.`. A key that would be too long keeps its
    beginning and ends in `!!` and a digest; `!!` occurs in no other key, so the two kinds never meet.
    """
    escaped = _UNSAFE.sub(lambda match: f"{_ESCAPE}{ord(match[0]):x}.", text)
    if _units(escaped) <= longest:
        return escaped
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    ending = _ESCAPE * 2 + digest
    beginning = escaped.encode("utf-16-le")[: 2 * (longest - len(ending))].decode("utf-16-le", "ignore")
    return beginning.rstrip(_ESCAPE) + ending


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
