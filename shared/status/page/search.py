"""The search for a serial number among the files of all customers, by the index of serial numbers."""

from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.status.paging import DevicePosition, cursor
from shared.status.queries import DEVICES_ON_A_PAGE, NotFound, customer_names, devices
from shared.status.schemas import DevicePage, DeviceView, UnreadableView
from shared.storage.record_table import log_unreadable

MOST_CUSTOMERS = 20
"""Customers whose rows one search reads. A real serial number has one; a placeholder may have many."""


def devices_of_any_customer(pipeline: Pipeline, serial_number: str) -> DevicePage:
    """The rows of closed files with this serial number, newest first. The page is empty when there are none.

    `next` says that there are more rows than the page has.
    """
    names = customer_names(pipeline)
    found: list[DeviceView] = []
    unreadable: list[UnreadableView] = []
    customers = _customers(pipeline, serial_number)
    is_cut = len(customers) > MOST_CUSTOMERS
    for customer_id in customers[:MOST_CUSTOMERS]:
        try:
            of_customer = devices(pipeline, customer_id, serial_number, names=names)
        except NotFound:
            continue  # deleted since the index was read
        found += of_customer.devices
        unreadable += of_customer.unreadable
        is_cut = is_cut or of_customer.next is not None
    shown = sorted(found, key=lambda device: device.received_at, reverse=True)[:DEVICES_ON_A_PAGE]
    is_cut = bool(shown) and (is_cut or len(found) > len(shown))
    return DevicePage(
        serial_number=serial_number,
        devices=shown,
        files_not_searched=sum(1 for _ in pipeline.journal.files.still_open(log_unreadable)),
        unreadable=unreadable,
        next=cursor(DevicePosition(shown[-1].file_id, shown[-1].outcome.row)) if is_cut else None,
    )


def _customers(pipeline: Pipeline, serial_number: str) -> list[str]:
    """The customers with such rows; one more than are read if there are more."""
    mentions = pipeline.journal.outcomes.with_serial(serial_number, unreadable=log_unreadable)
    first = list(islice(mentions, MOST_CUSTOMERS * DEVICES_ON_A_PAGE + 1))
    return list(dict.fromkeys(mention.customer_id for mention in first))[: MOST_CUSTOMERS + 1]
