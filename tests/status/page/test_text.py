"""Text, numbers and times as the page shows them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.page import text


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
