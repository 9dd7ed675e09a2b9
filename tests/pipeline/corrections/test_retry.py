"""Rows that can be sent again unchanged become one file of their own, with exactly the same devices."""

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from local.in_memory_storage import InMemoryContainer
from local.partner_center import Behaviour
from shared.device_files.cells import clean
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules, SendableDevice
from shared.device_files.tables.header_names import column_named
from shared.device_files.tables.headers import FEWEST_NAMES
from shared.pipeline.blob_names import private_copy, retried_file, retry_path
from shared.pipeline.closing.csv_output import csv_text
from shared.pipeline.corrections.closed_file import CopyExpired, FileStillOpen, FileUnknown
from shared.pipeline.corrections.retry import COLUMNS, Retry, RetryBlocked, RetryLost, retry
from shared.pipeline.intake.receive import receive
from shared.pipeline.sweep import sweep
from shared.storage.blobs import NO_METADATA, BlobVersion, VersionGone
from shared.vocabulary import FileState
from tests.device_files.hash_builder import build_hash
from tests.examples import examples
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, START, World, numbered, tuples

PATH = f"{CUSTOMER}/Test/devices.csv"
PASSING = "STANDIN-StorageError-"
"""Fails once, and is registered the second time."""

MIXED = tuples(["FINE-1", f"{PASSING}1", "STANDIN-808-1", f"{PASSING}2", "FINE-2"])


def _ended(world: World, content: str | bytes = MIXED, path: str = PATH) -> str:
    identifier = world.drop_file(content, path)
    world.run()
    return identifier


def _child(again: Retry) -> str:
    assert again.file_id is not None
    return again.file_id


def _path(again: Retry) -> str:
    assert again.path is not None
    return again.path


def _lines(world: World, again: Retry) -> list[dict[str, str]]:
    content = world.drop.read(_path(again))
    assert content is not None
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_rows_that_failed_for_a_passing_reason_are_sent_again_as_a_file_of_their_own(world: World) -> None:
    parent = _ended(world)
    assert world.outcomes(parent) == ["registered", "failed", "failed", "failed", "registered"]
    again = retry(world.pipeline, CUSTOMER, parent)
    assert (again.parent_file_id, again.rows, again.is_new) == (parent, 2, True)
    assert again.path == f"{CUSTOMER}/Test/devices (retry of {parent[:8]}).csv"
    assert [line["Row"] for line in _lines(world, again)] == ["2", "4"]
    world.receive(_path(again))
    world.run()
    assert world.outcomes(_child(again), _path(again)) == ["registered"] * 2


def test_parent_and_child_name_each_other_wherever_they_are_told_of(world: World) -> None:
    parent = _ended(world)
    again = retry(world.pipeline, CUSTOMER, parent)
    world.receive(_path(again))
    world.run()
    assert world.file(_child(again)).parent == parent
    assert world.file(parent).retry == _child(again)
    assert world.summary(parent)["retry_file_id"] == _child(again)
    assert world.summary(_child(again), _path(again))["parent_file_id"] == parent
    assert any(parent in sentence for sentence in world.file(_child(again)).history)
    assert any(f"2 rows are sent again as file {_child(again)}" in sentence for sentence in world.file(parent).history)
    (event,) = world.events.of(_child(again))
    assert event["data"]["parent_file_id"] == parent


def test_asking_twice_does_it_once(world: World) -> None:
    parent = _ended(world)
    first = retry(world.pipeline, CUSTOMER, parent)
    assert retry(world.pipeline, CUSTOMER, parent) == replace(first, is_new=False)
    world.receive(_path(first))
    world.run()
    assert retry(world.pipeline, CUSTOMER, parent) == replace(first, is_new=False)
    # Also when the dropped file was deleted long ago.
    world.drop.delete(_path(first))
    assert retry(world.pipeline, CUSTOMER, parent) == replace(first, is_new=False)
    assert len(list(world.drop.versions())) == 1


class AsksInBetween(InMemoryContainer):
    """A container in which others do something right before a new blob is written."""

    others: Callable[[], None] | None = None

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        others, self.others = self.others, None
        if others is not None:
            others()
        return super().write_new(path, content, content_type, metadata)


