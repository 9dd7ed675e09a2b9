"""Both ways of sending transactions, ours and the storage client's, have equal effects and errors.

Against Azurite itself, and through a front on this machine that throttles, cuts and answers what Azurite never would.
"""

import base64
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import pytest
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.data.tables import (
    AccountSasPermissions,
    RequestTooLargeError,
    ResourceTypes,
    TableTransactionError,
    generate_account_sas,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings

from shared.settings import StorageConnectionString
from shared.storage.connection import StorageClients, new_transport, open_storage
from shared.storage.table_service import TableService
from shared.storage.tables import AzureTable, Entity, EntityChanged, Insertion, Query, Replacement, Upsertion, Value
from shared.storage.transactions import TRANSACTION_ROWS, encoded
from tests.examples import examples
from tests.storage.conftest import WAYS, table_of
from tests.storage.table_front import Act, Answer, Cut, Done, Front
from tests.storage.test_transactions import entities

TRANSACTION_BYTES = 4 * 1024 * 1024
OLD_ETAG = "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\""
NO_WAIT = {"x-ms-retry-after-ms": "1"}


def _row(row: str, **values: Value) -> dict[str, Value]:
    return {"PartitionKey": "p", "RowKey": row, **values}


def _rows(table: AzureTable, partition: str = "p") -> list[Value]:
    return [stored.values["RowKey"] for stored in table.query(Query(partition=partition))]


@dataclass(frozen=True)
class Told:
    """The parts of an error that a caller sees."""

    kind: type[BaseException]
    status: int | None
    code: str | None
    index: int | None
    sentence: str


def _told(error: BaseException) -> Told:
    """The error without the parts of its message that name one request."""
    sentence = re.split(r"\n|RequestId", str(getattr(error, "message", error)))[0]
    code = getattr(error, "error_code", None)
    return Told(
        type(error),
        getattr(error, "status_code", None),
        None if code is None else str(getattr(code, "value", code)),
        getattr(error, "index", None),
        sentence.strip(),
    )


def _both(clients: StorageClients, act: Callable[[AzureTable], object]) -> list[object]:
    """The result or error of `act` on a new table of each way."""
    told: list[object] = []
    for way in WAYS:
        table = table_of(clients, way)
        try:
            told.append(act(table))
        except (AzureError, ValueError, TypeError) as error:
            told.append(_told(error))
    return told


# --- refusals: the same error, and nothing done


def _insert_beside_one_that_is_there(table: AzureTable) -> None:
    table.insert(_row("2"))
    table.change_together([Insertion(_row("1")), Insertion(_row("2"))])


def _replace_with_an_old_etag(table: AzureTable) -> None:
    table.insert(_row("2"))
    table.change_together([Insertion(_row("1")), Replacement(_row("2"), OLD_ETAG)])


def _replace_a_deleted_row(table: AzureTable) -> None:
    table.change_together([Insertion(_row("1")), Replacement(_row("2"), OLD_ETAG)])


def _upsert_one_row_twice(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("1")])


def _upsert_a_key_that_is_not_allowed(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("a/b")])


def _upsert_a_key_too_long(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("x" * 2000)])


def _upsert_a_property_too_long(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("2", text="x" * 32_769)])


def _upsert_too_many_bytes(table: AzureTable) -> None:
    table.upsert([_row(str(number), one="x" * 30_000, two="x" * 30_000) for number in range(TRANSACTION_ROWS)])


def _upsert_a_number_too_long(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("2", number=2**63)])


def _upsert_half_a_surrogate_pair_as_key(table: AzureTable) -> None:
    table.upsert([_row("1"), _row("\ud83d")])


REFUSED: dict[Callable[[AzureTable], None], tuple[int | None, str | None]] = {
    _insert_beside_one_that_is_there: (409, "EntityAlreadyExists"),
    _replace_with_an_old_etag: (412, "UpdateConditionNotSatisfied"),
    _replace_a_deleted_row: (404, "ResourceNotFound"),
    _upsert_one_row_twice: (400, "InvalidDuplicateRow"),
    _upsert_a_key_that_is_not_allowed: (400, "InvalidInput"),
    _upsert_a_key_too_long: (400, "InvalidInput"),
    _upsert_a_property_too_long: (400, "PropertyValueTooLarge"),
    _upsert_too_many_bytes: (413, "RequestBodyTooLarge"),
    _upsert_a_number_too_long: (None, None),
    _upsert_half_a_surrogate_pair_as_key: (None, None),
}


