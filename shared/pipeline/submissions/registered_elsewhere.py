"""Finds where a device stands that the service calls registered already: under this batch, another one, or elsewhere.

Registered already is done only under the batch that the row names: Autopilot shows the batch as the group tag, and
profiles follow it. The app's own index of serial numbers tells, else the beginning of the batch itself, read back once
for all such rows of a submission. Nothing is written here.

However large the batch, a submission costs no more than a bounded number of queries and requests. So that a file which
is dropped again costs next to nothing, one search brings the rows that follow the found one in its file.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from typing import Protocol

from msgspec.structs import replace

from shared.partner_center.errors import ListTooLong, Refused
from shared.partner_center.models import Device
from shared.partner_center.outcome_codes import OUR_OTHER_CUSTOMER, is_other_tenant
from shared.pipeline.blob_names import customer_folder
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.service import Service
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.matching import SentRow, differ, folded, match_by_name
from shared.reasons import SENT_NOTES, SentNote
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile, DeviceMention, DeviceOutcome, Submission
from shared.vocabulary import Outcome, Remedy

logger = logging.getLogger(__name__)

FEW = 20
"""After so many rows that the index does not know, the batch is read before the index is searched for more."""

MOST_SEARCHES = 100
"""The most searches of the index for a submission; each takes some queries of storage."""

ROWS_OF_ONE_SEARCH = 1_000
"""The rows that are read with a found row, behind it: two files of one delivery name its devices in the same order."""

MOST_DEVICES_READ = 5_000
"""The most devices of a batch that are read back for the rows of a submission: some fifty requests."""

MOST_ROWS_BETWEEN = 20
"""Rows of a file that are read without need, rather than with a query of their own for each row behind them."""

MOST_MENTIONS = 50
"""The most rows with one serial number that are compared."""


class Named(Protocol):
    """The names of a device: a row of a file has them, and a device of a batch."""

    @property
    def serial_number(self) -> str:
        """Empty where it has none, as are the others."""

    @property
    def product_key(self) -> str:
        """Its product key."""

    @property
    def manufacturer(self) -> str:
        """Its maker."""

    @property
    def model(self) -> str:
        """Its model."""


class NameKind(StrEnum):
    """The kinds of names by which devices are found."""

    SERIAL_NUMBER = "serial_number"
    PRODUCT_KEY = "product_key"


Name = tuple[NameKind, str]
"""A name of a device, folded."""


def names_of(device: Named) -> list[Name]:
    """The names by which a device is found, the strongest first: a text in place of a serial number is none. Pure."""
    names = ((NameKind.SERIAL_NUMBER, _serial_of(device)), (NameKind.PRODUCT_KEY, folded(device.product_key)))
    return [name for name in names if name[1]]


def _serial_of(device: Named) -> str:
    # An instance starts without the tables of the reader.
    from shared.device_files.placeholders import is_placeholder  # noqa: PLC0415

    serial_number = folded(device.serial_number)
    return "" if is_placeholder(serial_number) else serial_number


@dataclass(frozen=True, slots=True)
class Registration:
    """A row of a closed file that registered a device, found it registered, or removed it."""

    file: DeviceFile
    outcome: DeviceOutcome

    @property
    def registered_it(self) -> bool:
        """Whether withdrawing the file would free the device."""
        return self.outcome.outcome is Outcome.REGISTERED

    @property
    def words(self) -> str:
        """The file for people."""
        return f"file {self.file.name} of {self.file.received_at:%Y-%m-%d} ({self.file.file_id})"


@dataclass(slots=True)
class Registrations:
    """Looks up devices in the index of serial numbers; each file is read once."""

    journal: Journal
    keep_claim: Callable[[], None]
    """Called before each search, which takes some queries."""
    _files: dict[str, DeviceFile | None] = field(default_factory=dict)
    _near: dict[Name, Registration] = field(default_factory=dict)
    """By name, the registrations in rows that follow a found one."""
    _searched: set[tuple[Name, str | None]] = field(default_factory=set)

    def of(self, row: DeviceOutcome, customer_id: str | None = None) -> Registration | None:
        """The latest registration of the device of `row`, for one customer or for any; None when none is known."""
        for name in names_of(row):
            near = self._near.get(name)
            if near is not None and customer_id == near.file.customer_id and _may_be_same(row, near.outcome):
                return near
            question = name, customer_id
            if question in self._searched or len(self._searched) >= MOST_SEARCHES:
                continue
            self._searched.add(question)
            found = self._search(row, name, customer_id)
            if found is not None:
                self._near |= self._behind(found)
                return found
        return None

    def of_several(self, devices: Sequence[Named]) -> list[Sequence[Registration]]:
        """For each of some devices its known registrations, of any customer, at few queries for all of them."""
        rows = (row for row in self._rows_of(devices) if _tells_a_place(row.outcome) and not self.is_withdrawn(row))
        by_name = _by_name(rows)
        return [_still_there(_named_alike(device, by_name)[:MOST_MENTIONS]) for device in devices]

    def rows_of_several(self, devices: Sequence[Named], customer_id: str) -> list[list[Registration]]:
        """For each of some devices all rows of the customer's closed files with its names, however they ended."""
        return rows_of_each(devices, self._rows_of(devices, customer_id))

    def _rows_of(self, devices: Sequence[Named], customer_id: str | None = None) -> Iterator[Registration]:
        """The rows of closed files, of one customer or any, with the serial number or product key of some devices.

        Rows of one file are read together where they stand side by side.
        """
        self.keep_claim()
        names = [name for device in devices for name in names_of(device)]
        serials = [text for kind, text in names if kind is NameKind.SERIAL_NUMBER]
        product_keys = [text for kind, text in names if kind is NameKind.PRODUCT_KEY]
        outcomes = self.journal.outcomes
        rows_of: dict[str, set[int]] = {}
        for mention in chain(
            outcomes.with_serials(serials, log_unreadable), outcomes.with_product_keys(product_keys, log_unreadable)
        ):
            if customer_id in (None, mention.customer_id) and self._file(mention) is not None:
                rows_of.setdefault(mention.file_id, set()).add(mention.row)
        for file_id, rows in rows_of.items():
            if (file := self._files[file_id]) is None:
                continue
            for first, last in _runs(sorted(rows)):
                for outcome in self.journal.outcomes.of_rows(file.reading_id, first, last):
                    if outcome.row in rows:
                        yield Registration(file, outcome)

    def _search(self, row: DeviceOutcome, name: Name, customer_id: str | None) -> Registration | None:
        self.keep_claim()
        found: list[Registration] = []
        for number, mention in enumerate(self._mentions(name, customer_id)):
            if number == MOST_MENTIONS:
                break
            registration = self._of_mention(mention)
            if registration is not None and _may_be_same(row, registration.outcome):
                found.append(registration)
        return latest(_still_there(found))

    def _mentions(self, name: Name, customer_id: str | None) -> Iterator[DeviceMention]:
        kind, text = name
        if kind is NameKind.SERIAL_NUMBER:
            return self.journal.outcomes.with_serial(text, customer_id, unreadable=log_unreadable)
        mentions = self.journal.outcomes.with_product_keys([text], log_unreadable)
        return (mention for mention in mentions if customer_id in (None, mention.customer_id))

    def _behind(self, found: Registration) -> dict[Name, Registration]:
        """The registrations in the rows that follow a found one; none in a file that was withdrawn.

        Where the file registered the found one, the rows that it found registered are another file's.
        """
        if found.file.withdrawal is not None:
            return {}
        first = found.outcome.row + 1
        rows = self.journal.outcomes.of_rows(found.file.reading_id, first, first + ROWS_OF_ONE_SEARCH - 1)
        return {
            name: Registration(found.file, outcome)
            for outcome in rows
            if _was_in_its_batch(outcome) and (outcome.outcome is Outcome.REGISTERED or not found.registered_it)
            for name in names_of(outcome)
        }

    def _of_mention(self, mention: DeviceMention) -> Registration | None:
        file = self._file(mention)
        outcome = None if file is None else self.journal.outcomes.get(file.reading_id, mention.row)
        if file is None or outcome is None or not _tells_a_place(outcome):
            return None
        registration = Registration(file, outcome)
        return None if self.is_withdrawn(registration) else registration

    def _file(self, mention: DeviceMention) -> DeviceFile | None:
        if mention.file_id not in self._files:
            self._files[mention.file_id] = self._read(mention)
        return self._files[mention.file_id]

    def _read(self, mention: DeviceMention) -> DeviceFile | None:
        try:
            stored = self.journal.files.get(mention.customer_id, mention.file_id)
        except UnreadableRecord as unreadable:
            log_unreadable(unreadable)
            return None
        return None if stored is None else stored.record

    def is_withdrawn(self, row: Registration) -> bool:
        """Whether the device of the row was withdrawn, or may have been: the record of that cannot be read."""
        if row.file.withdrawal is None:
            return False
        unreadable: list[UnreadableRecord] = []
        number = row.outcome.row
        known = self.journal.withdrawals.devices(row.file.reading_id, number, number, unreadable.append)
        is_gone = any(
            device.record.result is not None and device.record.result.is_gone
            for device in known
            if device.record.is_of_withdrawal
        )
        for record in unreadable:
            log_unreadable(record)
        return is_gone or bool(unreadable)


