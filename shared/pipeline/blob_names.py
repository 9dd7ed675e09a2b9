"""Names of containers and blobs, and the ids derived from a dropped blob. Pure."""

import hashlib
import re
from unicodedata import category
from uuid import UUID, uuid5

from shared.storage.keys import beginning_of, units_in
from shared.vocabulary import FileOrder

DROP_CONTAINER = "device-files"
PRIVATE_CONTAINER = "submissions"
RESULTS_CONTAINER = "results"
STAGING_CONTAINER = "staging"
"""Files that a person chose on the page and has not sent yet."""

JSON = "application/json"

NO_FOLDER = "_"
"""The folder in a results path of a file without a customer or batch."""

LONGEST_FOLDER = 200
"""Characters of a dropped name kept in a results path: a blob's whole path is limited to 1,024."""

SHORT_ID = 8
"""Characters of a file id in the name of a retry."""

LONGEST_ENDING = 16
"""UTF-16 units behind the last dot of a name that count as its ending."""

LONGEST_PATH = 1_024
"""UTF-16 units of a blob's path (Azure Storage, "Naming and referencing containers, blobs, and metadata")."""

LONGEST_NAME = 255
"""UTF-16 units of the name of a file that is chosen on the page: no file system takes a longer one."""

_EARLIER_DIGEST = 32
"""Characters of an earlier version's digest (BLAKE2b, which takes twice the time)."""
_RETRY = re.compile(r" \(retry of ([0-9a-f]{8}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")
"""The parent's id in the name of a retry."""

_FIX = re.compile(r" - fix of ([0-9a-f]{8})(?![0-9a-f-])")
"""The id of the file whose rows are fixed, in the name of its to_fix.csv or .xlsx. Browsers add to it, as ` (1)`."""

_FILE_IDS = UUID("5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51")
"""The namespace of file ids. Changing it would turn every known file into a new one."""


def file_id(path: str, etag: str) -> str:
    """The id of a device file: the same version of the same blob always has the same id (UUIDv5)."""
    return str(uuid5(_FILE_IDS, "\n".join((DROP_CONTAINER, path, etag.strip('"')))))


def staged_path(upload_id: str, name: str) -> str:
    """The path of a chosen file in the staging container."""
    return f"{upload_id}/{name}"


def drop_path(customer_id: str, batch_id: str | None, name: str, order: FileOrder = FileOrder.REGISTER) -> str:
    """The path of a device file in the drop container."""
    return "/".join(filter(None, (order.folder, customer_id, batch_id, name)))


def split_order(path: str) -> tuple[FileOrder, str]:
    """What a file at this path of the drop container asks for, and its path below the folder of the order."""
    first, _, rest = path.partition("/")
    order = next((order for order in FileOrder if order.folder == first), None)
    return (FileOrder.REGISTER, path) if order is None else (order, rest)


def customer_folder(path: str) -> str:
    """The folder of the customer in the path of a dropped file."""
    return split_order(path)[1].partition("/")[0]


def plain_name(name: str) -> str:
    """`name` as storage takes it for a file: without folders, with `_` for what no blob's name may hold, not too long.

    Empty when nothing of it is left.
    """
    own = re.split(r"[/\\]", name)[-1]
    safe = "".join("_" if _is_refused(character) else character for character in own).strip().rstrip(". ")
    if units_in(safe) <= LONGEST_NAME:
        return safe
    stem, dot, ending = safe.rpartition(".")
    if not stem or units_in(ending) > LONGEST_ENDING:
        return beginning_of(safe, LONGEST_NAME).rstrip(". ")
    return beginning_of(stem, LONGEST_NAME - units_in(ending) - 1) + dot + ending


def numbered_name(name: str, number: int) -> str:
    """The name for the `number`-th file of one name: `devices (2).csv`; the first keeps its own."""
    if number == 1:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{stem} ({number}){dot}{ending}" if stem else f"{name} ({number})"


def _is_refused(character: str) -> bool:
    """Whether storage refuses the character, changes it, or fails to list it: control characters, and no characters."""
    code = ord(character)
    is_none = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 - Unicode, 23.7, noncharacters
    return is_none or category(character) in ("Cc", "Cs")


