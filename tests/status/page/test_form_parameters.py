"""The fields of the page's forms."""

from datetime import UTC, datetime

import pytest

from shared.status.http import Refusal
from shared.status.names import CustomerNames
from shared.status.page.form_parameters import (
    LONGEST_FIELD,
    file_filter,
    file_limit,
    file_list_form,
    outcome_filter,
    rows_form,
    serial_number,
)
from shared.status.queries import FileFilter, OutcomeFilter
from shared.storage.customers import Customer
from shared.vocabulary import FileState
from tests.pipeline.world import CUSTOMER


def test_the_fields_of_the_list_are_the_question_that_is_asked() -> None:
    form = file_list_form({"customer": " contoso ", "state": "read", "from": "2026-11-01", "to": "2026-11-30"})
    contoso = Customer(name="Contoso", customer_id=CUSTOMER, added_at=datetime(2026, 11, 1, tzinfo=UTC))
    wanted = file_filter(form, CustomerNames.of([contoso]))
    assert wanted.customer_id == CUSTOMER
    assert wanted.state is FileState.READ
    assert wanted.received_from == datetime(2026, 11, 1, tzinfo=UTC)
    assert wanted.received_before == datetime(2026, 12, 1, tzinfo=UTC), "the last day counts as well"
    assert file_limit(form) == 50
    assert file_limit(file_list_form({"limit": "1000"})) == 1_000
    assert outcome_filter(rows_form({"outcome": "failed", "reason": "808"})).equals == {
        "outcome": "failed",
        "error_code": "808",
    }


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"customer": "Fabrikam"}, "customer"),
        ({"state": "open"}, "state"),
        ({"from": "20.11.2026"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"limit": "7"}, "limit"),
        ({"next": "x" * (LONGEST_FIELD + 1)}, "next"),
    ],
)
def test_a_wrong_field_of_the_list_is_refused_by_its_name(fields: dict[str, str], parameter: str) -> None:
    def submitted() -> None:
        form = file_list_form(fields)
        file_limit(form)
        file_filter(form, CustomerNames.of([]))

    with pytest.raises(Refusal) as refused:
        submitted()
    assert (refused.value.status, refused.value.parameter) == (400, parameter)


def test_a_wrong_field_of_the_rows_is_refused_by_its_name() -> None:
    with pytest.raises(Refusal) as refused:
        outcome_filter(rows_form({"outcome": "lost"}))
    assert refused.value.parameter == "outcome"
    with pytest.raises(Refusal) as refused:
        serial_number({"serial": "x" * (LONGEST_FIELD + 1)})
    assert refused.value.parameter == "serial"


def test_fields_that_are_left_empty_ask_for_everything() -> None:
    form = file_list_form({"customer": " ", "state": "", "from": "", "to": ""})
    assert file_filter(form, CustomerNames.of([])) == FileFilter()
    assert outcome_filter(rows_form({})) == OutcomeFilter()
    assert serial_number({"serial": " SN-1 "}) == "SN-1"
