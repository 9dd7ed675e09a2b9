"""Finds where a device stands that the service calls registered already: under this batch, another one, or elsewhere.

Registered already is done only under the batch that the row names: Autopilot shows the batch as the group tag, and
profiles follow it. The app's own index of serial numbers tells, else the batch itself, read back once for all such rows
of a submission. Nothing is written here.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from shared.partner_center.errors import ListTooLong, Refused
from shared.partner_center.models import Device
from shared.partner_center.outcome_codes import OUR_OTHER_CUSTOMER, is_other_tenant
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.service import Service
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.matching import SentRow, match_by_name
from shared.reasons import SENT_NOTES, SentNote
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile, DeviceMention, DeviceOutcome, Submission
from shared.vocabulary import Outcome, Remedy

logger = logging.getLogger(__name__)

FEW = 20
"""Up to this number of rows are looked up in the index before the batch is read. A look-up takes some queries of
storage, and the batch of a customer may take hundreds of requests to the service."""

MOST_LOOKED_UP = 100
"""The most rows of a submission that are looked up in the index."""

MOST_MENTIONS = 50
"""The most rows with one serial number that are compared."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A row of a closed file that registered a device, or found it registered."""

    file: DeviceFile
    outcome: DeviceOutcome

    @property
    def words(self) -> str:
        """The file for people."""
        return f"file {self.file.name} of {self.file.received_at:%Y-%m-%d} ({self.file.file_id})"


@dataclass(slots=True)
class Registrations:
    """Looks up devices in the index of serial numbers; each file is read once."""

    journal: Journal
    keep_claim: Callable[[], None]
    """Called before each look-up, which takes some queries."""
    _files: dict[str, DeviceFile | None] = field(default_factory=dict)

    def of(self, row: DeviceOutcome, customer_id: str | None = None) -> Registration | None:
        """The latest registration of the device of `row`, for one customer or for any; None when none is known."""
        if not row.serial_number:
            return None
        self.keep_claim()
        found: list[Registration] = []
        mentions = self.journal.outcomes.with_serial(row.serial_number, customer_id, unreadable=log_unreadable)
        for number, mention in enumerate(mentions):
            if number == MOST_MENTIONS:
                break
            registration = self._of_mention(mention)
            if registration is not None and not _is_another_model(row, registration.outcome):
                found.append(registration)
        return max(found, key=lambda one: one.file.received_at, default=None)

    def _of_mention(self, mention: DeviceMention) -> Registration | None:
        file = self._file(mention)
        outcome = None if file is None else self.journal.outcomes.get(file.reading_id, mention.row)
        if file is None or outcome is None:
            return None
        found_here = outcome.outcome is Outcome.ALREADY_REGISTERED and outcome.remedy is Remedy.NOTHING
        if outcome.outcome is not Outcome.REGISTERED and not found_here:
            return None
        return None if self._is_withdrawn(file, outcome) else Registration(file, outcome)

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

    def _is_withdrawn(self, file: DeviceFile, outcome: DeviceOutcome) -> bool:
        """Whether the device was withdrawn, or may have been: the record of that cannot be read."""
        if file.withdrawal is None:
            return False
        unreadable: list[UnreadableRecord] = []
        known = self.journal.withdrawals.devices(file.reading_id, outcome.row, outcome.row, unreadable.append)
        is_gone = any(device.record.result is not None and device.record.result.is_gone for device in known)
        for record in unreadable:
            log_unreadable(record)
        return is_gone or bool(unreadable)


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
    for outcome in [one for one in outcomes if _is_of_another_tenant(one)][:MOST_LOOKED_UP]:
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
    known: dict[int, Registration] = {}
    if len(already) <= FEW:
        known = _looked_up(registrations, already, submission.customer_id)
    left = [outcome for outcome in already if outcome.row not in known]
    wanted = {outcome.row for outcome in left}
    read_back = [row for row in rows if row.row in wanted]
    in_batch = {row.row for row, _ in rows_in_batch(service, contents, submission, read_back)} if left else set[int]()
    if len(already) > FEW:
        missing = [outcome for outcome in left if outcome.row not in in_batch][:MOST_LOOKED_UP]
        known = _looked_up(registrations, missing, submission.customer_id)
    return {
        outcome.row: outcome
        if outcome.row in in_batch
        else _in_batch_of(known.get(outcome.row), outcome, submission.batch_id)
        for outcome in already
    }


def _looked_up(
    registrations: Registrations, outcomes: Sequence[DeviceOutcome], customer_id: str
) -> dict[int, Registration]:
    found = ((outcome.row, registrations.of(outcome, customer_id)) for outcome in outcomes)
    return {row: registration for row, registration in found if registration is not None}


def rows_in_batch(
    service: Service, contents: Contents, submission: Submission, rows: Sequence[SentRow]
) -> list[tuple[SentRow, Device]]:
    """The rows whose devices are in the batch, with their devices.

    A batch that the service does not show has none. One that is longer than is ever read tells nothing: its rows end
    without it rather than never.

    Raises:
        PartnerCenterError: the batch could not be read.
        Conflict: another worker took the submission further meanwhile.
    """
    batch_id = contents.spelling_of_batch(submission)
    try:
        found = match_by_name(rows, service.batch_devices(submission.customer_id, batch_id))
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
    explanation = SENT_NOTES[note]
    return replace(
        outcome,
        notes=" ".join(filter(None, (outcome.notes, note))),
        what_to_do=f"{place}{explanation.what_to_do}",
        remedy=Remedy.ASK,
        registered_by=registered_by,
    )


def _of_another_customer(outcome: DeviceOutcome, found: Registration) -> DeviceOutcome:
    """`outcome` of a device of another customer of ours; results.csv, which a customer may read, does not name it."""
    folder, customer_id = found.file.path.partition("/")[0], found.file.customer_id
    name = customer_id if folder.lower() == customer_id else f"{folder} ({customer_id})"
    return replace(outcome, what_to_do=OUR_OTHER_CUSTOMER, registered_by=f"customer {name}, {found.words}")


def _is_to_be_placed(outcome: DeviceOutcome) -> bool:
    """Whether it is not known under which batch the device of a row stands. A lost answer of ours may explain it."""
    notes = outcome.notes.split()
    return outcome.outcome is Outcome.ALREADY_REGISTERED and SentNote.FIRST_ANSWER_LOST not in notes


def _is_of_another_tenant(outcome: DeviceOutcome) -> bool:
    return outcome.outcome is Outcome.FAILED and is_other_tenant(outcome.error_code, outcome.error_description)


def _is_another_model(row: DeviceOutcome, other: DeviceOutcome) -> bool:
    """Whether maker or model of both rows are known and differ: two makers may use one serial number."""
    pairs = ((row.manufacturer, other.manufacturer), (row.model, other.model))
    return any(ours and theirs and ours.strip().casefold() != theirs.strip().casefold() for ours, theirs in pairs)