def rows_of_each(devices: Sequence[Named], rows: Iterable[Registration]) -> list[list[Registration]]:
    """For each device those of the rows that have its names."""
    by_name = _by_name(rows)
    return [_named_alike(device, by_name) for device in devices]


def told_where(
    service: Service,
    contents: Contents,
    submission: Submission,
    rows: Sequence[SentRow],
    outcomes: Sequence[DeviceOutcome],
) -> list[DeviceOutcome]:
    """`outcomes`, in which rows whose device is registered already, or for another tenant, say where it stands.

    Raises:
        PartnerCenterError: the batch could not be read; Refused is no error but leaves the rows untold.
    """
    registrations = Registrations(contents.journal, service.keep_claim)
    told = {outcome.row: outcome for outcome in outcomes}
    already = [outcome for outcome in outcomes if _is_to_be_placed(outcome)]
    told |= _placed(service, contents, submission, rows, already, registrations)
    for outcome in filter(_is_of_another_tenant, outcomes):
        found = registrations.of(outcome)
        if found is not None and found.file.customer_id != submission.customer_id:
            told[outcome.row] = _of_another_customer(outcome, found)
    return [told[outcome.row] for outcome in outcomes]


def _placed(
    service: Service,
    contents: Contents,
    submission: Submission,
    rows: Sequence[SentRow],
    already: Sequence[DeviceOutcome],
    registrations: Registrations,
) -> dict[int, DeviceOutcome]:
    """Each row of `already` with the place of its device, by its number."""
    customer_id = submission.customer_id
    known = _looked_up(registrations, already, customer_id, FEW)
    left = [outcome for outcome in already if outcome.row not in known]
    wanted = {outcome.row for outcome in left}
    read_back = [row for row in rows if row.row in wanted]
    in_batch: set[int] = set()
    if left:
        in_batch = {row.row for row, _ in rows_in_batch(service, contents, submission, read_back, MOST_DEVICES_READ)}
        missing = [outcome for outcome in left if outcome.row not in in_batch]
        known |= _looked_up(registrations, missing, customer_id, MOST_SEARCHES)
    return {
        outcome.row: outcome
        if outcome.row in in_batch
        else _in_batch_of(known.get(outcome.row), outcome, submission.batch_id)
        for outcome in already
    }


