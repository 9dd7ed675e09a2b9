"""Page, JSON, CSV, command and journal say the same of the same file, in each situation in which they could differ."""

import csv
import dataclasses
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console
from werkzeug.http import parse_options_header

from local.commands.report import monthly
from local.commands.showing import is_row_well, is_well, show_file
from local.partner_center.faults import Fault
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter
from shared.partner_center.errors import Refused, Unauthorised
from shared.partner_center.models import Device, DeviceUploadDetails
from shared.pipeline.corrections.retry import retry
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.sweep import sweep
from shared.status import queries
from shared.status.report import rows_that_need_attention
from shared.storage.records import Counts, DeviceFile, Withdrawal
from shared.vocabulary import FileState, Outcome, Remedy, WithdrawalState
from tests.examples import examples
from tests.pipeline.submissions.test_profile_assignment import wishing
from tests.pipeline.world import CUSTOMER, START, Changed, World, numbered, tuples
from tests.status.client import Client

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"

VERDICTS = {
    "CODE-806-OTHER": ("806", "ZtdDeviceAssignedToOtherTenant"),
    "CODE-806": ("806", "ZtdDeviceAlreadyAssigned"),
    "CODE-802": ("802", ""),
    "CODE-812": ("812", "ZtdDeviceNotFound"),
    "CODE-STORAGE": (None, "StorageError"),
    "CODE-NONE": (None, None),
    "CODE-SENTENCE": ("900", "The device cannot be taken now."),
    "CODE-TWICE": (None, "ZtdDeviceDuplicated"),
    "CODE-808": ("808", "ZtdDeviceAssignedToOtherTenant"),
}


class Verdicts(Changed):
    """A service that ends devices with the verdicts above, and others, named by their serial numbers, not at all."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = super().batch_job_status(customer_id, tracking_id, ids)
        devices = tuple(map(self._changed, answer.details.devices_status or ()))
        waits = any(not device.is_final for device in devices)
        status = "processing" if waits else answer.details.status
        return JobAnswer(replace(answer.details, devices_status=devices, status=status), answer.service_ids)

    def _changed(self, device: DeviceUploadDetails) -> DeviceUploadDetails:
        serial = device.serial_number or ""
        if serial.startswith("WAITS"):
            return replace(device, status="processing", error_code=None, error_description=None)
        for name, (code, description) in VERDICTS.items():
            if serial.startswith(f"{name}."):
                return replace(device, status="finished_with_errors", error_code=code, error_description=description)
        return device


class Refusing(Changed):
    """A service that refuses every request with devices, as one that is malformed."""

    def create_batch(self, *_: object) -> Accepted:
        raise Refused("Invalid request input", status=413, code="800002", description="Invalid request input")


def page_of(client: Client, file_id: str, customer_id: str = CUSTOMER) -> str:
    """The text of a file's page, without markup."""
    return text_of(client.get(f"/api/status/{customer_id}/{file_id}").body.decode())


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def list_of(client: Client, parameters: str = "") -> str:
    return text_of(client.get(f"/api/status{parameters}").body.decode())


def json_of(client: Client, file_id: str, customer_id: str = CUSTOMER) -> Any:
    return client.get(f"/api/files/{customer_id}/{file_id}").json


def rows_of(client: Client, file_id: str, customer_id: str = CUSTOMER) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(f"/api/files/{customer_id}/{file_id}/outcomes?limit=500").json["outcomes"]
    return rows


def csv_of(client: Client, file_id: str, name: str = "results.csv") -> list[dict[str, str]]:
    answer = client.get(f"/api/files/{CUSTOMER}/{file_id}/{name}")
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


def told(world: World, file_id: str, customer_id: str = CUSTOMER) -> str:
    """What the command `status FILE_ID` writes."""
    output = Console(record=True, width=400, file=io.StringIO())
    show_file(output, queries.file(world.pipeline, customer_id, file_id))
    return re.sub(r"\s+", " ", output.export_text())


def record_of(world: World, file_id: str) -> DeviceFile:
    return queries.known_file(world.pipeline, CUSTOMER, file_id)


