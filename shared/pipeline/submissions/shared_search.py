"""Searches a customer's batches once for many submissions of a file that removes or moves devices.

The search of a submission looks for the rows of those behind it too, and keeps what it found as a blob. Each of them
uses that for a quarter of an hour, rather than read all batches again. Only what was read for this very file counts.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from shared.partner_center.models import Device
from shared.pipeline.blob_names import JSON, reading_folder, search_path
from shared.pipeline.log_fields import of_submission
from shared.pipeline.service import Service
from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.removal_search import Placed, Search, batch_of_search, search_batches
from shared.pipeline.submissions.watch import CANARY
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import Conflict
from shared.storage.records import Moment, Submission

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
"""Rows that are searched for together, of which some ten megabytes are held."""

SHARED_FOR = timedelta(minutes=15)
"""How long after its beginning a search is used by other submissions."""


class _KeptSearch(msgspec.Struct, frozen=True):
    """A search that came to its end, for these rows."""

    searched_at: Moment
    rows: list[int]
    fitting: dict[int, list[Placed]]
    others: dict[int, list[Placed]]


def search_for_file(
    service: Service,
    contents: Contents,
    submission: Submission,
    rows: Sequence[SentRow],
    answered: Callable[[], None],
    *,
    not_before: datetime | None = None,
) -> Search:
    """The devices of `rows`, from a search for the file made shortly before, or from one that is made now.

    `answered` is called after each batch that the service has shown. A search made before the time `not_before` is not
    used.

    Raises:
        PartnerCenterError: the batches, or one of them, could not be read now.
        Conflict: another worker took the submission further meanwhile.
    """
    path, began = _path(submission), service.clock()
    kept = None if submission.number == CANARY else _kept(contents, path, submission)
    oldest = max(began - SHARED_FOR, not_before or began - SHARED_FOR)
    if kept is not None and kept.searched_at > oldest and {row.row for row in rows} <= set(kept.rows):
        return Search(kept.fitting, kept.others)
    together = [*rows, *_rows_behind(contents, submission, MOST_ROWS - len(rows))]
    search = search_batches(service, submission, together, answered)
    if len(together) > len(rows) and not search.unread:
        found = _KeptSearch(began, [row.row for row in together], _to_keep(search.fitting), _to_keep(search.others))
        contents.private.write(path, msgspec.json.encode(found), JSON)
    return search


def _rows_behind(contents: Contents, submission: Submission, most: int) -> Iterator[SentRow]:
    """The rows of the submissions behind this one that search the same batches."""
    searched = batch_of_search(submission)
    for stored in contents.journal.submissions.each_open(submission.reading_id):
        if isinstance(stored, UnreadableRecord):
            continue
        other = stored.record
        if other.first_row <= submission.last_row or batch_of_search(other) != searched or other.assigns_profiles:
            continue
        most -= other.devices
        if most < 0:
            return
        with suppress(Conflict, BlobMissing):  # it was taken further, or ends without its rows
            yield from contents.rows(other)


def _path(submission: Submission) -> str:
    """Where the search is kept: submissions of one file that search the same batches share it."""
    folder = reading_folder(submission.reading_id)
    return search_path(folder, hashlib.blake2b(batch_of_search(submission).encode(), digest_size=16).hexdigest())


def _kept(contents: Contents, path: str, submission: Submission) -> _KeptSearch | None:
    content = contents.private.read(path)
    try:
        return None if content is None else msgspec.json.decode(content, type=_KeptSearch)
    except msgspec.DecodeError:
        logger.warning("A search that another version kept cannot be read", extra=of_submission(submission))
        return None


def _to_keep(found: dict[int, list[Placed]]) -> dict[int, list[Placed]]:
    """The devices by row, without what a removal does not need: a hardware hash identifies a PC for life."""
    return {
        row: [Placed(each.batch_id, _to_delete(each.device)) for each in placed]
        for row, placed in found.items()
        if placed
    }


def _to_delete(device: Device) -> Device:
    return Device(id=device.id, allowed_operations=device.allowed_operations)
