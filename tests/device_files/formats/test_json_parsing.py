import json
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.cells import CellType, type_of
from shared.device_files.formats import json_parsing
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.formats.json_parsing import DEEPEST, PART, Json, documents
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

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
        return {name: as_read(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_read(part) for part in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


@settings(deadline=None)
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


@settings(deadline=None)
@given(_DOCUMENTS, st.sampled_from([None, 1]), st.data())
def test_a_document_that_is_cut_anywhere_is_refused(value: object, indent: int | None, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent)
    cut = data.draw(st.integers(1, len(text) - 1))
    assert "cut off" in refusal(text[:cut])


def _without_a_name_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from('[]{}:,"\\ a01-.eE\n')), st.sampled_from(["[%s]", "{%s}", '{"a":%s}', '["",%s]']))
def test_what_is_json_is_read_as_json(text: str, around: str) -> None:
    read_as_text = json.JSONDecoder(
        object_pairs_hook=_without_a_name_twice, parse_int=str, parse_float=str, strict=False
    )
    try:
        value = read_as_text.decode(around % text)
    except ValueError:
        return
    assert parsed(around % text) == [as_read(value)]


def test_numbers_and_booleans_are_given_as_they_are_written_with_their_type() -> None:
    (values,) = parsed(f"[7, -0, {'9' * 5_000}, 1.50, 1E3, 1e400, true, false, NaN, null, Infinity]")
    assert isinstance(values, list)
    number, fraction, boolean = CellType.NUMBER, CellType.FRACTION, CellType.BOOLEAN
    assert values == ["7", "-0", "9" * 5_000, "1.50", "1E3", "1e400", "true", "false", None, None, "Infinity"]
    types = [type_of(value) for value in values if isinstance(value, str)]
    assert types == [number, number, number, fraction, fraction, fraction, boolean, boolean, fraction]


def test_half_a_character_is_none() -> None:
    assert parsed('["\\ud83d", "\\ud83d\\ude00"]') == [["\ufffd", "\U0001f600"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"a": 1}, {"a": 2}', "cut off in line 1, after item 2"),
        ('[{"a": 1},\n', "cut off in line 2, after item 1"),
        ('[{"a": 1}, {"a": "T0', "cut off in line 1, after item 1"),
        ('[{"a', "cut off in line 1:"),
        ('{"value": [{"a": 1}, {"a": 2}]', "cut off in line 1:"),
        ('{"a": 1}\n{"a": 2},\n', "cut off in line 3"),
        ('{"a": 1}\n{"a": 2\n{"a": 3}\n', "Line 3 has { where a comma or an end is due"),
        ('{"a": 1}\n{"a": "2\n{"a": 3}\n', "Line 3 has a where a comma or an end is due"),
        ('{"a": 1} tail', "Line 1 has tail where a list or object is due"),
        ('{"a": 1} 7', "Line 1 has 7 where a list or object is due"),
        ('{"a": 1}]', "Line 1 has ] where a list or object is due"),
        ('[{"a": 1]', "Line 1 has ] where a comma or an end is due"),
        ('[{"a" 1}]', "Line 1 has 1 where a colon is due"),
        ('[{"a": }]', "Line 1 has } where a value is due"),
        ("[{a: 1}]", "Line 1 has a where a name in quotes is due"),
        ("[1,, 2]", "Line 1 has , where a value is due"),
        ('[{"a": 007}]', "Line 1 has 007 without quotes"),
        ("[{\"a\": 'x'}]", "Line 1 has 'x' without quotes"),
        ('[{"a": undefined}]', "Line 1 has undefined without quotes"),
        ('[\n// all devices\n{"a": 1}]', "Line 2 has a comment"),
        ('[{"a": 1} /* first */]', "Line 1 has a comment"),
        ('["\\q"]', "Line 1 has"),
        ('[{"a": 1, "a": 2}]', "the name a a second time"),
        ('[{"a": [], "a": []}]', "the name a a second time"),
        ("[" * (DEEPEST + 1), f"more than {DEEPEST} lists and objects"),
        ('{"a":' * 100_000, f"more than {DEEPEST} lists and objects"),
    ],
)
def test_damage_is_named_with_its_line(text: str, says: str) -> None:
    assert says in refusal(text)