def _looked_up(
    registrations: Registrations, outcomes: Sequence[DeviceOutcome], customer_id: str, most_unknown: int
) -> dict[int, Registration]:
    """The registrations of `outcomes` by row; the search ends after `most_unknown` devices that no file registered."""
    known: dict[int, Registration] = {}
    unknown = 0
    for outcome in outcomes:
        registration = registrations.of(outcome, customer_id)
        if registration is not None:
            known[outcome.row] = registration
        else:
            unknown += 1
        if unknown >= most_unknown:
            break
    return known


def rows_in_batch(
    service: Service, contents: Contents, submission: Submission, rows: Sequence[SentRow], most: int | None = None
) -> list[tuple[SentRow, Device]]:
    """The rows whose devices are in the batch, with their devices; with `most`, among so many of the batch's devices.

    A batch that the service does not show has none. One that is longer than is ever read tells nothing: its rows end
    without it rather than never.

    Raises:
        PartnerCenterError: the batch could not be read.
        Conflict: another worker took the submission further meanwhile.
    """
    batch_id = contents.spelling_of_batch(submission)
    try:
        found = match_by_name(rows, islice(service.batch_devices(submission.customer_id, batch_id), most))
    except Refused:
        return []
    except ListTooLong as error:
        logger.warning("A batch is too long to be read back", extra=of_submission(submission) | of_error(error))
        return []
    return [(row, device) for row, device in zip(rows, found, strict=True) if device is not None]