def todo_numbers(text: str) -> dict[Remedy, int]:
    """The numbers of rows in the to-do list of a page or a command."""
    patterns = {
        Remedy.FIX: r"Fix ([\d,]+) rows?\.",
        Remedy.SEND_AGAIN: r"Send ([\d,]+) rows? again\.",
        Remedy.ASK: r"([\d,]+) rows? needs? someone else\.",
    }
    found = {remedy: re.search(pattern, text) for remedy, pattern in patterns.items()}
    return {remedy: int(match[1].replace(",", "")) for remedy, match in found.items() if match is not None}


def assert_one_truth(world: World, client: Client, file_id: str) -> None:
    """Every number and every remedy that anybody reads of the file is that of its rows."""
    rows, details = rows_of(client, file_id), json_of(client, file_id)
    by_remedy = Counter(Remedy(row["remedy"]) for row in rows)
    wanted = by_remedy - Counter({Remedy.NOTHING: len(rows), Remedy.FIX: details["file"]["fixed_later"]})
    counted: Counter[Remedy] = Counter()
    for reason in details["reasons"]:
        counted[Remedy(reason["remedy"])] += reason["rows"]
    assert counted == by_remedy
    page, command = page_of(client, file_id), told(world, file_id)
    assert todo_numbers(page) == todo_numbers(command) == wanted
    assert ("to_fix.csv" in page.split("Outcomes by reason")[0]) == bool(wanted.get(Remedy.FIX))
    assert len([row for row in csv_of(client, file_id, "to_fix.csv") if row]) == by_remedy[Remedy.FIX]
    by_outcome = Counter(row["outcome"] for row in rows)
    assert by_outcome == Counter(row["outcome"] for row in csv_of(client, file_id))
    assert {name: number for name, number in details["file"]["counts"].items() if number and name in list(Outcome)} == (
        by_outcome
    )
    for row, line in zip(rows, csv_of(client, file_id), strict=True):
        cure = re.sub(r"[,;|^\s]+", " ", row["what_to_do"]).strip()
        assert (line["error_code"], line["what_to_do"]) == (row["error_code"], cure)
        assert Outcome(row["outcome"]) is not Outcome.FAILED or row["what_to_do"] in page
    (listed,) = [file for file in client.get("/api/files").json["files"] if file["file_id"] == file_id]
    assert listed == details["file"]
    assert_one_standing(world, client, record_of(world, file_id))


def assert_one_standing(world: World, client: Client, record: DeviceFile) -> None:
    """List, report, summary and event say in the same words how a closed file stands."""
    if record.state is FileState.CLOSED:
        stands = world.summary(record.file_id, record.path)["standing"]
        assert [event["data"]["standing"] for event in world.events.of(record.file_id)] == [stands]
        report = client.get(f"/api/files/{record.customer_id}/{record.file_id}/report.html").body.decode()
        assert f"State {stands} " in text_of(report)
        assert f" {stands} " in list_of(client)


@pytest.fixture
def verdicts(world: World) -> World:
    """A world whose service gives the verdicts that its devices name."""
    world.meet(Verdicts(world.partner_center))
    return world


# --- remedy and reason


def test_every_remedy_is_decided_once_and_counted_as_such(verdicts: World, client: Client) -> None:
    serials = [f"{name}.{number}" for name in VERDICTS for number in range(3)]
    file = verdicts.drop_file(tuples(["SN-1", *serials, "SN-1", "1.23457E+11"]))
    verdicts.run()
    assert_one_truth(verdicts, client, file)
    page = page_of(client, file)
    assert "806 ZtdDeviceAssignedToOtherTenant The device is registered for another tenant" in page


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from([*VERDICTS, "SN", "1.23457E+1", ""]), min_size=1, max_size=25))
def test_whatever_the_verdicts_are_everybody_reads_the_same(verdicts: World, client: Client, names: list[str]) -> None:
    serials = [f"{name}.{number}" if name else "" for number, name in enumerate(names)]
    file = verdicts.drop_file(tuples(serials), f"{CUSTOMER}/Test/{len(serials)}.csv")
    verdicts.run()
    assert_one_truth(verdicts, client, file)


