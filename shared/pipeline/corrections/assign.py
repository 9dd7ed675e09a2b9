"""Sends a file whose folder named no customer to the customer that a person chose: it is dropped again for them."""

import logging

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.blob_names import DROP_CONTAINER, drop_path, numbered_name
from shared.pipeline.blob_names import file_id as file_id_of
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.drop_path import parse_drop_path
from shared.pipeline.intake.senders import sender_metadata
from shared.pipeline.log_fields import of_file
from shared.reasons import PathFault
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.record_table import Stored
from shared.storage.records import Assignment, DeviceFile, with_sentence
from shared.vocabulary import FileState

logger = logging.getLogger(__name__)

ASSIGNABLE = frozenset({PathFault.UNKNOWN_CUSTOMER, PathFault.REMOVED_CUSTOMER, PathFault.NO_CUSTOMER})
"""The reasons of files that only lack a customer."""

_ASSIGNED = "assigned_from"
"""The metadata of the dropped copy: the file that it is a copy of."""
_MOST_NAMES = 100


class NotAssignable(DeviceDropError):
    """The file cannot be sent to a customer from here; the message says what to do."""


def is_assignable(file: DeviceFile) -> bool:
    """Whether the file was rejected only because its path names no customer, and has not been sent to one since."""
    is_sent = file.assigned is not None and bool(file.assigned.file_id)
    return file.state is FileState.REJECTED and file.reason in ASSIGNABLE and not is_sent


def folder_of_customer(file: DeviceFile) -> str | None:
    """The folder in the path of the file that names no customer."""
    return parse_drop_path(file.path).customer_name


def assign(pipeline: Pipeline, file: DeviceFile, customer_id: str, sent_by: str = "") -> Assignment:
    """Drop this very version of the file for a customer, in the batch folder that it had. Repeated, it drops one file.

    The choice of the customer is in the journal before the file is dropped, so that two people send it to one customer.

    Raises:
        NotAssignable: it was not rejected for its customer, was sent to another, or is not where it was dropped.
        Conflict: another worker changed the record of the file at the same moment.
    """
    stored = pipeline.journal.files.get(file.customer_id, file.file_id)
    if stored is None or stored.record.reason not in ASSIGNABLE or not stored.record.state.is_final:
        raise NotAssignable("This file was not rejected for its customer, so there is nothing to send to another one.")
    known = stored.record.assigned
    if known is not None and known.customer_id != customer_id:
        raise NotAssignable(f"This file was sent to customer {known.customer_id} already, and so not to another one.")
    if known is not None and known.file_id:
        return known
    there = pipeline.drop.version(file.path)
    if there is None or there.etag != file.etag:
        raise NotAssignable(_moved(file))
    if known is None:
        stored = _noted(pipeline, stored, Assignment(customer_id=customer_id))
    made = _dropped(pipeline, file, there, customer_id, sent_by)
    noted = _noted(pipeline, stored, made, f"It was sent to customer {customer_id} as {made.path}.")
    write_summary(pipeline.journal, pipeline.results, noted.record)
    logger.info("A file was sent to the customer that a person chose", extra=of_file(noted.record))
    return made


def _dropped(pipeline: Pipeline, file: DeviceFile, there: BlobVersion, customer_id: str, sent_by: str) -> Assignment:
    """Copy the file into the customer's folder, under a name that no other file has there."""
    metadata = {_ASSIGNED: file.file_id, **sender_metadata(pipeline, sent_by)}
    place = parse_drop_path(file.path)
    for number in range(1, _MOST_NAMES + 1):
        path = drop_path(customer_id, place.batch_id, numbered_name(file.name, number), place.order)
        try:
            made = pipeline.drop.copy_new(DROP_CONTAINER, there, path, metadata)
        except VersionGone as gone:
            raise NotAssignable(_moved(file)) from gone
        if made is None:
            taken = pipeline.drop.version(path)
            made = taken if taken is not None and taken.metadata.get(_ASSIGNED) == file.file_id else None
        if made is not None:
            return Assignment(customer_id=customer_id, file_id=file_id_of(path, made.etag), path=path)
    raise NotAssignable(
        f"The folder of the customer has {_MOST_NAMES} files of this name. Rename the file and drop it there."
    )


def _noted(
    pipeline: Pipeline, stored: Stored[DeviceFile], assigned: Assignment, sentence: str | None = None
) -> Stored[DeviceFile]:
    file = stored.record
    history = file.history if sentence is None else with_sentence(file.history, sentence, pipeline.clock())
    changed = replace(file, assigned=assigned, changes_since_closed=file.changes_since_closed + 1, history=history)
    return pipeline.journal.files.change(stored, changed)


def _moved(file: DeviceFile) -> str:
    return (
        f"The file is no longer at {file.path}, or has changed since. Drop it again: on the page, or into the folder "
        "of its customer."
    )
