"""Files that a person chooses on the page: staged, checked where they lie, and dropped within storage when sent.

A sent file is a drop as any other: storage tells the app of it as of every dropped blob. Nothing is read twice or sent
twice: a content is entered in the journal before it is dropped, and a request that finds it there sends nothing.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from urllib.parse import quote

from msgspec.structs import replace

from shared.device_files.reading import device_rows, read_device_file
from shared.device_files.rows import DeviceRow
from shared.device_files.system_files import is_system_file
from shared.device_files.to_fix import Fix, table_to_fix
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import STAGING_CONTAINER, drop_path, file_id, numbered_name, plain_name, staged_path
from shared.pipeline.closing.csv_output import in_one_cell
from shared.pipeline.composition import Pipeline
from shared.pipeline.intake.preview import Destination, Fate, Preview, destination_for, fate_of, preview
from shared.pipeline.intake.senders import sender_metadata
from shared.reasons import REASONS
from shared.storage.blobs import BlobVersion, Container, VersionGone
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import SentContent, StagedFile, Upload
from shared.storage.upload_addresses import TIME_FOR_AN_UPLOAD
from shared.vocabulary import FileOrder, Remedy

logger = logging.getLogger(__name__)

MOST_FILES = 20
"""Files that are chosen together."""

LARGEST_FILE = 1024 * 1024 * 1024
"""Bytes of a chosen file. A larger one is dropped with the command or a storage client."""

KEPT_FOR = timedelta(days=1)
"""How long chosen files are kept that nobody sends."""

DIGESTED_AT_THE_CHECK = 64 * 1024 * 1024
"""Bytes up to which the check of a file also tells whether its content was sent before; sending tells it of any."""

_UPLOAD = "upload"
"""The metadata of a dropped blob by which a request that is repeated knows its own copy."""

_TIME_TO_DROP = timedelta(minutes=5)
"""After this time, a sending that did not end counts as dead."""
_TRIES = 8
_MOST_NAMES = 100


class FileRefused(DeviceDropError):
    """A chosen file cannot be taken; nothing of it was kept. The message says why and what to do."""


class UploadGone(DeviceDropError):
    """The chosen files are not there: they were discarded, or nobody sent them within a day."""

    def __str__(self) -> str:
        return "These files are gone: they were discarded, or not sent within a day. Choose them again."


class NotAsChecked(DeviceDropError):
    """The file is not the version that was checked; nothing was sent."""


class BeingSent(DeviceDropError):
    """Another request sends the same content at this moment; nothing was sent by this one."""


class SentBefore(DeviceDropError):
    """The same content was sent to the customer before; nothing was sent."""

    def __init__(self, earlier: SentContent) -> None:
        super().__init__(f"The same content was sent before, as {earlier.path}.")
        self.earlier = earlier


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file that a person chose; `size` in bytes, as the browser says."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A chosen file and what would happen to it."""

    number: int
    """In its upload, from 0."""
    file: StagedFile
    version: BlobVersion | None = None
    """What lies in storage; None when nothing does, or the file was sent."""
    fault: str | None = None
    """Why it cannot be sent, whatever its rows are."""
    preview: Preview | None = None
    earlier: SentContent | None = None
    """The earlier sending of the same content to this customer."""

    @property
    def can_be_sent(self) -> bool:
        """Whether a row of it would be sent, as far as the check came."""
        found = self.preview
        return self.fault is None and found is not None and (found.sends > 0 or found.is_cut_short)

    @property
    def has_rows_to_download(self) -> bool:
        """Whether its rejected rows can be downloaded: see `rejected_rows`."""
        found = self.preview
        is_small = self.version is not None and self.version.size <= DIGESTED_AT_THE_CHECK
        return is_small and found is not None and bool(found.reasons) and not found.is_cut_short


# --- choosing


def new_upload(
    pipeline: Pipeline,
    customer_id: str,
    batch_id: str | None,
    files: Sequence[ChosenFile],
    staged_by: str,
    order: FileOrder = FileOrder.REGISTER,
) -> Upload:
    """Enter the chosen files, whose contents are to be uploaded. Raises FileRefused."""
    if not files:
        raise FileRefused("No file was chosen. Choose at least one.")
    if len(files) > MOST_FILES:
        raise FileRefused(f"{len(files)} files were chosen, and {MOST_FILES} are taken at once. Choose fewer.")
    names: list[str] = []
    for file in files:
        _refuse(file)
        plain = plain_name(file.name)
        numbered = (numbered_name(plain, number) for number in count(1))
        names.append(next(name for name in numbered if name not in names))
    upload = Upload(
        upload_id=pipeline.new_id(),
        customer_id=customer_id,
        batch_id=batch_id,
        order=order,
        staged_by=staged_by,
        staged_at=pipeline.clock(),
        files=tuple(StagedFile(name=name, size=file.size) for name, file in zip(names, files, strict=True)),
    )
    pipeline.journal.uploads.change(None, upload)
    return upload