@pytest.mark.parametrize("act", REFUSED, ids=lambda act: act.__name__.strip("_"))
def test_what_is_refused_is_refused_alike_and_leaves_nothing(
    clients: StorageClients, act: Callable[[AzureTable], None]
) -> None:
    tables = [table_of(clients, way) for way in WAYS]
    ours, theirs = (_refusal_of(act, table) for table in tables)
    assert ours == theirs
    assert (ours.status, ours.code) == REFUSED[act]
    left_by_ours, left_by_theirs = map(_rows, tables)
    assert left_by_ours == left_by_theirs
    assert "1" not in left_by_ours


def _refusal_of(act: Callable[[AzureTable], None], table: AzureTable) -> Told:
    with pytest.raises((EntityChanged, AzureError, ValueError, TypeError)) as raised:
        act(table)
    return _told(raised.value.__cause__ or raised.value)


def test_a_table_that_is_not_there_is_named_alike(clients: StorageClients) -> None:
    name = f"t{uuid4().hex}"
    for table in (clients.table(name), AzureTable(clients.tables.get_table_client(name))):
        with pytest.raises(HttpResponseError) as raised:
            table.upsert([_row("1"), _row("2")])
        assert (raised.value.status_code, _told(raised.value).code) == (404, "TableNotFound")


# --- changes: the same rows


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Ä 'quoted' \"double\" \U0001f600",
        "".join(map(chr, range(33))) + "\x7f\x85\u2028\u2029",
        "half a pair \ud83d",
        "--changeset_0--\r\n--batch_0--\r\nGET http://127.0.0.1 HTTP/1.1\r\n\r\n{}",
        "%41 {}{ }",
        True,
        False,
        0,
        2**31 - 1,
        -(2**31),
        2**63 - 1,
        -(2**63),
        1.0,
        1e300,
        float("inf"),
        datetime(2026, 4, 7, 9, 33, 18, 250001, tzinfo=UTC),
        datetime(2026, 4, 7, 9, 33, 18, tzinfo=timezone(timedelta(hours=-7))),
        datetime(2026, 4, 7, 9, 33, 18),  # noqa: DTZ001 - one without a zone
        b"what only the storage client knows",
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_value_of_any_kind_is_read_back_alike(clients: StorageClients, value: Value) -> None:
    def written(table: AzureTable) -> tuple[type, Value]:
        table.upsert([_row("1", value=value), _row("2")])
        table.upsert([_row("1", value=value), _row("3")])
        [stored] = table.query(Query(partition="p", row_from="1", row_below="2"))
        return type(stored.values["value"]), stored.values["value"]

    ours, theirs = _both(clients, written)
    assert ours == theirs
    expected = value.astimezone(UTC) if isinstance(value, datetime) else value
    assert ours == (type(value), expected)


@pytest.mark.parametrize(
    "key", ["", "'", "''", "a b+c&d=e", "100%", "%27", "Ö'ü", "\U0001f600", "~!@$^*()[]{}|;:,.<>", "x--changeset_0--"]
)
def test_a_key_with_odd_characters_is_found_again_alike(clients: StorageClients, key: str) -> None:
    def written(table: AzureTable) -> list[bool]:
        keys = [(key, "row"), ("partition", key), (key, key)]
        for partition, row in keys:
            for number, beside in enumerate(("one", "other")):
                rows = [_row(row, number=number), _row(beside)]
                table.upsert([each | {"PartitionKey": partition} for each in rows])
        found = [(stored := table.get(*each)) is not None and stored.values["number"] == 1 for each in keys]
        table.delete(keys)
        return [*found, *(table.get(*each) is None for each in keys)]

    assert _both(clients, written) == [[True] * 6] * 2


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entity=entities)
def test_any_entity_is_read_back_as_the_storage_client_would_have_written_it(
    clients: StorageClients, entity: Entity
) -> None:
    storable = {**entity, **{name: re.sub(r"[/\\#?\x00-\x1f\x7f-\x9f]", "_", str(entity[name])) for name in _KEYS}}

    def written(table: AzureTable) -> list[tuple[str, str]]:
        table.upsert([storable])
        [stored] = table.query(Query())
        return sorted((name, repr(value)) for name, value in stored.values.items())

    ours, theirs = _both(clients, written)
    assert ours == theirs


