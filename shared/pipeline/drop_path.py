"""Whose a dropped file is, where its folder bears a customer's name instead of an id."""

from dataclasses import replace

from shared.pipeline.blob_names import DropPath, PathFault, parse_drop_path
from shared.pipeline.composition import Pipeline
from shared.storage.customers import Customers
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile


def resolve_drop_path(customers: Customers, path: str) -> DropPath:
    """What `path` (below the drop container) says, with the customer that its first folder names."""
    place = parse_drop_path(path)
    if place.customer_name is None or place.fault is not PathFault.UNKNOWN_CUSTOMER:
        return place
    known = customers.named(place.customer_name)
    if known is None:
        return place
    fault = None if known.removed_at is None else PathFault.REMOVED_CUSTOMER
    return replace(place, customer_id=known.customer_id, fault=fault)


def known_file(pipeline: Pipeline, place: DropPath, file_id: str) -> Stored[DeviceFile] | None:
    """The file of that id, if the journal knows it: as its customer's, or as nobody's from before he had that name."""
    known = pipeline.journal.files.get(place.customer_id, file_id)
    if known is None and place.customer_name is not None and place.customer_id is not None:
        known = pipeline.journal.files.get(None, file_id)
    return known