@pytest.mark.parametrize("text", ['[{"a": 1},]', '[{"a": 1,}]', '[{"a": 1, "a": 1}]', '[{"a"\n:\t1}]\n\n\0\x1a'])
def test_what_programs_and_people_write_beside_the_standard_is_read(text: str) -> None:
    assert parsed(text) == [[{"a": "1"}]]


def test_a_document_knows_its_line_and_whether_it_ends_in_it() -> None:
    found = documents(['{"a": 1}\n\n{"a":\n 2}\n', '[]{"a": "\\n"}'])
    assert [(document.line, document.is_line) for document in found] == [(1, True), (3, False), (5, True), (5, True)]


def _memory(texts: Iterator[str]) -> tuple[FileReason | None, int, int]:
    """Why a text is refused, how many values its documents have, and the most memory that was held at once."""
    count = 0
    tracemalloc.start()
    try:
        for document in documents(texts):
            count += len(document.value)
    except UnreadableDeviceFile as error:
        return error.reason, count, tracemalloc.get_traced_memory()[1]
    else:
        return None, count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


_ITEM = '{"serialNumber": "S1", "hash": "' + "A" * 4_000 + '"}'
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("before", "between", "after"), [("[", ",\n", "]"), ("", "\n", ""), ("", "", ""), ("[[],", ",", "]")]
)
def test_a_list_of_any_length_is_given_in_parts(before: str, between: str, after: str) -> None:
    count = 5_000
    texts = chain([before], repeat(_ITEM + between, count - 1), [_ITEM, after])
    reason, given_count, memory = _memory(texts)
    assert (reason, given_count >= count, memory < 4 * PART) == (None, True, True)


def test_a_part_of_a_list_knows_how_much_was_given_before() -> None:
    parts = list(documents(chain(["["], repeat(_ITEM + ",", 1_000), [_ITEM + "]"])))
    assert len(parts) > 1
    assert [part.first for part in parts] == [
        sum(len(before.value) for before in parts[:at]) for at in range(len(parts))
    ]
    assert sum(len(part.value) for part in parts) == 1_001


@pytest.mark.parametrize(
    "piece", ["[],", "{},", '{"a":1},', '"a",', '"😀é",', "1,", "null,", '["A"],'], ids=lambda piece: piece
)
def test_a_document_of_another_form_is_refused_before_it_takes_much_memory(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_parsing, "MAXIMUM_DOCUMENT", 4 * MEGABYTE)
    reason, _, memory = _memory(chain(['{"value":['], repeat(piece * 1_000, 1_000)))
    assert reason is FileReason.JSON_TOO_LARGE
    assert memory < 5 * MEGABYTE


@pytest.mark.parametrize("piece", ["{}\n", "[[],1]", '{"a":1}'])
def test_a_file_has_a_bound_also_where_its_documents_have_none(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parsing, "MAXIMUM_VALUES", 3_000)
    assert _memory(repeat(piece, 1_000))[0] is None
    assert _memory(repeat(piece, 3_001))[0] is FileReason.TOO_MANY_ROWS


@pytest.mark.parametrize("start", ['["', '{"', "[", '["\\u0041', "[-"])
def test_a_value_without_an_end_is_refused(start: str) -> None:
    reason, _, memory = _memory(chain([start], repeat("1" * 65_536, 100)))
    assert (reason, memory < MEGABYTE) == (FileReason.LINE_TOO_LONG, True)


def test_a_value_longer_than_a_line_is_refused_wherever_it_ends() -> None:
    assert parsed(f'["{"A" * MAXIMUM_LINE}"]') == [["A" * MAXIMUM_LINE]]
    with pytest.raises(UnreadableDeviceFile, match="more than 65,536") as raised:
        parsed(f'["{"A" * (MAXIMUM_LINE + 1)}"]')
    assert raised.value.reason is FileReason.LINE_TOO_LONG


@pytest.mark.parametrize("piece", [" ", "\n", "\t \r\n", "\0", "\x1a"])
def test_blanks_of_any_length_cost_little(piece: str) -> None:
    reason, _, memory = _memory(chain(["[]"], repeat(piece * 30_000, 20), ["{}"]))
    assert reason in (None, FileReason.LINE_TOO_LONG)
    assert memory < MEGABYTE
