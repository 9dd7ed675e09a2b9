"""Keys of Table Storage."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.storage.keys import LONGEST_KEY, safe_key

FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
AWKWARD = st.text(alphabet=st.sampled_from("ab!~/\\#?%'.\x00\x7f2fÄ😀"), max_size=40)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(AWKWARD | st.text(max_size=700))
def test_a_key_has_no_forbidden_character_and_is_never_too_long(text: str) -> None:
    key = safe_key(text)
    assert not FORBIDDEN.search(key)
    assert _units(key) <= LONGEST_KEY


@given(AWKWARD, AWKWARD)
def test_two_texts_never_share_a_key(one: str, other: str) -> None:
    assert (safe_key(one) == safe_key(other)) == (one == other)


def test_long_texts_that_begin_alike_have_different_keys() -> None:
    assert safe_key("/" * 900) != safe_key("/" * 901)
    assert safe_key("😀" * 600) != safe_key("😀" * 601)


def test_a_plain_name_is_its_own_key() -> None:
    assert safe_key("Sales Laptops 2026") == "Sales Laptops 2026"


def test_a_part_of_a_key_holds_no_separator() -> None:
    assert "~" not in safe_key("a~b", 300)
