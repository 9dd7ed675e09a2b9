"""Requests to storage are passed on as they are, and counted by what they are."""

import json
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from local.bench.counting import _COUNTING, Operations
from local.bench.counting_proxy import Head, operation
from local.bench.local_storage import running_thinking_service, wait_for
from local.bench.operations import BLOB_TRIGGER, Taken, by_host, cost
from local.bench.timing import spent
from local.processes import ChildProcess
from shared.partner_center.paths import tracking_id_in


def head(first: str, **headers: str) -> Head:
    return Head(first + " HTTP/1.1", {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize(
    ("service", "asked", "body", "name"),
    [
        ("blob", head("GET /account/submissions/a/b"), b"", "blob submissions: read"),
        ("blob", head("HEAD /account/submissions/a/b"), b"", "blob submissions: get properties"),
        ("blob", head("PUT /account/results/a?comp=block&blockid=1"), b"", "blob results: put block"),
        ("blob", head("PUT /account/results/a?comp=blocklist"), b"", "blob results: put block list"),
        ("blob", head("PUT /account/results/a"), b"", "blob results: put blob"),
        ("blob", head("PUT /account/a/b", x_ms_copy_source="http://b"), b"", "blob a: copy"),
        ("blob", head("GET /account/a?restype=container&comp=list"), b"", "blob a: list"),
        ("queue", head("GET /account/wake/messages?numofmessages=8"), b"", "queue wake: get messages"),
        ("queue", head("POST /account/wake/messages"), b"", "queue wake: put message"),
        ("queue", head("DELETE /account/wake/messages/1?popreceipt=x"), b"", "queue wake: delete message"),
        ("queue", head("PUT /account/wake"), b"", "queue wake: create or look"),
        ("table", head("GET /account/Files(PartitionKey='a',RowKey='b')"), b"", "table Files: get row"),
        ("table", head("GET /account/Files()?$filter=x"), b"", "table Files: query"),
        ("table", head("POST /account/Files"), b"", "table Files: insert"),
        ("table", head("PUT /account/Files(PartitionKey='a',RowKey='b')"), b"", "table Files: replace"),
        (
            "table",
            head("POST /account/$batch"),
            b"--b\r\n\r\nPUT http://127.0.0.1:1/account/Rows(PartitionKey='a',RowKey='b') HTTP/1.1\r\n",
            "table Rows: transaction",
        ),
        ("table", head("POST /account/$batch"), b"POST http://h/account/Rows HTTP/1.1\r\n", "table Rows: transaction"),
    ],
)
def test_a_request_is_named_as_a_person_knows_it(service: str, asked: Head, body: bytes, name: str) -> None:
    assert operation(service, asked, body) == name


class _Storage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (body[:10], body[10:]):
            self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        pass


@pytest.fixture
def in_front(tmp_path: Path) -> Iterator[dict[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Storage)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    ports = [str(server.server_address[1])] * 3
    proxy = ChildProcess.start(
        "the counting proxy", [sys.executable, "-m", "local.bench.counting_proxy", *ports], log=tmp_path / "log"
    )
    try:
        yield json.loads(wait_for(proxy, _COUNTING)[1])
    finally:
        proxy.stop()
        server.shutdown()
        server.server_close()


def test_answers_come_through_whole_and_every_request_is_counted(in_front: dict[str, int]) -> None:
    table = f"http://127.0.0.1:{in_front['table']}/account"
    changes = "".join(f"PUT http://h/account/Rows(PartitionKey='a',RowKey='{row}') HTTP/1.1\r\n\r\n" for row in "12345")
    with requests.Session() as session:
        answer = session.post(f"{table}/$batch", data=changes.encode(), timeout=10)
        assert (answer.status_code, answer.text) == (202, changes)
        assert session.head(f"{table}/Rows", timeout=10).status_code == 200
        assert session.delete(f"{table}/Rows(PartitionKey='a',RowKey='1')", timeout=10).status_code == 204
        assert session.post(f"{table}/Rows", data=b"x" * 3_000_000, timeout=10).text == "x" * 3_000_000
    with urllib.request.urlopen(f"http://127.0.0.1:{in_front['counts']}/") as told:
        counts = json.loads(told.read())
    assert counts["operations"] == {
        "table Rows: transaction": 1,
        "table Rows: query": 1,
        "table Rows: delete": 1,
        "table Rows: insert": 1,
    }
    assert counts["rows"]["table Rows: transaction"] == 5


def test_what_came_before_does_not_count() -> None:
    before = Operations(Counter(a=2, b=1), Counter(a=2))
    after = Operations(Counter(a=5, b=1, c=1), Counter(a=102))
    assert after.since(before) == Operations(Counter(a=3, c=1), Counter(a=100))
    assert after.without(a=4).requests == Counter(a=1, b=1, c=1)


def test_the_host_takes_and_deletes_every_message_of_other_queues_too() -> None:
    found = by_host(Counter({"queue other: put message": 3, "queue submissions: put message": 7, "table A: query": 1}))
    assert found - Counter(BLOB_TRIGGER) == {"queue other: get messages": 3, "queue other: delete message": 3}


def test_every_row_of_a_transaction_is_paid_for(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(
        '{"ten_thousand_blob_writes": 10, "ten_thousand_queue_operations": 0, "ten_thousand_table_operations": 1}'
    )
    operations = Operations(
        Counter({"table A: transaction": 1, "table A: query": 1, "blob a: read": 1}),
        Counter({"table A: transaction": 100, "table A: query": 1}),
    )
    assert cost(operations, prices) == pytest.approx((101 * 1 + 1 * 10) / 10_000)


def test_closing_is_what_the_last_wake_up_took_beyond_its_requests() -> None:
    taken = Taken(wakes=[(1.0, 1), (3.0, 3), (5.0, 2)])
    assert taken.cpu_per_request == 1
    assert taken.close_cpu == 3
    assert Taken(wakes=[(5.0, 2)]).close_cpu == 5
    assert Taken().close_cpu == 0


def test_the_thinking_service_answers_all_at_once_after_its_time(tmp_path: Path) -> None:
    with running_thinking_service(tmp_path, 0.5) as address, ThreadPoolExecutor(8) as pool:
        alone = spent(lambda: requests.post(f"{address}/a", data=b"x" * 100_000, timeout=60)).wall
        began = time.monotonic()
        asked = [pool.submit(requests.post, f"{address}/a", data=b"x" * 100_000, timeout=60) for _ in range(8)]
        answers = [each.result() for each in asked]
        took = time.monotonic() - began
        assert {answer.status_code for answer in answers} == {202}
        assert len({tracking_id_in(answer.headers["Location"]) for answer in answers} - {None}) == 8
        assert alone >= 0.5
        assert 0.5 <= took < 8 * alone
        assert requests.get(f"{address}/b", timeout=10).json() == {"totalCount": 0, "items": []}
