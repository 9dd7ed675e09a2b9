"""What every measurement is given: sizes, a folder of its own, programs, and somebody who listens."""

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
    """A measurement cannot be taken, or what it measured did not do its work; the message says which."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the bench."""

    sizes: Sizes
    folder: Path
    toolchain: Toolchain
    say: Callable[[str], None]

    @contextmanager
    def place(self) -> Iterator[Path]:
        """A folder that is gone, with all that is in it, when the context ends."""
        with TemporaryDirectory(prefix="part-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
