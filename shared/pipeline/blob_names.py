"""Names of containers and blobs, and the ids that follow from a dropped blob. Pure."""

import hashlib
import re
from uuid import UUID, uuid5

DROP_CONTAINER = "device-files"
PRIVATE_CONTAINER = "submissions"
RESULTS_CONTAINER = "results"

JSON = "application/json"

NO_FOLDER = "_"
"""Stands for the customer or the batch in a results path when there is none."""

LONGEST_FOLDER = 200
"""Characters of a dropped name kept in a results path: a blob's whole path is limited to 1,024."""

SHORT_ID = 8
"""Characters of a file id that the name of a retry shows."""

LONGEST_PATH = 1_024
"""Characters of a blob's path (Azure Storage, "Naming and referencing containers, blobs, and metadata")."""

_EARLIER_DIGEST = 32
"""Characters of a digest that was taken with BLAKE2b, which takes twice the time."""
_RETRY = re.compile(r" \(retry of ([0-9a-f]{8}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")
"""What the name of a retry says of its parent."""

_FILE_IDS = UUID("5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51")
"""The name space of file ids. Changing it would make every known file a new one."""


def file_id(path: str, etag: str) -> str:
    """The device file's identifier: the same version of the same blob always has the same one (UUIDv5)."""
    return str(uuid5(_FILE_IDS, "\n".join((DROP_CONTAINER, path, etag.strip('"')))))


def results_folder(customer_id: str | None, batch_id: str | None, name: str, file_id: str) -> str:
    """Where in the results container this version's results stand: `{customer_id}/{batch_id or _}/{name}/{file_id}`."""
    return "/".join((customer_id or NO_FOLDER, _folder(batch_id or NO_FOLDER), _folder(name), file_id))


def retry_path(path: str, file_id: str, *, whole_id: bool = False) -> str:
    """Where rows of the file at `path` are dropped to be sent again: `devices (retry of 1a2b3c4d).csv` beside it."""
    folder, slash, name = path.rpartition("/")
    stem = _RETRY.sub("", name.rpartition(".")[0] or name)
    ending = f" (retry of {file_id if whole_id else file_id[:SHORT_ID]}).csv"
    longest = max(1, LONGEST_PATH - len(folder) - len(slash) - len(ending))
    return f"{folder}{slash}{stem[:longest]}{ending}"


def retried_file(name: str) -> str | None:
    """How the id of the file begins that a file of this name sends again; None for every other name."""
    found = _RETRY.search(name)
    return found[1] if found and name.endswith(f"{found[0]}.csv") else None


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
    """Tells two request bodies apart (SHA-256, hexadecimal)."""
    return hashlib.sha256(body).hexdigest()


def is_payload(body: bytes, digest: str) -> bool:
    """Whether `body` has this digest.

    A submission that an earlier version of the app journaled bears half as long a one.
    """
    if len(digest) == _EARLIER_DIGEST:
        return hashlib.blake2b(body, digest_size=16).hexdigest() == digest
    return payload_digest(body) == digest


def rows_path(folder: str, number: str) -> str:
    """Where in the `folder` of a reading it is written which rows a submission holds."""
    return f"{folder}/{number}.rows.json"


def _folder(text: str) -> str:
    """`text` as one folder of a blob's path: no separators, no control characters, no dot or space at its end."""
    safe = "".join("_" if character in "/\\" or not character.isprintable() else character for character in text)
    return safe[:LONGEST_FOLDER].rstrip(". ") or NO_FOLDER
