"""A decision on drift waits for the app's own work that may explain it, and for half a day at most."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from shared.pipeline.inventory.open_work import LONGEST_WAIT, READ_WITHIN, is_awaited
from tests.pipeline.inventory.test_changes import GONE
from tests.pipeline.world import START

EARLIER, LATER = START - timedelta(days=3), START + READ_WITHIN + timedelta(seconds=1)
SEEN_NEXT_DAY = replace(GONE, seen_at=START + timedelta(days=1))


@pytest.mark.parametrize(
    ("began", "now", "expected"),
    [
        ([], START, False),
        ([EARLIER], START, True),
        ([START], START, True),
        ([LATER], LATER, False),
        ([LATER, EARLIER], LATER, True),
        ([EARLIER], START + LONGEST_WAIT - timedelta(seconds=1), True),
        ([EARLIER], START + LONGEST_WAIT, False),
    ],
)
def test_work_that_began_before_a_change_was_seen_is_awaited(
    began: Sequence[datetime], now: datetime, *, expected: bool
) -> None:
    assert is_awaited([GONE], began, now) is expected


def test_the_change_that_was_seen_first_ends_the_wait_for_all() -> None:
    assert is_awaited([SEEN_NEXT_DAY], [LATER], SEEN_NEXT_DAY.seen_at)
    assert not is_awaited([GONE, SEEN_NEXT_DAY], [LATER], SEEN_NEXT_DAY.seen_at)