def test_a_request_that_is_refused_as_a_whole_can_be_fixed_everywhere(world: World, client: Client) -> None:
    world.meet(Refusing(world.partner_center))
    file = world.drop_file(numbered(2))
    world.run()
    assert {row["remedy"] for row in rows_of(client, file)} == {"fix"}
    assert_one_truth(world, client, file)


# --- in progress


def test_rows_are_counted_as_their_verdicts_are_written(verdicts: World, client: Client) -> None:
    file = verdicts.drop_file(tuples(["SN-1", "SN-2", "CODE-802.1", "WAITS-1", "WAITS-2", ""]))
    for _ in range(20):
        if not record_of(verdicts, file).state.is_final and sum(json_of(client, file)["file"]["counts"].values()):
            verdicts.deliver_next()
    assert_one_truth(verdicts, client, file)
    details = json_of(client, file)
    assert (details["file"]["counts"]["registered"], details["file"]["counts"]["failed"]) == (2, 1)
    assert details["file"]["counts"]["open"] == details["waiting"]["without_verdict"] == 2
    for text in (page_of(client, file), told(verdicts, file)):
        assert "4 of 6 rows have their outcome" in text
        assert "2 rows wait for Microsoft; without an answer by " in text
        assert "they become unknown" in text
        assert "nothing to do" not in text
    page = client.get(f"/api/status/{CUSTOMER}/{file}").body.decode()
    assert "results.csv so far" in page
    assert "to_fix.csv so far" in page


# --- profiles


@pytest.mark.parametrize(
    ("rows", "standing"),
    [
        ((("SN-1", "Kiosk"), ("SN-2", "")), "closed"),
        ((("SN-1", "Kiosk"), ("SN-2", "Nobody's")), "closed, profiles missing"),
        ((("SN-1", "Nobody's"), ("CODE-808.1", "Kiosk")), "closed, partly registered"),
    ],
)
def test_a_file_whose_devices_lack_their_profiles_is_not_plainly_closed(
    verdicts: World, client: Client, rows: tuple[tuple[str, str], ...], standing: str
) -> None:
    file = verdicts.drop_file(wishing(*rows))
    verdicts.run()
    assert_one_truth(verdicts, client, file)
    assert verdicts.summary(file)["standing"] == standing
    assert f" {standing} " in told(verdicts, file) or f" {standing};" in told(verdicts, file)
    assert json_of(client, file)["file"]["needs_attention"] == (standing != "closed")
    views = queries.outcomes(verdicts.pipeline, record_of(verdicts, file)).outcomes
    not_well = [view.serial_number for view in views if not is_row_well(view)]
    assert [row.serial_number for row in rows_that_need_attention(verdicts.pipeline, record_of(verdicts, file))] == (
        not_well
    )
    report = text_of(client.get(f"/api/files/{CUSTOMER}/{file}/report.html").body.decode())
    assert [serial for serial, _ in rows if serial in report] == not_well


def test_profiles_that_are_assigned_later_are_missing_no_more(world: World, client: Client) -> None:
    file = world.drop_file(wishing(("SN-1", "Nobody's")))
    world.run()
    assert world.summary(file)["standing"] == "closed, profiles missing"
    assert client.post(f"/api/files/{CUSTOMER}/{file}/profile", b'{"profile": "Kiosk"}').status == 202
    world.run()
    assert world.summary(file)["standing"] == "closed"
    assert "profiles missing" not in list_of(client) + told(world, file) + page_of(client, file)


# --- removed and moved


@pytest.mark.parametrize("path", [f"remove-devices/{CUSTOMER}/a.csv", f"move-devices/{CUSTOMER}/Kiosk/a.csv"])
def test_a_file_that_removes_or_moves_devices_is_told_the_same_everywhere(
    world: World, client: Client, path: str
) -> None:
    world.drop_file(tuples(["SN-1", "SN-2", "SN-3"]))
    world.run()
    world.drop_file(tuples(["SN-3"]), f"{CUSTOMER}/Kiosk/there.csv")
    world.run()
    world.meet(Undeletable(world.partner_center))
    file = world.drop_file(tuples(["SN-1", "SN-2", "NOWHERE-1", "SN-1", ""]), path)
    world.run()
    assert_one_truth(world, client, file)
    order = json_of(client, file)["file"]["order"]
    assert json_of(client, file)["file"]["needs_attention"]
    assert f"to {order}" in page_of(client, file)
    assert f"to {order}" in list_of(client)


