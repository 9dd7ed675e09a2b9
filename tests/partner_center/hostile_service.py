"""A hostile Partner Center at the socket: the stand-in's own answers, distorted on their way in every known manner."""

import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from hashlib import sha256
from itertools import chain, repeat
from types import TracebackType
from typing import Any, Self

from local.partner_center import StandIn

LONGEST_SECONDS = 20
"""After which an answer that dribbles gives up: whoever still waits then has no deadline."""

FOR_EVER = 1_000_000
"""Distorted answers of an attack that does not end."""

PAUSE = 0.01
"""Seconds between the pieces of an answer that dribbles."""


class Call(StrEnum):
    """The kinds of calls, by which an attack chooses its answers."""

    POST = "post"
    BATCHES = "batches"
    STATUS = "status"
    DEVICES = "devices"

    @classmethod
    def of(cls, method: str, target: str) -> "Call":
        path = target.partition("?")[0]
        if method == "POST":
            return cls.POST
        if "/batchJobStatus/" in path:
            return cls.STATUS
        return cls.DEVICES if path.endswith("/devices") else cls.BATCHES


class Word(Enum):
    """What is left of the service's own word in a distorted answer."""

    NONE = "an answer that is lost or of no use"
    WHOLE = "all that decides"
    NO_LINK = "an acceptance that names no job"
    THROTTLED = "a request to wait"
    REFUSED = "a refusal"


@dataclass(frozen=True, slots=True)
class Wire:
    """An answer before it is written."""

    status: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def having(self, *headers: tuple[bytes, bytes]) -> "Wire":
        """The answer with these headers in place of its own of the same names."""
        names = {name.lower() for name, _ in headers}
        return replace(self, headers=(*(h for h in self.headers if h[0].lower() not in names), *headers))

    def without(self, *names: bytes) -> "Wire":
        return replace(self, headers=tuple(header for header in self.headers if header[0].lower() not in names))

    def with_json(self, change: Callable[[Any], Any]) -> "Wire":
        """The answer with another body, whose length its header states."""
        return self.with_body(_encoded(change(json.loads(self.body.decode("utf-8-sig")))))

    def with_body(self, body: bytes) -> "Wire":
        return replace(self, body=body).having((b"Content-Length", b"%d" % len(body)))

    @property
    def head(self) -> bytes:
        lines = (b"HTTP/1.1 " + self.status, *(name + b": " + value for name, value in self.headers))
        return b"\r\n".join(lines) + b"\r\n"

    @property
    def whole(self) -> bytes:
        return self.head + b"\r\n" + self.body

    @property
    def chunked_head(self) -> bytes:
        return self.without(b"content-length").having((b"Transfer-Encoding", b"chunked")).head + b"\r\n"


def _encoded(document: object) -> bytes:
    """JSON, in which texts marked as raw stand as they are: numbers that Python would write otherwise."""
    return json.dumps(document).replace('"<raw>', "").replace('</raw>"', "").encode()


def raw(text: str) -> str:
    """A value that stands in the JSON as it is."""
    return f"<raw>{text}</raw>"


RESET = b"\0reset"
"""In place of a piece: the connection is reset."""

Pieces = Iterable[bytes]
Distortion = Callable[[Wire], Pieces]


@dataclass(frozen=True, slots=True)
class Attack:
    """A manner of distorting answers."""

    name: str
    distort: Distortion
    word: Word
    calls: frozenset[Call] = frozenset(Call)
    own: Callable[[tuple[str, ...]], tuple[str, ...]] = field(default=lambda rows: rows)
    """The outcomes of the rows, from those of honest answers, when every answer is distorted."""
    is_for_ever: bool = False


def _once(change: Callable[[Wire], Wire]) -> Distortion:
    return lambda wire: [change(wire).whole]


def _then_for_ever(start: Callable[[Wire], bytes], piece: bytes) -> Distortion:
    return lambda wire: chain([start(wire)], repeat(piece))


def _lost(name: str, distort: Distortion, *calls: Call) -> Attack:
    return Attack(name, distort, Word.NONE, frozenset(calls or Call))