_KEYS = ("PartitionKey", "RowKey")


def test_changes_made_together_give_the_etags_of_the_next_change(azure_table: AzureTable) -> None:
    old = azure_table.insert(_row("1"))
    etags = azure_table.change_together([Replacement(_row("1", n=1), old), Insertion(_row("2")), Upsertion(_row("3"))])
    stored = [azure_table.get("p", row) for row in "123"]
    assert etags == [row.etag for row in stored if row is not None]
    azure_table.change_together([Replacement(_row(row, n=2), etag) for row, etag in zip("123", etags, strict=True)])


def test_no_changes_are_done_without_a_request(azure_table: AzureTable) -> None:
    assert azure_table.change_together([]) == []
    azure_table.upsert([])
    azure_table.delete([])


def test_rows_some_of_which_are_there_already_are_all_written(azure_table: AzureTable) -> None:
    azure_table.upsert(_row(f"{number:03}", n=1) for number in range(50, 150, 2))
    azure_table.upsert(_row(f"{number:03}", n=2) for number in range(300))
    assert [stored.values["n"] for stored in azure_table.query(Query())] == [2] * 300


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(clients: StorageClients) -> None:
    name = f"t{uuid4().hex}"
    table = clients.table(name)
    table.prepare()

    def of(size: int) -> list[dict[str, Value]]:
        rows = [_row(f"{number:03}", a="x" * 20_000, b="x" * 20_000) for number in range(99)]
        body = encoded([Insertion(row) for row in [*rows, _row("099", text="")]], f"{clients.tables.url}/{name}")
        more = size - len(body)
        return [*rows, _row("099", text="x" * min(more, 30_000), **_fillers(more - 30_000))]

    exact, above = of(TRANSACTION_BYTES), of(TRANSACTION_BYTES + 1)
    assert len(encoded([Insertion(row) for row in exact], f"{clients.tables.url}/{name}")) == TRANSACTION_BYTES
    with pytest.raises(RequestTooLargeError) as raised:
        table.upsert(above)
    assert raised.value.status_code == 413
    table.upsert(exact)
    assert len(_rows(table)) == TRANSACTION_ROWS


def _fillers(size: int) -> dict[str, Value]:
    """Properties that add so many bytes to a body."""
    fillers: dict[str, Value] = {}
    while size > 0:
        name = f"f{len(fillers):02}"
        around = len(f',"{name}":""')
        # The rest for the next property must hold at least its name.
        take = size if size <= 30_000 else 30_000 - around
        fillers[name] = "y" * (take - around)
        size -= take
    return fillers


# --- through a front that answers before Azurite does


@pytest.fixture
def front(clients: StorageClients) -> Iterator[Front]:
    front = Front(clients.tables.url)
    yield front
    front.close()


@pytest.fixture
def fronted(front: Front, azurite_connection: str) -> StorageClients:
    """The clients of Azurite behind the front."""
    through = re.sub(r"TableEndpoint=[^;]*", f"TableEndpoint={front.url}", azurite_connection)
    return open_storage(StorageConnectionString(through))


def _through_front(
    front: Front, fronted: StorageClients, script: Sequence[Act], act: Callable[[AzureTable], object]
) -> list[object]:
    """The result or error of `act` through the front, each way, while the front does `script`."""

    def scripted(table: AzureTable) -> object:
        front.script = list(script)
        front.seen.clear()
        return act(table)

    return _both(fronted, scripted)


def _upsert(table: AzureTable) -> list[Value]:
    table.upsert([_row("1"), _row("2")])
    return _rows(table)


def _change(table: AzureTable) -> list[Value]:
    table.change_together([Insertion(_row("1")), Insertion(_row("2"))])
    return _rows(table)


BUSY = Answer(
    503,
    NO_WAIT | {"Content-Type": "application/json", "x-ms-error-code": "ServerBusy"},
    b'{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy.\\nRequestId:1"}}}',
)


@pytest.mark.parametrize("act", [_upsert, _change])
def test_what_is_throttled_for_a_moment_is_done(
    front: Front, fronted: StorageClients, act: Callable[[AzureTable], object]
) -> None:
    assert _through_front(front, fronted, [BUSY, BUSY], act) == [["1", "2"]] * 2


