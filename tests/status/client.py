"""A client that calls the app over HTTP as scripts and browsers do."""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from local.functions_host.app import HostedFunction, HttpTrigger
from tests.pipeline.world import CUSTOMER, World, numbered

KEY = "the-function-key"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self.body
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class HttpFunction:
    """A function that answers HTTP, and what triggers it."""

    name: str
    trigger: HttpTrigger
    hosted: HostedFunction


@dataclass(frozen=True, slots=True)
class Served:
    """The app as it is served; its `pipeline` is to be set."""

    app: ModuleType
    port: int
    functions: list[HttpFunction]


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one app."""

    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def call(
        self, method: str, path: str, headers: Mapping[str, str | None] | None = None, body: bytes | None = None
    ) -> Answer:
        """An answer to a request of a script with its key; headers given as None are left out."""
        wanted = {"Host": self.host, "x-functions-key": KEY, **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in wanted.items():
                if value is not None:
                    connection.putheader(name, value)
            if (body is not None or method == "POST") and "Transfer-Encoding" not in wanted:
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str | None] | None = None) -> Answer:
        return self.call("GET", path, headers)

    def post(self, path: str, body: bytes = b"", headers: Mapping[str, str | None] | None = None) -> Answer:
        return self.call("POST", path, headers, body)


UNKNOWN = "00000000-0000-4000-8000-000000000000"

FILE = f"/api/files/{CUSTOMER}/{{}}"


def pages(client: Client, path: str, what: str) -> Iterator[Any]:
    """Every item of every page."""
    page = ""
    for _ in range(1_000):
        answer = client.get(path + page).json
        yield from answer[what]
        if answer["next"] is None:
            return
        page = f"{'&' if '?' in path else '?'}next={answer['next']}"
    raise AssertionError("the pages have no end")


def closed_file(world: World, content: str | bytes | None = None, path: str = f"{CUSTOMER}/Test/devices.csv") -> str:
    identifier = world.drop_file(numbered(3) if content is None else content, path)
    world.run()
    return identifier
