"""What a sweep leaves behind for people."""

import pytest

from local.in_memory_storage import InMemoryContainer
from shared.pipeline.sweep import sweep
from shared.pipeline.sweep_record import LAST_SWEEP, SweepRecord, keep_sweep_record, last_sweep
from shared.version import VERSION
from tests.pipeline.world import START, World


def test_a_record_is_read_as_it_was_kept_and_replaced_by_the_next() -> None:
    private = InMemoryContainer()
    assert last_sweep(private) is None
    for number in (1, 2):
        record = SweepRecord(ended_at=START, version=VERSION, counts={"open_files": number}, failed_duties=("pause",))
        keep_sweep_record(private, record)
        assert last_sweep(private) == record


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 5000, b"\xff", b'{"ended_at": 1}'])
def test_a_record_that_cannot_be_read_is_as_good_as_none(content: bytes) -> None:
    private = InMemoryContainer()
    private.put(LAST_SWEEP, content)
    assert last_sweep(private) is None


def test_a_sweep_keeps_its_counts_its_failures_and_the_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("x")
    monkeypatch.setattr(world.wakeups, "poisoned", lambda: 1 / 0)
    with pytest.raises(ExceptionGroup):
        sweep(world.pipeline)
    record = last_sweep(world.private)
    assert record is not None
    assert record.failed_duties == ("poisoned_messages",)
    assert (record.version, record.counts["open_files"], record.settings["PAUSED"]) == (VERSION, 0, "false")