def test_the_service_says_how_long_to_wait(front: Front, fronted: StorageClients) -> None:
    patient = Answer(503, {"Retry-After": "1"})
    for way in WAYS:
        table = table_of(fronted, way)
        front.script = [patient]
        front.seen.clear()
        table.upsert([_row("1"), _row("2")])
        [first, second] = front.seen
        assert second.at - first.at >= 1


@pytest.mark.parametrize("act", [_upsert, _change])
def test_what_is_throttled_for_long_is_told_alike(
    front: Front, fronted: StorageClients, act: Callable[[AzureTable], object]
) -> None:
    ours, theirs = _through_front(front, fronted, [BUSY] * 20, act)
    assert ours == theirs
    assert isinstance(ours, Told)
    assert (ours.kind, ours.status, ours.code) == (HttpResponseError, 503, "ServerBusy")


def _refusal(status: int, code: str) -> Answer:
    body = f'{{"odata.error":{{"code":"{code}","message":{{"lang":"en-US","value":"Said by {code}."}}}}}}'
    return Answer(status, {"Content-Type": "application/json;odata=minimalmetadata"}, body.encode())


def _part(status: int, code: str) -> Answer:
    """The answer of a service that accepts a transaction and then fails to do it."""
    error = f'{{"odata.error":{{"code":"{code}","message":{{"lang":"en-US","value":"0:Said by {code}."}}}}}}'
    inner = (
        f"Content-Type: application/http\r\n\r\nHTTP/1.1 {status} No\r\nContent-Type: application/json\r\n\r\n{error}"
    )
    body = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n{inner}\r\n--c--\r\n--b--\r\n"
    return Answer(202, {"Content-Type": "multipart/mixed; boundary=b"}, body.encode())


@pytest.fixture
def hasty(fronted: StorageClients) -> AzureTable:
    """A table behind the front that does not wait before it sends again."""
    name = f"t{uuid4().hex}"
    fronted.table(name).prepare()
    service = TableService(fronted.tables.url, fronted.tables.credential, new_transport(), pauses=(0, 0, 0))
    return AzureTable(fronted.tables.get_table_client(name), service)


@pytest.mark.parametrize("busy", [_part(503, "ServerBusy"), _part(500, "OperationTimedOut")], ids=["busy", "late"])
def test_a_transaction_that_finds_its_partition_busy_for_a_moment_is_done(
    front: Front, hasty: AzureTable, busy: Answer
) -> None:
    front.script = [busy, busy]
    etag = hasty.insert(_row("1", text="first"))
    front.script = [busy, busy, busy]
    hasty.replace(_row("1", text="second"), etag)
    front.script = [busy]
    assert _upsert(hasty) == ["1", "2"]


def test_a_transaction_that_finds_its_partition_busy_for_long_is_told(front: Front, hasty: AzureTable) -> None:
    front.script = [_part(503, "ServerBusy")] * 20
    with pytest.raises(TableTransactionError) as raised:
        hasty.insert(_row("1"))
    assert raised.value.status_code == 503
    assert len(front.seen) == 4


@pytest.mark.parametrize(
    "answer", [_part(404, "TableNotFound"), Answer(404, {"Content-Type": "text/html"}, b"<h1>No</h1>")]
)
def test_an_address_that_is_wrong_is_no_row_that_someone_changed(
    front: Front, hasty: AzureTable, answer: Answer
) -> None:
    etag = hasty.insert(_row("1"))
    front.script = [answer]
    with pytest.raises(HttpResponseError) as raised:
        hasty.replace(_row("1"), etag)
    assert raised.value.status_code == 404


