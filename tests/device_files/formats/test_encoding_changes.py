"""Files whose encoding changes on the way: each line comes back as it was written, or the file is refused."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.formats.decoding import decoded, line_blocks
from shared.device_files.rows import FileRemark
from shared.reasons import FileNote, FileReason, UnreadableDeviceFile
from tests.device_files.given import sample
from tests.examples import examples

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252")
CHUNKS = (1, 2, 3, 7, 1_000_000)
EAST_ASIAN = re.compile("[\u2e80-\u9fff\uac00-\ud7ff]")

Part = tuple[str, bool, Sequence[str], str, bytes | None]
"""Encoding, whether with its mark, lines, line end, and what stands in place of the last one, if not that."""


Read = tuple[list[str], tuple[FileRemark, ...]]


def written(parts: Sequence[Part]) -> bytes:
    return b"".join(
        ("\ufeff" if is_marked and encoding != "cp1252" else "").encode(encoding)
        + end.join(lines).encode(encoding)
        + (end.encode(encoding) if last is None else last)
        for encoding, is_marked, lines, end, last in parts
    )


def read(data: bytes, chunk: int = 1_000_000) -> Read:
    account = FileAccount()
    blocks = line_blocks((data[at : at + chunk] for at in range(0, len(data), chunk)), account)
    return [line for _, block in blocks for line in block], account.remarks


def visible(lines: Sequence[str]) -> list[str]:
    """The lines as `clean` leaves them: NULs and marks are seen by nobody."""
    return [line for text in lines if (line := re.sub("[\0\ufeff]", "", text))]


def is_read_as(found: str, written_line: str) -> bool:
    """Whether a line came back, its letters right or as U+FFFD; of ASCII no letter may be lost."""
    if found == written_line:
        return True
    pattern = "".join(re.escape(part) for part in re.split("(\ufffd+)", found))
    pattern = re.sub("\ufffd+", lambda run: f"[^\\x00-\\x7f].{{0,{len(run[0]) - 1}}}", pattern)
    return not written_line.isascii() and re.fullmatch(pattern, written_line) is not None


_SERIALS = st.from_regex(r"[A-Z]{1,3}[0-9]{3,6}[A-Z]?", fullmatch=True)
_NAMES = st.sampled_from(["HP,ProBook 450", '"VMware, Inc.","VMware20,1"', "LENOVO,21R3", "Dell Inc.;Latitude 5530"])
_WESTERN = st.sampled_from(["Büro", "Köln", "Niño", "L'Été", "Pääkonttori", "", "Kiosk"])
_LETTERS = st.sampled_from(
    [
        "漢字",
        "営業部",
        "上海",
        "不在",
        "Łódź",
        "Ωmega",
        "Москва",
        "한국",
        "😀",
        "Müller",
        "ਪੰਜਾਬੀ",
        "മലയാളം",
        "ⴰⵎⴰⵣⵉⵖ",
        "",
    ]
)
_ODD_ENDS = (b"\r", b"\n", b"\r\n", b"\n\0", b"\0\n")


@st.composite
def _part(draw: st.DrawFn) -> Part:
    """Of a file: rows of devices, whose first cell may be a tag."""
    encoding = draw(st.sampled_from(ENCODINGS))
    rows = st.tuples(_SERIALS, _NAMES, _WESTERN if encoding == "cp1252" else _LETTERS)
    lines = draw(st.lists(rows, min_size=1, max_size=4))
    is_tag_first = draw(st.integers(0, 3)) == 0
    texts = [",".join((tag, serial, names) if is_tag_first else (serial, names, tag)) for serial, names, tag in lines]
    return encoding, draw(st.booleans()), texts, draw(st.sampled_from(["\r\n", "\n", "\r"])), None


@st.composite
def _parts(draw: st.DrawFn) -> list[Part]:
    """Up to three changes. The last line end of a part may be missing; and one, not two, may be of other bytes."""
    parts = draw(st.lists(_part(), min_size=1, max_size=4))
    lasts = [b"" if draw(st.integers(0, 5)) == 0 else None for _ in parts]
    if draw(st.integers(0, 3)) == 0:
        lasts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from(_ODD_ENDS))
    units = [_units(encoding) for encoding, *_ in parts]
    # Two parts alike have a line end of their own between them.
    lasts = [
        None if unit == following else last
        for last, unit, following in zip(lasts, units, [*units[1:], ""], strict=True)
    ]
    return [(*part[:4], last) for part, last in zip(parts, lasts, strict=True)]


def are_plain(parts: Sequence[Part]) -> bool:
    """Whether it shows where each part begins, and in which encoding, so that the file must be read."""
    before = "bytes"
    for place, (encoding, is_marked, lines, _, last) in enumerate(parts):
        unit, is_last = _units(encoding), place == len(parts) - 1
        shows = lines[0][:10].isascii() or (is_marked and encoding != "cp1252") or unit == before
        # A line end of bytes in front of NUL may be half of one in UTF-16.
        is_open = unit == "bytes" != before and len(lines) == 1 and not is_last
        if not shows or is_open or last not in (None, b"" if is_last else None):
            return False
        before = unit
    return True


def _units(encoding: str) -> str:
    return "bytes" if encoding in ("utf-8", "cp1252") else encoding


def outcome(data: bytes, chunk: int = 1_000_000) -> Read | UnreadableDeviceFile:
    try:
        return read(data, chunk)
    except UnreadableDeviceFile as refused:
        return refused


def check(parts: Sequence[Part], chunk: int) -> bool:
    """Whether the file was read; if so, everything in it is right, whatever the chunks."""
    data = written(parts)
    result, as_a_whole = outcome(data, chunk), outcome(data)
    if isinstance(result, UnreadableDeviceFile):
        assert result.reason is FileReason.ENCODING_UNKNOWN
        assert re.search(r"line \d+\b.*Save the whole file as one", result.detail)
        assert str(as_a_whole) == str(result)
        assert not are_plain(parts), result
        return False
    assert as_a_whole == result
    found = visible(result[0])
    wanted = [line for _, _, lines, _, _ in parts for line in lines]
    assert len(found) == len(wanted), (found, wanted)
    for line, written_line in zip(found, wanted, strict=True):
        assert is_read_as(line, written_line), (line, written_line)
        assert set(EAST_ASIAN.findall(line)) <= set(EAST_ASIAN.findall(written_line))
    return True


@settings(max_examples=examples(400))
@given(_parts(), st.sampled_from(CHUNKS))
def test_every_line_of_a_file_in_several_encodings_comes_back_or_the_file_is_refused(
    parts: list[Part], chunk: int
) -> None:
    check(parts, chunk)


HEADER = "Device Serial Number,Manufacturer,Model,Group Tag"
ROWS = ("S100,HP,ProBook,Kiosk", "S200,HP,ProBook,漢字", "S300,Dell Inc.,Latitude,Büro")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000_000])
@pytest.mark.parametrize("first", ENCODINGS)
@pytest.mark.parametrize("second", [encoding for encoding in ENCODINGS if encoding != "cp1252"])
def test_rows_appended_in_another_encoding_without_a_mark_are_followed_and_noted(
    first: str, second: str, size: int
) -> None:
    data = f"{HEADER}\r\n{ROWS[0]}\r\n".encode(first) + "".join(f"{row}\r\n" for row in ROWS[1:]).encode(second)
    lines, remarks = read(data, size)
    assert lines == [HEADER, *ROWS]
    is_change = _units(first) != _units(second)
    assert remarks == ((FileRemark(FileNote.ENCODING_CHANGES, "line 3"),) if is_change else ())


def refusal(data: bytes) -> str:
    """What is said of a file that is refused for its encoding."""
    with pytest.raises(UnreadableDeviceFile) as refused:
        read(data)
    assert refused.value.reason is FileReason.ENCODING_UNKNOWN
    return refused.value.detail


@pytest.mark.parametrize("last", [b"", b"\r\n", b"\n\0"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("utf-8", "utf-16-le"), ("utf-8", "utf-16-be"), ("utf-16-le", "utf-8"), ("utf-16-be", "utf-8")],
)
def test_a_change_without_a_mark_in_the_middle_of_a_line_is_refused(first: str, second: str, last: bytes) -> None:
    data = HEADER.encode(first) + last + f"{ROWS[0]}\r\n{ROWS[1]}".encode(second)
    own = "\r\n".encode(first) if first == "utf-8" else "\n".encode(first)
    if last == own:
        assert read(data)[0] == [HEADER, *ROWS[:2]]
    else:
        assert re.match(r"The encoding changes at line [123]\b.*Save the whole file as one", refusal(data))


@pytest.mark.parametrize("first", ENCODINGS)
@pytest.mark.parametrize("second", [encoding for encoding in ENCODINGS if encoding != "cp1252"])
def test_a_mark_begins_a_line_and_a_part_wherever_it_stands(first: str, second: str) -> None:
    lines, _ = read(HEADER.encode(first) + f"\ufeff{ROWS[0]}\r\n{ROWS[1]}\r\n".encode(second))
    assert lines == [HEADER, *ROWS[:2]]


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_utf_16_be_behind_a_line_end_of_one_byte_is_read_or_refused_though_it_looks_like_le(end: bytes) -> None:
    for rows in (ROWS, [*ROWS, "S400,HP,ProBook,不在"]):
        part = "".join(f"{row}\r\n" for row in rows).encode("utf-16-be")
        assert read(end + part)[0] == ["", *rows]
        assert "line" in refusal("".join(f"{row}\r\n" for row in rows).encode("utf-16-le") + end + part)


def test_the_encoding_may_change_with_each_line_of_a_short_file() -> None:
    rows = [f"SN{n:04},HP,Model {n}" for n in range(40)]
    data = b"".join(f"{row}\r\n".encode("utf-16-le" if n % 2 else "utf-8") for n, row in enumerate(rows))
    assert read(data)[0] == rows


def test_three_encodings_in_turn_are_noted_where_each_begins() -> None:
    data = f"{HEADER}\n".encode() + f"{ROWS[0]}\n".encode("utf-16") + f"{ROWS[1]}\n".encode("utf-32-be")
    assert read(data) == ([HEADER, *ROWS[:2]], (FileRemark(FileNote.ENCODING_CHANGES, "line 2; line 3"),))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("01_ascii_header_utf16_rows.csv", "line 2"),
        ("01e_ascii_header_tuple_utf16_rows.csv", "line 2"),
        ("02_utf16_file_utf8_rows_appended.csv", "line 3"),
        ("02d_utf16_tuples_utf8_tuples_appended.csv", "line 3"),
    ],
)
def test_the_files_of_the_field_are_followed(name: str, line: str) -> None:
    lines, remarks = read(sample(f"field/{name}"))
    assert lines[0].startswith("Device Serial Number,")
    assert all(re.match("[AB]{3}[0-9]{3},", text) for text in lines[1:])
    assert remarks == (FileRemark(FileNote.ENCODING_CHANGES, line),)


def test_rows_with_hashes_are_followed_across_the_borders_of_pieces() -> None:
    row = "S{},,T0" + "Ab9+" * 1_000 + ",Büro\r\n"
    parts = [row.format(n).encode("utf-16-le" if n // 50 % 2 else "utf-8") for n in range(200)]
    lines, _ = read(b"".join(parts), 65_537)
    assert lines == [row.format(n)[:-2] for n in range(200)]


@pytest.mark.parametrize(
    "text",
    [
        "S1,漢字,Kiosk",
        "漢字,株式会社,㈱富士通,①",
        "S1,설명,ทดสอบ,नमस्ते,ਪੰਜਾਬੀ,മലയാളം,සිංහල",
        "S1,Surface Laptop™,Ⅱ • x…,👩\u200d💻",
        "S1,𠮷野家,龘,Việt Nam",
        "S1,ⴰⵎⴰⵣⵉⵖ ⵜⴰⵎⴰⵣⵉⵖⵜ,ㄅㄆㄇㄈ,ㄱㄴㄷㄹㅁ,ગુજરાતી",
        "S1,情報報告書,不在不在,上海市,①②③④⑤,　　一一",
        "情報,地区,東京,木村样",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-8"])
def test_letters_of_any_language_are_no_change_of_the_encoding(text: str, encoding: str) -> None:
    data = ("\ufeff" + f"{HEADER}\r\n{text}\r\n" * 2).encode(encoding)
    assert read(data) == ([HEADER, text] * 2, ())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("first", ["\u200b ", "“", "ਪੰਜਾਬੀ ", "デバイス", '"\u200b', "Né"])
def test_a_text_without_a_mark_may_begin_with_any_letter(first: str, encoding: str) -> None:
    text = f"{first}{HEADER}\n{ROWS[1]}\n"
    assert read(text.encode(encoding)) == (text.splitlines(), ())


def test_a_line_of_ascii_inside_utf_16_is_never_read_as_letters_of_east_asia() -> None:
    data = f"{HEADER}\r\n".encode("utf-16") + b"S1,HP,M1,Kiosk no\r\n" + f"{ROWS[0]}\r\n".encode("utf-16-le")
    assert read(data)[0] == [HEADER, "S1,HP,M1,Kiosk no", ROWS[0]]


@pytest.mark.parametrize(
    "data",
    [
        "x,y\r\n漢字".encode("utf-16") + b"\r\n",
        b"hdrA\0B\0C\0D\0E\0F\0G\0HIJ",
        (HEADER + "\r\n").encode("utf-16")[:20] + (HEADER + "\r\n").encode("utf-16")[21:],
        b"S1,HP\n\0S2,HP\n\0S3,HP",
        "S1,\ud800,x\r\nS2,a\udc00b\r\n".encode("utf-16-le", "surrogatepass"),
        "S1,\uffff,x\r\n".encode("utf-16"),
        "“Serial number”,“”,“Model”\n".encode("cp1252") + "“S1”,“”,“X”\n".encode("utf-16-le"),
    ],
    ids=[
        *("line end of bytes", "NUL between letters", "a byte lost", "NUL first", "half of a letter", "no letter"),
        "a header of another code page",
    ],
)
def test_what_does_not_fit_the_encoding_is_refused_with_the_line_and_the_cure(data: bytes) -> None:
    assert re.match(r"The encoding changes at line \d.*Save the whole file as one", refusal(data))


def test_an_encoding_that_changes_without_end_is_refused_in_bounded_time() -> None:
    rows = (f"SN{n:06},HP\n".encode("utf-16-le" if n % 2 else "utf-8") for n in range(20_000))
    assert "line 202," in refusal(b"".join(rows))


@pytest.mark.parametrize("cut", [1, 3, 5])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_cut_in_the_middle_of_a_letter_is_refused(encoding: str, cut: int) -> None:
    assert "line" in refusal(("\ufeff" + f"{HEADER}\r\n{ROWS[0]}\r\n").encode(encoding)[:-cut])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_the_sign_that_copying_puts_behind_a_file_is_no_half_of_a_letter(encoding: str) -> None:
    assert read(f"{HEADER}\r\n".encode(encoding) + b"\x1a")[0] == [HEADER]


@pytest.mark.parametrize(
    "text",
    ["S1\0\0\0,HP\0\0,M1\0\r\nS2\0\0\0,Dell,M\0\r\n\x1a", "S1,HP\r\n" + "\0" * 5_000, "S1\0\0,\0\0,HP\nS2\0\0,\0\0,HP"],
)
def test_nuls_that_fill_up_cells_or_the_end_of_a_file_are_no_change(text: str) -> None:
    assert read(text.encode()) == (text.replace("\r\n", "\n").removesuffix("\n").split("\n"), ())


@settings(max_examples=examples(300))
@given(st.binary(max_size=300), st.integers(1, 50))
@example(b"\xff\xfe\x00\x00", 1)
@example(b"\x00\x00\xfe\xff\x00\x11\x00\x00", 3)
def test_any_bytes_are_read_or_refused_alike_whatever_the_chunks(data: bytes, chunk: int) -> None:
    assert str(outcome(data, chunk)) == str(outcome(data))


def test_a_document_goes_on_in_another_encoding_on_a_new_line() -> None:
    account = FileAccount()
    texts = decoded([b'{"a": 1}', '{"b": "漢字"}\r\n'.encode("utf-16")], account)
    assert "".join(texts) == '{"a": 1}\n{"b": "漢字"}\n'
    assert account.remarks == (FileRemark(FileNote.ENCODING_CHANGES, "line 2"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_mark_between_two_files_begins_a_line_and_one_in_a_cell_does_not(encoding: str) -> None:
    files = ("\ufeff" + f"{HEADER}\r\n{ROWS[0]}") * 2 + '\r\nS1,\ufeffHP\r\n"\ufeffS2","HP\ufeff"\r\n'
    assert read(files.encode(encoding))[0] == [HEADER, ROWS[0], HEADER, ROWS[0], "S1,HP", '"S2","HP"']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("marked", ["SN-12\ufeff345,HP,M1", "SN-12345,H\ufeffP,M1", "SN-12345,HP,M\ufeff\ufeff1"])
def test_a_mark_inside_of_a_cell_begins_no_line(encoding: str, delimiter: str, marked: str) -> None:
    lines = ["Serial Number,Manufacturer,Model", marked, marked]
    text = "\ufeff" + "\r\n".join(lines).replace(",", delimiter)
    assert read(text.encode(encoding))[0] == [
        line.replace("\ufeff", "").replace(",", delimiter) for line in lines if line
    ]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_lines_keep_their_numbers_beside_empty_ones_and_nothing_but_cr_and_lf_ends_one(chunk: int) -> None:
    data = "a\r\n\r\n\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h".encode()
    blocks = line_blocks((data[at : at + chunk] for at in range(0, len(data), chunk)), FileAccount())
    numbered = [(number, line) for first, block in blocks for number, line in enumerate(block, first) if line]
    assert numbered == [(1, "a"), (4, "b"), (5, "c\x0bd\x0ce\x1cf\x85g\u2028h")]


@pytest.mark.parametrize("data", [f"{HEADER}\r\n{ROWS[0]}\r\n".encode("cp500") * 3, b"\xff" * 500])
def test_a_text_most_of_which_cannot_be_read_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("Most letters up to line")
