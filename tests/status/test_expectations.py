"""Sentences that say what a value must be."""

from typing import Annotated

import msgspec
import pytest

from shared.status.expectations import expectation, schemas_of
from shared.status.parameters import DevicesQuery, FilesQuery, OutcomesQuery, Query
from shared.status.schemas import WithdrawalRequest
from shared.vocabulary import Outcome

RECORDS = (FilesQuery, OutcomesQuery, DevicesQuery, WithdrawalRequest)


@pytest.mark.parametrize(
    ("record", "name"), [(record, name) for record in RECORDS for name in record.__struct_fields__]
)
def test_every_field_of_a_request_has_a_sentence_of_its_own(record: type[msgspec.Struct], name: str) -> None:
    assert expectation(name, record).startswith((f"{name} is a ", f"{name} is one of "))


def test_choices_are_those_of_the_enum_that_the_field_refers_to() -> None:
    assert expectation("outcome", OutcomesQuery) == f"outcome is one of {', '.join(sorted(Outcome))}"
    assert "$ref" not in schemas_of(OutcomesQuery)["outcome"]


def test_bounds_are_those_of_the_field() -> None:
    class Sized(Query, frozen=True, kw_only=True):
        size: Annotated[int, msgspec.Meta(ge=3, le=7)]
        word: Annotated[str, msgspec.Meta(min_length=2, max_length=9)]

    assert expectation("size", Sized) == "size is a whole number from 3 to 7"
    assert expectation("word", Sized) == "word is a text of 2 to 9 characters"