def _refuse(file: ChosenFile) -> None:
    if not plain_name(file.name):
        raise FileRefused(f"{file.name!r} is no name of a file. Rename the file and choose it again.")
    if is_system_file(file.name, file.size):
        raise FileRefused(f"{file.name!r} is no device file: a program or system keeps something of its own in it.")
    if file.size <= 0:
        raise FileRefused(f"{file.name!r} is empty. Choose the file that holds the devices.")
    if file.size > LARGEST_FILE:
        raise FileRefused(
            f"{file.name!r} is larger than {LARGEST_FILE // 2**30} GiB, the most that the page takes. Split it, or "
            "drop it with 'python -m local drop'."
        )


def stage(pipeline: Pipeline, upload: Upload, contents: Sequence[bytes]) -> None:
    """Store the contents of the files of an upload, for which the form is small enough."""
    for file, content in zip(upload.files, contents, strict=True):
        pipeline.staging.write_new(staged_path(upload.upload_id, file.name), content, "application/octet-stream")


def upload_addresses(pipeline: Pipeline, upload: Upload) -> list[str] | None:
    """For each file of an upload, the address to which a browser may write it; None if storage gives none."""
    addresses = [
        pipeline.upload_addresses.address(staged_path(upload.upload_id, file.name), pipeline.clock())
        for file in upload.files
    ]
    given = [address for address in addresses if address is not None]
    return given if len(given) == len(addresses) else None


# --- checking


def opened(pipeline: Pipeline, upload_id: str) -> Stored[Upload]:
    """The upload of that id. Raises UploadGone."""
    stored = pipeline.journal.uploads.get(upload_id)
    if stored is None or stored.record.staged_at + KEPT_FOR < pipeline.clock():
        raise UploadGone
    return stored


def check(pipeline: Pipeline, upload: Upload, is_late: Callable[[], bool]) -> list[CheckedFile]:
    """What would happen to the files of an upload if they were sent now. `is_late`: whether the time for it is up."""
    return [_checked(pipeline, upload, number, is_late) for number in range(len(upload.files))]


def _checked(pipeline: Pipeline, upload: Upload, number: int, is_late: Callable[[], bool]) -> CheckedFile:
    file = upload.files[number]
    if file.sent_at is not None:
        return CheckedFile(number, file)
    path = staged_path(upload.upload_id, file.name)
    version = pipeline.staging.version(path)
    if version is None:
        return CheckedFile(number, file, fault=_not_there(pipeline, upload))
    if (fault := _size_fault(file, version)) is not None:
        return CheckedFile(number, file, version, fault)
    try:
        found = preview(
            lambda: pipeline.staging.stream(path),
            name=file.name,
            destination=_destination(pipeline, upload),
            now=pipeline.clock(),
            is_late=is_late,
        )
        earlier = _sent_before(pipeline, upload, number, version)
    except VersionGone:
        return CheckedFile(number, file, fault="It changed while it was checked. Load this page again.")
    return CheckedFile(number, file, version, preview=found, earlier=earlier)


def staged_version(pipeline: Pipeline, upload: Upload, number: int) -> BlobVersion | None:
    """The chosen file of this number as it was uploaded; None when it is not there, not whole, or sent."""
    file = upload.files[number]
    version = None if file.sent_at is not None else pipeline.staging.version(staged_path(upload.upload_id, file.name))
    return version if version is not None and _size_fault(file, version) is None else None


def _destination(pipeline: Pipeline, upload: Upload) -> Destination:
    return destination_for(pipeline.settings, upload.customer_id, upload.batch_id, upload.order)


def _not_there(pipeline: Pipeline, upload: Upload) -> str:
    if upload.staged_at + TIME_FOR_AN_UPLOAD > pipeline.clock():
        return "Its upload has not ended. Wait for it, or choose the file again if it was cut off."
    return "Its upload was cut off. Choose the file again."


