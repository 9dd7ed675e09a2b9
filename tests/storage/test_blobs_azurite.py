"""Tests of a container that need a real Blob Storage, or a server that answers like one at its worst."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobProperties, BlobServiceClient, LinearRetry

from shared.device_files.system_files import is_marked_as_folder
from shared.storage.blobs import AzureContainer, BlobBusy, BlobPage, BlobVersion, CopyUnfinished, VersionGone
from shared.storage.connection import StorageClients

DROPPED = BlobVersion("devices.csv", "0x1", 5, datetime(2026, 11, 20, 12, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request; status 0 hangs up instead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


AT_ONCE = LinearRetry(backoff=0, retry_total=2, random_jitter_range=0)

HANGS_UP = Answer(0)
MISSING = Answer(404, {"x-ms-error-code": "BlobNotFound"})
ACCEPTED = Answer(202, {"x-ms-copy-id": "1", "x-ms-copy-status": "pending"})


def _conflict(code: str) -> Answer:
    return Answer(409, {"x-ms-error-code": code})


def _blob(size: int, copy_status: str | None = None, etag: str = "0x1") -> Answer:
    headers = {
        "Content-Length": str(size),
        "ETag": f'"{etag}"',
        "Last-Modified": "Fri, 20 Nov 2026 12:00:00 GMT",
        "x-ms-blob-type": "BlockBlob",
    }
    return Answer(200, headers | ({} if copy_status is None else {"x-ms-copy-status": copy_status}))


class Storage:
    """A server that gives the scripted answers in order, repeats the last of each kind, and counts requests."""

    def __init__(self, looks: list[Answer], writes: list[Answer]) -> None:
        self._answers = {"HEAD": deque(looks), "PUT": deque(writes)}
        self.asked = {"HEAD": 0, "PUT": 0}
        self._lock = threading.Lock()

    def answer(self, method: str) -> Answer:
        """The next answer to a request of `method`."""
        with self._lock:
            self.asked[method] += 1
            answers = self._answers[method]
            return answers.popleft() if len(answers) > 1 else answers[0]


@pytest.mark.parametrize(
    ("metadata", "is_folder"),
    [("hdi_isfolder: true", True), ("Hdi_IsFolder: True", True), ("hdi_isfolder: false", False), ("x: true", False)],
)
def test_the_marker_of_a_folder_is_told_by_its_metadata_in_any_case(
    container_of: "MakeContainer", metadata: str, *, is_folder: bool
) -> None:
    name, value = metadata.split(": ")
    marker = _blob(0)
    looks = [Answer(200, marker.headers | {f"x-ms-meta-{name}": value})]
    assert is_marked_as_folder(container_of(Storage(looks, [])).metadata("Sales")) == is_folder


MakeContainer = Callable[[Storage], AzureContainer]


@pytest.fixture
def container_of() -> Iterator[MakeContainer]:
    """Makes a container in the scripted storage; its pauses take no time."""
    with ExitStack() as stack:

        def made(storage: Storage) -> AzureContainer:
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _handler(storage)))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            stack.callback(server.shutdown)
            service = BlobServiceClient(
                f"http://127.0.0.1:{server.server_port}/account", credential="a2V5", retry_policy=AT_ONCE
            )
            return AzureContainer(service, "private", sleep=lambda _: None)

        yield made


def _handler(storage: Storage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self._answer(storage.answer("HEAD"))

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._answer(storage.answer("PUT"))

        def log_message(self, *_: object) -> None:
            return

        def _answer(self, answer: Answer) -> None:
            if answer is HANGS_UP:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in ({"Content-Length": "0"} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()

    return Handler


def test_a_copy_whose_answer_was_lost_is_waited_for(container_of: MakeContainer) -> None:
    storage = Storage(
        looks=[MISSING, _blob(5), _blob(0, "pending"), _blob(5, "success")],
        writes=[HANGS_UP, _conflict("PendingCopyOperation")],
    )
    container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked == {"HEAD": 4, "PUT": 3}


def test_a_copy_that_is_done_at_once_is_not_looked_at(container_of: MakeContainer) -> None:
    storage = Storage(looks=[MISSING], writes=[Answer(202, {"x-ms-copy-id": "1", "x-ms-copy-status": "success"})])
    container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked == {"HEAD": 0, "PUT": 1}


def test_a_copy_that_stands_is_enough_when_its_origin_is_gone(container_of: MakeContainer) -> None:
    storage = Storage(looks=[_blob(5, "success")], writes=[Answer(404, {"x-ms-error-code": "BlobNotFound"})])
    container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked == {"HEAD": 1, "PUT": 1}


def test_a_pending_copy_is_waited_for_and_not_begun_again(container_of: MakeContainer) -> None:
    storage = Storage(looks=[_blob(0, "pending"), _blob(0, "pending"), _blob(5, "success")], writes=[ACCEPTED])
    container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked["PUT"] == 1


@pytest.mark.parametrize("status", ["aborted", "failed"])
def test_a_copy_that_failed_is_begun_again(container_of: MakeContainer, status: str) -> None:
    storage = Storage(looks=[_blob(0, status), _blob(5, "success")], writes=[ACCEPTED])
    container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked["PUT"] == 2


def test_a_copy_that_never_ends_is_left_to_another_reading(container_of: MakeContainer) -> None:
    storage = Storage(looks=[_blob(0, "pending")], writes=[ACCEPTED])
    with pytest.raises(CopyUnfinished, match="the sweep tries again"):
        container_of(storage).copy_from("drop", DROPPED, "copy")
    assert storage.asked["PUT"] == 1


def test_a_copy_of_a_version_that_was_overwritten_meanwhile_is_gone(container_of: MakeContainer) -> None:
    storage = Storage(
        looks=[MISSING, _blob(5, etag="0x2")], writes=[Answer(412, {"x-ms-error-code": "ConditionNotMet"})]
    )
    with pytest.raises(VersionGone):
        container_of(storage).copy_from("drop", DROPPED, "copy")


def test_storage_that_refuses_every_copy_is_no_missing_version(container_of: MakeContainer) -> None:
    refusal = Answer(403, {"x-ms-error-code": "AuthorizationFailure"})
    with pytest.raises(HttpResponseError):
        container_of(Storage(looks=[MISSING], writes=[refusal])).copy_from("drop", DROPPED, "copy")


def test_a_blob_that_a_policy_locks_is_tried_a_few_times_only(container_of: MakeContainer) -> None:
    storage = Storage(looks=[MISSING], writes=[_conflict("BlobImmutableDueToPolicy")])
    with pytest.raises(BlobBusy, match="locked by a policy or a lease"):
        container_of(storage).write_newer("summary", b"{}", "application/json", 1)
    assert storage.asked["PUT"] < 10


# --- Azurite


@pytest.fixture
def container(clients: StorageClients) -> AzureContainer:
    container = AzureContainer(clients.blobs, f"c{uuid4().hex}", sleep=lambda _: None)
    container.prepare()
    return container


def test_a_summary_that_others_overwrote_is_seen_as_it_is_now(clients: StorageClients) -> None:
    name = f"c{uuid4().hex}"
    mine, other = (AzureContainer(clients.blobs, name) for _ in range(2))
    mine.prepare()
    assert mine.write_newer(name, b"one", "text/plain", 1)
    assert other.write_newer(name, b"three", "text/plain", 3)
    assert not mine.write_newer(name, b"two", "text/plain", 2)
    assert mine.write_newer(name, b"four", "text/plain", 4)
    assert not other.write_newer(name, b"three again", "text/plain", 3)
    assert mine.read(name) == b"four"
    assert not mine.write_newer(name, b"four again", "text/plain", 4)
    mine.delete(name)
    assert mine.write_newer(name, b"four again", "text/plain", 4)


@pytest.mark.parametrize("size", [0, 1, 4 * 1024 * 1024, 9 * 1024 * 1024])
def test_content_in_pieces_arrives_whole(container: AzureContainer, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    pieces = (content[start : min(start + 1_000_000, size)] for start in range(0, size, 1_000_000))
    container.write("pieces", pieces, "text/csv")
    assert container.read("pieces") == content[:size]


def test_a_leased_blob_is_not_tried_for_ever(container: AzureContainer) -> None:
    container.write_newer("summary", b"one", "text/plain", 1)
    container._client.get_blob_client("summary").acquire_lease(lease_duration=-1)
    with pytest.raises(HttpResponseError, match="LeaseIdMissing"):
        container.write_newer("summary", b"two", "text/plain", 2)


def test_a_destination_without_its_bytes_is_overwritten_by_the_copy(
    clients: StorageClients, container: AzureContainer
) -> None:
    container.write("copy", b"", "text/csv")
    drop = AzureContainer(clients.blobs, f"d{uuid4().hex}")
    drop.prepare()
    drop.write("devices.csv", b"rows", "text/csv")
    version = drop.version("devices.csv")
    assert version is not None
    container.copy_from(drop._client.container_name, version, "copy")
    assert container.read("copy") == b"rows"


class RefusesOldMarkers:
    """A storage service that no longer accepts a marker."""

    def get_container_client(self, _name: str) -> "RefusesOldMarkers":
        return self

    def list_blobs(self, **_options: object) -> "RefusesOldMarkers":
        return self

    def by_page(self, continuation_token: str | None) -> Iterator[list[BlobProperties]]:
        return Pages(continuation_token)


class Pages(Iterator[list[BlobProperties]]):
    """The only page of an empty container."""

    continuation_token = ""

    def __init__(self, marker: str | None) -> None:
        self._marker = marker

    def __next__(self) -> list[BlobProperties]:
        if self._marker is not None:
            refused = HttpResponseError("The value of marker is not valid.")
            refused.status_code = 400
            raise refused
        return []


def test_a_listing_whose_marker_is_refused_begins_again() -> None:
    container = AzureContainer(RefusesOldMarkers(), "device-files")  # type: ignore[arg-type]  # all that it needs
    assert container.page("too old") == BlobPage([], None)


@pytest.mark.parametrize("code", ["InvalidUri", "InvalidResourceName", "OutOfRangeInput"])
def test_a_name_that_storage_refuses_is_no_blob_and_no_fault(code: str, container_of: MakeContainer) -> None:
    assert container_of(Storage([Answer(400, {"x-ms-error-code": code})], [])).version("a\x00b") is None


def test_any_other_refusal_of_a_request_is_a_fault(container_of: MakeContainer) -> None:
    container = container_of(Storage([Answer(400, {"x-ms-error-code": "InvalidHeaderValue"})], []))
    with pytest.raises(HttpResponseError):
        container.version("a")
