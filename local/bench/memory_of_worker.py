"""A worker that reads one device file, or closes one, and prints how much memory that added.

Run as a separate program: `python -m local.bench.memory_of_worker receive PATH | close CUSTOMER FILE_ID`, with the
app's settings in the environment. Its last line is a number of bytes, or `unknown`.
"""

import os
import sys

from local.bench.process_use import forget_peak, own_memory
from shared.pipeline.composition import compose, prepare
from shared.pipeline.intake.receive import receive, take_up
from shared.settings import settings_from


def main(what: str, *names: str) -> None:
    """Do the work, then print the peak less the memory resident before."""
    pipeline = compose(settings_from(os.environ))
    prepare(pipeline)
    forget_peak()
    before = own_memory()
    if what == "receive":
        receive(pipeline, names[0])
    else:
        stored = pipeline.journal.files.get(names[0], names[1])
        if stored is not None:
            take_up(pipeline, stored)
    after = own_memory()
    print("unknown" if before is None or after is None else after[1] - before[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
