"""What a service sends is compared strictly with the fields that the reference pages have."""

from typing import Any

import pytest

from local.conformance.forms import AUDIT_RECORD, CONFIGURATION_POLICY, MOST_DIFFERENCES

POLICY: dict[str, Any] = {"id": "1", "name": "Kiosk", "category": "o_o_b_e", "policySettings": ["skip_eula"]}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"name": None}, "name is missing"),
        ({"devicesAssigned": "5"}, "devicesAssigned is of another type"),
        ({"devicesAssigned": True}, "devicesAssigned is of another type"),
        ({"category": "device_configuration"}, "category has device_configuration"),
        ({"policySettings": ["skip_eula", "made_up"]}, "policySettings has made_up"),
        ({"owner": "somebody"}, "owner is on no page"),
    ],
)
def test_each_difference_from_the_page_is_named(change: dict[str, Any], difference: str) -> None:
    assert CONFIGURATION_POLICY.differences([POLICY, POLICY | change]) == (difference,)


def test_what_the_page_has_is_no_difference() -> None:
    assert CONFIGURATION_POLICY.differences([POLICY | {"description": None}]) == ()


def test_no_value_but_a_word_of_a_listed_kind_is_named() -> None:
    record = {"customerId": 7, "operationType": "x", "operationDate": "secret", "operationStatus": "succeeded"}
    assert AUDIT_RECORD.differences([record]) == ("customerId is of another type",)


def test_the_differences_are_bounded() -> None:
    assert len(CONFIGURATION_POLICY.differences([POLICY | {f"more{n}": n for n in range(99)}])) == MOST_DIFFERENCES
