"""Requests for a withdrawal: one at a time, of closed files alone, and none is lost."""

import pytest

from shared.pipeline.corrections.closed_file import FileStillOpen, FileUnknown
from shared.pipeline.corrections.withdrawal_request import LONGEST_ASKING, LONGEST_NAME, WithdrawalAsked, withdraw
from shared.pipeline.sweep import sweep
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Withdrawal, WithdrawalMention
from tests.pipeline.world import CUSTOMER, World, numbered, tuples


def _closed(world: World, content: str, path: str = f"{CUSTOMER}/Test/devices.csv") -> str:
    identifier = world.drop_file(content, path)
    world.run()
    return identifier


def _withdrawal(world: World, identifier: str) -> Withdrawal:
    stored = world.journal.files.get(CUSTOMER, identifier)
    assert stored is not None
    assert stored.record.withdrawal is not None
    return stored.record.withdrawal


def _deletions(world: World) -> int:
    count: int = world.service.report()["received"]["delete_device"]
    return count


@pytest.mark.parametrize(
    ("name", "shown"),
    [("anna@example.com", "anna@example.com"), ("An\x1bna\u202e\r\n", "Anna"), ("x" * 300, "x" * LONGEST_NAME)],
)
def test_the_name_of_the_person_is_kept_without_what_nobody_sees(world: World, name: str, shown: str) -> None:
    file = _closed(world, numbered(1))
    withdraw(world.pipeline, CUSTOMER, file, name)
    assert _withdrawal(world, file).asked_by == shown
    assert world.summary(file)["withdrawal"]["asked_by"] == shown


def test_a_request_is_repeated_when_another_worker_changed_the_file_and_given_up_when_that_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _closed(world, numbered(1))
    change, conflicts = world.journal.files.change, iter([True, True])

    def contended(stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        if next(conflicts, False):
            raise Conflict("changed by another worker")
        return change(stored, changed)

    monkeypatch.setattr(world.journal.files, "change", contended)
    assert withdraw(world.pipeline, CUSTOMER, file).is_new
    other = _closed(world, numbered(1, "OTHER-"), f"{CUSTOMER}/Test/other.csv")
    conflicts = iter(lambda: True, False)
    with pytest.raises(Conflict):
        withdraw(world.pipeline, CUSTOMER, other)


def test_asking_twice_does_it_once(world: World) -> None:
    file = _closed(world, numbered(3))
    first = withdraw(world.pipeline, CUSTOMER, file)
    second = withdraw(world.pipeline, CUSTOMER, file)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.withdrawal == first.withdrawal
    world.run()
    assert withdraw(world.pipeline, CUSTOMER, file) == WithdrawalAsked(file, _withdrawal(world, file), is_new=False)
    world.run()
    assert _deletions(world) == 3


def test_a_file_that_registered_nothing_has_nothing_to_withdraw(world: World) -> None:
    for number, content in enumerate([tuples(["STANDIN-808-1"]), "no device in here"]):
        file = _closed(world, content, f"{CUSTOMER}/Batch {number}/devices.csv")
        assert withdraw(world.pipeline, CUSTOMER, file) == WithdrawalAsked(file, None, is_new=False)
        assert list(world.journal.withdrawals.in_progress()) == []


def test_a_file_that_is_not_closed_cannot_be_withdrawn_yet(world: World) -> None:
    file = world.drop_file(numbered(2))
    with pytest.raises(FileStillOpen, match="Wait until it is closed, then try again"):
        withdraw(world.pipeline, CUSTOMER, file)


def test_a_file_of_another_customer_is_unknown(world: World) -> None:
    file = _closed(world, numbered(2))
    with pytest.raises(FileUnknown):
        withdraw(world.pipeline, "11111111-2222-3333-4444-555555555555", file)
    assert _deletions(world) == 0


def test_a_lost_wake_up_is_found_by_the_sweep(world: World) -> None:
    file = _closed(world, numbered(2))
    withdraw(world.pipeline, CUSTOMER, file)
    world.wakeups.waiting.clear()
    assert sweep(world.pipeline).overdue_withdrawals == 0
    world.clock.now += world.settings.advanced.claim * 2
    assert sweep(world.pipeline).overdue_withdrawals == 1
    world.run()
    assert _withdrawal(world, file).withdrawn == 2
    world.clock.now += world.settings.advanced.claim * 2
    assert sweep(world.pipeline).overdue_withdrawals == 0


def test_an_entry_whose_asker_died_is_taken_out_of_the_index_after_a_day(world: World) -> None:
    file = _closed(world, numbered(1))
    mention = WithdrawalMention(customer_id=CUSTOMER, file_id=file, asked_at=world.clock.now)
    world.journal.withdrawals.enter(mention)
    sweep(world.pipeline)
    assert list(world.journal.withdrawals.in_progress()) == [mention]
    world.clock.now += LONGEST_ASKING
    sweep(world.pipeline)
    assert list(world.journal.withdrawals.in_progress()) == []