def test_a_table_that_is_being_deleted_holds_no_row_of_someone_else(front: Front, hasty: AzureTable) -> None:
    front.script = [_part(409, "TableBeingDeleted")]
    with pytest.raises(HttpResponseError) as raised:
        hasty.insert(_row("1"))
    assert raised.value.status_code == 409


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (_refusal(403, "AuthenticationFailed"), ClientAuthenticationError, "AuthenticationFailed"),
        (_refusal(403, "AuthorizationFailure"), HttpResponseError, "AuthorizationFailure"),
        (_refusal(404, "TableNotFound"), ResourceNotFoundError, "TableNotFound"),
        (_refusal(413, "RequestBodyTooLarge"), RequestTooLargeError, "RequestBodyTooLarge"),
        (_refusal(400, "InvalidInput"), HttpResponseError, "InvalidInput"),
        (_refusal(400, "NeverHeardOf"), HttpResponseError, "NeverHeardOf"),
        (Answer(400, {"x-ms-error-code": "OutOfRangeInput"}), HttpResponseError, "OutOfRangeInput"),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_a_request_refused_as_a_whole_is_told_alike(
    front: Front, fronted: StorageClients, answer: Answer, kind: type[HttpResponseError], code: str
) -> None:
    ours, theirs = _through_front(front, fronted, [answer] * 2, _upsert)
    assert isinstance(ours, Told)
    assert isinstance(theirs, Told)
    assert (
        (ours.kind, ours.status, ours.code) == (theirs.kind, theirs.status, theirs.code) == (kind, answer.status, code)
    )
    if answer.body:
        assert ours.sentence == theirs.sentence


def test_a_connection_cut_at_every_try_is_told_alike(front: Front, fronted: StorageClients) -> None:
    ours, theirs = _through_front(front, fronted, [Cut()] * 20, _change)
    assert isinstance(ours, Told)
    assert isinstance(theirs, Told)
    assert ours.kind is theirs.kind is ServiceResponseError


@pytest.mark.parametrize("act", [Cut(), Done(None)], ids=["before it was done", "after it was done"])
def test_upserts_whose_connection_is_cut_are_sent_again(front: Front, fronted: StorageClients, act: Act) -> None:
    table = table_of(fronted, WAYS[0])
    front.script = [act]
    assert _upsert(table) == ["1", "2"]


def test_deletions_whose_connection_is_cut_are_sent_again(front: Front, fronted: StorageClients) -> None:
    table = table_of(fronted, WAYS[0])
    table.upsert([_row("1"), _row("2"), _row("3")])
    front.script = [Done(None)]
    table.delete([("p", "1"), ("p", "2")])
    assert _rows(table) == ["3"]


@pytest.mark.parametrize("way", WAYS)
def test_conditional_changes_whose_answer_is_lost_are_not_sent_again(
    front: Front, fronted: StorageClients, way: str
) -> None:
    table = table_of(fronted, way)
    front.script = [Done(None)]
    front.seen.clear()
    with pytest.raises(ServiceResponseError):
        _change(table)
    assert len(front.seen) == 1
    assert _rows(table) == ["1", "2"]


def test_rows_that_are_there_cost_one_transaction_more(front: Front, fronted: StorageClients) -> None:
    table = table_of(fronted, WAYS[0])
    requests = []
    for rows in (250, 250, 1, 1):
        front.seen.clear()
        table.upsert(_row(f"{number:03}") for number in range(rows))
        requests.append(len(front.seen))
    assert requests == [3, 4, 1, 1]


