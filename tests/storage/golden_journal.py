"""The golden journals: storage as a version of the app left it, kept as files that every later version must read.

`golden/1.json` is the first, and each format of the journal since then has a file of its own. A file that stands is
never changed, since rows like those in it stand in somebody's tables. A golden journal holds, for every kind of record,
one with every field filled and one with none that may be left out:

    tables      the rows of each table, as Table Storage answers them
    records     what those rows are, as plain JSON by kind of record
    wake_ups    the text of each kind of queue message, as JSON
    words       the values of each enumeration that stands in a record

`python -m tests.storage.golden_journal` writes a new file when this version writes other rows than the newest file
holds. With `--not-deployed` it writes in place of the newest file: only while no version that wrote such rows was
deployed.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import fields, replace

import shared.storage
from local.in_memory_storage import InMemoryTable
from shared.pipeline.submissions.matching import SentRow
from shared.storage import keys
from shared.storage.codec import packed, unpacked
from shared.storage.customers import (
    CUSTOMERS_TABLE,
    Customer,
    CustomerPriority,
    Customers,
    DefaultProfile,
    ProfileList,
)
from shared.storage.files import listing_of
from shared.storage.inventories import BatchInventory, CustomerInventory, DeviceChange, Drift, RequestBudget
from shared.storage.journal import Journal, TableName
from shared.storage.pages import rows_in
from shared.storage.partner_customers import ListReading, PartnerCustomer
from shared.storage.record_table import Stored
from shared.storage.records import (
    Act,
    Batch,
    DeviceFile,
    DeviceMention,
    DeviceOutcome,
    DeviceWithdrawal,
    FileListing,
    FileMention,
    Gate,
    ReasonTally,
    Sending,
    SentContent,
    Submission,
    Upload,
    WithdrawalMention,
)
from shared.storage.submissions import SubmissionEntry
from shared.storage.tables import Entity, Query
from shared.storage.wakeups import WakeUp
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState

FOLDER = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)

_NOT_DEPLOYED = "--not-deployed"
_TYPE = "@odata.type"
_CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
_FULL, _LEAST, _REJECTED = (f"5a0e2f6c-7d0b-5c2e-9d2b-00000000000{number}" for number in (1, 2, 3))

Record = TypeVar("Record", bound=msgspec.Struct)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Storage:
    """The tables, and the journal and the customers in them."""

    tables: dict[str, InMemoryTable]
    journal: Journal
    customers: Customers


def new_storage() -> Storage:
    """Storage with nothing in it."""
    tables = {str(name): InMemoryTable() for name in (*TableName, CUSTOMERS_TABLE)}
    return Storage(tables, Journal(lambda name: tables[name]), Customers(tables[CUSTOMERS_TABLE]))


def golden_files() -> list[Path]:
    """The golden journals, oldest first."""
    return sorted(FOLDER.glob("*.json"), key=lambda path: int(path.stem))


def restored(document: Document) -> Storage:
    """Storage with the contents of a golden journal."""
    storage = new_storage()
    for name, rows in document["tables"].items():
        page = {"value": [{**row, "odata.etag": "etag"} for row in rows]}
        storage.tables[name].upsert(values for values, _ in rows_in(json.dumps(page).encode()))
    return storage


def found(storage: Storage, expected: msgspec.Struct) -> object:
    """The record in `storage` with the names of `expected`, found the way the app finds it."""
    record = _FOUND[type(expected)](storage, expected)
    return record.record if isinstance(record, Stored) else record


def _listing(storage: Storage, expected: FileListing) -> object:
    """A listing, which must be in the index by time and in its customer's index."""
    files = storage.journal.files
    (by_time,), (by_customer,) = (
        [listing for _, listing in listings if listing.file_id == expected.file_id]
        for listings in (files.final(), files.final(customer_id=expected.customer_id or keys.NO_CUSTOMER))
    )
    assert by_time == by_customer
    return by_time


def _sent_row(storage: Storage, expected: SentRow) -> object:
    rows = storage.journal.submissions.rows(f"{_FULL}.1", "1")
    assert rows is not None, "the rows of the submission are not there"
    return next(row for row in msgspec.json.decode(unpacked(rows), type=list[SentRow]) if row.row == expected.row)


