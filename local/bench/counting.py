"""Storage whose operations are counted, at the level of HTTP requests."""

import json
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.azurite import Azurite, Ports
from local.bench.local_storage import wait_for
from local.processes import ChildProcess

_COUNTING = re.compile(r"Counting: (\{.*\})")


@dataclass(frozen=True, slots=True)
class Operations:
    """The number of storage operations by name; `rows` counts the changes of rows in table requests."""

    requests: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    def since(self, before: "Operations") -> "Operations":
        """The operations since `before`."""
        return Operations(self.requests - before.requests, self.rows - before.rows)

    def without(self, **names: int) -> "Operations":
        """The operations without so many of each name."""
        return replace(self, requests=self.requests - Counter(names))


@dataclass(frozen=True, slots=True)
class CountedStorage:
    """An Azurite behind a counting proxy."""

    connection_string: str
    _address: str

    def operations(self) -> Operations:
        """Every operation so far."""
        with urllib.request.urlopen(self._address) as answer:  # noqa: S310 - on this machine
            counts = json.loads(answer.read())
        return Operations(Counter(counts["operations"]), Counter(counts["rows"]))


@contextmanager
def counted(azurite: Azurite, folder: Path) -> Iterator[CountedStorage]:
    """`azurite`, with every request counted."""
    ports = azurite.ports
    process = ChildProcess.start(
        "the counting proxy",
        [sys.executable, "-m", "local.bench.counting_proxy", str(ports.blob), str(ports.queue), str(ports.table)],
        log=folder / "counting-proxy.log",
    )
    try:
        found = json.loads(wait_for(process, _COUNTING)[1])
        in_front = replace(azurite, ports=Ports(found["blob"], found["queue"], found["table"]))
        yield CountedStorage(in_front.connection_string, f"http://127.0.0.1:{found['counts']}/")
    finally:
        process.stop()