class Undeletable(Changed):
    """A service that does not delete the device SN-2."""

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in super().batch_devices(customer_id, batch_id, ids):
            yield replace(device, allowed_operations=("GET",)) if device.serial_number == "SN-2" else device


# --- withdrawn


def test_a_withdrawn_file_is_withdrawn_wherever_one_looks(world: World, client: Client) -> None:
    file = world.drop_file(numbered(8))
    world.run()
    withdraw(world.pipeline, CUSTOMER, file)
    for text in (page_of(client, file), told(world, file), list_of(client)):
        assert "The file is being withdrawn: 0 of 8 devices deregistered" in text
    world.run()
    sentence = "Withdrawn: 8 of 8 devices were removed"
    report = text_of(client.get(f"/api/files/{CUSTOMER}/{file}/report.html").body.decode())
    for text in (page_of(client, file), told(world, file), list_of(client), report):
        assert sentence in text
        assert "All 8 devices are registered" not in text
    assert "neither unenrols a device from Intune" in page_of(client, file)
    (line,) = monthly(world.pipeline, START.replace(day=1, hour=0))
    assert (line.withdrawn, line.counts.registered, line.counts.total) == (8, 0, 8)
    (found,) = client.get(f"/api/devices/{CUSTOMER}?serial=SN-00001").json["devices"]
    assert found["outcome"]["withdrawal"] == "withdrawn"
    assert "withdrawn since" in list_of(client, "?serial=SN-00001")
    assert {row["withdrawal"] for row in csv_of(client, file, "withdrawals.csv")} == {"withdrawn"}
    assert "withdrawals.csv" in page_of(client, file)
    (listed,) = client.get("/api/files").json["files"]
    assert listed == json_of(client, file)["file"]
    assert listed["withdrawal"]["withdrawn"] == 8


def test_a_device_that_a_later_file_found_registered_is_withdrawn_all_the_same(world: World) -> None:
    first = world.drop_file(numbered(3))
    world.run()
    world.drop_file(numbered(2), f"{CUSTOMER}/Test/again.csv")
    world.run()
    world.clock.now += timedelta(hours=1)
    withdraw(world.pipeline, CUSTOMER, first)
    world.run()
    month = START.replace(day=1, hour=0)
    (line,) = monthly(world.pipeline, month)
    assert (line.withdrawn, line.counts) == (3, Counts(total=3))
    world.clock.now += timedelta(hours=1)
    world.drop_file(numbered(1), f"{CUSTOMER}/Test/anew.csv")
    world.run()
    (line,) = monthly(world.pipeline, month)
    assert (line.withdrawn, line.counts) == (2, Counts(total=3, registered=1))


# --- stopped


class SignInRefused(Changed):
    """A service to which the app cannot sign in."""

    def __init__(self, real: PartnerCenter, status: int | None) -> None:
        super().__init__(real)
        self._status = status

    def device_batches(self, *_: object) -> Any:
        raise Unauthorised("AADSTS7000222: the client secret has expired", status=self._status, code="x")


def _everything_read(world: World, client: Client, file: str) -> Iterator[str]:
    yield page_of(client, file)
    yield told(world, file)
    yield list_of(client)
    yield list_of(client, "?serial=SN-1")


def _work_for(world: World, time: timedelta) -> None:
    end = world.clock.now + time
    while world.wakeups.waiting and min(due for due, _ in world.wakeups.waiting) < end:
        world.deliver_next()
    world.clock.now = max(world.clock.now, end)


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (None, "Everything stands still: the sign-in to Partner Center is refused"),
        (403, "Sending stands still: Partner Center does not allow it"),
    ],
)
def test_a_refused_sign_in_is_said_everywhere_until_it_is_over(
    world: World, client: Client, status: int | None, title: str
) -> None:
    real = world.partner_center
    world.meet(SignInRefused(real, status))
    file = world.drop_file(numbered(2))
    _work_for(world, timedelta(hours=1))
    for text in _everything_read(world, client, file):
        assert title in text
        assert "AADSTS7000222" in text
        assert "Who must act:" in text
        assert "nothing to do" not in text.lower().replace("nothing to do here", "")
    for answer in (json_of(client, file), client.get("/api/files").json):
        (standstill,) = answer["stopped"]
        assert standstill["since"].startswith("2026-11-20T12:0")
        assert standstill["reason"].startswith("AADSTS7000222")
    assert json_of(client, file)["file"]["needs_attention"]
    world.meet(real)
    world.run()
    _assert_nothing_stands_still(world, client, file)


