"""The search for a device among the files of all customers, by the index of serial numbers and product keys."""

from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.status.paging import AnyDevicePosition, cursor, position_in
from shared.status.presenters import unreadable_views
from shared.status.queries import DEVICES_ON_A_PAGE, customer_names, device_views
from shared.status.schemas import DevicePage
from shared.status.standstills import standstills
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceMention


def devices_of_any_customer(pipeline: Pipeline, serial_number: str, page: str | None = None) -> DevicePage:
    """A page of the rows of closed files with this serial number or product key, newest first; empty if there are none.

    Raises BadCursor.
    """
    names = customer_names(pipeline)
    after = None if page is None else _mention_in(page, serial_number)
    unreadable: list[UnreadableRecord] = []
    rows = pipeline.journal.outcomes.with_serial_or_key(serial_number, None, after, unreadable.append)
    mentions = list(islice(rows, DEVICES_ON_A_PAGE + 1))
    shown = mentions[:DEVICES_ON_A_PAGE]
    is_last_page = len(mentions) <= DEVICES_ON_A_PAGE
    views = device_views(pipeline, shown, names, unreadable.append)
    return DevicePage(
        stopped=standstills(pipeline, names),
        serial_number=serial_number,
        devices=sorted(views, key=lambda device: device.received_at, reverse=True),
        files_not_searched=sum(1 for _ in pipeline.journal.files.still_open(log_unreadable)),
        unreadable=unreadable_views(unreadable),
        next=None if is_last_page else cursor(_position_of(shown[-1])),
    )


def _mention_in(page: str, serial_number: str) -> DeviceMention:
    behind = position_in(page, AnyDevicePosition)
    return DeviceMention(
        serial_number=serial_number, customer_id=behind.customer_id, file_id=behind.file_id, row=behind.row
    )


def _position_of(mention: DeviceMention) -> AnyDevicePosition:
    return AnyDevicePosition(mention.customer_id, mention.file_id, mention.row)
