"""Searches the batches of a customer for devices that are to be removed or moved. Nothing is written here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from shared.partner_center.errors import ListTooLong, Refused
from shared.partner_center.models import Device
from shared.pipeline.service import Service
from shared.pipeline.submissions.matching import SentRow, devices_of
from shared.storage.records import Submission
from shared.vocabulary import FileOrder

LONGEST_SEARCH = timedelta(minutes=15)
"""The time after which no further batch is read: a function may take thirty minutes, and a batch ten."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A device, and its batch as the service spells it."""

    batch_id: str
    device: Device


@dataclass(slots=True)
class Search:
    """The devices found so far for each row."""

    fitting: dict[int, list[Placed]] = field(default_factory=dict)
    """By row, the devices that fit it."""
    others: dict[int, list[Placed]] = field(default_factory=dict)
    """By row, devices with one of its names that differ from it otherwise."""
    unread: list[str] = field(default_factory=list)
    """The batches that could not be read to their end."""


def search_batches(
    service: Service, submission: Submission, rows: Sequence[SentRow], answered: Callable[[], None]
) -> Search:
    """Search the batch of a removal, or all batches of its customer, for the devices of `rows`.

    `answered` is called after each batch that the service has shown.

    Raises:
        PartnerCenterError: the batches, or one of them, could not be read now.
        Conflict: another worker took the submission further meanwhile.
    """
    search, end = Search(), service.clock() + LONGEST_SEARCH
    for batch_id in list(_batches(service, submission)):
        if service.clock() > end:
            search.unread.append(batch_id)
            continue
        try:
            found = devices_of(rows, service.batch_devices(submission.customer_id, batch_id))
        except Refused as refused:
            # A batch that was deleted meanwhile has no devices.
            if refused.status != HTTPStatus.NOT_FOUND:
                search.unread.append(batch_id)
            continue
        except ListTooLong:
            search.unread.append(batch_id)
            continue
        answered()
        for row, named in zip(rows, found, strict=True):
            for kept, devices in ((search.fitting, named.fitting), (search.others, named.others)):
                kept.setdefault(row.row, []).extend(Placed(batch_id, device) for device in devices)
    return search


def batch_of_search(submission: Submission) -> str:
    """The only batch that is searched, case-folded; empty for all of the customer.

    A move searches all batches: what stands under its own is not to be moved.
    """
    return "" if submission.order is FileOrder.MOVE else submission.batch_id.casefold()


def _batches(service: Service, submission: Submission) -> Iterator[str]:
    """The batches to search, as the service spells them; each once."""
    wanted, seen = batch_of_search(submission), set[str]()
    for batch in service.partner_center.device_batches(submission.customer_id, service.call_ids()):
        service.keep_claim()
        if batch.id and batch.id not in seen and wanted in ("", batch.id.casefold()):
            seen.add(batch.id)
            yield batch.id