def test_a_service_that_is_away_is_said_everywhere_until_it_answers(world: World, client: Client) -> None:
    world.service.script(Fault.UNAVAILABLE, 30, None)
    file = world.drop_file(numbered(2))
    _work_for(world, timedelta(minutes=10))
    for text in _everything_read(world, client, file):
        assert "Partner Center gives no usable answer" in text
        assert "Who must act: Nobody at first" in text
        assert "There is nothing to do" not in text
    (standstill,) = json_of(client, file)["stopped"]
    assert (standstill["kind"], standstill["since"]) == ("service_away", "2026-11-20T12:00:00Z")
    world.run()
    _assert_nothing_stands_still(world, client, file)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.DROPPED_BEFORE, Fault.DROPPED_AFTER, Fault.GATEWAY_TIMEOUT])
def test_one_failed_request_that_the_next_one_cures_is_no_standstill(
    world: World, client: Client, fault: Fault
) -> None:
    world.service.script(fault, 1, None)
    file = world.drop_file(numbered(2))
    assert world.journal.gates.all()
    for text in _everything_read(world, client, file):
        assert "gives no usable answer" not in text
    assert json_of(client, file)["stopped"] == client.get("/api/files").json["stopped"] == []
    world.run()
    _assert_nothing_stands_still(world, client, file)


def test_a_pause_is_said_everywhere_until_it_is_over(world: World, client: Client) -> None:
    pause(world, paused=True)
    file = world.drop_file(numbered(2))
    for text in _everything_read(world, client, file):
        assert "Sending is paused" in text
        assert "sets PAUSED to false" in text
    assert json_of(client, file)["stopped"][0]["kind"] == "paused"
    pause(world, paused=False)
    world.run()
    _assert_nothing_stands_still(world, client, file)


def test_the_sweep_notes_a_pause_and_its_end_although_nothing_is_to_be_sent(world: World, client: Client) -> None:
    pause(world, paused=True)
    sweep(world.pipeline)
    world.clock.now += timedelta(hours=3)
    pause(world, paused=False)
    assert client.get("/api/files").json["stopped"][0]["since"] == "2026-11-20T12:00:00Z"
    sweep(world.pipeline)
    assert client.get("/api/files").json["stopped"] == []


def test_throttling_is_over_when_its_time_is(world: World, client: Client) -> None:
    world.service.script(Fault.THROTTLE, 1, None)
    file = world.drop_file(numbered(2))
    assert json_of(client, file)["stopped"][0]["kind"] == "throttled"
    assert json_of(client, file)["stopped"][0]["customer_id"] == CUSTOMER
    assert client.get(f"/api/files?customer={OTHER_CUSTOMER}").json["stopped"] == []
    world.run()
    _assert_nothing_stands_still(world, client, file)


def pause(world: World, *, paused: bool) -> None:
    world.settings = dataclasses.replace(world.settings, paused=paused)
    world.pipeline = world.pipeline_with()


def _assert_nothing_stands_still(world: World, client: Client, file: str) -> None:
    assert record_of(world, file).state == "closed"
    assert json_of(client, file)["stopped"] == client.get("/api/files").json["stopped"] == []
    assert world.journal.gates.all() == {}
    for text in _everything_read(world, client, file):
        assert "Who must act" not in text


# --- registered already, but elsewhere


