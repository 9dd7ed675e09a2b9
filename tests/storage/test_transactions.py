"""The body of an entity group transaction, and the results in its answer."""

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.transactions import (
    CONTENT_TYPE,
    Deletion,
    Entity,
    Failure,
    Insertion,
    NotEncodable,
    NotUnderstood,
    Operation,
    Replacement,
    Upsertion,
    Value,
    answered,
    encoded,
)

TABLE = "https://account.table.core.windows.net/Outcomes"
ETAG = "W/\"datetime'2026-11-21T02%3A57%3A24.6117465Z'\""

FIRST_TIME = datetime(1601, 1, 1)  # noqa: DTZ001 - hypothesis takes the zone apart
"""Edm.DateTime begins here."""

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values: st.SearchStrategy[Value] = st.one_of(
    st.text(st.characters(), max_size=40),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.datetimes(FIRST_TIME, timezones=st.just(UTC)),
)
names = st.from_regex(r"[A-Za-z_]\w{0,10}", fullmatch=True).filter(lambda name: name not in ("PartitionKey", "RowKey"))
entities = st.builds(
    lambda partition, row, properties: {**properties, "PartitionKey": partition, "RowKey": row},
    keys,
    keys,
    st.dictionaries(names, values, max_size=6),
)


def _entity(**more: Value) -> Entity:
    return {"PartitionKey": "p", "RowKey": "r", **more}


def _parts(body: bytes) -> list[tuple[str, dict[str, str], str]]:
    """Request line, headers and body of each operation."""
    assert CONTENT_TYPE == "multipart/mixed; boundary=batch_0"
    lines = body.decode("ascii").split("\r\n")
    assert lines[0] == "--batch_0"
    assert lines[1:3] == ["Content-Type: multipart/mixed; boundary=changeset_0", ""]
    assert lines[-3:] == ["--changeset_0--", "--batch_0--", ""]
    inner = "\r\n".join(lines[3:-3])
    parts = []
    for part in f"\r\n{inner}".split("\r\n--changeset_0\r\n")[1:]:
        head, request = part.split("\r\n\r\n", 1)
        assert head == "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
        first, _, content = request.partition("\r\n\r\n")
        line, *headers = first.split("\r\n")
        parts.append((line, dict(header.split(": ", 1) for header in headers), content))
    return parts


def _value(document: dict[str, Value], name: str) -> Value:
    """A property as the service reads it (Payload format for Table service operations)."""
    value, kind = document[name], document.get(f"{name}@odata.type")
    match kind:
        case None:
            return value
        case "Edm.Int64":
            return int(value)  # type: ignore[arg-type]
        case "Edm.Double":
            return float(value)  # type: ignore[arg-type]
        case "Edm.DateTime":
            return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%S.%f%z")
    raise AssertionError(kind)


def _same(one: Value, other: Value) -> bool:
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return both_nan or (type(one) is type(other) and one == other)


@given(st.lists(entities, min_size=1, max_size=5))
def test_any_entity_reads_back_as_it_was(rows: list[Entity]) -> None:
    parts = _parts(encoded([Upsertion(row) for row in rows], TABLE))
    assert len(parts) == len(rows)
    for row, (_, _, content) in zip(rows, parts, strict=True):
        document = json.loads(content)
        assert {name for name in document if not name.endswith("@odata.type")} == set(row)
        assert all(_same(_value(document, name), value) for name, value in row.items())


@given(entities)
def test_the_body_is_ascii_and_every_line_of_json_is_one(row: Entity) -> None:
    body = encoded([Insertion(row), Upsertion(row)], TABLE)
    assert body.isascii()
    assert all(len(content.splitlines()) == 1 for _, _, content in _parts(body))


def test_an_upsert_is_a_put_without_a_condition() -> None:
    [(line, headers, _)] = _parts(encoded([Upsertion(_entity())], TABLE))
    assert line == f"PUT {TABLE}(PartitionKey='p',RowKey='r') HTTP/1.1"
    assert "If-Match" not in headers
    assert headers["Content-Type"] == "application/json"


def test_a_replacement_is_a_put_that_names_its_etag() -> None:
    [(line, headers, _)] = _parts(encoded([Replacement(_entity(), ETAG)], TABLE))
    assert line.startswith("PUT ")
    assert headers["If-Match"] == ETAG


