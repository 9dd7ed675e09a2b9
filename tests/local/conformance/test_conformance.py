"""What is found out of a service is what it does, nothing of it names anybody, and a stand-in can do the same."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from local import conformance
from local.conformance.asking import Answer
from local.conformance.cases import DEVICES, NAMES, UPLOAD_SIZES, ask_everything
from local.conformance.run import Run
from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn, StandIn
from local.partner_center.audit_log import AuditLog
from local.partner_center.behaviour import NamedPolicy
from local.partner_center.command_line import main as serve
from local.partner_center.profile import ASSUMPTIONS, Profile, behaviour_of, read, table, write
from tests.examples import examples
from tests.infra.bicep import ROOT
from tests.local.partner_center.calling import CUSTOMER

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"
SERIALS = [f"THROWAWAY-{number}" for number in range(DEVICES)]
SENT = [{"SerialNumber": serial, "OemManufacturerName": "Contoso", "ModelName": "PC 1"} for serial in SERIALS]


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


def asked(
    behaviour: Behaviour,
    *,
    waits: tuple[float, ...] = (10, 60),
    confirm: Any = lambda _: True,
    throttled_after: int | None = None,
    sizes: tuple[int, ...] = (5, 10, 11, 20, 21),
) -> tuple[Profile, StandIn]:
    clock = Clock()
    service = StandIn(behaviour, clock=clock)
    reads = 0

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        nonlocal reads
        if method == "GET" and "batchJobStatus" in path and throttled_after is not None:
            reads += 1
            if reads > throttled_after:
                service.script(Fault.THROTTLE, 1, Operation.BATCH_JOB_STATUS)
        sent = {"authorization": "Bearer any"} | {name.lower(): value for name, value in headers.items()}
        reply = service.reply(method, path, sent, body).answer
        assert reply is not None
        answered = {name.lower(): value for name, value in reply.headers_for(sent).items()}
        return Answer(int(reply.status), answered, reply.body)

    today = datetime.fromtimestamp(clock(), UTC).date()
    run = Run(ask, confirm, clock.wait, clock, today, CUSTOMER, SENT, "conformance-1-")
    return ask_everything(run, waits=waits, most_reads=200 if throttled_after else 0, sizes=sizes), service


behaviours = st.builds(
    Behaviour,
    delay=st.sampled_from([0.0, 30.0]),
    existing_batch_status=st.sampled_from([HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST, HTTPStatus.ACCEPTED]),
    append_makes_batch=st.booleans(),
    known_device=st.sampled_from(["", "ZtdDeviceAlreadyAssigned", "ZtdDeviceRegisteredByOtherTenant"]),
    duplicate_device=st.sampled_from(["", "ZtdDeviceDuplicated", "ZtdDeviceAlreadyAssigned"]),
    statuses_as_sent=st.booleans(),
    request_id_seconds=st.sampled_from([None, 30.0, 3.0]),
    most_devices=st.sampled_from([5, 10, 20]),
    is_admin_agent=st.booleans(),
    audit_names_devices=st.booleans(),
    location=st.sampled_from(
        [
            "/customers/{customer}/batchJobStatus/{tracking_id}",
            "/v1/customers/{customer}/batchJobStatus/{tracking_id}",
            "https://api.partnercenter.microsoft.com/v1/customers/{customer}/batchJobStatus/{tracking_id}/",
        ]
    ),
)


@settings(max_examples=examples(60))
@given(behaviour=behaviours)
def test_a_stand_in_that_does_what_was_found_is_found_to_do_the_same(behaviour: Behaviour) -> None:
    found, _ = asked(behaviour)
    again, _ = asked(behaviour_of(found, Behaviour(delay=behaviour.delay)))
    assert again == found
    assert found.create_existing_batch == behaviour.existing_batch_status
    assert (found.append_to_missing_batch == 202) == behaviour.append_makes_batch
    assert found.known_device == behaviour.known_device
    assert found.duplicate_device == behaviour.duplicate_device
    assert found.statuses_as_sent == behaviour.statuses_as_sent
    assert found.largest_upload == behaviour.most_devices
    assert found.location == behaviour.location
    assert (found.assign_policy == 202) == behaviour.is_admin_agent
    assert bool(found.audit_details["device_deleted"]) == behaviour.audit_names_devices
    assert found.unrecorded == ()
    assert found.request_id_forgotten_seconds == {None: None, 30.0: 60.0, 3.0: 10.0}[behaviour.request_id_seconds]
    assert set(found.batch_names) == set(NAMES)


@settings(max_examples=examples(15))
@given(behaviour=behaviours)
def test_a_run_leaves_no_device_behind_and_its_file_names_nobody(behaviour: Behaviour) -> None:
    found, service = asked(behaviour)
    written = json.dumps(structs.asdict(found), default=structs.asdict)
    for secret in [CUSTOMER, *SERIALS, "any"]:
        assert f'"{secret}"' not in written
        assert secret == "any" or secret not in written
    for batch in ("conformance-1-1", "conformance-1-2", "conformance-1-3"):
        headers = {"authorization": "Bearer any"}
        reply = service.reply("GET", f"/v1/customers/{CUSTOMER}/deviceBatches/{batch}/devices", headers, b"")
        assert reply.answer is not None
        assert reply.answer.status == 404 or json.loads(reply.answer.body.decode("utf-8-sig"))["items"] == []


def test_nothing_is_changed_that_was_not_confirmed() -> None:
    questions: list[str] = []

    def refuse(question: str) -> bool:
        questions.append(question)
        return False

    found, service = asked(Behaviour(), confirm=refuse)
    received = {operation for operation, times in service.report()["received"].items() if times}
    assert received == {Operation.CONFIGURATION_POLICIES, Operation.AUDIT_RECORDS}, "these are read without a question"
    assert (found.read_policies, found.policies_differ, found.policy_counts) == (200, (), ("devicesAssigned",))
    assert (found.read_audit_records, found.audit_records_too_old, found.unrecorded) == (200, 400, None)
    assert found.create_batch is None
    assert len(questions) == 1, "without the first batch there is nothing to ask"


@pytest.mark.parametrize(
    "declined",
    [
        "again",
        "which does not exist",
        "three devices",
        "twice",
        "same id",
        "up to",
        "a name with",
        "a configuration policy",
    ],
)
def test_one_case_may_be_left_out(declined: str) -> None:
    found, _ = asked(Behaviour(), confirm=lambda question: declined not in question)
    whole, _ = asked(Behaviour())
    differing = {name for name in Profile.__struct_fields__ if getattr(found, name) != getattr(whole, name)}
    assert differing
    assert all(not getattr(found, name) for name in differing - {"refusals", "tracking_id_seconds", "audit_details"})


def test_a_sign_in_that_may_not_create_a_batch_is_found_out_and_nothing_else_is_tried() -> None:
    found, service = asked(Behaviour(token="another"))
    assert found.create_batch == 401
    assert found.refusals["create a batch"].text == "Access denied"
    assert service.report()["received"][Operation.APPEND_DEVICES] == 0


def test_throttling_is_found_with_its_headers() -> None:
    found, _ = asked(Behaviour(retry_after=7), throttled_after=40)
    assert found.requests_until_throttled is not None
    assert found.throttling_headers["Retry-After"] == "7"


def test_a_service_whose_records_are_late_is_asked_until_they_tell_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    of_run = AuditLog.page
    times = 0

    def late(log: AuditLog, *arguments: Any, **more: Any) -> Any:
        nonlocal times
        times += 1
        return of_run(log, *arguments, **more) if times > 3 else ([], None)

    monkeypatch.setattr(AuditLog, "page", late)
    found, _ = asked(Behaviour())
    assert found.unrecorded == ()
    assert found.seconds_to_audit_records == 20


def test_operations_that_no_record_tells_of_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AuditLog, "page", lambda *_, **__: ([], None))
    found, _ = asked(Behaviour())
    assert found.unrecorded is not None
    assert "device_deleted" in found.unrecorded
    assert found.seconds_to_audit_records is None
    assert found.audit_records_differ is None, "no record was seen"


def test_records_on_several_pages_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = asked(Behaviour())
    page = AuditLog.page
    monkeypatch.setattr(AuditLog, "page", lambda log, *some, **more: page(log, *some, **more | {"size": 2}))
    for token_in_links in (False, True):
        assert asked(Behaviour(token_in_links=token_in_links))[0].audit_details == whole.audit_details


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    found, _ = asked(Behaviour())
    write(found, tmp_path / "conformance.json")
    assert read(tmp_path / "conformance.json") == found


# --- assumptions


def test_the_stand_in_as_it_is_confirms_what_is_assumed() -> None:
    found, _ = asked(Behaviour(), throttled_after=40, sizes=UPLOAD_SIZES)
    assert [assumption.confirmation(found) for assumption in ASSUMPTIONS] == ["confirmed"] * len(ASSUMPTIONS)


@pytest.mark.parametrize(
    ("change", "question"),
    [
        ({"existing_batch_status": HTTPStatus.BAD_REQUEST}, "batch that exists"),
        ({"append_makes_batch": True}, "does not exist make it"),
        ({"known_device": ""}, "second batch"),
        ({"duplicate_device": ""}, "twice"),
        ({"statuses_as_sent": False}, "order"),
        ({"request_id_seconds": 30.0}, "ever forgotten"),
        ({"most_devices": 10}, "How many devices"),
        ({"is_admin_agent": False}, "assign a configuration policy"),
        ({"audit_names_devices": False}, "record of a deletion name"),
        ({"policies": (NamedPolicy("Own", ("made_up",)),)}, "configuration policies have the fields"),
        ({"location": "/v1/{customer}/batchJobStatus/{tracking_id}"}, "link"),
    ],
)
def test_what_differs_from_an_assumption_is_said(change: dict[str, Any], question: str) -> None:
    found, _ = asked(replace(Behaviour(), **change))
    differing = [one.question for one in ASSUMPTIONS if one.confirmation(found).startswith("**different**")]
    assert any(question in one for one in differing)


def test_the_document_says_which_assumptions_are_confirmed() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert table(Profile()) in text, "run `python -m local conformance --report FILE` and put its table there"


# --- the commands


def test_the_command_asks_a_service_over_http_and_the_stand_in_takes_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = tmp_path / "devices.csv"
    rows = [f"{serial},,,Contoso,PC 1" for serial in SERIALS]
    devices.write_text(
        "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model\n" + "\n".join(rows)
    )
    out = tmp_path / "conformance.json"
    parser = argparse.ArgumentParser()
    conformance.add_arguments(parser)
    words = ["--customer", CUSTOMER, "--devices", str(devices), "--out", str(out), "--yes"]
    with PartnerCenterStandIn(Behaviour(append_makes_batch=True, most_devices=500)) as service:
        monkeypatch.setenv("PARTNER_CENTER_URL", service.url)
        monkeypatch.setenv("PARTNER_CENTER_TOKEN", "token")
        assert conformance.main(parser.parse_args(words)) == 0
    assert "**different**: 500" in capsys.readouterr().out
    assert conformance.main(parser.parse_args(["--report", str(out)])) == 0
    assert "**different**: yes" in capsys.readouterr().out
    assert read(out).append_to_missing_batch == 202
    assert conformance.main(parser.parse_args(["--report", str(devices)])) == 2
    with pytest.raises(SystemExit, match="no file of"):
        serve(["--as", str(devices)])


def test_a_file_of_another_number_of_devices_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = tmp_path / "devices.csv"
    devices.write_text(f"{HEADER}\nS-1,,,Contoso,PC 1\n")
    monkeypatch.setenv("PARTNER_CENTER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PARTNER_CENTER_TOKEN", "token")
    parser = argparse.ArgumentParser()
    conformance.add_arguments(parser)
    assert (
        conformance.main(parser.parse_args(["--customer", CUSTOMER, "--devices", str(tmp_path / "devices.csv")])) == 2
    )
    assert f"exactly {DEVICES}" in capsys.readouterr().err


def test_the_sizes_of_uploads_are_tried_on_both_sides_of_every_limit_that_is_known() -> None:
    assert {1000, 1001, 2000, 2001} <= set(UPLOAD_SIZES)
    assert list(UPLOAD_SIZES) == sorted(UPLOAD_SIZES)