def results_folder(customer_id: str | None, batch_id: str | None, name: str, file_id: str) -> str:
    """The folder of this version in the results container: `{customer_id}/{batch_id or _}/{name}/{file_id}`."""
    return "/".join((customer_id or NO_FOLDER, _folder(batch_id or NO_FOLDER), _folder(name), file_id))


def retry_path(path: str, file_id: str, *, whole_id: bool = False) -> str:
    """The path of the retry of the file at `path`: `devices (retry of 1a2b3c4d).csv` beside it."""
    folder, slash, name = path.rpartition("/")
    stem = _own_name(name)
    ending = f" (retry of {file_id if whole_id else file_id[:SHORT_ID]}).csv"
    longest = max(1, LONGEST_PATH - units_in(folder) - len(slash) - len(ending))
    return f"{folder}{slash}{beginning_of(stem, longest)}{ending}"


def retried_file(name: str) -> str | None:
    """The id, or its beginning, of the file that a retry of this name sends again; None for any other name."""
    found = _RETRY.search(name)
    return found[1] if found and name.endswith(f"{found[0]}.csv") else None


def _own_name(name: str) -> str:
    """A file's name without its ending, and without what names the file it was made of."""
    return _RETRY.sub("", _FIX.sub("", name.rpartition(".")[0] or name))


def fix_name(name: str, file_id: str, ending: str = ".csv") -> str:
    """The name under which the rows to fix of a file are downloaded: `devices - fix of 1a2b3c4d.csv`."""
    return f"{_own_name(name)} - fix of {file_id[:SHORT_ID]}{ending}"


def fix_path(path: str, file_id: str, number: int) -> str:
    """The path of the file whose rows were fixed on the page, beside the file at `path`: a to_fix.csv by its name."""
    folder, slash, name = path.rpartition("/")
    ending = f" - fix of {file_id[:SHORT_ID]}{f' ({number})' if number > 1 else ''}.csv"
    longest = max(1, LONGEST_PATH - units_in(folder) - len(slash) - len(ending))
    return f"{folder}{slash}{beginning_of(_own_name(name), longest)}{ending}"


def fixed_file(name: str) -> str | None:
    """The beginning of the id of the file whose rows a file of this name fixes; None for any other name."""
    found = _FIX.findall(name)
    return found[-1] if found else None


def private_copy(file_id: str) -> str:
    """The path of the device file's copy in the private container."""
    return f"{file_id}/device-file"


def reading_folder(reading_id: str) -> str:
    """The folder in the private container for the submissions of one reading of a device file."""
    return "/".join(reading_id.rsplit(".", 1))


def payload_path(folder: str, number: str) -> str:
    """The path of a submission's request body in the `folder` of its reading."""
    return f"{folder}/{number}.json"


def payload_digest(body: bytes, order: FileOrder = FileOrder.REGISTER) -> str:
    """The digest of a request body (SHA-256, hexadecimal), behind the order of devices to be removed first.

    An earlier version of the app, which would register these, does not take such a digest for that of the body.
    """
    digest = hashlib.sha256(body).hexdigest()
    return digest if order is FileOrder.REGISTER else f"{order}-{digest}"


def is_payload(body: bytes, digest: str) -> bool:
    """Whether `body` has this digest.

    Submissions journaled by an earlier version of the app have a digest half as long.
    """
    if len(digest) == _EARLIER_DIGEST:
        return hashlib.blake2b(body, digest_size=16).hexdigest() == digest
    return payload_digest(body) == digest.rpartition("-")[2]


def rows_path(folder: str, number: str) -> str:
    """The path of a submission's list of rows in the `folder` of its reading."""
    return f"{folder}/{number}.rows.json"


def search_prefix(folder: str) -> str:
    """The beginning of the paths of the searches for devices to be removed, in the `folder` of their reading."""
    return f"{folder}/search-"


def search_path(folder: str, name: str) -> str:
    """The path of one of these searches."""
    return f"{search_prefix(folder)}{name}.json"


def _folder(text: str) -> str:
    """`text` as a folder name in a blob's path: no separators, no control characters, no dot or space at the end."""
    safe = "".join("_" if character in "/\\" or not character.isprintable() else character for character in text)
    return safe[:LONGEST_FOLDER].rstrip(". ") or NO_FOLDER