def test_an_insertion_is_a_post_to_the_table() -> None:
    [(line, headers, content)] = _parts(encoded([Insertion(_entity(n=1))], TABLE))
    assert line == f"POST {TABLE} HTTP/1.1"
    assert headers["Prefer"] == "return-no-content"
    assert json.loads(content) == {"PartitionKey": "p", "RowKey": "r", "n": 1}


def test_a_deletion_is_of_whatever_is_there() -> None:
    [(line, headers, content)] = _parts(encoded([Deletion(_entity())], TABLE))
    assert line == f"DELETE {TABLE}(PartitionKey='p',RowKey='r') HTTP/1.1"
    assert headers["If-Match"] == "*"
    assert content == ""


def test_keys_are_quoted_for_an_address() -> None:
    row = {"PartitionKey": "O'Brien & Söhne", "RowKey": "100% a/b?c#d"}
    [(line, _, _)] = _parts(encoded([Upsertion(row)], TABLE))
    assert "(PartitionKey='O%27%27Brien%20%26%20S%C3%B6hne',RowKey='100%25%20a%2Fb%3Fc%23d')" in line


@pytest.mark.parametrize(
    ("value", "sent", "kind"),
    [
        (2**31 - 1, 2**31 - 1, None),
        (2**31, "2147483648", "Edm.Int64"),
        (-(2**31), "-2147483648", "Edm.Int64"),
        (2**63 - 1, "9223372036854775807", "Edm.Int64"),
        (True, True, None),
        (1.0, 1.0, "Edm.Double"),
        (math.nan, "NaN", "Edm.Double"),
        (math.inf, "Infinity", "Edm.Double"),
        (-math.inf, "-Infinity", "Edm.Double"),
        ("", "", None),
        (datetime(2026, 4, 7, 9, 33, 18, tzinfo=UTC), "2026-04-07T09:33:18.000000Z", "Edm.DateTime"),
        (
            datetime(2026, 4, 7, 2, 33, 18, 5, tzinfo=timezone(timedelta(hours=-7))),
            "2026-04-07T09:33:18.000005Z",
            "Edm.DateTime",
        ),
        (datetime(900, 1, 1, tzinfo=UTC), "0900-01-01T00:00:00.000000Z", "Edm.DateTime"),
    ],
)
def test_a_value_names_its_type_where_json_does_not(value: Value, sent: object, kind: str | None) -> None:
    [(_, _, content)] = _parts(encoded([Upsertion(_entity(value=value))], TABLE))
    document = json.loads(content)
    assert document["value"] == sent
    assert type(document["value"]) is type(sent)
    assert document.get("value@odata.type") == kind


def test_a_time_without_a_zone_is_one_of_this_machine() -> None:
    local = datetime(2026, 4, 7, 9, 33, 18)  # noqa: DTZ001 - the case under test
    [(_, _, content)] = _parts(encoded([Upsertion(_entity(value=local))], TABLE))
    assert _value(json.loads(content), "value") == local.astimezone(UTC)


class _Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, None, b"bytes", _Word.ONE, [1], {"a": 1}, 1 + 1j])
def test_a_value_of_another_type_is_not_encoded(value: object) -> None:
    with pytest.raises(NotEncodable):
        encoded([Upsertion({"PartitionKey": "p", "RowKey": "r", "value": value})], TABLE)  # type: ignore[dict-item]


@pytest.mark.parametrize("kind", [Upsertion, Insertion, Deletion])
@pytest.mark.parametrize("keys", [{"PartitionKey": "p"}, {"PartitionKey": "p", "RowKey": 1}, {"RowKey": "r"}])
def test_keys_that_are_no_text_are_not_encoded(kind: type[Upsertion | Insertion | Deletion], keys: Entity) -> None:
    with pytest.raises(NotEncodable):
        encoded([kind(keys)], TABLE)


@pytest.mark.parametrize("kind", [Upsertion, Insertion, Deletion])
def test_half_a_surrogate_pair_in_a_key_is_not_encoded(kind: type[Upsertion | Insertion | Deletion]) -> None:
    with pytest.raises(NotEncodable):
        encoded([kind({"PartitionKey": "p", "RowKey": "\ud83d"})], TABLE)


def test_an_etag_with_a_line_end_begins_no_other_header() -> None:
    with pytest.raises(NotEncodable):
        encoded([Replacement(_entity(), 'W/"1"\r\nIf-None-Match: *')], TABLE)