_FOUND: dict[type, Callable[[Storage, Any], object]] = {
    DeviceFile: lambda storage, file: storage.journal.files.get(file.customer_id, file.file_id),
    FileMention: lambda storage, mention: next(
        each for each in storage.journal.files.still_open() if each.file_id == mention.file_id
    ),
    FileListing: _listing,
    Submission: lambda storage, submission: next(
        stored
        for stored in storage.journal.submissions.each_open(submission.reading_id)
        if isinstance(stored, Stored) and stored.record.number == submission.number
    ),
    SentRow: _sent_row,
    DeviceOutcome: lambda storage, outcome: storage.journal.outcomes.get(outcome.reading_id, outcome.row),
    DeviceMention: lambda storage, mention: next(
        storage.journal.outcomes.with_serial(mention.serial_number.upper(), mention.customer_id)
        if mention.serial_number
        else storage.journal.outcomes.with_product_keys([mention.product_key])
    ),
    DeviceWithdrawal: lambda storage, device: next(
        storage.journal.withdrawals.devices(device.reading_id, device.row, device.row)
    ),
    WithdrawalMention: lambda storage, _: next(storage.journal.withdrawals.in_progress()),
    Batch: lambda storage, batch: storage.journal.batches.get(batch.customer_id, batch.batch_id.upper()),
    Gate: lambda storage, gate: storage.journal.gates.all()[gate.scope],
    Act: lambda storage, act: next(each for each in storage.journal.acts.latest() if each.act_id == act.act_id),
    Upload: lambda storage, upload: storage.journal.uploads.get(upload.upload_id),
    Sending: lambda storage, sent: storage.journal.uploads.sending(keys.sending_key(sent.sent_at, sent.sending_id)[1]),
    SentContent: lambda storage, sent: storage.journal.uploads.content(sent.customer_id, sent.digest),
    Customer: lambda storage, customer: storage.customers.named(customer.name),
    CustomerPriority: lambda storage, kept: storage.customers.kept_priority(kept.customer_id),
    DefaultProfile: lambda storage, kept: next(iter(storage.customers.default_profiles(kept.customer_id))),
    ProfileList: lambda storage, kept: storage.customers.profile_list(kept.customer_id),
    PartnerCustomer: lambda storage, customer: storage.journal.partner_customers.get(customer.customer_id),
    CustomerInventory: lambda storage, one: storage.journal.inventories.get(one.customer_id),
    BatchInventory: lambda storage, batch: storage.journal.inventories.batch(batch.customer_id, batch.batch_id),
    DeviceChange: lambda storage, change: next(
        each
        for each in storage.journal.inventories.changes(change.customer_id, 9)
        if each.change_id == change.change_id
    ),
    Drift: lambda storage, drift: next(
        each for each in storage.journal.inventories.drift(drift.customer_id, 9) if each.drift_id == drift.drift_id
    ),
    RequestBudget: lambda storage, budget: storage.journal.inventories.budget(date.fromisoformat(budget.day)),
    ListReading: lambda storage, _: storage.journal.partner_customers.reading(),
}


# --- this version's records


def document() -> Document:
    """The golden journal of this version."""
    storage, records = new_storage(), list(_records())
    _write(storage, records)
    kinds = {type(record): None for record in records}
    written: Document = msgspec.json.decode(
        msgspec.json.encode(
            {
                "tables": {
                    name: [_as_answered(stored.values) for stored in table.query(Query())]
                    for name, table in storage.tables.items()
                },
                "records": {kind.__name__: [each for each in records if type(each) is kind] for kind in kinds},
                "wake_ups": list(_wake_ups()),
                "words": {word.__name__: list(word) for word in _words(set(kinds))},
            }
        )
    )
    return written


def kinds_of_records() -> set[type[msgspec.Struct]]:
    """Every record, part of a record and wake-up that the storage package declares."""
    names = [f"shared.storage.{module.name}" for module in pkgutil.iter_modules(shared.storage.__path__)]
    declared = [member for name in names for member in vars(importlib.import_module(name)).items()]
    return {
        value
        for name, value in declared
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and not name.startswith("_")
    }