def test_two_who_ask_at_once_get_the_same_file(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    drop = AsksInBetween()
    world.drop, world.private = drop, InMemoryContainer({"device-files": drop})
    world.pipeline = world.pipeline_with()
    parent = _ended(world)
    others: list[Retry] = []
    drop.others = lambda: others.append(retry(world.pipeline, CUSTOMER, parent))
    mine = retry(world.pipeline, CUSTOMER, parent)
    assert (mine.is_new, others[0].is_new) == (False, True)
    assert mine == replace(others[0], is_new=False)
    assert world.file(parent).retry == mine.file_id
    assert sum("are sent again" in sentence for sentence in world.file(parent).history) == 1


def test_a_file_whose_asker_died_after_the_upload_is_the_one_that_is_named_later(world: World) -> None:
    parent = _ended(world)
    before = world.journal.files.get(CUSTOMER, parent)
    made = retry(world.pipeline, CUSTOMER, parent)
    now = world.journal.files.get(CUSTOMER, parent)
    assert before is not None
    assert now is not None
    world.journal.files.change(now, before.record)
    assert retry(world.pipeline, CUSTOMER, parent) == replace(made, is_new=False)
    assert world.file(parent).retry == made.file_id


def test_a_retry_whose_event_is_lost_is_found_by_the_sweep(world: World) -> None:
    parent = _ended(world)
    again = retry(world.pipeline, CUSTOMER, parent)
    world.clock.now += timedelta(minutes=10)
    assert sweep(world.pipeline).unknown_blobs == 1
    world.run()
    assert world.outcomes(_child(again), _path(again)) == ["registered"] * 2


def test_a_retry_may_be_retried(world: World) -> None:
    parent = _ended(world, tuples(["STANDIN-STUCK-1", "FINE-1"]))
    assert world.outcomes(parent) == ["unknown", "registered"]
    first = retry(world.pipeline, CUSTOMER, parent)
    world.receive(_path(first))
    world.run()
    assert world.outcomes(_child(first), _path(first)) == ["unknown"]
    second = retry(world.pipeline, CUSTOMER, _child(first))
    assert second.path == f"{CUSTOMER}/Test/devices (retry of {_child(first)[:8]}).csv"
    world.receive(_path(second))
    assert world.file(_child(second)).parent == first.file_id


def test_without_a_batch_folder_each_device_goes_to_the_batch_that_it_went_to(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEFAULT_BATCH="Everyone")
    path = f"{CUSTOMER}/devices.csv"
    rows = [f"{PASSING}1,,,LENOVO,21R3,Sales", f"{PASSING}2,,,LENOVO,21R3,", "FINE-1,,,LENOVO,21R3,Sales"]
    parent = _ended(world, "\r\n".join([f"{HEADER},Group Tag", *rows, ""]), path)
    world.settings = replace(world.settings, default_batch="Nobody")
    world.pipeline = world.pipeline_with()
    again = retry(world.pipeline, CUSTOMER, parent)
    assert again.path == f"{CUSTOMER}/devices (retry of {parent[:8]}).csv"
    world.receive(_path(again))
    world.run()
    assert [row["batch_id"] for row in world.rows(_child(again), _path(again))] == ["Sales", "Everyone"]
    assert world.outcomes(_child(again), _path(again)) == ["registered"] * 2


def test_a_row_that_another_replaced_is_not_sent_again_and_the_better_one_is(world: World) -> None:
    serial = f"{PASSING}7"
    content = [HEADER, f"{serial},,,Contoso,Laptop 7", f"{serial},,{build_hash(serial, uuid=None, tpm_key=None)},,", ""]
    parent = _ended(world, "\r\n".join(content))
    assert world.outcomes(parent) == ["duplicate", "failed"]
    again = retry(world.pipeline, CUSTOMER, parent)
    (line,) = _lines(world, again)
    assert (line["Row"], line["Device Serial Number"]) == ("2", serial)
    assert line["Hardware Hash"].startswith("T0")
    world.receive(_path(again))
    world.run()
    assert world.outcomes(_child(again), _path(again)) == ["registered"]


def test_a_retry_is_read_by_the_rules_of_its_parent(world: World) -> None:
    strict = replace(world.settings.advanced, reject_unknown_checksums=True, oldest_hash_days=3)
    world.settings = replace(world.settings, advanced=strict, trust_hash_serial=True)
    world.pipeline = world.pipeline_with()
    parent = _ended(world)
    relaxed = replace(strict, reject_unknown_checksums=False, oldest_hash_days=None)
    world.settings = replace(world.settings, advanced=relaxed)
    world.pipeline = world.pipeline_with()
    again = retry(world.pipeline, CUSTOMER, parent)
    world.receive(_path(again))
    child = world.file(_child(again))
    assert (child.reject_unknown_checksums, child.oldest_hash_days, child.trust_hash_serial) == (True, 3, True)


def test_there_may_be_nothing_to_send_again(world: World) -> None:
    for number, content in enumerate([numbered(2), tuples(["STANDIN-808-1"]), "no device in here"]):
        parent = _ended(world, content, f"{CUSTOMER}/Batch {number}/devices.csv")
        before = len(list(world.drop.versions()))
        again = retry(world.pipeline, CUSTOMER, parent)
        assert (again.file_id, again.path, again.rows, again.is_new) == (None, None, 0, False)
        assert len(list(world.drop.versions())) == before


def test_a_file_that_is_not_closed_cannot_be_sent_again(world: World) -> None:
    parent = world.drop_file(MIXED)
    with pytest.raises(FileStillOpen, match=r"is not closed yet, it is read. Wait until it is closed"):
        retry(world.pipeline, CUSTOMER, parent)


@pytest.mark.parametrize("customer", [CUSTOMER, "11111111-2222-3333-4444-555555555555"])
def test_a_file_of_nobody_or_of_another_customer_is_unknown(world: World, customer: str) -> None:
    parent = _ended(world)
    identifier = parent if customer != CUSTOMER else "00000000-0000-5000-8000-000000000000"
    with pytest.raises(FileUnknown, match="has no file"):
        retry(world.pipeline, customer, identifier)


def test_a_copy_past_its_retention_is_said_to_be(world: World) -> None:
    parent = _ended(world)
    world.private.delete(private_copy(parent))
    with pytest.raises(
        CopyExpired, match=r"past its retention \(setting RETENTION_DAYS\).*Drop the rows from your own copy"
    ):
        retry(world.pipeline, CUSTOMER, parent)
    assert len(list(world.drop.versions())) == 1
    assert world.file(parent).retry is None


STRANGERS = [b"", b"Row\r\n", numbered(2, "OTHER-").encode(), numbered(500, "OTHER-").encode()]


@pytest.mark.parametrize("content", STRANGERS)
@pytest.mark.parametrize("is_received", [False, True])
def test_a_strangers_file_at_the_path_of_a_retry_is_left_alone_and_the_rows_are_sent_from_another(
    content: bytes, is_received: bool, world: World
) -> None:
    parent = _ended(world)
    strange = retry_path(PATH, parent)
    stranger = world.put(content, strange)
    if is_received:
        world.receive(strange)
        world.run()
    again = retry(world.pipeline, CUSTOMER, parent)
    assert (again.path, again.is_new, again.rows) == (retry_path(PATH, parent, whole_id=True), True, 2)
    assert _child(again) != stranger
    assert world.file(parent).retry == _child(again)
    assert world.drop.read(strange) == content
    assert retry(world.pipeline, CUSTOMER, parent) == replace(again, is_new=False)
    world.receive(_path(again))
    world.run()
    assert world.outcomes(_child(again), _path(again)) == ["registered"] * 2
    assert world.file(_child(again)).parent == parent
    assert retry(world.pipeline, CUSTOMER, parent) == replace(again, is_new=False)


def test_of_a_strangers_file_of_the_same_length_the_content_is_compared(world: World) -> None:
    parent = _ended(world)
    own = world.drop.read(_path(retry(world.pipeline, CUSTOMER, parent)))
    assert own is not None
    # The rows of another device, in as many bytes; the record of the parent still names the file that was overwritten.
    world.put(own.replace(b"StorageError-1", b"StorageError-9"), retry_path(PATH, parent))
    again = retry(world.pipeline, CUSTOMER, parent)
    assert (again.path, again.is_new) == (retry_path(PATH, parent, whole_id=True), True)


def test_strangers_files_at_both_paths_of_a_retry_are_told_of(world: World) -> None:
    parent = _ended(world)
    for whole_id in (False, True):
        world.put(numbered(1, "OTHER-"), retry_path(PATH, parent, whole_id=whole_id))
    with pytest.raises(RetryBlocked, match=r"devices\.csv.* Rename or delete them, then try again"):
        retry(world.pipeline, CUSTOMER, parent)
    assert world.file(parent).retry is None


def test_a_request_after_a_crash_finds_the_file_that_it_dropped(world: World) -> None:
    parent = _ended(world)
    first = retry(world.pipeline, CUSTOMER, parent)
    stored = world.journal.files.get(CUSTOMER, parent)
    assert stored is not None
    # As if the first request had died before it noted the file.
    world.journal.files.change(stored, msgspec.structs.replace(stored.record, retry=None, retried_rows=0))
    assert retry(world.pipeline, CUSTOMER, parent) == replace(first, is_new=False)


class Vanishing(InMemoryContainer):
    """A container whose blobs are deleted before they are read."""

    def stream(self, path: str) -> Iterator[bytes]:
        raise VersionGone(f"Blob {path} is gone.")


def test_a_file_at_the_path_that_is_deleted_while_it_is_compared_is_not_taken_for_the_retry(world: World) -> None:
    parent = _ended(world)
    own = retry(world.pipeline, CUSTOMER, parent)
    content = world.drop.read(_path(own))
    assert content is not None
    world.drop = Vanishing()
    world.drop.put(_path(own), content)
    world.pipeline = world.pipeline_with()
    assert retry(world.pipeline, CUSTOMER, parent).path == retry_path(PATH, parent, whole_id=True)


class DeletesAtOnce(InMemoryContainer):
    """A container in which a person deletes each blob right after it is written."""

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        written = super().write_new(path, content, content_type, metadata)
        self.delete(path)
        return written


def test_a_file_that_is_deleted_at_once_is_made_when_asked_again(world: World) -> None:
    drop = world.drop
    parent = _ended(world)
    hasty = DeletesAtOnce()
    world.drop = hasty
    world.pipeline = world.pipeline_with()
    with pytest.raises(RetryLost, match="Try again"):
        retry(world.pipeline, CUSTOMER, parent)
    world.drop = drop
    world.pipeline = world.pipeline_with()
    assert retry(world.pipeline, CUSTOMER, parent).is_new


class WithoutCopies(InMemoryContainer):
    """A container into which nothing is copied, because the version was deleted before."""

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        raise VersionGone(f"Version {version.etag} of {source}/{version.path} is gone before it was copied to {path}.")


def test_a_retry_that_was_gone_before_it_was_received_is_made_anew(world: World) -> None:
    parent = _ended(world)
    first = retry(world.pipeline, CUSTOMER, parent)
    receive(world.pipeline_with(private=WithoutCopies()), _path(first))
    assert world.file(_child(first)).state is FileState.GONE
    world.drop.delete(_path(first))
    second = retry(world.pipeline, CUSTOMER, parent)
    assert (second.path, second.is_new) == (first.path, True)
    assert _child(second) != _child(first)
    assert world.file(parent).retry == second.file_id
    world.receive(_path(second))
    world.run()
    assert world.outcomes(_child(second), _path(second)) == ["registered"] * 2


def test_a_retry_that_was_deleted_before_anyone_saw_it_is_made_anew(world: World) -> None:
    parent = _ended(world)
    first = retry(world.pipeline, CUSTOMER, parent)
    world.drop.delete(_path(first))
    second = retry(world.pipeline, CUSTOMER, parent)
    assert (second.path, second.is_new) == (first.path, True)
    world.receive(_path(second))
    world.run()
    assert world.outcomes(_child(second), _path(second)) == ["registered"] * 2


def test_a_file_that_bears_the_name_of_a_retry_has_a_parent_only_where_that_is_known(world: World) -> None:
    parent = _ended(world)
    for path in (
        f"{CUSTOMER}/Other/devices (retry of {parent[:8]}).csv",
        f"{CUSTOMER}/Test/others (retry of {parent[:8]}).csv",
        f"{CUSTOMER}/Test/devices (retry of 00000000).csv",
        f"11111111-2222-3333-4444-555555555555/Test/devices (retry of {parent[:8]}).csv",
    ):
        identifier = world.drop_file(numbered(1, "X"), path)
        stored = world.journal.files.get(path.partition("/")[0], identifier)
        assert stored is not None
        assert stored.record.parent is None


def test_two_files_whose_ids_begin_alike_are_told_apart_by_the_whole_id(world: World) -> None:
    parent = _ended(world)
    stored = world.journal.files.get(CUSTOMER, parent)
    assert stored is not None
    twin = parent[:8] + "-0000-5000-8000-000000000000"
    world.journal.files.enter(msgspec.structs.replace(stored.record, file_id=twin))
    again = retry(world.pipeline, CUSTOMER, parent)
    assert again.path == f"{CUSTOMER}/Test/devices (retry of {parent}).csv"
    world.receive(_path(again))
    assert world.file(_child(again)).parent == parent


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("c/b/devices.csv", "c/b/devices (retry of 1a2b3c4d).csv"),
        ("c/devices.xlsx", "c/devices (retry of 1a2b3c4d).csv"),
        ("c/b/devices", "c/b/devices (retry of 1a2b3c4d).csv"),
        ("c/b/devices (retry of 5e6f7a8b).csv", "c/b/devices (retry of 1a2b3c4d).csv"),
        ("c/b/.csv", "c/b/.csv (retry of 1a2b3c4d).csv"),
        ("c/b/a.tar.gz", "c/b/a.tar (retry of 1a2b3c4d).csv"),
    ],
)
def test_a_retry_bears_a_name_that_people_understand(path: str, made: str) -> None:
    assert retry_path(path, "1a2b3c4d-0000-5000-8000-000000000000") == made
    assert retried_file(made.rpartition("/")[2]) == "1a2b3c4d"


