"""The parameters of addresses for scripts, and the sentences about wrong parameters."""

import pytest

from tests.pipeline.world import CUSTOMER, World
from tests.status.client import FILE, UNKNOWN, Client, closed_file


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ("customer=contoso", "customer"),
        (f"customer={CUSTOMER}%0A", "customer"),
        ("customer=" + "x" * 101, "customer"),
        ("state=%60%24.limit%60", "state"),
        ("state=unknown+field+%60limit%60", "state"),
        ("x%60+-+at+%60%24.limit%60=1", "x` - at `$.limit`"),
        ("state=open", "state"),
        ("state=null", "state"),
        ("received_from=yesterday", "received_from"),
        ("received_from=2026-11-20", "received_from"),
        ("received_before=1763596800", "received_before"),
        ("received_before=2026-11-20T00:00:00", "received_before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=5&limit=6", "limit"),
        ("costumer_id=x", "costumer_id"),
        ("%60%24.x%60=1", "`$.x`"),
        ("next=abc", "next"),
        ("next=%C3%A4", "next"),
        ("next=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "next"),
        ("page=abc", "page"),
    ],
)
def test_a_bad_filter_is_named(client: Client, question: str, parameter: str) -> None:
    answer = client.get(f"/api/files?{question}")
    assert answer.status == 400
    assert answer.json["parameter"] == parameter
    assert parameter in answer.json["message"] or answer.json["code"] == "bad_page"


@pytest.mark.parametrize(
    "question", ["outcome=lost", "reason=%00", "reason=808%0A", "limit=501", "state=closed", "reason=" + "x" * 201]
)
def test_a_bad_filter_of_rows_is_named(world: World, client: Client, question: str) -> None:
    identifier = closed_file(world)
    answer = client.get(f"{FILE.format(identifier)}/outcomes?{question}")
    assert answer.status == 400
    assert answer.json["parameter"] == question.partition("=")[0]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("limit=many", "limit is a whole number from 1 to 1000."),
        ("limit=1.5", "limit is a whole number from 1 to 1000."),
        ("limit=5&limit=6", "limit is a whole number from 1 to 1000."),
        ("limit=99999999999999999999999", "limit is a whole number from 1 to 1000."),
        ("state=open", "state is one of closed, closing, gone, read, received, rejected."),
        ("received_from=20.11.2026", "received_from is a time with its offset, such as 2026-11-20T08:00:00Z."),
        ("customer=contoso", "customer is the GUID of a customer's tenant or the name of a customer."),
        ("customer=a%00b", "customer has no control characters."),
        ("next=" + "x" * 4_001, "next is a text of at most 4000 characters."),
        ("costumer=x", "There is no parameter costumer, but next, customer, state, "),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_told_what_it_should_be(client: Client, question: str, sentence: str) -> None:
    assert client.get(f"/api/files?{question}").json["message"].startswith(sentence)


@pytest.mark.parametrize("name", ["customer", "state", "received_from", "received_before", "limit", "next", "unknown"])
def test_an_empty_value_is_no_filter(world: World, client: Client, name: str) -> None:
    """The Functions host does not pass an empty value on."""
    identifier = closed_file(world)
    answer = client.get(f"/api/files?{name}=")
    assert [file["file_id"] for file in answer.json["files"]] == [identifier]


@pytest.mark.parametrize("question", ["", "?serial=", "?serial=" + "x" * 257])
def test_the_search_for_a_device_needs_a_serial_number(client: Client, question: str) -> None:
    answer = client.get(f"/api/devices/{CUSTOMER}{question}")
    assert (answer.status, answer.json["parameter"]) == (400, "serial")
    assert answer.json["message"].startswith("serial is a text of 1 to 256 characters.")


def test_rows_have_bounds_of_their_own_and_a_file_has_no_parameters(client: Client) -> None:
    path = FILE.format(UNKNOWN)
    assert client.get(f"{path}/outcomes?limit=0").json["message"].startswith("limit is a whole number from 1 to 500.")
    assert "but none at this address." in client.get(f"{path}?limit=5").json["message"]


def test_times_at_the_end_of_the_calendar_find_nothing_and_break_nothing(world: World, client: Client) -> None:
    closed_file(world)
    for time in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.999999-14:00", "1969-01-01T00:00:00Z"):
        for name in ("received_from", "received_before"):
            assert client.get(f"/api/files?{name}={time}").status == 200
