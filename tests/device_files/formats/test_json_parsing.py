import json
import tracemalloc
from collections.abc import Iterable
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.cells import CellType, type_of
from shared.device_files.formats import json_parsing
from shared.device_files.formats.json_parsing import DEEPEST, MAXIMUM_DOCUMENT, Json, documents
from shared.reasons import FileReason, UnreadableDeviceFile

MEGABYTE = 1024 * 1024
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["\\", '"', "😀é", "\n"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)
_DOCUMENTS = st.lists(_VALUES, max_size=4) | st.dictionaries(_TEXTS, _VALUES, max_size=4)
_BETWEEN = st.sampled_from(["", "\n", ",", " , \r\n", "\0\0\n", "\x1a", "\ufeff"])


def parsed(text: str, size: int = 1_000_000) -> list[Json]:
    return [document.value for document in documents(text[at : at + size] for at in range(0, len(text), size))]


def refusal(text: str) -> str:
    with pytest.raises(UnreadableDeviceFile) as raised:
        parsed(text)
    assert raised.value.reason is FileReason.JSON_UNREADABLE
    return raised.value.detail


def as_read(value: object) -> object:
    """A value of the standard library as this parser gives it."""
    if isinstance(value, dict):
        return {
            name: "true" if part is True else "false" if part is False else as_read(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [as_read(part) for part in value]
    return value if value is None or isinstance(value, str | bool) else json.dumps(value)


@given(
    st.lists(st.tuples(_DOCUMENTS, st.sampled_from([None, 0, 2]), st.booleans(), _BETWEEN), max_size=4),
    st.integers(1, 9),
)
def test_documents_come_back_whatever_stands_between_them(
    given_documents: list[tuple[object, int | None, bool, str]], size: int
) -> None:
    texts = [json.dumps(value, indent=indent, ensure_ascii=is_ascii) for value, indent, is_ascii, _ in given_documents]
    text = "".join(text + between for text, (*_, between) in zip(texts, given_documents, strict=True)) + "[]"
    assert parsed(text, size) == [*(as_read(value) for value, *_ in given_documents), []]


@given(_DOCUMENTS, st.sampled_from([None, 1]), st.booleans(), st.data())
def test_a_document_that_is_cut_anywhere_is_refused(
    value: object,
    indent: int | None,
    is_ascii: bool,
    data: st.DataObject,
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    cut = data.draw(st.integers(1, len(text) - 1))
    assert "cut off" in refusal(text[:cut])


def test_numbers_and_booleans_are_given_as_they_are_written_with_their_type() -> None:
    (value,) = parsed(f'{{"a":7,"b":-0,"c":{"9" * 5_000},"d":1.50,"e":1E3,"f":1e400,"g":true,"h":NaN,"i":Infinity}}')
    assert isinstance(value, dict)
    number, fraction, boolean = CellType.NUMBER, CellType.FRACTION, CellType.BOOLEAN
    assert list(value.values()) == ["7", "-0", "9" * 5_000, "1.50", "1E3", "1e400", "true", None, "Infinity"]
    types = [type_of(part) for part in value.values() if isinstance(part, str)]
    assert types == [number, number, number, fraction, fraction, fraction, boolean, fraction]


def test_half_a_character_is_none() -> None:
    assert parsed('{"\\ud83d": "\\ud83d", "b": "\\ud83d\\ude00"}') == [{"\ufffd": "\ufffd", "b": "\U0001f600"}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"a": 1}, {"a": 2}', "cut off in line 1"),
        ('[{"a": 1},\n', "cut off in line 1"),
        ('[{"a": 1},\n{"a": "T0', "cut off in line 2"),
        ('{"value": [{"a": 1}, {"a": 2}]', "cut off in line 1"),
        ('{"a": 1}\n{"a": 2},\n', "cut off in line 2"),
        ('{"a": 1}\n{"a": 2\n{"a": 3}\n', "Line 3: Expecting ',' delimiter"),
        ('{"a": 1} tail', "Line 1: Expecting value, at tail"),
        ('{"a": 1}\n7', "Line 2: 7 stands where a list or object is due"),
        ('{"a": 1}\n\n]', "Line 3: Expecting value"),
        ('[{"a": 1]', "Line 1: Expecting ',' delimiter"),
        ("[{a: 1}]", "Line 1: Expecting property name"),
        ('[{"a": 007}]', "Line 1: Expecting ',' delimiter"),
        ("[{\"a\": 'x'}]", "Line 1: Expecting value"),
        ('[\n// all devices\n{"a": 1}]', "Line 2 has a comment"),
        ('[{"a": 1} /* first */]', "Line 1 has a comment"),
        ('# list\n{"a": 1}', "Line 1 has a comment"),
        ('["\\q"]', "Line 1: Invalid \\escape"),
        ('[{"a": 1, "a": 2}]', "the name a a second time"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), f"more than {DEEPEST} lists and objects"),
        ('{"a":' * 100_000, f"more than {DEEPEST} lists and objects"),
    ],
)
def test_damage_is_named_with_its_line(text: str, says: str) -> None:
    assert says in refusal(text)


@pytest.mark.parametrize("text", ['[{"a": 1, "a": 1}]', '[{"a"\n:\t1}]\n\n\0\x1a'])
def test_what_programs_write_beside_the_standard_is_read(text: str) -> None:
    assert parsed(text) == [[{"a": "1"}]]


def test_a_document_knows_its_line_and_whether_it_ends_in_it() -> None:
    found = documents(['{"a": 1}\n\n{"a":\n 2}\n', '[]{"a": "\\n"}'])
    assert [(document.line, document.is_line) for document in found] == [(1, True), (3, False), (5, True), (5, True)]


def _refused(texts: Iterable[str]) -> tuple[FileReason, int]:
    """Why a text is refused, and the most memory that was held at once."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDeviceFile) as raised:
            for _ in documents(texts):
                pass
        return raised.value.reason, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "piece",
    ["[],", "{},", '{"a":1},', '"ab",', '"😀é",', "1,", "null,", '["A"],', " ", "\0", '["' + "A" * 4_000 + '"],'],
)
@pytest.mark.parametrize("start", ['{"value":[', '["'])
def test_a_document_that_is_too_large_is_refused_in_bounded_memory(
    start: str, piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tracing memory takes long: a tenth of each limit is held to a tenth of the bound.
    for limit in ("MAXIMUM_DOCUMENT", "MAXIMUM_VALUES", "PIECE"):
        monkeypatch.setattr(json_parsing, limit, getattr(json_parsing, limit) // 10)
    piece *= max(1, 6_553 // len(piece))
    reason, memory = _refused(chain([start], repeat(piece, 1_000)))
    assert reason in (FileReason.JSON_TOO_LARGE, FileReason.JSON_UNREADABLE)
    assert memory < 6.4 * MEGABYTE


def test_what_was_sound_before_a_document_that_is_too_large_was_given() -> None:
    found = documents(chain(['{"a": 1}\n["'], repeat("A" * MEGABYTE, MAXIMUM_DOCUMENT // MEGABYTE + 1)))
    assert next(found).value == {"a": "1"}
    with pytest.raises(UnreadableDeviceFile, match="What begins in line 2 has more than 12 MB"):
        next(found)