BOMB = gzip.compress(b" " * 70_000_000, 1)
"""A little more than the client reads of an answer."""

GETS = (Call.BATCHES, Call.STATUS, Call.DEVICES)
LISTS = (Call.BATCHES, Call.DEVICES)

LOST = (
    _lost("silence", lambda _: repeat(b"")),
    _lost("closed at once", lambda _: []),
    _lost("reset at once", lambda _: [RESET]),
    _lost("reset in the headers", lambda wire: [wire.head[:20], RESET]),
    _lost("cut in the status line", lambda _: [b"HTTP/1.1 20"]),
    _lost("cut in a header", lambda wire: [wire.head[: len(wire.head) // 3]]),
    _lost("dribbled status line", _then_for_ever(lambda _: b"HTTP/1.1 202 ", b"A")),
    _lost("dribbled headers", _then_for_ever(lambda _: b"HTTP/1.1 202 Accepted\r\n", b"X-A: b\r\n")),
    _lost("one dribbled header", _then_for_ever(lambda _: b"HTTP/1.1 202 Accepted\r\nX-A: ", b"b")),
    _lost("endless 100 Continue", lambda _: repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    _lost("slow 100 Continue", lambda _: chain.from_iterable(repeat([bytes([c]) for c in b"HTTP/1.1 100 C\r\n\r\n"]))),
    _lost("102 without an end", lambda _: repeat(b"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n")),
    _lost("another protocol", lambda wire: [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", wire.whole]),
    _lost("dribbled chunk header", lambda wire: chain([wire.without(b"location").chunked_head], repeat(b"0"))),
    _lost("dribbled chunks", lambda wire: chain([wire.without(b"location").chunked_head], repeat(b"1\r\n \r\n"))),
    _lost(
        "dribbled chunk extension", lambda wire: chain([wire.without(b"location").chunked_head, b"2;"], repeat(b"x"))
    ),
    _lost(
        "endless trailers",
        lambda wire: chain([wire.without(b"location").chunked_head, b"0\r\n"], repeat(b"X-A: b\r\n")),
    ),
    _lost(
        "dribbled body",
        lambda wire: chain(
            [wire.without(b"location").having((b"Content-Length", b"999999")).head, b"\r\n"], repeat(b" ")
        ),
    ),
    _lost(
        "dribbled body of no length",
        lambda wire: chain([wire.without(b"location", b"content-length").head, b"\r\n"], repeat(b" ")),
        *GETS,
    ),
    _lost("two lengths", lambda wire: [wire.head + b"Content-Length: 1\r\n\r\n" + wire.body]),
    _lost("a chunk of no size", lambda wire: [wire.without(b"location").chunked_head, b"zz\r\n{}\r\n0\r\n\r\n"]),
    _lost("a chunk below nothing", lambda wire: [wire.without(b"location").chunked_head, b"-1\r\n{}\r\n0\r\n\r\n"]),
    _lost("a chunk that is missing", lambda wire: [wire.without(b"location").chunked_head, b"ff\r\n{}"]),
    _lost("a header of 70 KB", lambda wire: [wire.head + b"X-Long: " + b"y" * 70_000 + b"\r\n\r\n" + wire.body]),
    _lost("two hundred headers", lambda wire: [wire.head + b"X-Many: 1\r\n" * 200 + b"\r\n" + wire.body]),
    _lost("no status line", lambda _: [b"{}\r\n\r\n"]),
    _lost("TLS in place of HTTP", lambda _: [b"\x15\x03\x01\x00\x02\x02\x28"]),
    _lost("status of two digits", lambda wire: [b"HTTP/1.1 20 OK\r\n\r\n" + wire.body]),
    _lost("status of letters", lambda wire: [b"HTTP/1.1 abc OK\r\n\r\n" + wire.body]),
    _lost("status 999", _once(lambda wire: replace(wire, status=b"999 Odd"))),
    _lost("server error", _once(lambda wire: replace(wire, status=b"503 Busy").with_body(b"<" * 65_536))),
    _lost("server error without an end", lambda _: chain([b"HTTP/1.1 500 Oh\r\n\r\n"], repeat(b"<a "))),
    _lost("gateway timeout", _once(lambda wire: replace(wire, status=b"504 Late"))),
    _lost(
        "redirect to a stranger",
        _once(lambda w: replace(w, status=b"307 T").having((b"Location", b"http://a.invalid/"))),
    ),
    _lost("redirect to nowhere", _once(lambda wire: replace(wire, status=b"302 F").without(b"location"))),
    _lost("not modified", _once(lambda wire: replace(wire, status=b"304 N").without(b"location").with_body(b""))),
    _lost("gzip that is none", _once(lambda w: w.without(b"location").having((b"Content-Encoding", b"gzip"))), *GETS),
    _lost("half a gzip", _once(lambda w: _compressed(w, gzip.compress(w.body)[:-12])), *GETS),
    _lost("a gzip bomb", _once(lambda w: _compressed(w, BOMB)), Call.STATUS),
    _lost(
        "ten encodings",
        _once(lambda wire: wire.having((b"Content-Encoding", b", ".join([b"gzip"] * 10)))),
        *GETS,
    ),
    _lost("HTML", _once(lambda wire: wire.with_body(b"<html>Sign in</html>")), *GETS),
    _lost("null", _once(lambda wire: wire.with_body(b"null")), *GETS),
    _lost("a number", _once(lambda wire: wire.with_body(b"1e999")), *GETS),
    _lost("nothing", _once(lambda wire: wire.with_body(b"")), *GETS),
    _lost("half of the JSON", _once(lambda wire: wire.with_body(wire.body[: len(wire.body) // 2])), *GETS),
    _lost("no UTF-8", _once(lambda wire: wire.with_body(b'{"items": "\xff\xfe"}')), *LISTS),
    _lost("deep JSON", _once(lambda wire: wire.with_body(b"[" * 200_000)), *GETS),
    _lost("deep JSON that ends", _once(lambda wire: wire.with_body(b'{"a":' * 50_000 + b"1" + b"}" * 50_000)), *GETS),
    _lost(
        "devices that are a text",
        _once(lambda wire: wire.with_json(lambda document: {**document, "devicesStatus": "all"})),
        Call.STATUS,
    ),
    _lost("items that are a text", _once(lambda wire: wire.with_body(b'{"items": "many"}')), *LISTS),
    _lost(
        "a token of another alphabet",
        _once(lambda wire: wire.with_json(lambda _: {"continuationToken": "\u4e00"})),
        *LISTS,
    ),
    _lost(
        "a token with a line", _once(lambda wire: wire.with_json(lambda _: {"continuationToken": "a\r\nX: b"})), *LISTS
    ),
)


def _compressed(wire: Wire, body: bytes) -> Wire:
    return wire.with_body(body).having((b"Content-Encoding", b"gzip"))


def _whole(name: str, distort: Distortion, *calls: Call) -> Attack:
    return Attack(name, distort, Word.WHOLE, frozenset(calls or Call))


BIG_IDS = (
    (b"MS-CorrelationId", b"i" * 40_000),
    (b"MS-RequestId", b"\xe9" * 10_000),
    (b"MS-CV", b"\x01\xff" * 5_000),
    (b"MS-ServerId", b"<script>" * 1_200),
)
WHOLE = (
    _whole("102 Processing", lambda wire: [b"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n", wire.whole]),
    _whole("103 Early Hints", lambda wire: [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + wire.whole]),
    _whole("one 100 Continue", lambda wire: [b"HTTP/1.1 100 Continue\r\n\r\n", wire.whole]),
    _whole(
        "byte by byte",
        lambda wire: [wire.whole[:40], *(wire.whole[at : at + 97] for at in range(40, len(wire.whole), 97))],
    ),
    _whole("ids of 40 KB", _once(lambda wire: wire.having(*BIG_IDS))),
    _whole(
        "chunked",
        lambda w: [w.chunked_head, b"%x\r\n" % len(w.body), w.body, b"\r\n0\r\n\r\n"] if w.body else [w.whole],
    ),
    _whole(
        "deflated", _once(lambda w: w.with_body(zlib.compress(w.body)).having((b"Content-Encoding", b"deflate"))), *GETS
    ),
    _whole("more than its length", lambda wire: [wire.whole + b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"]),
    _whole("Retry-After on a success", _once(lambda wire: wire.having((b"Retry-After", b"315360000")))),
    _whole("UTF-16", _once(lambda w: w.with_body(w.body.decode("utf-8-sig").encode("utf-16"))), *GETS),
    _whole("unknown fields", _once(lambda wire: wire.with_json(_with_unknown)), *GETS),
    _whole(
        "accepted, and the rest dribbles",
        lambda wire: chain([wire.having((b"Content-Length", b"99")).head, b"\r\n"], repeat(b" ")),
        Call.POST,
    ),
    _whole(
        "accepted, and the rest is cut",
        lambda wire: [wire.having((b"Content-Length", b"99")).head, b"\r\n{"],
        Call.POST,
    ),
    _whole("accepted with 200", _once(lambda wire: replace(wire, status=b"200 OK")), Call.POST),
)


def _with_unknown(document: Any) -> Any:
    return {"later": {"a": [1, None, {}]}, **document} if isinstance(document, dict) else document


def _throttled(name: str, wait: bytes, status: bytes = b"429 Slow") -> Attack:
    change = _once(
        lambda w: replace(w, status=status).without(b"location").having((b"Retry-After", wait)).with_body(b"")
    )
    return Attack(name, change, Word.THROTTLED)


THROTTLED = (
    _throttled("wait for ten years", b"315360000"),
    _throttled("wait until the year 9999", b"Fri, 31 Dec 9999 23:59:59 GMT"),
    _throttled("wait since yesterday", b"Thu, 19 Nov 2026 12:00:00 GMT"),
    _throttled("wait for less than nothing", b"-5"),
    _throttled("wait for a figure of another alphabet", "٣٠".encode()),
    _throttled("wait for very many figures", b"9" * 5_000),
    _throttled("wait for infinity", b"inf"),
    _throttled("wait without a time", b""),
)

NO_LINK = (
    Attack("no link", _once(lambda wire: wire.without(b"location")), Word.NO_LINK, frozenset({Call.POST})),
    Attack(
        "a link to nothing",
        _once(lambda w: w.having((b"Location", b"/v1/nothing"))),
        Word.NO_LINK,
        frozenset({Call.POST}),
    ),
    Attack(
        "a link of bytes",
        _once(lambda w: w.having((b"Location", b"\xff\x00batchJobStatus/x"))),
        Word.NO_LINK,
        frozenset({Call.POST}),
    ),
)


def _refused(name: str, body: bytes, *, status: bytes = b"400 Bad") -> Attack:
    change = _once(lambda wire: replace(wire, status=status).without(b"location").with_body(body))
    return Attack(
        name, change, Word.REFUSED, frozenset({Call.POST}), lambda rows: ("failed",) * len(rows), is_for_ever=True
    )


REFUSED = (
    _refused("a code of 40 KB", _encoded({"code": "c" * 40_000, "description": "no"})),
    _refused("9,000 characters beyond ASCII", _encoded({"code": 7, "description": "\U0001f600" * 9_000})),
    _refused(
        "control characters", _encoded({"code": "\x00\x1b[31m", "description": "=cmd|' /C calc'!A0\r\nrow,forged"})
    ),
    _refused("64 KB of HTML", b"<" * 65_536),
    _refused("no words", b""),
    _refused("a surrogate", b'{"code": "8\\ud800", "description": "\\udfff"}'),
)


def _of_device(name: str, change: Callable[[dict[str, Any]], object], own: str) -> Attack:
    """An attack on the verdict of the first device, in every final status."""

    def changed(document: Any) -> Any:
        devices = document.get("devicesStatus") or []
        for device in devices[:1]:
            if str(device.get("status", "")).startswith("finished"):
                change(device)
        return document

    return _for_ever(name, changed, own)


def _for_ever(name: str, change: Callable[[Any], Any], own: str, *others: str) -> Attack:
    return Attack(
        name,
        _once(lambda wire: wire.with_json(change)),
        Word.WHOLE,
        frozenset({Call.STATUS}),
        lambda rows: (own, *(others or rows[1:])),
        is_for_ever=True,
    )


def _doubled(document: Any, **other: object) -> Any:
    devices = document.get("devicesStatus") or []
    return {**document, "devicesStatus": [*devices, *({**device, **other} for device in devices[:1])]}


LONG = "success " + "\u0416" * 9_000
OTHER_TENANT = {"errorCode": 808, "errorDescription": "ZtdDeviceAssignedToOtherTenant"}

VERDICTS = (
    _of_device("code 808.0", lambda device: device.update(errorCode=raw("808.0")), "failed"),
    _of_device("code false", lambda device: device.update(errorCode=False), "registered"),
    _of_device("code null", lambda device: device.update(errorCode=None), "registered"),
    _of_device(
        "code 0 and a long success", lambda device: device.update(errorCode=0, errorDescription=LONG), "registered"
    ),
    _of_device("no code and a long success", lambda device: device.update(errorDescription=LONG), "registered"),
    _of_device("code 0 and a denial", lambda d: d.update(errorCode=0, errorDescription="Not successful"), "failed"),
    _of_device("no code and a denial", lambda device: device.update(errorDescription="Not successful"), "failed"),
    _of_device("a code of 300 figures", lambda device: device.update(errorCode=raw("9" * 300)), "failed"),
    _of_device("a code of 5,000 figures", lambda device: device.update(errorCode=raw("9" * 5_000)), "failed"),
    _of_device("a code without an end", lambda device: device.update(errorCode=raw("1e999")), "failed"),
    _of_device("a code that is no number", lambda device: device.update(errorCode=raw("NaN")), "failed"),
    _of_device("a code below everything", lambda device: device.update(errorCode=raw("-Infinity")), "failed"),
    _of_device("a code of one figure and many zeros", lambda d: d.update(errorCode=raw("8e300")), "failed"),
    _for_ever("5,000 figures beside the devices", lambda d: {**d, "totalCount": raw("9" * 5_000)}, "registered"),
    _of_device("a code of 40 KB", lambda device: device.update(errorCode="c" * 40_000), "failed"),
    _of_device("a code that is a list", lambda device: device.update(errorCode=[808]), "registered"),
    _of_device("a description that is an object", lambda d: d.update(errorDescription={"a": 1}), "registered"),
    _of_device("a lone surrogate", lambda d: d.update(errorCode=1, errorDescription="\ud800 x"), "failed"),
    _of_device("9,000 characters", lambda d: d.update(errorCode=1, errorDescription="\U0001f600" * 9_000), "failed"),
    _of_device(
        "a formula and lines", lambda d: d.update(errorCode=1, errorDescription="=1+1\r\na,b\x00\x1b[31m"), "failed"
    ),
    _of_device("an id of 40 KB", lambda device: device.update(deviceId="d" * 40_000), "registered"),
    _of_device("attributes that are a list", lambda device: device.update(attributes=[[]]), "registered"),
    _of_device("no status", lambda device: device.pop("status"), "registered"),
    _of_device("a status that is a number", lambda device: device.update(status=5), "registered"),
    _of_device("a status of tomorrow", lambda device: device.update(status="awaiting_review"), "registered"),
    _of_device(
        "another status in words", lambda device: device.update(status="Finished-With Errors", **OTHER_TENANT), "failed"
    ),
    _for_ever("verdicts that agree", _doubled, "registered"),
    _for_ever("verdicts that contradict each other", lambda d: _doubled(d, **OTHER_TENANT), "registered"),
    _for_ever(
        "an element that is none", lambda d: {**d, "devicesStatus": [5, *(d.get("devicesStatus") or [])]}, "registered"
    ),
    _for_ever("strangers", lambda d: _doubled(d, serialNumber="STRANGER", **OTHER_TENANT), "registered"),
    _for_ever(
        "a job in words of 40 KB", lambda d: {**d, "status": "s" * 40_000, "startedTime": "t" * 40_000}, "registered"
    ),
    _for_ever("no devices", lambda document: {**document, "devicesStatus": None}, "registered"),
)

ATTACKS = (*LOST, *WHOLE, *THROTTLED, *NO_LINK, *REFUSED, *VERDICTS)


@dataclass(frozen=True, slots=True)
class Posted:
    """One POST, and the word that its answer had; None when it was not distorted."""

    devices: str
    request_id: str
    word: Word | None


class HostileService:
    """The stand-in over HTTP; the first `times` answers to `call`, or all of them, are distorted by `attack`."""

    def __init__(self, honest: StandIn, attack: Attack, call: Call, times: int) -> None:
        self._honest, self._attack, self._call, self._left = honest, attack, call, times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock, self._answering = threading.Lock(), threading.Lock()
        self._is_closed = threading.Event()
        self.posts: list[Posted] = []
        self._played: list[tuple[str, Word]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def played(self, correlation_id: str) -> list[Word]:
        """The words of the distorted answers to the requests of one call."""
        with self._lock:
            return [word for identifier, word in self._played if identifier == correlation_id]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._answering:
            self._is_closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(LONGEST_SECONDS)
            reader = connection.makefile("rb")
            while (request := _read(reader)) is not None and self._answer(connection, *request):
                pass

    def _answer(
        self, connection: socket.socket, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Whether the connection stays open."""
        with self._answering:
            # The stand-in's data are closed after this service, which a thread of a caller who hung up may survive.
            if self._is_closed.is_set():
                return False
            answer = self._honest.reply(method, target, headers, body).answer
        assert answer is not None
        fields = tuple((name.encode(), value.encode()) for name, value in answer.headers_for(headers).items())
        wire = Wire(f"{answer.status.value} {answer.status.phrase}".encode(), fields, answer.body)
        with self._lock:
            is_distorted = self._call is Call.of(method, target) and self._left > 0 and answer.status < 300
            self._left -= is_distorted
            word = self._attack.word if is_distorted else None
            if word is not None:
                self._played.append((headers["ms-correlationid"], word))
            if method == "POST":
                self.posts.append(Posted(_digest(body), headers["ms-requestid"], word))
        if not is_distorted:
            connection.sendall(wire.whole)
            return True
        self._write(connection, self._attack.distort(wire))
        return word is Word.WHOLE

    def _write(self, connection: socket.socket, pieces: Pieces) -> None:
        end = time.monotonic() + LONGEST_SECONDS
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if piece == RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                return
            connection.sendall(piece)
            if (number and self._is_closed.wait(PAUSE if number < 2_000 else 0)) or time.monotonic() > end:
                return
            if not piece and _is_hung_up(connection):
                return


def _is_hung_up(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(LONGEST_SECONDS)


def _read(reader: Any) -> tuple[str, str, dict[str, str], bytes] | None:
    """The next request; None when the client hung up before its end."""
    line = reader.readline()
    if not line.endswith(b"\r\n"):
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (header := reader.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = reader.read(length)
    return (method, target, headers, body) if header and len(body) == length else None


def _digest(body: bytes) -> str:
    """Identifies the devices of a POST, whether it creates their batch or appends to it."""
    content = json.loads(body)
    devices = content["devices"] if isinstance(content, dict) else content
    return sha256(json.dumps(devices).encode()).hexdigest()


def cases(*, campaign: bool) -> Iterator[tuple[Attack, Call, int]]:
    """What is played: each attack on one of the calls that it fits; in a campaign on all of them, up to three times."""
    for number, attack in enumerate(ATTACKS):
        calls = sorted(attack.calls)
        for call in calls if campaign else [calls[number % len(calls)]]:
            for times in (FOR_EVER,) if attack.is_for_ever else (1, 2, 3) if campaign else (1,):
                yield attack, call, times