def parts_of(kinds: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """`kinds`, and every record in a field of one of them."""
    reached, left = set[type[msgspec.Struct]](), list(kinds)
    while left:
        kind = left.pop()
        if kind not in reached:
            reached.add(kind)
            left += [part for field in fields(kind) for part in _types_in(field.type, msgspec.Struct)]
    return reached


def _write(storage: Storage, records: list[msgspec.Struct]) -> None:  # noqa: C901, PLR0912 - a case for each kind of record
    """Write `records` as the app does."""
    journal = storage.journal
    outcomes = [record for record in records if isinstance(record, DeviceOutcome)]
    rows = [record for record in records if isinstance(record, SentRow)]
    devices = [record for record in records if isinstance(record, DeviceWithdrawal)]
    submissions = [record for record in records if isinstance(record, Submission)]
    for record in records:
        match record:
            case DeviceFile():
                _write_file(journal, record)
            case Batch():
                journal.batches.change(None, record)
            case Gate():
                journal.gates.change(None, record)
            case Act():
                journal.acts.note(record)
            case Upload():
                journal.uploads.change(None, record)
            case Sending():
                journal.uploads.enter_sending(record)
            case SentContent():
                journal.uploads.change_content(None, record)
            case WithdrawalMention():
                journal.withdrawals.enter(record)
            case CustomerInventory():
                journal.inventories.change(None, record)
            case BatchInventory():
                journal.inventories.change_batch(None, record)
            case DeviceChange():
                journal.inventories.enter_changes([record])
            case Drift():
                journal.inventories.enter_drift([record])
            case RequestBudget():
                journal.inventories.change_budget(None, record)
            case ListReading():
                journal.partner_customers.change_reading(None, record)
            case CustomerPriority():
                storage.customers.prioritise(record.customer_id, record.priority, record.set_at)
            case DefaultProfile():
                wanted = (record.customer_id, record.batch_id, record.profile)
                storage.customers.set_default_profile(*wanted, record.set_at)
            case ProfileList():
                storage.customers.keep_profile_list(None, record)
            case Customer():
                _write_customer(storage.customers, record)
    for submission, pack in zip(submissions, (packed(msgspec.json.encode(rows)), None), strict=True):
        journal.submissions.add([SubmissionEntry(submission, pack)])
    journal.partner_customers.replace_all(record for record in records if isinstance(record, PartnerCustomer))
    journal.outcomes.write(outcomes)
    list(journal.outcomes.indexed(next(record for record in records if isinstance(record, DeviceFile)), outcomes))
    journal.withdrawals.change_devices(map(Stored.absent, devices))


def _write_customer(customers: Customers, customer: Customer) -> None:
    customers.add(customer.name, customer.customer_id, customer.notes, customer.added_at)
    if customer.removed_at is not None:
        customers.remove(customer.name, customer.removed_at)


def _write_file(journal: Journal, file: DeviceFile) -> None:
    stored, _ = journal.files.enter(replace(file, state=FileState.RECEIVED))
    journal.files.change(stored, file)
    if file.state.is_final:
        journal.files.enter_by_time(file)


def _records() -> Iterator[msgspec.Struct]:
    """Each kind once with every field, and once without its optional fields."""
    elsewhere = filled(ReasonTally, {"outcome": Outcome.ALREADY_REGISTERED, "remedy": Remedy.ASK})
    to_fix = filled(ReasonTally, {"outcome": Outcome.REJECTED, "remedy": Remedy.FIX})
    full = filled(DeviceFile, {"state": FileState.CLOSED, "reading": 1, "reasons": (elsewhere, to_fix)})
    least = filled(DeviceFile, {"file_id": _LEAST, "state": FileState.RECEIVED}, least=True)
    rejected = filled(DeviceFile, {"file_id": _REJECTED, "state": FileState.REJECTED}, least=True)
    yield from (full, least, rejected)
    yield from (_of_file(FileMention, full), _of_file(FileMention, least))
    yield from (listing_of(full), listing_of(rejected))
    outcome = filled(DeviceOutcome, {"row": 1})
    file_id = outcome.reading_id.split(".")[0]
    yield DeviceMention(serial_number=outcome.serial_number, customer_id=_CUSTOMER, file_id=file_id, row=1)
    yield DeviceMention(
        serial_number="", product_key=outcome.product_key, customer_id=_CUSTOMER, file_id=file_id, row=1
    )
    yield from (outcome, filled(DeviceOutcome, {"row": 2}, least=True))
    for number, is_least in (("1", False), ("2", True)):
        yield filled(Submission, {"number": number, "state": SubmissionState.PENDING}, least=is_least)
    for kind, name in (
        (SentRow, "row"),
        (DeviceWithdrawal, "row"),
        (Gate, "scope"),
        (Customer, "name"),
        (Act, "act_id"),
        (PartnerCustomer, "customer_id"),
        (Upload, "upload_id"),
        (Sending, "sending_id"),
        (SentContent, "digest"),
        (CustomerInventory, "customer_id"),
        (BatchInventory, "batch_id"),
        (DeviceChange, "change_id"),
        (Drift, "drift_id"),
    ):
        first, second = (1, 2) if name == "row" else ("first", "second")
        yield from (filled(kind, {name: first}), filled(kind, {name: second}, least=True))
    yield from (
        filled(Batch),
        filled(WithdrawalMention),
        filled(ListReading),
        filled(CustomerPriority),
        filled(DefaultProfile),
        filled(ProfileList),
        filled(RequestBudget),
    )


def _of_file(kind: type[Record], file: DeviceFile) -> Record:
    """The entry of `file` in an index of files."""
    of_file: Document = msgspec.to_builtins(file)
    return msgspec.convert(of_file, kind)


def _wake_ups() -> Iterator[WakeUp]:
    for kind in get_args(WakeUp):
        yield from (filled(kind), filled(kind, least=True))


def filled(kind: type[Record], given: Mapping[str, object] = MappingProxyType({}), *, least: bool = False) -> Record:
    """A record in which every field has its own value, or with `least` only the fields without a default."""
    numbers = count(1)
    values = {
        field.name: given[field.name] if field.name in given else _value(field.type, field.name, numbers)
        for field in fields(kind)
        if field.required or field.name in given or not least
    }
    return kind(**values)


_TEXTS = {
    "customer_id": _CUSTOMER,
    "file_id": _FULL,
    "reading_id": f"{_FULL}.1",
    "number": "1-0",
    "delimiter": ";",
    "day": "2026-11-20",
}
"""Values of fields whose text must have a certain form."""


def _value(kind: Any, name: str, numbers: Iterator[int]) -> object:
    """A value of a type, which is the type of the field `name`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _value(arguments[0], name, numbers)
    if origin is tuple:
        return (_value(arguments[0], name, numbers),)
    if arguments:
        return _value(next(each for each in arguments if each is not NoneType), name, numbers)
    if issubclass(kind, msgspec.Struct):
        return filled(kind)
    if issubclass(kind, StrEnum):
        return list(kind)[-1]
    return _SIMPLE[kind](name, numbers)


_SIMPLE: dict[type, Callable[[str, Iterator[int]], object]] = {
    str: lambda name, _: _TEXTS.get(name, name.replace("_", " ")),
    bool: lambda _, __: True,
    int: lambda _, numbers: next(numbers),
    datetime: lambda _, numbers: NOW + timedelta(minutes=next(numbers)),
    date: lambda _, numbers: NOW.date() + timedelta(days=next(numbers)),
}


def _words(kinds: set[type[msgspec.Struct]]) -> list[type[StrEnum]]:
    fields_of_kinds = [field for kind in parts_of(kinds) for field in fields(kind)]
    words: set[type[StrEnum]] = {word for field in fields_of_kinds for word in _types_in(field.type, StrEnum)}
    return sorted(words, key=lambda word: word.__name__)


def _types_in(kind: Any, base: type[Record] | type[StrEnum]) -> Iterator[Any]:
    """The subclasses of `base` in a type."""
    if isinstance(kind, type) and issubclass(kind, base):
        yield kind
    for argument in get_args(kind):
        yield from _types_in(argument, base)


def _as_answered(entity: Entity) -> Document:
    """A row as Table Storage returns it."""
    row: Document = {}
    for name, value in sorted(entity.items()):
        if isinstance(value, datetime):
            row |= {name: value.isoformat().replace("+00:00", "Z"), name + _TYPE: "Edm.DateTime"}
        else:
            row[name] = value
    return row


def main(arguments: list[str]) -> None:
    """Write the golden journal of this version beside the others, unless the newest is the same."""
    kept = golden_files()
    if kept and json.loads(kept[-1].read_text("utf-8")) == document():
        sys.stdout.write(f"This version writes what {kept[-1].name} holds.\n")
        return
    number = int(kept[-1].stem) if kept else 0
    path = FOLDER / f"{number if arguments == [_NOT_DEPLOYED] else number + 1}.json"
    path.write_text(f"{json.dumps(document(), indent=1, ensure_ascii=False)}\n", "utf-8")
    sys.stdout.write(f"{path.name} is written; commit it.\n")


if __name__ == "__main__":
    main(sys.argv[1:])