def _size_fault(file: StagedFile, version: BlobVersion) -> str | None:
    if version.size == file.size:
        return None
    return (
        f"It should have {file.size:,} bytes and {version.size:,} arrived: it was cut off, or something else was "
        "uploaded in its place. Choose the file again."
    )


def _sent_before(pipeline: Pipeline, upload: Upload, number: int, version: BlobVersion) -> SentContent | None:
    if version.size > DIGESTED_AT_THE_CHECK:
        return None
    digest = _sent_as(upload.order, _digest(pipeline.staging, version.path))
    known = pipeline.journal.uploads.content(upload.customer_id, digest)
    if known is not None and known.record.file_id and not _is_of(known.record, upload, number):
        return known.record
    return None


def _sent_as(order: FileOrder, digest: str) -> str:
    """The digest of a content in the journal: it is sent once for each order."""
    return digest if order is FileOrder.REGISTER else f"{order}-{digest}"


def _digest(container: Container, path: str) -> str:
    digest = hashlib.sha256()
    for piece in container.stream(path):
        digest.update(piece)
    return digest.hexdigest()


# --- sending


def send(
    pipeline: Pipeline, upload_id: str, number: int, etag: str, sent_by: str, *, again: bool = False
) -> StagedFile:
    """Drop a chosen file, which must be the version that was checked. Repeated, it drops nothing twice.

    `again`: also if the same content was sent to the customer before.

    Raises:
        UploadGone, NotAsChecked, BeingSent, SentBefore: nothing was sent.
    """
    upload = opened(pipeline, upload_id).record
    if not 0 <= number < len(upload.files):
        raise NotAsChecked("There is no such file among those that were chosen.")
    file = upload.files[number]
    if file.sent_at is not None:
        return file
    version = pipeline.staging.version(staged_path(upload_id, file.name))
    if version is None or version.etag != etag or _size_fault(file, version) is not None:
        raise NotAsChecked(f"{file.name} changed after it was checked, so it was not sent. Look at its check again.")
    sent = _sent_once(pipeline, upload, number, version, sent_by, again=again)
    return _noted(pipeline, upload, number, sent)


def _sent_once(
    pipeline: Pipeline, upload: Upload, number: int, version: BlobVersion, sent_by: str, *, again: bool
) -> SentContent:
    """Drop the content unless the journal shows that it was sent."""
    try:
        digest = _sent_as(upload.order, _digest(pipeline.staging, version.path))
        stored = _entered(pipeline, upload, number, digest, sent_by, again=again)
        if stored.record.file_id:
            return stored.record
        dropped = _dropped(pipeline, upload, version, stored, again=again)
        return pipeline.journal.uploads.change_content(stored, dropped).record
    except VersionGone as gone:
        raise NotAsChecked(
            "The file changed after it was checked, so it was not sent. Look at its check again."
        ) from gone
    except Conflict as conflict:
        raise BeingSent("Another request sends the same content at this moment. Load this page again.") from conflict


def _entered(
    pipeline: Pipeline, upload: Upload, number: int, digest: str, sent_by: str, *, again: bool
) -> Stored[SentContent]:
    """The entry of this content in the journal, which is now this file's. Raises SentBefore, BeingSent, Conflict."""
    name = upload.files[number].name
    known = pipeline.journal.uploads.content(upload.customer_id, digest)
    if known is not None:
        if _is_of(known.record, upload, number):
            return known
        if known.record.file_id and not again:
            raise SentBefore(known.record)
        if not known.record.file_id and known.record.sent_at + _TIME_TO_DROP > pipeline.clock():
            raise BeingSent("The same content is being sent by another request. Try again in a few minutes.")
    new = SentContent(
        customer_id=upload.customer_id,
        digest=digest,
        upload_id=upload.upload_id,
        name=name,
        path=drop_path(upload.customer_id, upload.batch_id, name, upload.order),
        sent_by=sent_by,
        sent_at=pipeline.clock(),
    )
    return pipeline.journal.uploads.change_content(known, new)


def _is_of(sent: SentContent, upload: Upload, number: int) -> bool:
    return (sent.upload_id, sent.name) == (upload.upload_id, upload.files[number].name)