def test_a_retry_of_a_file_with_a_very_long_name_still_has_a_path_that_storage_takes() -> None:
    path = retry_path(f"c/b/{'x' * 1015}.csv", "1a2b3c4d-0000-5000-8000-000000000000")
    assert len(path) == 1024
    assert path.endswith("x (retry of 1a2b3c4d).csv")


def test_the_path_of_a_retry_is_counted_as_storage_counts_it_and_halves_no_character() -> None:
    for letters in range(4):
        path = retry_path(f"c/b/{'x' * letters}{chr(0x1F600) * 505}.csv", "1a2b3c4d-0000-5000-8000-000000000000")
        assert 1_022 <= len(path.encode("utf-16-le")) // 2 <= 1_024
        assert path.endswith(chr(0x1F600) + " (retry of 1a2b3c4d).csv")


class Discards(InMemoryContainer):
    """A container that keeps only the lengths of the pieces of new blobs."""

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        self.pieces = [len(piece) for piece in content] if not isinstance(content, bytes) else [len(content)]
        return super().write_new(path, b"", content_type, metadata)


def test_a_large_file_is_sent_again_in_bounded_memory(world: World) -> None:
    serials = [f"{PASSING}{number}" for number in range(1_500)]
    rows = [f"{serial},,{build_hash(serial, uuid=None, tpm_key=None)},," for serial in serials]
    parent = _ended(world, "\r\n".join([HEADER, *rows, ""]))
    world.drop = Discards()
    world.pipeline = world.pipeline_with()
    tracemalloc.start()
    again = retry(world.pipeline, CUSTOMER, parent)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert again.rows == 1_500
    assert sum(world.drop.pieces) > 6_000_000
    assert peak < 4_500_000


