"""Bytes to lines, whatever the encoding, and where it changes on the way."""

import codecs
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.formats.decoding import MAXIMUM_LINE, decoded, line_blocks
from shared.device_files.formats.encoding_changes import detected_encoding
from shared.reasons import FileNote, FileReason, UnreadableDeviceFile
from tests.examples import examples

_MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
_ASCII = st.from_regex(r"[A-Z0-9]{3,10},[A-Za-z .]{2,12},[A-Za-z0-9 ]{2,12}", fullmatch=True)
_WIDE = st.sampled_from(["S100,HP,Büro 3", "漢字,Ünlü,销售部门", "S1,HP,Book … 3", "S2,Müller & Söhne,X", "", "S3,,"])


def lines(*chunks: bytes, account: FileAccount | None = None) -> list[str]:
    return [line for _, block in line_blocks(chunks, account or FileAccount()) for line in block]


def lines_or_reason(*chunks: bytes) -> list[str] | FileReason:
    try:
        return lines(*chunks)
    except UnreadableDeviceFile as error:
        return error.reason


def notes(*chunks: bytes) -> list[tuple[FileNote, str]]:
    account = FileAccount()
    lines(*chunks, account=account)
    return [(remark.note, remark.detail) for remark in account.remarks]


def encoded(runs: Sequence[tuple[str, bool, Sequence[str]]], end: str) -> bytes:
    return b"".join(
        (_MARKS[encoding] if has_mark else b"") + "".join(line + end for line in run).encode(encoding)
        for encoding, has_mark, run in runs
    )


_RUNS = st.lists(
    st.tuples(st.sampled_from(sorted(_MARKS)), st.booleans(), st.lists(_ASCII | _WIDE, min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=examples(400))
@given(_RUNS, st.sampled_from(["\n", "\r\n"]), st.integers(1, 9))
def test_every_line_comes_back_in_whatever_encoding_its_part_was_written(
    runs: list[tuple[str, bool, list[str]]], end: str, size: int
) -> None:
    # A part with neither a mark nor some letters of ASCII in its first line says nothing of its encoding.
    runs = [(encoding, has_mark or not (run[0].isascii() and run[0]), run) for encoding, has_mark, run in runs]
    data = encoded(runs, end)
    wanted = [line for _, _, run in runs for line in run if line]
    found = lines_or_reason(*(data[at : at + size] for at in range(0, len(data), size)))
    if isinstance(found, FileReason):
        assert found is FileReason.ENCODING_UNKNOWN
        return
    assert [line.replace("\ufeff", "").strip("\0") for line in found if line.strip("\0\ufeff")] == wanted
    assert found == lines(data)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_rows_appended_in_another_encoding_are_followed_in_both_directions_and_told(encoding: str) -> None:
    header, rows = "Serial,Manufacturer,Model\r\n", "S100,HP,ProBook\r\nS200,HP,ProBook\r\n"
    for data in (header.encode() + rows.encode(encoding), header.encode(encoding) + rows.encode()):
        assert lines(data)[:3] == (header + rows).split("\r\n")[:3]
        assert notes(data) == [(FileNote.ENCODING_CHANGES, "line 2")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_signs_whose_bytes_are_ascii_are_signs_in_utf_16(encoding: str) -> None:
    text = "S2,HP,X • Y … 15″ ‰ †"
    assert lines(f"Serial,Manufacturer,Model\n{text}".encode(encoding))[1] == text


@pytest.mark.parametrize(("text", "encoding"), [("Büro-Köln;Niño;L'Été", "cp1252"), ("Pääkonttori", "latin-1")])
def test_western_words_are_read_and_told(text: str, encoding: str) -> None:
    assert lines(text.encode(encoding)) == [text]
    assert notes(text.encode(encoding)) == [(FileNote.READ_AS_WINDOWS_1252, "")]


@pytest.mark.parametrize(
    ("text", "encoding"), [("ルーム", "shift-jis"), ("Продажи", "cp1251"), ("Büro", "cp850"), ("销售", "gbk")]
)
def test_letters_of_another_code_page_are_not_invented(text: str, encoding: str) -> None:
    (line,) = lines(text.encode(encoding))
    assert "\ufffd" in line


def test_cells_filled_up_with_nul_are_no_sign_of_utf_16() -> None:
    assert lines(b"S1\0\0\0\0,HP\0\0,M1\0\nS2") == ["S1\0\0\0\0,HP\0\0,M1\0", "S2"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_end_of_a_line_counts_once_wherever_pieces_are_cut(end: str) -> None:
    data = f"a{end}{end}b{end}c".encode()
    for size in (1, 2, 3, 100):
        assert lines(*(data[at : at + size] for at in range(0, len(data), size))) == ["a", "", "b", "c"]


def test_a_line_too_long_is_refused_after_the_lines_before_it() -> None:
    blocks = line_blocks([b"a\nb\n" * 2_000, b"x" * 2 * MAXIMUM_LINE], FileAccount())
    assert len(next(blocks)[1]) == 4_000
    with pytest.raises(UnreadableDeviceFile) as refused:
        list(blocks)
    assert refused.value.reason is FileReason.LINE_TOO_LONG


@settings(max_examples=examples(300))
@given(st.binary(max_size=300) | _RUNS.map(lambda runs: encoded(runs, "\n")[3:]), st.integers(1, 50))
def test_any_bytes_are_read_or_refused_alike_in_any_pieces(data: bytes, size: int) -> None:
    assert lines_or_reason(*(data[at : at + size] for at in range(0, len(data), size))) == lines_or_reason(data)


def test_a_document_keeps_its_text_whatever_the_length_of_its_lines() -> None:
    text = '{"a": "' + "x" * 200_000 + '"}\r\n[1,\n2]'
    assert "".join(decoded([text.encode("utf-16")], FileAccount())) == text.replace("\r\n", "\n")


@pytest.mark.parametrize("encoding", sorted(_MARKS))
def test_an_encoding_is_told_by_its_mark_and_by_its_nuls(encoding: str) -> None:
    data = "Serial,Manufacturer".encode(encoding)
    assert detected_encoding(_MARKS[encoding] + data) == encoding
    assert detected_encoding(data) == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_first_line_of_many_letters_of_east_asia_begins_a_text_without_a_mark(encoding: str) -> None:
    for names in (
        "ハードウェアハッシュ,製造元名,デバイスモデル,グループ タグ",
        "製造元名,グループ タグ,注文番号,割り当てられたユーザー,Windows 製品 ID",
    ):
        text = [f"デバイスのシリアル番号,{names}", "S100,,HP,X1,"]
        assert lines("\r\n".join(text).encode(encoding)) == text
