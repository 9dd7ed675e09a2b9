"""From a dropped file to one outcome for each row, with storage in memory and the stand-in over HTTP."""

import dataclasses
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import CallIds
from shared.partner_center.models import DeviceBatch
from shared.pipeline.dispatch import wake
from shared.pipeline.drop_path import resolve_drop_path
from shared.pipeline.intake.receive import _new_file, _read, receive, take_up
from shared.pipeline.lease import FileLease
from shared.pipeline.submissions.follow_ups import wake_up_of
from shared.pipeline.sweep import sweep
from shared.settings import Settings
from shared.storage.blobs import VersionGone
from shared.storage.wakeups import SubmissionWakeUp, encode
from shared.vocabulary import Outcome
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

KNOWN = ",,,LENOVO,21R3001BUK"
"""The cells after a serial number that make it an identity."""

SAMPLES = Path(__file__).parents[2] / "device_files" / "samples"

OTHER_CUSTOMER = "11111111-2222-3333-4444-555555555555"


def _counts(**named: int) -> dict[str, int]:
    return dict.fromkeys(("total", *map(str, Outcome)), 0) | named


def test_every_row_of_a_file_is_registered(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered"] * 3
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert [row["serial_number"] for row in rows] == ["SN-00001", "SN-00002", "SN-00003"]
    assert all(row["device_id"] and row["tracking_id"] and row["batch_id"] == "Test" for row in rows)
    assert world.summary(file)["state"] == "closed"
    assert world.summary(file)["counts"] == _counts(total=3, registered=3)


def test_the_columns_of_the_results_stand_as_documented(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    content = world.results.read(f"{world.folder(file, f'{CUSTOMER}/Test/devices.csv')}/results.csv")
    assert content is not None
    assert content.decode("utf-8-sig").splitlines()[0] == (
        "row,serial_number,product_key,manufacturer,model,outcome,error_code,batch_id,tracking_id,device_id,"
        "order_number,notes,source,moved_from,profile,profile_outcome,profile_reason,profile_what_to_do,"
        "error_description,what_to_do"
    )


def test_a_summary_stands_from_the_moment_a_file_is_received(world: World) -> None:
    file = world.drop_file(numbered(3))
    summary = world.summary(file)
    assert summary["state"] == "read"
    assert summary["counts"]["total"] == 3
    assert [submission["number"] for submission in summary["submissions"]] == ["1"]


def test_the_same_devices_dropped_again_are_already_registered(world: World) -> None:
    world.drop_file(numbered(3))
    world.run()
    again = world.drop_file(numbered(3))
    world.run()
    assert world.outcomes(again) == ["already_registered"] * 3


def test_a_device_of_another_tenant_fails_with_the_code_and_what_to_do(world: World) -> None:
    world.drop_file(numbered(1), f"{OTHER_CUSTOMER}/Test/devices.csv")
    world.run()
    file = world.drop_file(numbered(1))
    world.run()
    (row,) = world.rows(file)
    assert (row["outcome"], row["error_code"]) == ("failed", "808")
    assert row["error_description"] == "ZtdDeviceAssignedToOtherTenant"
    assert "tenant" in row["what_to_do"]


@pytest.mark.parametrize(
    ("serial", "outcome"),
    [
        ("STANDIN-806-1", "already_registered"),
        ("STANDIN-806OTHER-1", "failed"),
        ("STANDIN-812-1", "failed"),
        ("STANDIN-0-1", "registered"),
        ("STANDIN-HashNot4k-1", "failed"),
        ("STANDIN-NOREASON-1", "failed"),
        ("STANDIN-999-1", "failed"),
    ],
)
def test_each_row_ends_by_its_own_verdict(world: World, serial: str, outcome: str) -> None:
    file = world.drop_file(tuples(["FINE-1", serial, "FINE-2"]))
    world.run()
    assert world.outcomes(file) == ["registered", outcome, "registered"]


def test_rejected_and_duplicate_rows_are_never_sent_and_the_counts_add_up(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nPF-A1{KNOWN}\r\nALONE,,,,\r\npf-a1{KNOWN}\r\nPF-B1{KNOWN}\r\n")
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered", "rejected", "duplicate", "registered"]
    assert rows[1]["what_to_do"]
    assert "row 1" in rows[2]["error_description"]
    assert world.summary(file)["counts"] == _counts(total=4, registered=2, rejected=1, duplicate=1)
    assert len(world.service.report()["devices"]) == 2


def test_a_file_with_nothing_to_send_closes_at_once(world: World) -> None:
    file = world.drop_file(f"{HEADER}\r\nALONE,,,,\r\n")
    assert world.outcomes(file) == ["rejected"]
    assert world.summary(file)["state"] == "closed"
    assert world.service.report()["received"]["append_devices"] == 0


def test_a_large_file_is_cut_into_submissions_of_which_the_first_few_go_at_once(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="10", INLINE_SUBMISSIONS="3", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(95))
    assert world.service.report()["processed"]["append_devices"] == 2
    assert world.service.report()["processed"]["create_batch"] == 1
    world.run()
    assert world.outcomes(file) == ["registered"] * 95
    assert [submission["devices"] for submission in world.summary(file)["submissions"]] == [10] * 9 + [5]
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}
    assert world.service.report()["processed"]["create_batch"] == 1


def test_nothing_is_sent_inline_when_none_is_to_be(make_world: MakeWorld) -> None:
    world = make_world(INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(3))
    assert sum(world.service.report()["received"].values()) == 0
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


# --- batches


def test_an_existing_batch_is_used_in_the_services_own_spelling(world: World) -> None:
    world.drop_file(numbered(1, "A"), f"{CUSTOMER}/Sales Laptops/devices.csv")
    world.run()
    other = World(world.service, world.clock)
    path = f"{CUSTOMER}/SALES laptops/devices.csv"
    file = other.drop_file(numbered(1, "B"), path)
    other.run()
    assert other.outcomes(file, path) == ["registered"]
    assert world.service.report()["processed"]["create_batch"] == 1


@pytest.mark.parametrize("status", [400, 409])
def test_a_batch_that_someone_else_creates_at_the_same_moment_is_appended_to(
    make_world: MakeWorld, status: int
) -> None:
    world = make_world(Behaviour(existing_batch_status=HTTPStatus(status)), INLINE_SUBMISSIONS="0")
    file = world.put(numbered(2))

    class LosesTheRace(Changed):
        """A service at which another client creates the batch just after it was listed."""

        def device_batches(self, customer_id: str, ids: CallIds) -> tuple[DeviceBatch, ...]:
            batches = tuple(self.real.device_batches(customer_id, ids))
            world.meet(self.real)
            World(world.service, world.clock).drop_file(numbered(1, "RIVAL"))
            return batches

    world.meet(LosesTheRace(world.partner_center))
    world.receive()
    world.run()
    assert world.outcomes(file) == ["registered"] * 2


def test_without_batch_folder_each_group_tag_is_a_batch(world: World) -> None:
    path = f"{CUSTOMER}/devices.csv"
    lines = [
        f"{HEADER},Group Tag",
        "PF-A,,,LENOVO,21R3001BUK,Sales",
        "PF-B,,,LENOVO,21R3001BUK,sales ",
        "PF-C,,,LENOVO,21R3001BUK,Lab",
        "PF-D,,,LENOVO,21R3001BUK,",
        "",
    ]
    file = world.drop_file("\r\n".join(lines), path)
    world.run()
    rows = world.rows(file, path)
    assert [(row["outcome"], row["batch_id"]) for row in rows] == [
        ("registered", "Sales"),
        ("registered", "Sales"),
        ("registered", "Lab"),
        ("rejected", ""),
    ]
    assert rows[3]["error_code"] == "no_batch"


def test_rows_without_tag_go_to_the_default_batch(make_world: MakeWorld) -> None:
    world = make_world(DEFAULT_BATCH="Everyone")
    path = f"{CUSTOMER}/devices.csv"
    file = world.drop_file(numbered(2), path)
    world.run()
    assert [row["batch_id"] for row in world.rows(file, path)] == ["Everyone"] * 2


def test_a_file_with_too_many_group_tags_is_rejected_and_nothing_sent(world: World) -> None:
    path = f"{CUSTOMER}/devices.csv"
    lines = [f"{HEADER},Group Tag", *(f"S{number}{KNOWN},Tag{number}" for number in range(21)), ""]
    file = world.drop_file("\r\n".join(lines), path)
    assert world.summary(file, path)["reason"] == "too_many_batches"
    assert sum(world.service.report()["received"].values()) == 0


def test_a_file_that_is_rejected_half_way_shows_no_submission_and_keeps_no_request_body(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="1")
    path = f"{CUSTOMER}/devices.csv"
    lines = [f"{HEADER},Group Tag", *(f"S{number}{KNOWN},Tag{number}" for number in range(21)), ""]
    file = world.drop_file("\r\n".join(lines), path)
    assert world.summary(file, path)["submissions"] == []
    assert [version.path for version in world.private.versions(f"{file}/")] == [f"{file}/device-file"]


def test_many_tags_are_held_in_bounded_memory(make_world: MakeWorld) -> None:
    world = make_world(INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1000")
    path = f"{CUSTOMER}/devices.csv"
    rows = (f"S{number}{KNOWN},Tag{number % 10}" for number in range(4_500))
    file = world.drop_file("\r\n".join([f"{HEADER},Group Tag", *rows, ""]), path)
    sizes = [submission["devices"] for submission in world.summary(file, path)["submissions"]]
    assert sum(sizes) == 4_500
    assert len(sizes) == 13, "ten full ones at most, the canary, and the rests"


# --- paths and files that cannot be


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("devices.csv", "no_customer"),
        ("Contoso/Test/devices.csv", "unknown_customer"),
        (f"{CUSTOMER}/Test/more/devices.csv", "path_too_deep"),
        (f"{CUSTOMER}//devices.csv", "path_too_deep"),
        (f"{CUSTOMER}/../devices.csv", "path_too_deep"),
    ],
)
def test_a_path_that_names_no_place_is_a_rejected_file_with_its_reason(world: World, path: str, reason: str) -> None:
    file = world.drop_file(numbered(2), path)
    summary = world.summary(file, path)
    assert (summary["state"], summary["reason"]) == ("rejected", reason)
    assert summary["what_happened"]
    assert world.rows(file, path) == []
    assert sum(world.service.report()["received"].values()) == 0
    assert list(world.journal.files.still_open()) == []


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n", b"hello", HEADER.encode(), bytes(range(256)) * 40])
def test_a_file_without_a_readable_device_row_is_rejected(world: World, content: bytes) -> None:
    file = world.drop_file(content)
    world.run()
    summary = world.summary(file)
    assert summary["state"] == "rejected"
    assert summary["reason"]
    assert summary["counts"] == _counts()


def test_the_settings_of_checking_are_those_of_the_moment_a_file_was_received(make_world: MakeWorld) -> None:
    world = make_world(
        TRUST_HASH_SERIAL="true",
        REJECT_UNKNOWN_CHECKSUMS="1",
        OLDEST_HASH_DAYS="400",
        REFUSE_DEVICE_IDENTIFIERS=f"{OTHER_CUSTOMER}, {CUSTOMER.upper()}",
    )
    file = world.drop_file(numbered(1))
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert (stored.record.trust_hash_serial, stored.record.reject_unknown_checksums) == (True, True)
    assert stored.record.oldest_hash_days == 400
    assert stored.record.refuse_device_identifiers


def test_a_serial_number_that_its_hash_contradicts_is_sent_only_when_the_hash_is_trusted(
    make_world: MakeWorld,
) -> None:
    content = (SAMPLES / "23_serial_not_in_hash.csv").read_bytes()
    careful, trusting = make_world(), make_world(TRUST_HASH_SERIAL="true")
    files = [world.drop_file(content) for world in (careful, trusting)]
    careful.run()
    trusting.run()
    assert careful.rows(files[0])[0]["error_code"] == "serial_mismatch"
    assert trusting.outcomes(files[1])[0] == "registered"


def test_an_upper_case_customer_id_is_the_same_customer(world: World) -> None:
    path = f"{CUSTOMER.upper()}/Test/devices.csv"
    file = world.drop_file(numbered(1), path)
    world.run()
    assert world.summary(file, path)["customer_id"] == CUSTOMER


def test_a_blob_gone_before_its_event_is_no_file(world: World) -> None:
    world.put(numbered(1))
    world.drop.delete(f"{CUSTOMER}/Test/devices.csv")
    world.receive()
    assert list(world.journal.files.still_open()) == []


def test_a_version_overwritten_before_it_was_copied_is_closed_as_gone(world: World) -> None:
    class Late:
        """A container in which the drop is always overwritten a moment before it is copied."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.private, name)

        def copy_from(self, *_: object) -> None:
            raise VersionGone("The blob was overwritten.")

    file = world.put(numbered(1))
    receive(world.pipeline_with(private=Late()), f"{CUSTOMER}/Test/devices.csv")  # type: ignore[arg-type]
    assert world.summary(file)["state"] == "gone"


def test_what_was_received_is_read_from_the_copy_whatever_becomes_of_the_drop(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    first = world.drop_file(numbered(2))
    second = world.drop_file(numbered(3, "NEW-"))
    world.drop.delete(f"{CUSTOMER}/Test/devices.csv")
    world.run()
    assert world.outcomes(first) == ["registered"] * 2
    assert world.outcomes(second) == ["registered"] * 3


# --- repeats, take-overs and lost messages


def test_the_same_event_twice_is_one_file(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.receive()
    world.run()
    world.receive()
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


def test_every_wake_up_twice_changes_nothing(world: World) -> None:
    file = world.drop_file(numbered(3))
    while world.wakeups.waiting:
        due, wake_up = world.wakeups.waiting[0]
        world.wakeups.waiting.append((due, wake_up))
        world.deliver_next()
        world.deliver_next()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


def test_lost_wake_ups_are_found_by_the_sweep(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    assert sweep(world.pipeline).overdue_submissions == 1
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert sweep(world.pipeline).open_files == 0


def test_a_sweep_leaves_alone_what_is_not_overdue(world: World) -> None:
    world.drop_file(numbered(3))
    waiting = list(world.wakeups.waiting)
    report = sweep(world.pipeline)
    assert (report.open_files, report.overdue_submissions) == (1, 0)
    assert world.wakeups.waiting == waiting


def test_a_blob_whose_event_was_lost_is_found_by_the_sweep(world: World) -> None:
    file = world.put(numbered(3))
    world.clock.now += timedelta(minutes=10)
    assert sweep(world.pipeline).unknown_blobs == 1
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert sweep(world.pipeline).unknown_blobs == 0


def test_a_reader_that_died_is_taken_over_when_its_claim_has_expired(world: World) -> None:
    class Dying:
        """A container whose writer is killed at the second submission."""

        writes = 0

        def __getattr__(self, name: str) -> object:
            return getattr(world.private, name)

        def write(self, *arguments: object) -> None:
            self.writes += 1
            if self.writes > 3:
                raise KeyboardInterrupt
            world.private.write(*arguments)  # type: ignore[arg-type]

    settings = world.settings
    dying = world.pipeline_with(private=Dying(), settings=_with_ten_devices(settings))  # type: ignore[arg-type]
    file = world.put(numbered(35))
    with pytest.raises(KeyboardInterrupt):
        receive(dying, f"{CUSTOMER}/Test/devices.csv")
    world.receive()
    assert sum(world.service.report()["received"].values()) == 0
    world.clock.now += settings.advanced.claim
    assert sweep(world.pipeline).overdue_files == 1
    world.run()
    assert world.outcomes(file) == ["registered"] * 35
    assert len(world.summary(file)["submissions"]) == 4
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


def _with_ten_devices(settings: Settings) -> Settings:
    return dataclasses.replace(settings, devices_per_submission=10)


def test_a_reader_that_failed_gives_its_claim_back_so_that_the_next_try_goes_on(world: World) -> None:
    class Failing:
        def __getattr__(self, name: str) -> object:
            return getattr(world.private, name)

        def write(self, *_: object) -> None:
            raise OSError("storage does not answer")

    file = world.put(numbered(3))
    with pytest.raises(OSError, match="storage"):
        receive(world.pipeline_with(private=Failing()), f"{CUSTOMER}/Test/devices.csv")  # type: ignore[arg-type]
    world.receive()
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_a_late_owner_of_a_reading_cannot_undo_what_its_successor_did(world: World) -> None:
    file = world.put(numbered(3))
    version = world.drop.version(f"{CUSTOMER}/Test/devices.csv")
    assert version is not None
    late, _ = world.journal.files.enter(
        _new_file(world.pipeline, version, resolve_drop_path(world.customers, version.path))
    )
    world.clock.now += world.settings.advanced.claim
    take_up(world.pipeline, late)
    world.run()
    _read(world.pipeline, FileLease(world.pipeline, late))
    take_up(world.pipeline, late)
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


# --- behaviour of the service


@pytest.mark.parametrize(
    "fault",
    [fault for fault in Fault if fault not in (Fault.FORGET_REQUEST_IDS, Fault.SHORTER_STATUS)],
)
def test_any_one_fault_of_the_service_costs_waiting_only(world: World, fault: Fault) -> None:
    world.service.script(fault, times=2)
    file = world.drop_file(numbered(3))
    world.run()
    outcomes = set(world.outcomes(file))
    assert outcomes <= {"registered", "already_registered"}
    assert world.summary(file)["counts"]["total"] == 3


def test_a_lost_answer_is_repeated_under_the_same_request_id_and_registers_once(world: World) -> None:
    world.service.script(Fault.DROPPED_AFTER, operation=Operation.CREATE_BATCH)
    file = world.drop_file(numbered(3))
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.service.report()["repeated"] == 1
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


def test_a_repeat_that_the_service_does_not_recognise_ends_as_registered(world: World) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.service.script(Fault.DROPPED_AFTER, operation=Operation.APPEND_DEVICES)
    file = world.drop_file(numbered(3))
    world.service.script(Fault.FORGET_REQUEST_IDS, operation=Operation.APPEND_DEVICES)
    world.run()
    assert set(world.outcomes(file)) == {"registered"}


def test_a_refused_submission_fails_every_row_in_the_services_own_words(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(unknown_customers=frozenset({CUSTOMER})))
    file = world.drop_file(numbered(3))
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["failed"] * 3
    assert {row["error_code"] for row in rows} == {"60003"}
    assert all(row["what_to_do"] for row in rows)
    assert world.summary(file)["submissions"][0]["state"] == "refused"
    assert world.service.report()["received"]["create_batch"] == 0


def test_a_device_that_never_ends_is_unknown_after_the_deadline_and_the_others_keep_their_verdicts(
    world: World,
) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-STUCK-1", "STANDIN-808-1"]))
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered", "unknown", "failed"]
    assert rows[1]["what_to_do"]
    assert world.clock.now > world.settings.advanced.outcome_deadline + _received(world, file)


def _received(world: World, file: str) -> datetime:
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return stored.record.received_at


def test_a_pause_stops_every_post_and_loses_nothing(make_world: MakeWorld) -> None:
    world = make_world(PAUSED="true")
    file = world.drop_file(numbered(3))
    for _ in range(5):
        world.deliver_next()
    assert sum(world.service.report()["received"].values()) == 0
    world.pipeline = world.pipeline_with(settings=dataclasses.replace(world.settings, paused=False))
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_an_outage_of_three_days_is_waited_out(world: World) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.service.script(Fault.UNAVAILABLE, times=160)
    file = world.drop_file(numbered(3))
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.clock.now - _received(world, file) > timedelta(days=2)


# --- odd messages


def test_a_message_that_is_no_wake_up_is_dropped(world: World) -> None:
    wake(world.pipeline, b"\xff not ours", "message-7")
    assert world.wakeups.waiting == []


def test_a_wake_up_of_an_unknown_submission_is_dropped(world: World) -> None:
    wake_up = SubmissionWakeUp(reading_id="5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51.1", number="1", sequence=0)
    wake(world.pipeline, encode(wake_up).encode(), "message-7")
    assert world.wakeups.waiting == []


def test_a_wake_up_that_finds_a_live_claim_rings_again_when_it_expires(world: World) -> None:
    file = world.drop_file(numbered(3))
    stored = world.submission(file)
    until = world.clock() + timedelta(minutes=3)
    world.journal.submissions.change(stored, replace(stored.record, claimed_until=until))
    world.wakeups.waiting.clear()
    wake_up = wake_up_of(stored.record)
    wake(world.pipeline, encode(wake_up).encode(), None)
    assert world.wakeups.waiting == [(until, wake_up)]


# --- after the end


def test_a_closed_file_leaves_no_request_body_behind(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    assert [version.path for version in world.private.versions(f"{file}/")] == [f"{file}/device-file"]


def test_a_file_past_its_retention_is_forgotten_and_its_blob_is_not_received_again(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    world.clock.now += world.settings.retention + timedelta(days=2)
    assert sweep(world.pipeline).forgotten_files == 1
    assert world.journal.files.get(CUSTOMER, file) is None
    assert list(world.private.versions(f"{file}/")) == []
    assert sweep(world.pipeline).unknown_blobs == 0
    assert world.wakeups.waiting == []


def test_a_device_is_found_by_its_serial_number(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    (mention,) = world.journal.outcomes.with_serial("sn-00002")
    assert (mention.file_id, mention.row) == (file, 2)