def test_a_device_under_another_batch_is_not_done(world: World, client: Client) -> None:
    first = world.drop_file(numbered(3), f"{CUSTOMER}/Sales/first.csv")
    world.run()
    again = world.drop_file(numbered(4), f"{CUSTOMER}/Field/again.csv")
    world.run()
    details = json_of(client, again)
    assert (details["file"]["elsewhere"], details["file"]["counts"]["already_registered"]) == (3, 3)
    for row in rows_of(client, again)[:3]:
        assert row["remedy"] == "ask"
        assert "under the batch Sales" in row["what_to_do"]
        assert first in row["what_to_do"]
        assert not is_row_well(queries.outcomes(world.pipeline, record_of(world, again)).outcomes[0])
    for text in (page_of(client, again), told(world, again)):
        assert "1 of 4 devices is registered; 3 stand elsewhere" in text
    assert details["file"]["needs_attention"]
    assert not is_well(queries.file(world.pipeline, CUSTOMER, again).file)
    assert "3 not registered here" in list_of(client)
    (event,) = world.events.of(again)
    assert event["data"]["elsewhere"] == world.summary(again, f"{CUSTOMER}/Field/again.csv")["elsewhere"] == 3


def test_a_device_under_its_own_batch_is_done_whoever_registered_it(world: World, client: Client) -> None:
    world.drop_file(numbered(3), f"{CUSTOMER}/Sales/first.csv")
    world.run()
    for count in (3, 40):
        world.drop_file(numbered(count, "X-"), f"{CUSTOMER}/sales/more.csv")
        world.run()
        again = world.drop_file(numbered(count, "X-"), f"{CUSTOMER}/Sales/again{count}.csv")
        world.run()
        details = json_of(client, again)
        assert details["file"]["elsewhere"] == 0
        assert not details["file"]["needs_attention"]
        assert f"All {count} devices were already registered" in page_of(client, again)


def test_where_nobody_can_tell_it_says_so(verdicts: World, client: Client) -> None:
    file = verdicts.drop_file(tuples(["STANDIN-806-1", "SN-1"]))
    verdicts.run()
    row = rows_of(client, file)[0]
    assert (row["outcome"], row["remedy"], row["notes"]) == ("already_registered", "ask", "batch_not_known")
    assert "registered devices of the customer" in row["what_to_do"]
    assert_one_truth(verdicts, client, file)


def test_a_device_of_another_of_our_customers_is_named_to_us_and_not_to_the_customer(
    world: World, client: Client
) -> None:
    theirs = world.drop_file(numbered(1), f"{OTHER_CUSTOMER}/Test/theirs.csv")
    world.run()
    mine = world.drop_file(numbered(1))
    world.run()
    (row,) = rows_of(client, mine)
    assert row["error_code"] == "808"
    assert theirs in row["registered_by"]
    assert OTHER_CUSTOMER in row["registered_by"]
    assert theirs in page_of(client, mine)
    (line,) = csv_of(client, mine)
    assert theirs not in str(line)
    assert "another customer of this partner" in line["what_to_do"]
    assert theirs not in client.get(f"/api/files/{CUSTOMER}/{mine}/report.html").body.decode()


# --- sent again


def test_rows_that_a_later_file_registered_count_once_and_the_parent_says_so(verdicts: World, client: Client) -> None:
    assert isinstance(verdicts.partner_center, Verdicts)
    real = verdicts.partner_center.real
    parent = verdicts.drop_file(tuples([*(f"SN-{number}" for number in range(38)), "CODE-NONE.1", "CODE-NONE.2"]))
    verdicts.run()
    assert "38 of 40 devices are registered; 2 are not" in page_of(client, parent)
    verdicts.meet(real)
    made = retry(verdicts.pipeline, CUSTOMER, parent)
    assert made.path is not None
    verdicts.receive(made.path)
    verdicts.run()
    child = json_of(client, made.file_id or "")["file"]["counts"]
    for text in (page_of(client, parent), told(verdicts, parent)):
        assert "All 40 devices are registered" in text
        assert "2 rows of it were registered by the file that sent them again" in text
    assert not json_of(client, parent)["file"]["needs_attention"]
    assert child["registered"] + child["already_registered"] == 2
    assert sum(line.counts.total for line in monthly(verdicts.pipeline, START.replace(day=1, hour=0))) == 40
    _withdraw_in_journal(verdicts, made.file_id or "", devices=2)
    for text in (page_of(client, parent), told(verdicts, parent)):
        assert "38 of 40 devices are registered; 2 are not" in text
    assert json_of(client, parent)["file"]["needs_attention"]
    assert "closed, partly registered" in list_of(client)