# --- answers

ANSWER = "multipart/mixed; boundary=batchresponse_4c63"
DONE = "HTTP/1.1 204 No Content\r\nDataServiceVersion: 3.0;\r\nETag: W/\"datetime'1'\"\r\n\r\n"
DELETED = "HTTP/1.1 204 No Content\r\nDataServiceVersion: 1.0;\r\n\r\n"
REFUSED = (
    "HTTP/1.1 409 Conflict\r\nContent-ID: 2\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n"
    '{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":'
    '"1:The specified entity already exists.\\nRequestId:5\\nTime:2026"}}}'
)


def _answer(*parts: str, end: str = "--") -> bytes:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    inner = "".join(f"--changesetresponse_1e\r\n{head}{part}\r\n" for part in parts)
    return (
        "--batchresponse_4c63\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1e\r\n\r\n"
        f"{inner}--changesetresponse_1e--\r\n--batchresponse_4c63{end}\r\n"
    ).encode()


def test_an_answer_to_every_operation_gives_the_new_etags() -> None:
    assert answered(ANSWER, _answer(DONE, DELETED, DONE), 3) == ["W/\"datetime'1'\"", "", "W/\"datetime'1'\""]


def test_the_case_of_a_header_does_not_matter() -> None:
    assert answered(ANSWER, _answer(DONE.replace("ETag", "etag")), 1) == ["W/\"datetime'1'\""]


def test_the_boundary_may_be_quoted() -> None:
    assert answered('Multipart/Mixed;  boundary="batchresponse_4c63"', _answer(DELETED), 1) == [""]


def test_one_answer_that_refuses_is_that_of_the_whole() -> None:
    failure = answered(ANSWER, _answer(REFUSED), 5)
    assert isinstance(failure, Failure)
    assert (failure.status, failure.code, failure.index) == (409, "EntityAlreadyExists", 1)
    assert failure.message.startswith("1:The specified entity")


def test_the_first_operation_is_named_without_a_number() -> None:
    failure = answered(ANSWER, _answer(REFUSED.replace("1:The", "The")), 5)
    assert isinstance(failure, Failure)
    assert failure.index == 0


def test_a_refusal_in_other_words_keeps_its_status() -> None:
    failure = answered(ANSWER, _answer("HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n<h1>Busy</h1>"), 5)
    assert failure == Failure(503, None, "", 0)


def test_a_boundary_inside_a_line_ends_nothing() -> None:
    part = DELETED.replace("\r\n\r\n", "\r\nLocation: https://x(RowKey='--changesetresponse_1e--')\r\n\r\n")
    assert answered(ANSWER, _answer(part, DELETED), 2) == ["", ""]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("", b""),
        ("multipart/mixed", _answer(DONE, DONE)),
        (ANSWER, b""),
        (ANSWER, _answer(DONE)),
        (ANSWER, _answer(DONE, DONE, DONE)),
        (ANSWER, _answer(REFUSED, REFUSED)),
        (ANSWER, _answer(DONE, REFUSED)),
        (ANSWER, _answer(DONE, "no answer")),
        (ANSWER, _answer(DONE, DONE, end="")),
        (ANSWER, _answer(DONE, DONE)[:200]),
        (ANSWER, _answer(DONE, DONE).replace(b"multipart/mixed", b"application/http")),
        (ANSWER, _answer(DONE, DONE) + _answer(DONE, DONE)),
    ],
)
def test_an_answer_of_another_shape_is_not_understood(content_type: str, body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        answered(content_type, body, 2)


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 20))
def test_a_damaged_answer_is_never_read_as_done_with_another_number(noise: bytes, place: int, cut: int) -> None:
    whole = _answer(DONE, DONE)
    body = whole[:place] + noise + whole[place + cut :]
    try:
        answer = answered(ANSWER, body, 3)
    except NotUnderstood:
        return
    assert isinstance(answer, Failure) or len(re.findall(rb"HTTP/1.1 2\d\d", body)) >= 3


OPERATIONS: list[Operation] = [Insertion(_entity()), Replacement(_entity(), ETAG), Deletion(_entity())]


def test_operations_of_all_kinds_stand_in_one_body_in_their_order() -> None:
    assert [line.split()[0] for line, _, _ in _parts(encoded(OPERATIONS, TABLE))] == ["POST", "PUT", "DELETE"]
