"""A proxy in front of Azurite that counts every request, as a storage account counts operations.

It is a separate program, so that its CPU is not measured: `python -m local.bench.counting_proxy BLOB QUEUE TABLE`, with
Azurite's ports. It prints its own three ports, and a fourth where GET returns the counts as JSON.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

HOST = "127.0.0.1"
_LONGEST_HEAD = 1024 * 1024
_PIECE = 256 * 1024
_WITHOUT_BODY = (204, 304)
_CHANGE = re.compile(rb"^(?:PUT|POST|MERGE|PATCH|DELETE) \S*?/(\w+)(?:\(PartitionKey\S*)? HTTP/1\.1\r$", re.MULTILINE)
"""The first line of each change in an entity group transaction."""


_OF_QUEUE = {"GET": "get messages", "POST": "put message", "DELETE": "delete message", "PUT": "update message"}
_OF_TABLE = {"POST": "insert", "PUT": "replace", "MERGE": "merge", "PATCH": "merge", "DELETE": "delete"}
_OF_BLOB = {"HEAD": "get properties", "GET": "read", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and headers of a message, by lower-case name, and its raw bytes."""

    first: str
    headers: Mapping[str, str]
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Head":
        """The head in `raw`. Pure."""
        first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(first, {name.strip().lower(): value.strip() for name, _, value in pairs}, raw)


@dataclass(slots=True)
class Counts:
    """How many operations of each name, and how many changes of rows were inside transactions."""

    operations: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, service: str, head: Head, body: bytes) -> None:
        """One more."""
        name = operation(service, head, body)
        self.operations[name] += 1
        if service == "table":
            self.rows[name] += max(len(_CHANGE.findall(body)), 1)

    def as_json(self) -> bytes:
        """Both."""
        return json.dumps({"operations": self.operations, "rows": self.rows}).encode()


def operation(service: str, head: Head, body: bytes) -> str:
    """The name of the operation that a request performs, in the terms of a storage account. Pure."""
    method, target, *_ = head.first.split(" ")
    path, _, query = target.partition("?")
    parts = path.strip("/").split("/")[1:]
    place = re.split(r"[(%]", parts[0])[0] if parts else "account"
    if service == "blob":
        return f"blob {place}: {_of_blob(method, query, head.headers)}"
    if service == "queue":
        words = _OF_QUEUE.get(method, method) if "messages" in parts else "create or look"
        return f"queue {place}: {words}"
    if place.startswith("$batch"):
        changed = _CHANGE.search(body)
        return f"table {changed[1].decode() if changed else 'unknown'}: transaction"
    return f"table {place}: {_OF_TABLE.get(method, 'get row' if 'PartitionKey=' in path else 'query')}"


def _of_blob(method: str, query: str, headers: Mapping[str, str]) -> str:
    if method == "PUT":
        if "x-ms-copy-source" in headers:
            return "copy"
        for part, words in (("comp=blocklist", "put block list"), ("comp=block", "put block"), ("restype=", "create")):
            if part in query:
                return words
        return "put blob" if "comp=" not in query else "set"
    return "list" if "comp=list" in query else _OF_BLOB.get(method, method)


class _Proxy:
    def __init__(self, service: str, port: int, counts: Counts) -> None:
        self._service = service
        self._port = port
        self._counts = counts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, for as long as the client keeps it open."""
        try:
            while (head := await read_head(reader)) is not None:
                # A new connection for each request: Azurite may close a kept one just when it is used.
                behind_reader, behind_writer = await asyncio.open_connection(HOST, self._port, limit=_LONGEST_HEAD)
                try:
                    await self._exchange(head, reader, writer, behind_reader, behind_writer)
                finally:
                    behind_writer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # one side hung up; so does the other
        finally:
            writer.close()

    async def _exchange(
        self,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind_reader: asyncio.StreamReader,
        behind_writer: asyncio.StreamWriter,
    ) -> None:
        behind_writer.write(head.raw)
        body = await _pass_body(head, reader, behind_writer, keep="$batch" in head.first)
        self._counts.add(self._service, head, body)
        answer = await read_head(behind_reader)
        if answer is None:
            raise ConnectionResetError
        writer.write(answer.raw)
        if not head.first.startswith("HEAD ") and int(answer.first.split(" ")[1]) not in _WITHOUT_BODY:
            await _pass_body(answer, behind_reader, writer, keep=False)
        await writer.drain()


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None when the other side has hung up between two."""
    try:
        return Head.of(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def _pass_body(head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> bytes:
    """Forward a body; returns it if it is to be kept."""
    kept = bytearray()
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
            await writer.drain()
            if not size:
                return bytes(kept)
    left = int(head.headers.get("content-length", "0"))
    while left:
        piece = await reader.read(min(left, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        if keep:
            kept += piece
        writer.write(piece)
        await writer.drain()
    return bytes(kept)


async def _serve(ports: Mapping[str, int]) -> None:
    counts = Counts()

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        body = counts.as_json()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    listening = {
        service: await asyncio.start_server(_Proxy(service, port, counts).serve, HOST, 0, limit=_LONGEST_HEAD)
        for service, port in ports.items()
    }
    control = await asyncio.start_server(tell, HOST, 0)
    found = {name: server.sockets[0].getsockname()[1] for name, server in (listening | {"counts": control}).items()}
    print(f"Counting: {json.dumps(found)}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(dict(zip(("blob", "queue", "table"), map(int, sys.argv[1:]), strict=True))))