# --- the same devices


def _read(content: bytes, findings: Findings | None) -> list[CheckedRow]:
    rules = Rules()
    return list(read_device_file(lambda: [content], name="devices.csv", rules=rules, now=START, findings=findings))


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"]) | st.sampled_from("=+-@'\"#,; \t\n0123456789ABC"),
    max_size=25,
)


@given(
    st.lists(
        st.one_of(
            st.tuples(CELLS, st.just(""), st.sampled_from(["LENOVO", "VMware, Inc."]) | CELLS, CELLS, CELLS),
            st.tuples(st.just(""), st.from_regex(r"[0-9]{13}", fullmatch=True) | CELLS, st.just(""), CELLS, CELLS),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_to_be_sent_again_is_read_as_the_very_same_devices(
    rows: list[tuple[str, str, str, str, str]],
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*HEADER.split(","), "Group Tag", "Purchase Order", "Profile"])
    writer.writerow(["SN-1", "", "", "LENOVO", "21R3", "", "PO-1", "Standard"])
    for serial, key, maker, model, tag in rows:
        # A row of which several cells are names of columns is another header.
        assume(sum(column_named(clean(cell)) is not None for cell in (serial, key, maker, model, tag)) < FEWEST_NAMES)
        writer.writerow([serial, key, "", maker, model, tag, f"PO-1 {tag}", f"Kiosk {tag}"])
    first = [row for row in _read_to_the_end(text.getvalue().encode()) if row.device is not None]
    written = b"".join(csv_text([COLUMNS, *(_line(row, row.device) for row in first if row.device)]))
    second = _read_to_the_end(written)
    assert list(map(_kept, second)) == list(map(_kept, first))


def _kept(row: CheckedRow) -> tuple[SendableDevice | None, str, str, str]:
    return row.device, row.order_number, row.profile, row.group_tag


def _line(row: CheckedRow, device: SendableDevice) -> list[str]:
    names = (device.serial_number, device.product_key, device.hardware_hash, device.manufacturer, device.model)
    return [str(row.row), *(name or "" for name in names), row.order_number, row.profile, row.group_tag]


def _read_to_the_end(content: bytes) -> list[CheckedRow]:
    findings: Findings | None = None
    while True:
        try:
            return _read(content, findings)
        except ReadAgain as again:
            findings = again.findings
