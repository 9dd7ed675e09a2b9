"""Texts as a stranger may read them: the product's own words, ids, times and small numbers stay, all else is left out.

An allow list, since nobody can list what names, hashes and keys look like. The words are those of the texts in the
product's code: what it says by itself is readable, and what came from a file, a person or a service is not.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "shared"

LEFT_OUT = "[...]"

MOST_DIGITS = 6
"""Of all numbers in a word that stays: counts, status codes and places, but no serial number of usual length."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(rf"{_GUID}(?:\.[0-9]{{1,6}})?", re.IGNORECASE)
_NUMBER_OF_A_SUBMISSION = re.compile(r"[0-9]{1,6}(?:-[01])*")
_DAY, _HOUR = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
_TIME = re.compile(rf"{_DAY}|{_HOUR}|{_DAY}T{_HOUR}Z?")
_CODE = re.compile(r"Ztd[A-Za-z]{1,40}")
"""Autopilot's names of what went wrong with a device, of which new ones appear."""
_EDGES = ".,;:()[]{}<>'\"*/!?=-"


def in_known_words(text: str) -> str:
    """`text` with only the words that everybody may read; each run of other words becomes `[...]`."""
    shown: list[str] = []
    for word in text.split():
        if _is_known(word.strip(_EDGES)):
            shown.append(word)
        elif shown[-1:] != [LEFT_OUT]:
            shown.append(LEFT_OUT)
    return " ".join(shown)


def _is_known(word: str) -> bool:
    if any(form.fullmatch(word) for form in (_ID, _TIME, _CODE, _NUMBER_OF_A_SUBMISSION)):
        return True
    parts = [part for part in re.split(r"[^A-Za-z0-9_]+", word) if part]
    numbers = [part for part in parts if part.isdecimal()]
    are_small = sum(map(len, numbers)) <= MOST_DIGITS
    return word.isascii() and are_small and all(part.isdecimal() or part in known_words() for part in parts)


@cache
def known_words() -> frozenset[str]:
    """The words of all texts in the product's code, as they are written there, and the names of fields and duties."""
    files = sorted(SOURCES.rglob("*.py"))
    return frozenset(word for file in files for word in _words_in(ast.parse(file.read_text(encoding="utf-8"))))


def _words_in(module: ast.Module) -> Iterator[str]:
    """The words of the texts of a module, without its docstrings, which have examples; and its fields and functions."""
    described = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield from _WORD.findall(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef):
            yield node.name.strip("_")
