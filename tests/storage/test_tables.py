"""The contract of a table, held by the fake and by Table Storage."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest
from azure.data.tables import TableClient

from shared.storage.tables import (
    AzureTable,
    Entity,
    EntityChanged,
    EntityExists,
    Insertion,
    Query,
    Replacement,
    Table,
    grouped,
)


def _row(partition: str, row: str, **values: str | float | bool | datetime) -> Entity:
    return {"PartitionKey": partition, "RowKey": row, **values}


def test_what_is_inserted_is_read_back_value_for_value(table: Table) -> None:
    when = datetime(2026, 4, 7, 9, 33, 18, 250000, tzinfo=UTC)
    entity = _row("p", "r", text="Ä 'quoted' \U0001f600", number=2**40, small=7, share=0.25, yes=True, when=when)
    table.insert(entity)
    stored = table.get("p", "r")
    assert stored is not None
    assert dict(stored.values) == dict(entity)


def test_a_row_that_is_not_there_is_none(table: Table) -> None:
    assert table.get("p", "absent") is None


def test_a_second_insert_of_a_row_is_refused(table: Table) -> None:
    table.insert(_row("p", "r", number=1))
    with pytest.raises(EntityExists):
        table.insert(_row("p", "r", number=2))


def test_a_change_that_names_the_read_etag_succeeds_and_gives_the_next(table: Table) -> None:
    first = table.insert(_row("p", "r", number=1))
    second = table.replace(_row("p", "r", number=2), first)
    table.replace(_row("p", "r", number=3), second)
    stored = table.get("p", "r")
    assert stored is not None
    assert stored.values["number"] == 3


def test_a_change_that_names_an_old_etag_is_refused(table: Table) -> None:
    first = table.insert(_row("p", "r", number=1))
    table.replace(_row("p", "r", number=2), first)
    with pytest.raises(EntityChanged):
        table.replace(_row("p", "r", number=3), first)


def test_a_change_of_a_deleted_row_is_refused(table: Table) -> None:
    etag = table.insert(_row("p", "r", number=1))
    table.delete([("p", "r")])
    with pytest.raises(EntityChanged):
        table.replace(_row("p", "r", number=2), etag)


def test_a_replaced_row_keeps_nothing_of_the_old_one(table: Table) -> None:
    etag = table.insert(_row("p", "r", old="x"))
    table.replace(_row("p", "r", new="y"), etag)
    stored = table.get("p", "r")
    assert stored is not None
    assert "old" not in stored.values


def test_upserts_of_several_partitions_and_more_than_a_transaction_all_arrive(table: Table) -> None:
    rows = [_row(f"p{number // 250}", f"{number:04d}", number=number) for number in range(500)]
    table.upsert(rows)
    table.upsert(rows[:150])
    assert [stored.values["number"] for stored in table.query(Query(partition="p1"))] == list(range(250, 500))


def test_a_query_takes_ranges_of_keys_and_equal_properties(table: Table) -> None:
    table.upsert(_row(partition, f"{row:02d}", even=row % 2 == 0) for partition in "abc" for row in range(10))
    query = Query(partition_from="b", partition_below="c", row_from="03", row_below="08", equals={"even": True})
    assert [stored.values["RowKey"] for stored in table.query(query)] == ["04", "06"]


def test_a_query_gives_no_more_than_its_limit(table: Table) -> None:
    table.upsert(_row("p", f"{row:02d}") for row in range(10))
    assert len(list(table.query(Query(partition="p", limit=3)))) == 3


def test_rows_already_gone_count_as_deleted(table: Table) -> None:
    table.upsert(_row("p", f"{row:02d}") for row in range(5))
    table.delete([("p", "01"), ("p", "absent"), ("p", "03")])
    assert [stored.values["RowKey"] for stored in table.query(Query(partition="p"))] == ["00", "02", "04"]


def test_changes_made_together_all_happen(table: Table) -> None:
    etag = table.insert(_row("p", "parent", number=1))
    table.change_together(
        [Insertion(_row("p", "a")), Insertion(_row("p", "b")), Replacement(_row("p", "parent"), etag)]
    )
    assert [stored.values["RowKey"] for stored in table.query(Query(partition="p"))] == ["a", "b", "parent"]


def test_of_changes_made_together_none_happens_when_one_is_too_late(table: Table) -> None:
    old = table.insert(_row("p", "parent", number=1))
    table.replace(_row("p", "parent", number=2), old)
    with pytest.raises(EntityChanged):
        table.change_together([Insertion(_row("p", "a")), Replacement(_row("p", "parent", number=3), old)])
    with pytest.raises(EntityChanged):
        table.change_together([Insertion(_row("p", "b")), Insertion(_row("p", "parent"))])
    assert [stored.values.get("number") for stored in table.query(Query(partition="p"))] == [2]


def test_a_row_is_removed_only_while_it_is_as_it_was_read(table: Table) -> None:
    old = table.insert(_row("p", "r", number=1))
    new = table.replace(_row("p", "r", number=2), old)
    with pytest.raises(EntityChanged):
        table.remove("p", "r", old)
    table.remove("p", "r", new)
    table.remove("p", "r", new)
    assert table.get("p", "r") is None


def test_keys_with_quotes_and_umlauts_are_found_again(table: Table) -> None:
    table.insert(_row("O'Brien & Söhne", "a b+c", number=1))
    assert table.get("O'Brien & Söhne", "a b+c") is not None
    assert len(list(table.query(Query(partition="O'Brien & Söhne")))) == 1


def test_a_transaction_holds_a_hundred_rows_of_one_partition() -> None:
    rows = [_row("a", str(row)) for row in range(150)] + [_row("b", "0"), _row("a", "x")]
    assert [(group[0]["PartitionKey"], len(group)) for group in grouped(rows)] == [
        ("a", 100),
        ("a", 50),
        ("b", 1),
        ("a", 1),
    ]


def test_no_request_asks_for_more_rows_than_table_storage_gives_at_once() -> None:
    asked: list[int | None] = []

    class Client:
        table_name = "any"

        def create_table(self) -> None:
            """Never called: the table exists."""

        def query_entities(self, *_: object, results_per_page: int | None, **__: object) -> Iterator[object]:
            asked.append(results_per_page)
            return iter(())

    table = AzureTable(cast("TableClient", Client()))
    for limit in (None, 10, 2_001):
        assert list(table.query(Query(partition="p", limit=limit))) == []
    assert asked == [None, 10, 1_000]
