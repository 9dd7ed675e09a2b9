"""Lines in Windows-1252, the code page of Western Europe: read word by word where they can be that, else not read.

The letters of every other code page (Shift-JIS, GBK, Big5, KOI8-R, Windows-1250 and -1251, those of DOS and of the
Macintosh) are letters and symbols of this one too, but hardly ever make a word of a Western language. Decoding invents
no letters: each byte of a word that cannot be read for certain becomes U+FFFD, which is never sent.
"""

import functools
import re

UNREADABLE = "\ufffd"

_HIGH_WORD = re.compile(
    "(?<![0-9@A-Z\\[-\\]_`a-z{}~\x80-\xff])[0-9@A-Z\\[-\\]_`a-z{}~]*+[\x80-\xff][0-9@A-Z\\[-\\]_`a-z{}~\x80-\xff]*"
)
"""A word with bytes that are not ASCII. The second byte of an East Asian letter may look like `@`, `[` or `~`.
A delimiter ends a word."""
_INSIDE = "[^\x00-\x1f\x81-\x9f\xab\xbb,;|]{1,128}"
_OPENING = "\x82\x84\x91\x93\xab"
_QUOTED = re.compile(
    f"[{_OPENING}](?<![0-9A-Za-z\x80-\xff].)"
    f"(?:(?<=[\x84\x93]){_INSIDE}[\x93\x94]|(?<=[\x82\x91]){_INSIDE}[\x91\x92]|(?<=\xab){_INSIDE}\xbb)"
    f"(?![0-9A-Za-z\x80-\xff])"
)
"""Typographic quotes that are opened and closed. One alone is more likely half of a letter of East Asia or DOS."""
_ANGLES = {0xAB: "\udcab", 0xBB: "\udcbb"}
"""Stand for quotes that are the same in Latin-1, while words are looked for."""
_QUOTES = {**{ord(quote): quote.encode("latin-1").decode("cp1252") for quote in "\x82\x84\x91\x92\x93\x94"}, **_ANGLES}

_PLAIN = "0-9@A-Z\\[-\\]_`a-z{}~\xc0-\xd6\xd8-\xf6\xf8-\xff"
_SHAPE = re.compile(
    rf"[{_PLAIN}]+(?:[\u2013\u2019][{_PLAIN}]+)*[\xae\u2122\u2019]?"  # words, joined by a dash or an apostrophe
    r"|[0-9]*\xb0[CF]?|[0-9]+[\xaa\xba]|[Nn][\xb0\xba]"  # degrees and ordinals
    r"|[\xa7\xa9\u20ac][0-9]*|[0-9]+\u20ac|[\xae\u2013\u2014\u2022\u2122]?"  # sections, prices, signs alone
)
_LETTERS = re.compile("[À-ÿ]")
_ALPHABETS = [
    frozenset(letters)
    for letters in (
        *("äöüßé", "äéèêëïóöü"),  # German, Dutch
        *("àâçèéêëîïôùûü", "àèéìíòóùú", "àçèéíïòóúü"),  # French, Italian, Catalan
        *("áéíóúüñ", "àáâãçéêíóôõúü"),  # Spanish, Portuguese
        *("æøåéô", "åäöéü", "áéíóúöü"),  # Danish and Norwegian, Swedish and Finnish, Icelandic and Hungarian
    )
]
"""Without the letters that Icelandic has alone: they would make words of Turkish and Polish."""
_WORDS_OF_ONE_LETTER = frozenset("àèéóåöÀ")
_VOWEL = "aeiouyàáâãäåèéêëìíîïòóôõöøùúûüæ"
_MISPLACED = re.compile(
    rf"""
    [^\x00-\x7f]{{3}}
    |(?!ää|öö|üü|äö|öä|[äöü]ß|éé|íñ|ñ[áéíóú]|ü[éí]|íç|ç[áâãéêóõ])[^\x00-\x7f\u2013\u2019\xae\u2122]{{2}}
    |(?<![{_VOWEL}])[ßï]            # ß: Я in Windows-1251; ï: ď in Windows-1250
    |ñ(?![{_VOWEL}]) | ã(?![oes]|$) | ^.ã$ | õ(?!e)   # ń, ă and ő in Windows-1250
    |è(?=[{_VOWEL}]) | [ìù](?=.)    # č, ě and ů
    |æ(?=[{_VOWEL}]) | (?<=[{_VOWEL}])æ   # ć
    |á(?=e) | (?<=[aeiou])á$ | (?<=a)[áä]   # ß and ń in DOS
    |\u2013(?=\D)(?-i:[^A-ZÀ-Þ])    # û in DOS
    |\u2019(?![aeiouyhàâéèêîôû]|[stmd]$|ll$|[rv]e$|$)(?<!o\u2019)   # Æ in DOS
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Letters where no language has them: they are others of another code page."""
_CAPITAL_AT_END = re.compile("[a-zß-öø-ÿ][À-Þ]$")
_ONLY_CAPITALS = re.compile("[^a-z]*[A-Z][^a-z]*[A-Z][^a-z]*")
_LONGEST_WORD = 64
_BLANKS = re.compile("\xa0+")
_BLANK_IN_WORD = re.compile("[A-Za-zÀ-ÿ]\xa0[a-zß-ÿ]")
"""More likely á in DOS."""


def decode_bytes(data: bytes | bytearray | memoryview) -> tuple[str, bool]:
    """A text that is no UTF-8 as a whole, and whether something of it was read as Windows-1252.

    Words that are UTF-8 by themselves stay that.
    """
    text = str(data, "latin-1")
    is_western = False

    def quotes(found: re.Match[str]) -> str:
        nonlocal is_western
        is_western = True
        return found[0].translate(_QUOTES)

    def word(found: re.Match[str]) -> str:
        nonlocal is_western
        decoded, is_of_code_page = _decode_word(found[0])
        is_western = is_western or is_of_code_page
        return decoded

    if any(map(text.__contains__, _OPENING)):
        text = _QUOTED.sub(quotes, text)
    text = _HIGH_WORD.sub(word, text)
    return text.replace(_ANGLES[0xAB], "«").replace(_ANGLES[0xBB], "»"), is_western


@functools.lru_cache(4096)
def _decode_word(word: str) -> tuple[str, bool]:
    data = word.encode("latin-1")
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        western = data.decode("cp1252", "replace")
    return (western, True) if is_plausible(western) else (data.decode("ascii", "replace"), False)


def is_plausible(word: str) -> bool:
    """Whether a word read as Windows-1252 can be one of a Western European language."""
    if len(word) > _LONGEST_WORD:
        return False
    return not _BLANK_IN_WORD.search(word) and all(map(_is_word, _BLANKS.split(word)))


def _is_word(word: str) -> bool:
    if not _SHAPE.fullmatch(word):
        return False
    letters = "".join(_LETTERS.findall(word))
    if letters and not re.search("[A-Za-z]", word):
        return word in _WORDS_OF_ONE_LETTER
    if _MISPLACED.search(word) or _CAPITAL_AT_END.search(word):
        return False
    if _ONLY_CAPITALS.fullmatch(word) and letters.replace("ß", "").upper() != letters.replace("ß", ""):
        return False
    return any(alphabet.issuperset(letters.lower()) for alphabet in _ALPHABETS)
