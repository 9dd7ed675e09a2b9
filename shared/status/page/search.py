"""The search for a serial number among the files of all customers, by the index of serial numbers."""

from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.status.queries import DEVICES_ON_A_PAGE, NotFound, customer_names, devices
from shared.status.schemas import DevicePage, DeviceView, UnreadableView
from shared.storage.record_table import log_unreadable

MOST_CUSTOMERS = 20
"""Customers whose rows one search reads. A real serial number has one; a placeholder may have many."""


def devices_of_any_customer(pipeline: Pipeline, serial_number: str) -> DevicePage:
    """The rows of closed files with this serial number, newest first. The page is empty when there are none."""
    names = customer_names(pipeline)
    found: list[DeviceView] = []
    unreadable: list[UnreadableView] = []
    for customer_id in _customers(pipeline, serial_number):
        try:
            of_customer = devices(pipeline, customer_id, serial_number, names=names)
        except NotFound:
            continue  # deleted since the index was read
        found += of_customer.devices
        unreadable += of_customer.unreadable
    newest = sorted(found, key=lambda device: device.received_at, reverse=True)
    return DevicePage(
        serial_number=serial_number,
        devices=newest[:DEVICES_ON_A_PAGE],
        files_not_searched=sum(1 for _ in pipeline.journal.files.still_open(log_unreadable)),
        unreadable=unreadable,
        next=None,
    )


def _customers(pipeline: Pipeline, serial_number: str) -> list[str]:
    mentions = pipeline.journal.outcomes.with_serial(serial_number, unreadable=log_unreadable)
    first = islice(mentions, MOST_CUSTOMERS * DEVICES_ON_A_PAGE)
    return list(dict.fromkeys(mention.customer_id for mention in first))[:MOST_CUSTOMERS]
