"""Dropped files, a functions host (or three), real storage, real HTTP."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dropping import SAMPLES
from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn
from shared.vocabulary import FileOrder
from tests.whole_way.stack import (
    CUSTOMER,
    HEADER,
    LONGEST_SECONDS,
    TOKEN,
    Stack,
    assert_every_row_has_one_outcome,
    running_stack,
    tuples,
)

pytestmark = pytest.mark.takes_long


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three hosts on one storage."""
    with (
        PartnerCenterStandIn(Behaviour(delay=1)) as service,
        running_stack(tmp_path_factory.mktemp("whole-way"), service, hosts=3) as stack,
    ):
        yield stack


def test_a_file_as_the_usual_script_writes_it_ends_registered_and_dropped_again_already_registered(
    stack: Stack,
) -> None:
    content = (SAMPLES / "hardware_hashes_utf16le.csv").read_bytes()
    first = stack.drop("devices.csv", content)
    stack.wait_until_closed([first])
    assert assert_every_row_has_one_outcome(stack, first, 10) == {"registered": 10}
    again = stack.drop("devices.csv", content)
    stack.wait_until_closed([again])
    assert assert_every_row_has_one_outcome(stack, again, 10) == {"already_registered": 10}
    assert first.file_id != again.file_id


def test_two_thousand_rows_and_twenty_files_at_once_end_in_one_outcome_each(stack: Stack) -> None:
    sizes = {"large.csv": 2_000, **{f"small-{number}.csv": 10 + number for number in range(20)}}
    dropped = {name: stack.drop(name, tuples(Path(name).stem, size)) for name, size in sizes.items()}
    stack.wait_until_closed(list(dropped.values()))
    for name, size in sizes.items():
        assert assert_every_row_has_one_outcome(stack, dropped[name], size) == {"registered": size}
    report = stack.service.report()
    posted = dict(report["devicesPostedMoreThanOnce"].items())
    assert [times for times in posted.values() if times > 2] == []
    assert len(posted) <= 2 * 10, "only the ten sample devices, which were dropped twice, were posted twice"


def test_a_file_in_the_folder_that_asks_to_remove_deletes_its_devices_and_says_so(stack: Stack) -> None:
    registered = stack.drop("removed-later.csv", tuples("GONE", 120))
    stack.wait_until_closed([registered])
    assert stack.service.allow_operations(CUSTOMER, "GONE-000007", ["GET"]) == 1
    stack.service.script(Fault.DROPPED_AFTER, times=1, operation=Operation.DELETE_DEVICE)
    removal = stack.drop("removal.csv", tuples("GONE", 125), order=FileOrder.REMOVE)
    stack.wait_until_closed([removal])
    ended = {"removed": 119, "rejected": 1, "not_registered": 5}
    assert assert_every_row_has_one_outcome(stack, removal, 125) == ended
    rows = stack.rows(removal)
    assert rows[7]["error_code"] == "deletion_not_allowed"
    assert [row["notes"] for row in rows if row["notes"]] == ["deletion_answer_lost"]
    again = stack.drop("removal-again.csv", tuples("GONE", 120), order=FileOrder.REMOVE)
    stack.wait_until_closed([again])
    assert assert_every_row_has_one_outcome(stack, again, 120) == {"not_registered": 119, "rejected": 1}


def test_a_file_in_the_folder_that_asks_to_move_brings_its_devices_under_the_other_batch(stack: Stack) -> None:
    registered = stack.drop("moved-later.csv", tuples("MOVED", 120))
    stack.wait_until_closed([registered])
    deleted = stack.service.report()["received"]["delete_device"]
    move = stack.drop("move.csv", tuples("MOVED", 125), batch="Kiosk", order=FileOrder.MOVE)
    stack.wait_until_closed([move])
    assert assert_every_row_has_one_outcome(stack, move, 125) == {"registered": 125}
    assert stack.service.report()["received"]["delete_device"] == deleted + 120
    again = stack.drop("move-again.csv", tuples("MOVED", 125), batch="Kiosk", order=FileOrder.MOVE)
    stack.wait_until_closed([again])
    assert assert_every_row_has_one_outcome(stack, again, 125) == {"already_registered": 125}


def test_devices_get_the_profiles_that_their_rows_wish_for_although_answers_are_lost(stack: Stack) -> None:
    profiles = ("Standard", "KIOSK", "", "Nobody's")
    lines = [f"PROFILED-{row},,,LENOVO,21R3001BUK,{profiles[row % 4]}" for row in range(200)]
    for fault in (Fault.DROPPED_AFTER, Fault.GATEWAY_TIMEOUT, Fault.THROTTLE):
        stack.service.script(fault, operation=Operation.UPDATE_DEVICE_POLICIES)
    wishing = stack.drop("profiles.csv", "\r\n".join([f"{HEADER},Profile", *lines, ""]).encode())
    summaries = stack.wait_until_closed([wishing])
    assert assert_every_row_has_one_outcome(stack, wishing, 200) == {"registered": 200}
    ended = Counter((row["profile"], row["profile_outcome"]) for row in stack.rows(wishing))
    assert ended == {
        ("Standard", "assigned"): 50,
        ("KIOSK", "assigned"): 50,
        ("", ""): 50,
        ("Nobody's", "rejected"): 50,
    }
    assert summaries[wishing.file_id]["profiles"]["assigned"] == 100
    given = Counter(
        policy for serial, policy in stack.service.policies_of_devices(CUSTOMER).items() if "PROF" in serial
    )
    assert sorted(given.values()) == [50, 50, 100], "half of the devices have none of the two policies"


def test_a_file_that_is_none_is_rejected_with_a_reason(stack: Stack) -> None:
    dropped = stack.drop("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(200))
    summaries = stack.wait_until_closed([dropped])
    assert summaries[dropped.file_id]["state"] == "rejected"
    assert summaries[dropped.file_id]["reason"]


def test_no_log_line_holds_a_hash_or_a_token(stack: Stack) -> None:
    assert "T0GHBA" not in stack.logs
    assert TOKEN not in stack.logs


def test_a_host_that_is_asked_to_end_in_the_middle_finishes_its_work_or_leaves_it_to_another(tmp_path: Path) -> None:
    settings = {"DEVICES_PER_SUBMISSION": "20", "CLAIM_SECONDS": "10", "SWEEP_SCHEDULE": "*/3 * * * * *"}
    with (
        PartnerCenterStandIn(Behaviour(latency=0.5)) as service,
        running_stack(tmp_path, service, hosts=1, lease_seconds=10, settings=settings) as stack,
    ):
        dropped = stack.drop("devices.csv", tuples("STOP", 200))
        while not service.report()["received"]["append_devices"]:
            time.sleep(0.05)
        first = stack.hosts[0]
        first.ask_to_stop()
        assert first.wait(LONGEST_SECONDS) is not None
        assert stack.summary(dropped) is not None
        stack.start_host(1)
        stack.wait_until_closed([dropped])
        assert assert_every_row_has_one_outcome(stack, dropped, 200) == {"registered": 200}
        assert service.report()["devicesPostedMoreThanOnce"] == {}
