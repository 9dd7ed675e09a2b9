"""Bars, words, texts and static files of the page."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.page import labels, static_files, text
from shared.status.page.bars import LEAST_SHARE, WHOLE, by_outcome, not_registered, segments, share
from shared.status.schemas import OutcomeCounts
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState

NUMBERS = st.integers(0, 1_000_000)


@given(st.tuples(*[NUMBERS] * 7))
def test_a_bar_shows_every_kind_of_row_and_is_full(numbers: tuple[int, ...]) -> None:
    counts = OutcomeCounts(**dict(zip([*map(str, Outcome), "open"], numbers, strict=True)))
    found = segments(counts)
    assert {segment.name for segment in found} == {name for name, _ in by_outcome(counts)}
    assert all(segment.width >= LEAST_SHARE - 0.01 for segment in found)
    end = 0.0
    for segment in found:
        assert segment.start == pytest.approx(end, abs=0.02)
        end = segment.start + segment.width
    assert not found or end == pytest.approx(WHOLE, abs=0.05)


def test_one_failure_in_a_hundred_thousand_rows_is_seen() -> None:
    (_, failed) = segments(OutcomeCounts(total=100_000, registered=99_999, failed=1))
    assert failed.width == pytest.approx(LEAST_SHARE, abs=0.01)
    assert failed.is_textured


def test_rows_without_an_outcome_come_last() -> None:
    counts = OutcomeCounts(total=10, duplicate=1, registered=2, failed=3, open=4)
    assert by_outcome(counts) == [("registered", 2), ("failed", 3), ("duplicate", 1), ("open", 4)]


def test_who_should_be_looked_at_is_failed_rejected_or_unknown() -> None:
    counts = OutcomeCounts(total=63, registered=1, already_registered=2, failed=4, rejected=8, unknown=16, duplicate=32)
    assert not_registered(counts) == 28


@pytest.mark.parametrize(("number", "most", "expected"), [(0, 0, 0), (0, 5, 0), (5, 5, 100), (1, 100_000, LEAST_SHARE)])
def test_the_longest_of_several_bars_is_full(number: int, most: int, expected: float) -> None:
    assert share(number, most) == expected


def test_every_word_of_the_vocabulary_is_shown() -> None:
    assert set(labels.OUTCOMES) == set(Outcome)
    assert set(labels.FILE_STATES) == set(FileState)
    assert set(labels.SUBMISSION_STATES) == set(SubmissionState)
    assert set(labels.REMEDIES) == set(Remedy)


def test_a_note_is_shown_in_words_and_one_of_another_version_as_it_is() -> None:
    assert labels.note_meaning("serial_from_hash").startswith("The serial number was empty")
    assert labels.note_meaning("read_back").startswith("The service gave no verdict but the device")
    assert labels.note_meaning("word_of_another_version") == "word_of_another_version"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Büro 東京 مكتب 🙂", "Büro 東京 مكتب 🙂"),
        ("red\x1b[31m", "red␛[31m"),
        ("a\tb\r\nc\x00\x7f", "a␉b␍␊c␀␡"),
        ("invoice\u202egpj.exe", "invoice[U+202E]gpj.exe"),
        ("SN\u200b1\ufeff", "SN[U+200B]1[U+FEFF]"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("non\u00a0breaking", "non\u00a0breaking"),
        ("\ud800", "[U+D800]"),
    ],
)
def test_a_character_that_cannot_be_seen_is_shown_as_what_it_is(written: str, shown: str) -> None:
    assert text.visible(written) == shown


@given(st.text())
def test_no_text_turns_the_text_around_it(written: str) -> None:
    shown = text.visible(written)
    assert not set(shown) & set(map(chr, [*range(32), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F]))
    shown.encode()


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1536, "1.5 KiB"),
        (3 << 20, "3.0 MiB"),
        (5 << 30, "5.0 GiB"),
    ],
)
def test_sizes_are_short(number: int, shown: str) -> None:
    assert text.size(number) == shown


def test_times_are_utc_for_people_and_machines() -> None:
    moment = datetime(2026, 11, 3, 23, 30, tzinfo=timezone(-timedelta(hours=2)))
    assert text.plain_time(moment) == "4 Nov 2026, 01:30"
    assert text.machine_time(moment) == "2026-11-04T01:30:00Z"
    assert text.plain_time(datetime(2026, 11, 20, 5, 0, tzinfo=UTC)) == "20 Nov 2026, 05:00"


def test_numbers_have_their_noun() -> None:
    assert text.counted(1, "row") == "1 row"
    assert text.counted(12_345, "row") == "12,345 rows"


@pytest.mark.parametrize("name", ["status.css", "status.js", "mark.svg"])
def test_a_static_file_is_kept_for_ever_under_the_name_of_its_contents(name: str) -> None:
    address = static_files.static_address(name)
    served = static_files.static_file(address.rpartition("/")[2])
    assert served is not None
    assert served.cache_control == static_files.FOR_EVER
    assert served.etag.strip('"') in address
    plain = static_files.static_file(name)
    assert plain is not None
    assert plain.content == served.content
    assert plain.cache_control == static_files.REVALIDATE


def test_the_name_of_another_version_is_served_but_not_kept() -> None:
    served = static_files.static_file("status.0123456789abcdef.css")
    assert served is not None
    assert served.cache_control == static_files.REVALIDATE


@pytest.mark.parametrize(
    "name", ["", "status", ".css", "../page.py", "page.py", "status.css.map", "..%2fpage.py", "a.b.c.d"]
)
def test_nothing_else_is_served(name: str) -> None:
    assert static_files.static_file(name) is None


def test_the_style_and_the_script_need_nothing_from_elsewhere() -> None:
    for path in static_files.STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert "@import" not in text
        assert "url(" not in text