def _withdraw_in_journal(world: World, file_id: str, *, devices: int) -> None:
    """Journal the end of a withdrawal of some devices of a file."""
    stored = world.journal.files.get(CUSTOMER, file_id)
    assert stored is not None
    now = world.clock()
    withdrawal = Withdrawal(
        state=WithdrawalState.FINISHED, asked_at=now, asked_by="a", due_at=now, total=devices, withdrawn=devices
    )
    world.journal.files.change(stored, replace(stored.record, withdrawal=withdrawal))


# --- fixed and dropped again


def _drop_fixed(world: World, client: Client, parent: str, *serials: str, again: str = "") -> str:
    """Download to_fix.csv of a file and drop some of its rows again under the name it has; the id of the new file."""
    answer = client.get(f"/api/files/{CUSTOMER}/{parent}/to_fix.csv")
    name = parse_options_header(answer.headers["content-disposition"])[1]["filename"]
    path = f"{CUSTOMER}/Test/{name.removesuffix('.csv')}{again}.csv"
    child = world.drop_file(tuples(list(serials)), path)
    world.run()
    return child


def later_of_summary(world: World, file_id: str) -> tuple[int, int]:
    """The rows that later files registered, and fixed, as summary.json has them."""
    summary = world.summary(file_id, record_of(world, file_id).path)
    return summary["registered_later"], summary["fixed_later"]


def _broken(*serials: str) -> str:
    return tuples(["SN-1", "SN-2"]) + "".join(f"{serial},,,,\r\n" for serial in serials)


def test_fixed_rows_name_their_parent_which_counts_their_devices(world: World, client: Client) -> None:
    parent = world.drop_file(_broken("1.23E+11", "B-2", "B-3"))
    world.run()
    child = _drop_fixed(world, client, parent, "A-1", "B-2")
    assert json_of(client, child)["file"]["parent_file_id"] == parent
    details = json_of(client, parent)
    assert details["fix_file_ids"] == [child]
    assert (details["file"]["registered_later"], details["file"]["fixed_later"]) == (2, 2)
    for text in (page_of(client, parent), told(world, parent)):
        assert "4 of 5 devices are registered; 1 is not" in text
        assert "2 rows of it were registered by the file that fixed them" in text
        assert todo_numbers(text) == {Remedy.FIX: 1}
    (listed,) = [file for file in client.get("/api/files").json["files"] if file["file_id"] == parent]
    assert listed == details["file"]
    assert later_of_summary(world, parent) == (2, 2)


def test_rows_that_are_fixed_in_several_files_count_once(world: World, client: Client) -> None:
    parent = world.drop_file(_broken("B-1", "B-2"))
    world.run()
    for number, serials in enumerate([("B-1",), ("B-1",), ("B-1", "B-2"), ("B-1", "B-2", "ANOTHER")]):
        _drop_fixed(world, client, parent, *serials, again=f" ({number})")
        wanted = min(len(serials), 2)
        assert json_of(client, parent)["file"]["fixed_later"] == wanted
        assert later_of_summary(world, parent) == (wanted, wanted)
    assert "All 4 devices are registered" in page_of(client, parent)
    assert not json_of(client, parent)["file"]["needs_attention"]
    assert "to_fix.csv" not in page_of(client, parent).split("Outcomes by reason")[0]


def test_rows_that_are_fixed_once_more_count_for_the_first_file(world: World, client: Client) -> None:
    parent = world.drop_file(_broken("B-1", "B-2"))
    world.run()
    child = world.drop_file(_broken("B-2"), f"{CUSTOMER}/Test/devices - fix of {parent[:8]}.csv")
    world.run()
    grandchild = _drop_fixed(world, client, child, "B-2")
    assert json_of(client, grandchild)["file"]["parent_file_id"] == child
    assert json_of(client, child)["file"]["fixed_later"] == 1
    assert json_of(client, parent)["file"]["fixed_later"] == 2
    assert [later_of_summary(world, file) for file in (parent, child)] == [(2, 2), (1, 1)]
    withdraw(world.pipeline, CUSTOMER, grandchild)
    world.run()
    assert json_of(client, child)["file"]["fixed_later"] == 0
    assert later_of_summary(world, child) == (0, 0)
    assert later_of_summary(world, parent)[1] == json_of(client, parent)["file"]["fixed_later"]


