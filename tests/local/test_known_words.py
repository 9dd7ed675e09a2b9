"""Texts keep the product's own words, and nothing that a file, a person or a service brought."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.known_words import LEFT_OUT, in_known_words, known_words
from shared.pipeline.sweep import SweepReport
from tests.examples import examples

NAMES = [
    "Anna",
    "Maria",
    "Huber",
    "Peter",
    "Rose",
    "Grace",
    "Hope",
    "Max",
    "Frank",
    "Bill",
    "Bob",
    "Jack",
    "Eva",
    "Dean",
    "Drew",
    "Norm",
    "Ray",
    "Sue",
    "Pat",
    "Miller",
    "Smith",
    "Schmidt",
    "Garcia",
    "Nguyen",
    "Kowalski",
    "Contoso",
    "Fabrikam",
]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29 17:00:00 Read 195 rows into 1 submission.",
        "The batch is created as 8f2f3b1e-3b0a-4a54-8a6b-0f4c1f1f6a51.",
        "0 */5 * * * *",
        "12-0-1-0-1-0-1",
        "Partner Center answered with 401, code 900421",
        "ZtdDeviceAlreadyAssigned",
        *(field.name for field in fields(SweepReport)),
        "discard_old_uploads",
        "c7f3c849-129f-4b85-a96d-4f8e88b315a3.12",
        "",
    ],
)
def test_what_the_product_says_by_itself_stays(text: str) -> None:
    assert in_known_words(text) == text


@pytest.mark.parametrize(
    "foreign",
    [
        *NAMES,
        "T0FYAQEAHAAAAAoABQBhSgAACgAFAGFKAA+8/Wx0==",
        "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl",
        "VK7JG-NPHTM-C97JM-9MPGT-3V66T",
        "0000-0013-6275-1834-2512-0311-88",
        "5CG1234XYZ",
        "20261129170000",
        "\u0663\u0664",
        "Hüber",
        "a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f809",
    ],
)
def test_everything_else_is_left_out_wherever_it_stands(foreign: str) -> None:
    assert in_known_words(f"The rows of {foreign} ({foreign}), 2 files") == f"The rows of {LEFT_OUT} 2 files"


def test_no_name_of_a_person_is_a_word_of_the_product() -> None:
    assert set(NAMES) & known_words() == set()


@settings(max_examples=examples(200))
@given(st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=12), st.text())
def test_a_long_word_that_is_not_the_products_own_never_stays(word: str, around: str) -> None:
    shown = in_known_words(f"{around} {word} {around}")
    assert word in known_words() or word not in shown.split()