def _dropped(
    pipeline: Pipeline, upload: Upload, version: BlobVersion, stored: Stored[SentContent], *, again: bool
) -> SentContent:
    """Copy the content to the drop path, under a name that no other content has; its entry for the journal."""
    sent = stored.record
    digest = sent.digest.rpartition("-")[2]
    of_upload = f"{sent.upload_id}/{quote(sent.name)}"
    metadata = {**sender_metadata(pipeline, sent.sent_by, digest), _UPLOAD: of_upload}
    for number in range(1, _MOST_NAMES + 1):
        path = drop_path(upload.customer_id, upload.batch_id, numbered_name(sent.name, number), upload.order)
        copied = pipeline.drop.copy_new(STAGING_CONTAINER, version, path, metadata)
        if copied is None:
            taken = pipeline.drop.version(path)
            if taken is None:
                raise Conflict(f"The blob {path} was deleted at the same moment.")
            if taken.metadata.get(_UPLOAD) == of_upload:
                copied = taken  # by another request for the same file, or by this one before it died
            elif not again and taken.size == version.size and _digest(pipeline.drop, path) == digest:
                raise SentBefore(_noted_as_dropped(pipeline, stored, taken))
        if copied is not None:
            return replace(sent, path=path, file_id=file_id(path, copied.etag))
    raise FileRefused(
        f"The folder has {_MOST_NAMES} files named like {sent.name!r}. Rename the file and choose it again."
    )


def _noted_as_dropped(pipeline: Pipeline, stored: Stored[SentContent], dropped: BlobVersion) -> SentContent:
    """Note that the content was dropped in another way before, such as with the command."""
    earlier = replace(
        stored.record,
        upload_id="",
        path=dropped.path,
        file_id=file_id(dropped.path, dropped.etag),
        sent_by="",
        sent_at=dropped.modified_at,
    )
    return pipeline.journal.uploads.change_content(stored, earlier).record


def _noted(pipeline: Pipeline, upload: Upload, number: int, sent: SentContent) -> StagedFile:
    """Note in the upload that a file was sent, and delete its staged blob. Somebody may discard it meanwhile."""
    done = replace(upload.files[number], path=sent.path, file_id=sent.file_id, sent_at=sent.sent_at)
    for _ in range(_TRIES):
        stored = pipeline.journal.uploads.get(upload.upload_id)
        if stored is None:
            break
        files = (*stored.record.files[:number], done, *stored.record.files[number + 1 :])
        try:
            pipeline.journal.uploads.change(stored, replace(stored.record, files=files))
        except Conflict:
            continue
        break
    pipeline.staging.delete(staged_path(upload.upload_id, done.name))
    return done


# --- discarding


def discard(pipeline: Pipeline, upload_id: str) -> None:
    """Delete the staged blobs of an upload, and its entry. Files of it that were sent stay sent."""
    for version in pipeline.staging.versions(f"{upload_id}/"):
        pipeline.staging.delete(version.path)
    pipeline.journal.uploads.delete(upload_id)


# --- rejected rows


def rejected_rows(
    pipeline: Pipeline, upload: Upload, number: int, is_late: Callable[[], bool] = lambda: False
) -> Iterator[Sequence[str]]:
    """The rejected rows of a chosen file that a person can fix, as a table to be fixed and chosen again.

    `is_late`: whether the time for its check is up; to write the table takes a few times as long.

    Raises:
        NotAsChecked: the file is not there, or is too large for it; at once.
        VersionGone: the file was changed meanwhile; also half-way.
    """
    file = upload.files[number]
    version = pipeline.staging.version(staged_path(upload.upload_id, file.name))
    if version is None or version.size > DIGESTED_AT_THE_CHECK:
        raise NotAsChecked(f"The rows of {file.name} cannot be downloaded: it was sent or discarded, or is too large.")
    place, now = _destination(pipeline, upload), pipeline.clock()
    open_file = partial(pipeline.staging.stream, version.path)
    found = preview(open_file, name=file.name, destination=place, now=now, is_late=is_late)
    if found.fault is not None:
        raise NotAsChecked(found.fault.sentence)
    if found.is_cut_short:
        raise NotAsChecked(f"The rows of {file.name} cannot be downloaded: its check takes too long.")

    def rows() -> Iterator[tuple[DeviceRow, Fix]]:
        checked = read_device_file(open_file, name=file.name, rules=place.rules, now=now, findings=found.findings)
        for (_, row), judged in zip(device_rows(open_file, name=file.name), checked, strict=True):
            if fate_of(judged) is Fate.REJECTED and judged.reason is not None:
                explanation = REASONS[judged.reason]
                if explanation.remedy is Remedy.FIX:
                    yield row, Fix(judged.reason, in_one_cell(explanation.what_to_do))

    return table_to_fix(rows)
