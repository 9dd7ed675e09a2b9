"""The arguments of every measurement: sizes, a folder of its own, programs, and a function that prints progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local.bench.sizes import Sizes
from local.toolchain import Toolchain

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
BATCH = "Bench"


class BenchError(Exception):
    """A measurement cannot run, or the code it measured failed; the message says which."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the bench."""

    sizes: Sizes
    folder: Path
    toolchain: Toolchain
    say: Callable[[str], None]

    @contextmanager
    def place(self) -> Iterator[Path]:
        """A folder that is deleted, with all its contents, when the context ends."""
        with TemporaryDirectory(prefix="part-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
