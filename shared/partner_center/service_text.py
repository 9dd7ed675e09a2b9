"""Cleans texts of the service for storage: limited in length, with characters that every store and file can hold."""

import re

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
"""Control characters, lone surrogates, and characters that XML and table storage refuse."""

CUT = "…"
"""Marks the place where a text was cut."""


def service_text(text: str, most: int) -> str:
    """`text` on one line, at most `most` characters. A longer text is cut and ends with `CUT`.

    A character takes at most four bytes in UTF-8, two units in UTF-16 and twelve characters escaped in JSON, so that
    `most` bounds the text in every encoding.
    """
    words = " ".join(_UNFIT.sub(" ", text[: 8 * most]).split())
    return words if len(words) <= most else words[: most - 1] + CUT