@pytest.mark.parametrize(
    ("broken", "fixes"),
    [
        (["1.23E+11"], [["A-1"]]),
        (["B-1", "B-2"], [["B-2"]]),
        (["1.23E+11", "1.24E+11", "B-1"], [["A-1"], ["A-2", "A-1"], ["B-1"]]),
    ],
    ids=["another serial number", "the last row alone", "page by page"],
)
def test_a_device_whose_row_was_fixed_is_one_device_of_the_month(
    world: World, client: Client, broken: list[str], fixes: list[list[str]]
) -> None:
    parent = world.drop_file(_broken(*broken))
    world.run()
    for number, serials in enumerate(fixes):
        _drop_fixed(world, client, parent, *serials, again=f" ({number})")
    assert sum(line.counts.total for line in monthly(world.pipeline, START.replace(day=1, hour=0))) == 2 + len(broken)


@pytest.mark.parametrize(
    "name", ["devices - fix of 00000000.csv", "devices - fix of {0}0.csv", "devices fix {0}.csv", "{0}.csv"]
)
def test_a_name_that_names_no_known_file_has_no_parent(world: World, client: Client, name: str) -> None:
    parent = world.drop_file(_broken("B-1"))
    world.run()
    child = world.drop_file(numbered(1), f"{CUSTOMER}/Test/{name.format(parent[:8])}")
    other = world.drop_file(numbered(1), f"{OTHER_CUSTOMER}/Test/devices - fix of {parent[:8]}.csv")
    world.run()
    assert json_of(client, child)["file"]["parent_file_id"] is None
    found = world.journal.files.get(OTHER_CUSTOMER, other)
    assert found is not None
    assert found.record.parent is None
    assert json_of(client, parent)["fix_file_ids"] == []


def test_a_fix_is_noted_once_however_often_its_file_is_read(world: World, client: Client) -> None:
    parent = world.drop_file(_broken("B-1"))
    world.run()
    path = f"{CUSTOMER}/Test/devices - fix of {parent[:8]}.csv"
    child = world.drop_file(tuples(["B-1"]), path)
    world.receive(path)
    world.run()
    assert json_of(client, parent)["fix_file_ids"] == [child]


def test_rows_that_are_fixed_while_their_file_is_open_count_once_it_is_closed(verdicts: World, client: Client) -> None:
    parent = verdicts.drop_file(tuples(["SN-1", "WAITS-1"]) + "B-1,,,,\r\nB-2,,,,\r\n")
    for _ in range(10):
        if not record_of(verdicts, parent).state.is_final:
            verdicts.deliver_next()
    assert record_of(verdicts, parent).state is FileState.READ
    child = verdicts.drop_file(tuples(["B-1", "B-2"]), f"{CUSTOMER}/Test/devices - fix of {parent[:8]}.csv")
    assert json_of(client, child)["file"]["parent_file_id"] == parent
    assert json_of(client, parent)["fix_file_ids"] == [child]
    for _ in range(50):
        if not record_of(verdicts, child).state.is_final:
            verdicts.deliver_next()
    assert_one_truth(verdicts, client, parent)
    assert json_of(client, parent)["file"]["fixed_later"] == 2
    assert isinstance(verdicts.partner_center, Verdicts)
    verdicts.meet(verdicts.partner_center.real)
    verdicts.run()
    assert record_of(verdicts, parent).state is FileState.CLOSED
    assert later_of_summary(verdicts, parent) == (2, 2)
    assert "All 4 devices are registered" in page_of(client, parent)
    assert not json_of(client, parent)["file"]["needs_attention"]
    (event,) = verdicts.events.of(parent)
    assert event["data"]["standing"] == verdicts.summary(parent)["standing"] == "closed"
    assert sum(line.counts.total for line in monthly(verdicts.pipeline, START.replace(day=1, hour=0))) == 4
