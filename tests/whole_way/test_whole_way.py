"""Dropped files, a functions host (or three), real storage, real HTTP."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from local.__main__ import _of_venv
from local.dropping import SAMPLES, Dropped
from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn
from shared.pipeline.inventory.drift_events import EVENT_TYPE
from shared.pipeline.inventory.plan import Place
from shared.pipeline.inventory.reconciliation import READ_LATELY
from shared.settings import STORAGE_CONNECTION
from shared.storage.inventories import CustomerInventory, DriftKind
from shared.storage.record_table import Stored
from shared.vocabulary import FileOrder, Standing
from tests.pipeline.inventory.test_plan import came_of
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

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
SOMEBODY = "someone.else@partner.onmicrosoft.com"

SETTINGS = {"RECONCILE": "true", "RECONCILE_SCHEDULE": "*/2 * * * * *", "SWEEP_SCHEDULE": "*/3 * * * * *"}
"""A night is over in seconds."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three hosts on one storage."""
    with (
        PartnerCenterStandIn(Behaviour(delay=1)) as service,
        running_stack(tmp_path_factory.mktemp("whole-way"), service, hosts=3, settings=SETTINGS) as stack,
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


# --- what is registered. These tests come early, while few devices are.


@pytest.fixture(scope="module")
def here(stack: Stack) -> Dropped:
    """A file for the batch Here. After it, another batch's and another customer's, the devices were read."""
    dropped = [
        stack.drop("here.csv", tuples("HERE", 25), batch="Here"),
        stack.drop("sales.csv", tuples("SALES", 25), batch="Sales"),
        stack.drop("theirs.csv", tuples("THEIRS", 25), customer=OTHER_CUSTOMER),
    ]
    stack.wait_until_closed(dropped)
    stack.do_elsewhere(do="allow", serial="HERE-000007", operations=["GET"])
    asked_at = datetime.fromisoformat(stack.ask(f"customers/{CUSTOMER}/devices/read", "POST").json()["asked_at"])

    def is_read() -> bool | None:
        reading = stack.ask(f"customers/{CUSTOMER}/devices").json()["reading"]
        is_new = reading["read_at"] is not None and datetime.fromisoformat(reading["read_at"]) >= asked_at
        return (is_new and not reading["is_in_progress"]) or None

    stack.wait_for(is_read)
    return dropped[0]


def listed(stack: Stack, batch: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.ask(f"customers/{CUSTOMER}/devices?batch={batch}").json()
    return found


def test_registered_devices_are_listed_with_their_batch_their_file_and_what_is_allowed(
    stack: Stack, here: Dropped
) -> None:
    found = listed(stack, "here")
    assert found["total"] == 25
    assert {batch["batch_id"] for batch in found["batches"]} == {"Here"}
    serials = [f"HERE-{number:06d}" for number in range(25)]
    devices = {device["serial_number"]: device for device in found["devices"]}
    assert sorted(devices) == serials
    by = [devices[serial]["registered_by"] for serial in serials]
    assert {(one["file_id"], one["file_name"], one["outcome"]) for one in by} == {
        (here.file_id, "here.csv", "registered")
    }
    assert [one["row"] for one in by] == list(range(1, 26))
    allowed = Counter(" ".join(device["allowed_operations"]) for device in devices.values())
    assert allowed == {"GET PATCH DELETE": 24, "GET": 1}
    assert devices["HERE-000007"]["allowed_operations"] == ["GET"]


@pytest.mark.usefixtures("here")
def test_what_is_planned_for_each_row_is_what_comes_of_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prefixes = ("HERE", "SALES", "THEIRS", "NEW")
    lines = [line for prefix in prefixes for line in tuples(prefix, 25).splitlines()[1:]]
    file = stack.folder / "planned.csv"
    file.write_text("\r\n".join([HEADER, *lines, ""]))
    monkeypatch.setenv(STORAGE_CONNECTION, stack.storage)
    capsys.readouterr()
    assert _of_venv("plan", str(file), "--customer", CUSTOMER, "--batch", "Here", "--json") == 0
    *rows, _total = map(json.loads, capsys.readouterr().out.splitlines())
    planned = {row["row"]: Place(row["place"]) for row in rows}
    places = (Place.IN_THIS_BATCH, Place.IN_OTHER_BATCH, Place.AT_OTHER_CUSTOMER, Place.NEW)
    assert Counter(planned.values()) == dict.fromkeys(places, 25)
    dropped = stack.drop("planned.csv", file.read_bytes(), batch="Here")
    stack.wait_until_closed([dropped])
    ended = {"registered": 25, "already_registered": 50, "failed": 25}
    assert assert_every_row_has_one_outcome(stack, dropped, 100) == ended
    assert {int(row["row"]): came_of(row) for row in stack.rows(dropped)} == planned


@pytest.mark.usefixtures("here")
def test_what_somebody_else_did_with_devices_is_told_after_a_night_and_what_our_file_removed_is_not(
    stack: Stack,
) -> None:
    removal = stack.drop("removal-here.csv", tuples("HERE", 1), batch="Here", order=FileOrder.REMOVE)
    stack.wait_until_closed([removal])
    assert assert_every_row_has_one_outcome(stack, removal, 1) == {"removed": 1}
    model = {"manufacturer": "LENOVO", "model": "21R3001BUK"}
    stack.do_elsewhere(do="delete", serial="HERE-000001", by=SOMEBODY)
    stack.do_elsewhere(do="delete", serial="HERE-000002", by=SOMEBODY)
    stack.do_elsewhere(do="register", serial="HERE-000002", batch="Portal", by=SOMEBODY, **model)
    stack.do_elsewhere(do="register", serial="NOBODYS-1", batch="Here", by=SOMEBODY, **model)
    let_a_day_pass(stack)
    event = stack.wait_for(lambda: next((one for one in stack.take_events() if one["type"] == EVENT_TYPE), None))
    assert {one["serial_number"] for one in event["data"]["devices"]} == {"HERE-000001", "HERE-000002", "NOBODYS-1"}
    assert [event["data"][kind] for kind in DriftKind] == [1, 1, 1]
    found = listed(stack, "Here")
    told = {
        (one["serial_number"], one["kind"], one["batch_id"], one["new_batch_id"], one["who"]) for one in found["drift"]
    }
    assert told == {
        ("HERE-000001", DriftKind.DELETED, "Here", "", SOMEBODY),
        ("HERE-000002", DriftKind.MOVED, "Here", "Portal", SOMEBODY),
        ("NOBODYS-1", DriftKind.REGISTERED, "Here", "", SOMEBODY),
    }
    gone = {f"HERE-{number:06d}" for number in range(3)}
    assert gone & {device["serial_number"] for device in found["devices"]} == set()
    _, _, drift = stack.ask(f"status/devices?customer={CUSTOMER}").text.partition("Changed by somebody else")
    shown, _, _ = drift.partition("</section>")
    for words in ("deleted elsewhere", "moved to another batch", "registered by someone else", "NOBODYS-1", SOMEBODY):
        assert words in shown
    assert "HERE-000000" not in shown, "our own file removed it"


def let_a_day_pass(stack: Stack) -> None:
    """Date the last reading back: only what was not read lately is read in a night."""
    inventories = stack.journal.inventories

    def at_rest() -> Stored[CustomerInventory] | None:
        stored = inventories.get(CUSTOMER)
        is_at_rest = stored is not None and not stored.record.is_in_progress and not stored.record.changes
        return stored if is_at_rest else None

    stored = stack.wait_for(at_rest)
    assert stored.record.read_at is not None
    assert inventories.drift(CUSTOMER, 1) == [], "what our own files registered is none"
    inventories.change(stored, replace(stored.record, read_at=stored.record.read_at - READ_LATELY - timedelta(hours=1)))


# --- more files, removed and moved devices, profiles


def test_two_thousand_rows_and_twenty_files_at_once_end_in_one_outcome_each(stack: Stack) -> None:
    sizes = {"large.csv": 2_000, **{f"small-{number}.csv": 10 + number for number in range(20)}}
    dropped = {name: stack.drop(name, tuples(Path(name).stem, size)) for name, size in sizes.items()}
    stack.wait_until_closed(list(dropped.values()))
    for name, size in sizes.items():
        assert assert_every_row_has_one_outcome(stack, dropped[name], size) == {"registered": size}
    report = stack.service.report()
    posted = dict(report["devicesPostedMoreThanOnce"].items())
    assert [times for times in posted.values() if times > 2] == []
    assert [name for name in posted if "large-" in name or "small-" in name] == [], "dropped once, posted once"


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
    assert summaries[wishing.file_id]["standing"] == Standing.PROFILES_MISSING
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
