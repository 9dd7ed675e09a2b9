"""What the path of a dropped blob says, and the names that follow from it. Pure."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5

DROP_CONTAINER = "device-files"
PRIVATE_CONTAINER = "submissions"
RESULTS_CONTAINER = "results"

JSON = "application/json"

NO_FOLDER = "_"
"""Stands for the customer or the batch in a results path when there is none."""

LONGEST_FOLDER = 200
"""Characters of a dropped name kept in a results path: a blob's whole path is limited to 1,024."""

_FILE_IDS = UUID("5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51")
"""The name space of file ids. Changing it would make every known file a new one."""


class PathFault(StrEnum):
    """Why a path under the drop container names no place to register devices."""

    NO_CUSTOMER = "no_customer"
    CUSTOMER_IS_NO_GUID = "customer_is_no_guid"
    PATH_TOO_DEEP = "path_too_deep"


PATH_FAULTS: dict[PathFault, str] = {
    PathFault.NO_CUSTOMER: "The file lies in no customer's folder. "
    "Drop it into device-files/{customer id}/{batch}/, where the customer id is the GUID of the customer's tenant.",
    PathFault.CUSTOMER_IS_NO_GUID: "The first folder of its path is no customer id. "
    "Rename the folder to the GUID of the customer's tenant and drop the file again.",
    PathFault.PATH_TOO_DEEP: "Its path has more folders than customer and batch, or an empty one. "
    "Drop it into device-files/{customer id}/{batch}/ and nothing below.",
}
"""One sentence of what happened, one of what to do."""


@dataclass(frozen=True, slots=True)
class DropPath:
    """The parts of `{customer_id}/{batch_id}/{file}`; `batch_id` is None directly under the customer."""

    customer_id: str | None
    batch_id: str | None
    name: str
    fault: PathFault | None = None


def parse_drop_path(path: str) -> DropPath:
    """What `path` (below the drop container) says; never raises: a path that names no customer bears its fault."""
    *folders, name = path.split("/")
    name = name or path
    if not folders:
        return DropPath(None, None, name, PathFault.NO_CUSTOMER)
    customer_id = _guid(folders[0])
    if customer_id is None:
        return DropPath(None, None, name, PathFault.CUSTOMER_IS_NO_GUID)
    batch_id = batch_name(folders[1]) if len(folders) > 1 else None
    if len(folders) > 2 or (len(folders) > 1 and batch_id is None) or path.endswith("/"):  # noqa: PLR2004
        return DropPath(customer_id, None, name, PathFault.PATH_TOO_DEEP)
    return DropPath(customer_id, batch_id, name)


def batch_name(text: str) -> str | None:
    """The batch that a folder or a group tag names; None when it is blank, or dots, which no address can hold."""
    return text.strip() if text.strip(". ") else None


def file_id(path: str, etag: str) -> str:
    """The device file's identifier: the same version of the same blob always has the same one (UUIDv5)."""
    return str(uuid5(_FILE_IDS, "\n".join((DROP_CONTAINER, path, etag.strip('"')))))


def results_folder(customer_id: str | None, batch_id: str | None, name: str, file_id: str) -> str:
    """Where in the results container this version's results stand: `{customer_id}/{batch_id or _}/{name}/{file_id}`."""
    return "/".join((customer_id or NO_FOLDER, _folder(batch_id or NO_FOLDER), _folder(name), file_id))


def private_copy(file_id: str) -> str:
    """Where in the private container the copy of the device file stands."""
    return f"{file_id}/device-file"


def reading_folder(file_id: str, reading: int) -> str:
    """Where in the private container one reading of a device file keeps its submissions."""
    return f"{file_id}/{reading}"


def payload_path(folder: str, number: str) -> str:
    """Where in the `folder` of a reading the body of a submission's request stands."""
    return f"{folder}/{number}.json"


def payload_digest(body: bytes) -> str:
    """Tells two request bodies apart (128 bits, hexadecimal)."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def rows_path(folder: str, number: str) -> str:
    """Where in the `folder` of a reading it is written which rows a submission holds."""
    return f"{folder}/{number}.rows.json"


def _guid(text: str) -> str | None:
    """`text` as a canonical GUID; braces, URN prefixes and missing hyphens are no folder name of a customer."""
    try:
        canonical = str(UUID(text))
    except ValueError:
        return None
    return canonical if canonical == text.lower() else None


def _folder(text: str) -> str:
    """`text` as one folder of a blob's path: no separators, no control characters, no dot or space at its end."""
    safe = "".join("_" if character in "/\\" or not character.isprintable() else character for character in text)
    return safe[:LONGEST_FOLDER].rstrip(". ") or NO_FOLDER
