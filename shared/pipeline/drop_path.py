"""Reads the customer and the batch from the path of a dropped blob, and whether it is a device file at all."""

from dataclasses import dataclass, replace
from uuid import UUID

from shared.device_files.batch_names import batch_name
from shared.device_files.system_files import is_folder_marker, is_marked_as_folder, is_system_file
from shared.pipeline.blob_names import split_order
from shared.reasons import PathFault
from shared.storage.blobs import BlobVersion, Container
from shared.storage.customers import Customers
from shared.storage.journal import Journal
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile
from shared.vocabulary import FileOrder


@dataclass(frozen=True, slots=True)
class DropPath:
    """The parts of `{customer_id}/{batch_id}/{file}`; `batch_id` is None directly under the customer.

    A file that does not ask for registering lies in the folder of its order: `remove-devices/{customer_id}/...`.
    """

    customer_id: str | None
    batch_id: str | None
    name: str
    fault: PathFault | None = None
    customer_name: str | None = None
    """The folder of the customer, if it is not a GUID."""
    order: FileOrder = FileOrder.REGISTER


def parse_drop_path(path: str) -> DropPath:
    """The parts of `path` (below the drop container). Never raises: a path without a customer carries its fault.

    `resolve_drop_path` finds the customer of a folder that is not a GUID.
    """
    order, below = split_order(path)
    *folders, name = below.split("/")
    name = name or path
    if not folders:
        return DropPath(None, None, name, PathFault.NO_CUSTOMER, order=order)
    customer_id = _guid(folders[0])
    customer_name = folders[0] if customer_id is None else None
    batch_id = batch_name(folders[1]) if len(folders) > 1 else None
    if len(folders) > 2 or (len(folders) > 1 and batch_id is None) or path.endswith("/"):  # noqa: PLR2004
        return DropPath(customer_id, None, name, PathFault.PATH_TOO_DEEP, customer_name, order)
    if order is FileOrder.MOVE and batch_id is None:
        return DropPath(customer_id, None, name, PathFault.MOVE_WITHOUT_BATCH, customer_name, order)
    fault = None if customer_name is None else PathFault.UNKNOWN_CUSTOMER
    return DropPath(customer_id, batch_id, name, fault, customer_name, order)


def resolve_drop_path(customers: Customers, path: str) -> DropPath:
    """The parts of `path` (below the drop container), with the customer that its first folder names."""
    place = parse_drop_path(path)
    if place.customer_name is None or place.fault is not PathFault.UNKNOWN_CUSTOMER:
        return place
    known = customers.named(place.customer_name)
    if known is None:
        return place
    fault = None if known.removed_at is None else PathFault.REMOVED_CUSTOMER
    return replace(place, customer_id=known.customer_id, fault=fault)


def is_no_device_file(drop: Container, version: BlobVersion) -> bool:
    """Whether a dropped blob stands for a folder, or was left by a program or system: nothing is said of it."""
    if is_system_file(version.path, version.size) or is_folder_marker(version.path, version.size):
        return True
    return not version.size and is_marked_as_folder(drop.metadata(version.path))


def known_file(journal: Journal, place: DropPath, file_id: str) -> Stored[DeviceFile] | None:
    """The file of that id, if it is in the journal.

    A file received before its folder name was assigned to a customer has no customer.
    """
    known = journal.files.get(place.customer_id, file_id)
    if known is None and place.customer_name is not None and place.customer_id is not None:
        known = journal.files.get(None, file_id)
    return known


def _guid(text: str) -> str | None:
    """`text` as a canonical GUID; a form with braces, a URN prefix or without hyphens does not name a customer."""
    try:
        canonical = str(UUID(text))
    except ValueError:
        return None
    return canonical if canonical == text.lower() else None
