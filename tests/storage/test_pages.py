"""Filters as the service reads them, and pages of its answers as rows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.storage.connection import StorageClients
from shared.storage.pages import all_of, condition, rows_in
from shared.storage.tables import Query
from shared.storage.transactions import NotUnderstood, Value
from tests.storage.conftest import WAYS, table_of

ETAG = "W/\"datetime'2026-11-20T12%3A00%3A00.1234567Z'\""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("it's", "'it''s'"),
        ("", "''"),
        (True, "true"),
        (7, "7"),
        (2**40, f"{2**40}L"),
        (-1.5, "-1.5"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1))),
            "datetime'2026-01-02T02:04:05.000006Z'",
        ),
    ],
)
def test_a_value_is_written_as_the_filters_grammar_has_it(value: Value, written: str) -> None:
    assert condition("name", "eq", value) == f"name eq {written}"


def test_conditions_must_all_hold() -> None:
    assert all_of([condition("PartitionKey", "eq", "p"), condition("RowKey", "lt", "r")]) == (
        "PartitionKey eq 'p' and RowKey lt 'r'"
    )


def _page(properties: str) -> bytes:
    return f'{{"odata.metadata": "m", "value": [{{"odata.etag": "e", {properties}}}]}}'.encode()


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ('"a": "text"', "text"),
        ('"a": false', False),
        ('"a": 5', 5),
        ('"a@odata.type": "Edm.Int64", "a": "9007199254740993"', 9007199254740993),
        ('"a": "12", "a@odata.type": "Edm.Int64"', 12),
        ('"a": 5, "a@odata.type": "Edm.Double"', 5.0),
        ('"a": "-Infinity", "a@odata.type": "Edm.Double"', float("-inf")),
        ('"a": "2026-01-02T03:04:05.1234567Z", "a@odata.type": "Edm.DateTime"', "03:04:05.123456"),
        ('"a": "2026-01-02T03:04:05Z", "a@odata.type": "Edm.DateTime"', "03:04:05"),
        ('"a": "2026-01-02T03:04:05.5Z", "a@odata.type": "Edm.DateTime"', "03:04:05.500000"),
    ],
)
def test_a_value_is_read_by_its_type(properties: str, value: Value) -> None:
    [(values, etag)] = rows_in(_page(properties))
    assert etag == "e"
    read = values.pop("a")
    assert values == {}
    if isinstance(read, datetime):
        assert (read.tzinfo, read.time().isoformat()) == (UTC, value)
    else:
        assert (type(read), read) == (type(value), value)


def test_what_the_service_adds_is_no_part_of_a_row() -> None:
    added = '"Timestamp": "2026-01-02T03:04:05Z", "Timestamp@odata.type": "Edm.DateTime", "odata.id": "x", "a": 1'
    assert rows_in(_page(added)) == [({"a": 1}, "e")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<feed/>",
        b"[]",
        b'{"value": {}}',
        b'{"value": [{"a": 1}]}',
        b'{"value": [{"odata.etag": 1}]}',
        b"\xff",
        _page('"a": null'),
        _page('"a": [1]'),
        _page('"a": "AA==", "a@odata.type": "Edm.Binary"'),
        _page('"a": "x", "a@odata.type": "Edm.Int64"'),
        _page('"a": "soon", "a@odata.type": "Edm.DateTime"'),
    ],
)
def test_a_page_that_is_not_as_expected_is_left_to_the_storage_client(content: bytes) -> None:
    with pytest.raises(NotUnderstood):
        rows_in(content)


def test_more_rows_than_a_page_holds_are_read_alike_and_in_order(clients: StorageClients) -> None:
    tables = [table_of(clients, way) for way in WAYS]
    for table in tables:
        table.upsert({"PartitionKey": f"p{row // 600}", "RowKey": f"r'{row:05d} +&%", "n": row} for row in range(1_201))
    for query in (Query(), Query(limit=1_100), Query(partition_from="p1"), Query(equals={"n": 1_200})):
        ours, theirs = ([stored.values for stored in table.query(query)] for table in tables)
        assert ours == theirs
        assert ours