def _in_batch_of(known: Registration | None, outcome: DeviceOutcome, batch_id: str) -> DeviceOutcome:
    """`outcome` with the batch of its device, as far as it is known."""
    if known is None:
        note, place, registered_by = SentNote.BATCH_NOT_KNOWN, "", ""
    elif known.outcome.batch_id.casefold() == batch_id.casefold():
        return outcome
    else:
        note, registered_by = SentNote.UNDER_ANOTHER_BATCH, known.words
        place = f"It stands under the batch {known.outcome.batch_id} since {known.words}. "
        if not known.registered_it:
            place = f"It stands under the batch {known.outcome.batch_id}: {known.words} found it there. "
    return replace(
        outcome,
        notes=" ".join(filter(None, (outcome.notes, note))),
        what_to_do=f"{place}{SENT_NOTES[note].what_to_do}",
        remedy=Remedy.ASK,
        registered_by=registered_by,
    )


def _by_name(rows: Iterable[Registration]) -> dict[Name, list[Registration]]:
    found: dict[Name, list[Registration]] = {}
    for row in rows:
        for name in names_of(row.outcome):
            found.setdefault(name, []).append(row)
    return found


def _named_alike(device: Named, by_name: Mapping[Name, Sequence[Registration]]) -> list[Registration]:
    """The rows with a name of the device, each once. Rows of another device that shares it are left out."""
    rows = {id(row): row for name in names_of(device) for row in by_name.get(name, ())}
    return [row for row in rows.values() if _may_be_same(device, row.outcome)]


def _still_there(found: Sequence[Registration]) -> list[Registration]:
    """The registrations among rows with one device that no later file of the customer removed."""
    removed_at: dict[str | None, datetime] = {}
    for one in found:
        if one.outcome.outcome is Outcome.REMOVED:
            customer_id, at = one.file.customer_id, one.file.received_at
            removed_at[customer_id] = max(at, removed_at.get(customer_id, at))
    return [
        one
        for one in found
        if one.outcome.outcome is not Outcome.REMOVED
        and one.file.received_at >= removed_at.get(one.file.customer_id, one.file.received_at)
    ]


def latest(found: Sequence[Registration]) -> Registration | None:
    """The latest of the registrations; of the files that found the device there, the one that had registered it."""
    latest = max(found, key=lambda one: one.file.received_at, default=None)
    if latest is None:
        return None
    place = latest.file.customer_id, latest.outcome.batch_id.casefold()
    theirs = [
        one for one in found if one.registered_it and (one.file.customer_id, one.outcome.batch_id.casefold()) == place
    ]
    return max(theirs, key=lambda one: one.file.received_at, default=latest)


def _of_another_customer(outcome: DeviceOutcome, found: Registration) -> DeviceOutcome:
    """`outcome` of a device of another customer of ours; results.csv, which a customer may read, does not name it."""
    folder, customer_id = customer_folder(found.file.path), found.file.customer_id
    name = customer_id if folder.lower() == customer_id else f"{folder} ({customer_id})"
    return replace(outcome, what_to_do=OUR_OTHER_CUSTOMER, registered_by=f"customer {name}, {found.words}")


def _was_in_its_batch(outcome: DeviceOutcome) -> bool:
    """Whether the row registered its device, or found it registered under the batch of the row."""
    was_found_there = outcome.outcome is Outcome.ALREADY_REGISTERED and outcome.remedy is Remedy.NOTHING
    return outcome.outcome is Outcome.REGISTERED or was_found_there


def _tells_a_place(outcome: DeviceOutcome) -> bool:
    """Whether the row tells where its device stands since then, or that it was removed."""
    return outcome.outcome is Outcome.REMOVED or _was_in_its_batch(outcome)


def _is_to_be_placed(outcome: DeviceOutcome) -> bool:
    """Whether it is not known under which batch the device of a row stands. A lost answer of ours may explain it."""
    notes = outcome.notes.split()
    return outcome.outcome is Outcome.ALREADY_REGISTERED and SentNote.FIRST_ANSWER_LOST not in notes


def _is_of_another_tenant(outcome: DeviceOutcome) -> bool:
    return outcome.outcome is Outcome.FAILED and is_other_tenant(outcome.error_code, outcome.error_description)


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of `rows`, which are in order, wherever more than a few rows lie between two of them."""
    first = last = rows[0]
    for row in rows[1:]:
        if row - last > MOST_ROWS_BETWEEN:
            yield first, last
            first = row
        last = row
    yield first, last


def _may_be_same(row: Named, other: Named) -> bool:
    """Whether neither serial number nor maker and model speak against it that two rows with a common name are one.

    Two makers may use one serial number.
    """
    known = ((row.manufacturer, other.manufacturer), (row.model, other.model))
    pairs = [(_serial_of(row), _serial_of(other)), *((folded(ours), folded(theirs)) for ours, theirs in known)]
    return not any(differ(ours, theirs) for ours, theirs in pairs)