STRANGE = [
    Answer(202, {"Content-Type": "application/json"}, b"{}"),
    Answer(202, {"Content-Type": "multipart/mixed; boundary=b"}, b"--b\r\n\r\nnothing known\r\n--b--\r\n"),
    Answer(202, {}, b""),
    Answer(200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>"),
]


@pytest.mark.parametrize("answer", STRANGE)
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_an_answer_that_is_not_understood_leaves_upserts_to_the_storage_client(
    front: Front, fronted: StorageClients, answer: Answer, done: bool, caplog: pytest.LogCaptureFixture
) -> None:
    table = table_of(fronted, WAYS[0])
    front.script = [Done(answer) if done else answer]
    with caplog.at_level(logging.WARNING, "shared.storage.tables"):
        assert _upsert(table) == ["1", "2"]
    assert "left to the storage client" in caplog.text


@pytest.mark.parametrize("answer", STRANGE)
def test_conditional_changes_with_an_answer_that_is_not_understood_were_done_once(
    front: Front, fronted: StorageClients, answer: Answer
) -> None:
    table = table_of(fronted, WAYS[0])
    front.script = [answer]
    assert _change(table) == ["1", "2"]
    front.script = [Done(answer)]
    with pytest.raises(EntityChanged):
        table.change_together([Insertion(_row("3")), Insertion(_row("4"))])
    assert _rows(table) == ["1", "2", "3", "4"]


# --- authentication and logs


def test_a_request_names_itself_and_its_version_and_is_signed_anew_at_each_try(
    front: Front, fronted: StorageClients
) -> None:
    table = table_of(fronted, WAYS[0])
    front.script = [Answer(503, {"Retry-After": "1"})]
    front.seen.clear()
    table.upsert([_row("1")])
    first, second = (seen.headers for seen in front.seen)
    assert first["x-ms-client-request-id"] == second["x-ms-client-request-id"] != ""
    assert first["x-ms-version"] == "2019-02-02"
    assert "device-drop" in first["User-Agent"]
    assert first["Authorization"].startswith(f"SharedKeyLite {fronted.tables.account_name}:")
    assert first["x-ms-date"] != second["x-ms-date"]
    assert first["Authorization"] != second["Authorization"]


def test_neither_rows_nor_signatures_are_logged(clients: StorageClients, caplog: pytest.LogCaptureFixture) -> None:
    table = table_of(clients, WAYS[0])
    with caplog.at_level(logging.DEBUG):
        table.upsert([_row("1", secret="never shown"), _row("2")])
        table.upsert([_row("1", secret="never shown"), _row("2")])
    assert "$batch" in caplog.text
    assert "never shown" not in caplog.text
    assert "SharedKeyLite" not in caplog.text


def test_a_shared_access_signature_opens_the_table_too(clients: StorageClients, azurite_connection: str) -> None:
    account = dict(part.split("=", 1) for part in azurite_connection.rstrip(";").split(";"))
    signature = generate_account_sas(
        AzureNamedKeyCredential(account["AccountName"], account["AccountKey"]),
        ResourceTypes(object=True),
        AccountSasPermissions(read=True, write=True, add=True, update=True, delete=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    name = f"t{uuid4().hex}"
    table = clients.table(name)
    table.prepare()
    service = TableService(clients.tables.url, AzureSasCredential(signature), new_transport())
    service.submit(name, [Upsertion(_row("1")), Upsertion(_row("2"))], repeatable=True)
    assert _rows(table) == ["1", "2"]


def test_a_wrong_key_is_refused_alike(clients: StorageClients, azurite_connection: str) -> None:
    wrong = base64.b64encode(b"another key").decode()
    stranger = open_storage(
        StorageConnectionString(re.sub(r"AccountKey=[^;]*", f"AccountKey={wrong}", azurite_connection))
    )
    name = f"t{uuid4().hex}"
    clients.table(name).prepare()
    told = []
    for table in (stranger.table(name), AzureTable(stranger.tables.get_table_client(name))):
        with pytest.raises(HttpResponseError, match="Server failed to authenticate") as raised:
            table.upsert([_row("1"), _row("2")])
        told.append(_told(raised.value))
    ours, theirs = told
    assert (ours.kind, ours.status, ours.code) == (theirs.kind, theirs.status, theirs.code)
    assert ours.status == 403


class _Credential:
    """An identity that always gives the same token."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.asked += scopes
        return AccessToken("a-token", int(time.time()) + 3600)


def _self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_an_identity_sends_its_token_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    seen: list[str | None] = []
    done = (
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\n\r\n\r\n--c--\r\n--b--\r\n"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["Authorization"])
            self.send_response_only(202)
            self.send_header("Content-Type", "multipart/mixed; boundary=b")
            self.send_header("Content-Length", str(len(done)))
            self.end_headers()
            self.wfile.write(done)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    credential = _Credential()
    try:
        service = TableService(f"https://127.0.0.1:{server.server_port}", credential, new_transport())
        service.submit("Outcomes", [Upsertion(_row("1"))], repeatable=True)
        service.submit("Outcomes", [Upsertion(_row("1"))], repeatable=True)
    finally:
        server.shutdown()
        server.server_close()
    assert seen == ["Bearer a-token"] * 2
    assert credential.asked == ["https://storage.azure.com/.default"]


def test_a_token_is_never_sent_without_tls(front: Front) -> None:
    service = TableService(front.url, _Credential(), new_transport())
    with pytest.raises(ServiceRequestError):
        service.submit("Outcomes", [Upsertion(_row("1"))], repeatable=True)
    assert front.seen == []


def test_a_netrc_of_this_machine_replaces_no_signature(
    azurite_connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    clients = open_storage(StorageConnectionString(azurite_connection))
    assert _upsert(table_of(clients, WAYS[0])) == ["1", "2"]
    assert not clients.blobs.get_container_client("never-made").exists()
