"""Blobs: dropped files, private copies, request bodies and results."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import IO, Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient, ContentSettings

from shared.errors import DeviceDropError
from shared.storage.lru_cache import LruCache
from shared.storage.recreating import Resource

_COPY_POLLS = 60
"""How often a pending copy is polled before the reading is left to the sweep."""
_COPY_PAUSE = 0.5
_VERSION = "version"
_WRITE_TRIES = 8
_SINGLE_WRITE = 4 * 1024 * 1024
_MISSING_OR_CHANGED = (404, 409, 412)
_BAD_REQUEST = 400
_STEPS = frozenset((".", ".."))
"""The folders that a client resolves before it sends a request: no blob can be reached by a path with one."""
_NO_NAMES = frozenset({"InvalidUri", "InvalidResourceName", "OutOfRangeInput", "InvalidInput"})
"""The codes of Blob Storage for a name that no blob can have, such as one with a control character."""

NO_METADATA: Mapping[str, str] = MappingProxyType({})

BLOBS_ON_A_PAGE = 5_000
"""Most blobs on a page of a listing (Blob Storage, List Blobs, `maxresults`)."""


class VersionGone(DeviceDropError):
    """The requested version of a blob has been deleted or overwritten."""


class BlobBusy(DeviceDropError):
    """A blob could not be written: other writers kept changing it, or it is locked."""


class CopyUnfinished(DeviceDropError):
    """Storage did not finish a server-side copy in time."""


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """One version of a blob. `size` in bytes."""

    path: str
    etag: str
    size: int
    modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)
    """With names in lower case. A listing does not tell it."""


@dataclass(frozen=True, slots=True)
class BlobPage:
    """A page of the listing of a container, in the order of its paths."""

    versions: Sequence[BlobVersion]
    next_marker: str | None
    """Where the next page begins; None when there is none."""


class Container(Protocol):
    """A container of blobs. Every method may raise the storage client's own errors when storage does not answer."""

    def prepare(self) -> None:
        """Create the container if it does not exist."""

    def version(self, path: str) -> BlobVersion | None:
        """The current version of the blob, or None."""

    def metadata(self, path: str) -> Mapping[str, str]:
        """The metadata of a blob, with names in lower case; none if there is no such blob."""

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:
        """Every blob whose path begins with `folder`, a page at a time."""

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:
        """A page of the listing from `marker`; the first page without one, or where storage refuses an old one."""

    def read(self, path: str) -> bytes | None:
        """The content of a small blob, or None."""

    def stream(self, path: str) -> Iterator[bytes]:
        """A blob in pieces of at most 4 MiB, all of one version. Raises VersionGone."""

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:
        """Write or replace a blob, whole or not at all."""

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        """Write a blob, whole or not at all, unless it exists; whether it was written."""

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:
        """Write a blob unless it holds `version` or a newer one already; whether it was written."""

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        """Copy exactly this `version` of a blob of container `source`, server-side. Raises VersionGone."""

    def copy_new(self, source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        """Copy exactly this `version` of a blob of container `source`, with `metadata` (ASCII), unless `path` is taken.

        Returns the copy, or None if it was not made. Raises VersionGone.
        """

    def delete(self, path: str) -> None:
        """Delete a blob, if it exists."""


class AzureContainer:
    """A container of Blob Storage."""

    def __init__(self, service: BlobServiceClient, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._service = service
        self._client = service.get_container_client(name)
        self._resource = Resource(name, self._create)
        self._sleep = sleep
        self._written: LruCache[str, _Written] = LruCache()

    def prepare(self) -> None:
        self._resource.prepare()

    def _create(self) -> None:
        self._client.create_container()

    def version(self, path: str) -> BlobVersion | None:
        if _STEPS.intersection(path.split("/")):
            return None
        properties = _properties(self._client.get_blob_client(path))
        return None if properties is None else _version(properties)

    def metadata(self, path: str) -> Mapping[str, str]:
        version = self.version(path)
        return {} if version is None else version.metadata

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:
        try:
            yield from map(_version, self._client.list_blobs(name_starts_with=folder or None))
        except ResourceNotFoundError as error:
            self._resource.recreate_after(error)

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:
        """A page of the listing from `marker`; the first page without one, or where storage refuses an old one."""
        pages: Any = self._client.list_blobs(results_per_page=most).by_page(continuation_token=marker)
        try:
            versions = list(map(_version, next(pages)))
        except ResourceNotFoundError as error:
            self._resource.recreate_after(error)
            return BlobPage([], None)
        except HttpResponseError as error:
            if marker is None or error.status_code != _BAD_REQUEST:
                raise
            return self.page(most=most)
        return BlobPage(versions, pages.continuation_token or None)

    def read(self, path: str) -> bytes | None:
        try:
            return self._client.download_blob(path).readall()
        except ResourceNotFoundError:
            return None

    def stream(self, path: str) -> Iterator[bytes]:
        # The client names the first answer's ETag in every later range by itself.
        try:
            yield from self._client.download_blob(path).chunks()
        except (ResourceNotFoundError, ResourceModifiedError) as error:
            raise VersionGone(f"Blob {path} was deleted or overwritten while it was read.") from error

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:
        """A large blob is staged in blocks that only the last request makes visible."""
        self._upload(path, _whole_if_small(content), content_type, overwrite=True)

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        """Two workers that write the same content at once stage the same blocks."""
        try:
            self._upload(path, _whole_if_small(content), content_type, metadata, overwrite=False)
        except (ResourceExistsError, ResourceModifiedError):
            return False
        return True

    def _upload(
        self,
        path: str,
        content: bytes | Iterable[bytes] | IO[bytes],
        content_type: str,
        metadata: Mapping[str, str] = NO_METADATA,
        *,
        overwrite: bool,
    ) -> None:
        """Upload a blob; if the container is missing, create it and upload again, unless the pieces are used up."""
        settings = ContentSettings(content_type=content_type)

        def upload() -> None:
            self._client.upload_blob(
                path, content, overwrite=overwrite, content_settings=settings, metadata=dict(metadata)
            )

        if isinstance(content, bytes):
            self._resource.using(upload)
            return
        try:
            upload()
        except ResourceNotFoundError as error:
            self._resource.recreate_after(error)
            raise

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:
        """The blob is read only if it has changed since this process wrote it, or was never written by this process."""
        blob, known = self._client.get_blob_client(path), self._written.get(path)
        is_older = known is not None and known.version < version
        condition = _unless_changed(known if is_older else None)
        for _ in range(_WRITE_TRIES):
            upload = partial(
                blob.upload_blob,
                content,
                overwrite=True,
                metadata={_VERSION: str(version)},
                content_settings=ContentSettings(content_type=content_type),
                **condition,
            )
            try:
                answer = self._resource.using(upload)
            except (ResourceModifiedError, ResourceExistsError):
                older = _older_than(blob, version)
                if older is None:
                    return False
                condition = older
                continue
            self._written.keep(path, _Written(str(answer["etag"]), version))
            return True
        raise BlobBusy(
            f"Blob {path} could not be written in {_WRITE_TRIES} tries; is it locked by a policy or a lease?"
        )

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        """Returns when the copy is complete.

        A copy that is complete or in progress is never overwritten, since it may be being read. A failed copy is.
        """
        origin = self._service.get_blob_client(source, version.path)
        copy = self._client.get_blob_client(path)
        try:
            if _is_copied(origin, version, copy, None):
                return
        except HttpResponseError as error:
            if error.status_code not in _MISSING_OR_CHANGED:
                raise
        for _ in range(_COPY_POLLS):
            present = _properties(copy)
            if present is not None and present.copy.status in (None, "success") and present.size == version.size:
                return
            if present is None or present.copy.status != "pending":
                self._start_copy(origin, version, copy, present)
            else:
                self._sleep(_COPY_PAUSE)
        raise CopyUnfinished(f"The copy of blob {version.path} is still pending; the sweep tries again.")

    def _start_copy(
        self, origin: BlobClient, version: BlobVersion, copy: BlobClient, present: BlobProperties | None
    ) -> None:
        """Start the copy in place of the blob that is `present`; the next poll shows the result."""
        try:
            _is_copied(origin, version, copy, present)
        except HttpResponseError as error:
            if error.status_code not in _MISSING_OR_CHANGED:
                raise
            there = _properties(origin)
            if there is None or _version(there).etag != version.etag:
                raise VersionGone(
                    f"Blob {version.path} was deleted or overwritten before this version of it could be copied."
                ) from error
            if self._resource.is_deleted(error):
                self._resource.recreate()
                return
            self._sleep(_COPY_PAUSE)

    def copy_new(self, source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        """Returns when the copy is complete."""
        origin = self._service.get_blob_client(source, version.path)
        copy = self._client.get_blob_client(path)
        try:
            self._resource.using(partial(_is_copied, origin, version, copy, None, metadata))
        except HttpResponseError as error:
            if error.status_code not in _MISSING_OR_CHANGED:
                raise
            if _properties(copy) is not None:
                return None
            raise VersionGone(f"Blob {version.path} was deleted or overwritten before it was copied.") from error
        for _ in range(_COPY_POLLS):
            present = _properties(copy)
            if present is None or present.copy.status not in (None, "success", "pending"):
                break
            if present.copy.status != "pending":
                return _version(present)
            self._sleep(_COPY_PAUSE)
        raise CopyUnfinished(f"The copy of blob {version.path} did not end.")

    def delete(self, path: str) -> None:
        try:
            self._client.delete_blob(path)
        except ResourceNotFoundError:
            return


@dataclass(frozen=True, slots=True)
class _Written:
    """A blob as this process wrote it last."""

    etag: str
    version: int


def _is_copied(
    origin: BlobClient,
    version: BlobVersion,
    copy: BlobClient,
    present: BlobProperties | None,
    metadata: Mapping[str, str] | None = None,
) -> bool:
    """Start the copy in place of the blob that is `present`; whether it was done at once."""
    answer = copy.start_copy_from_url(
        origin.url,
        metadata=None if metadata is None else dict(metadata),
        source_etag=version.etag,
        source_match_condition=MatchConditions.IfNotModified,
        **_unless_changed(present),
    )
    return bool(answer["copy_status"] == "success")


def _whole_if_small(content: bytes | Iterable[bytes] | IO[bytes]) -> bytes | Iterable[bytes] | IO[bytes]:
    """The `content`, in one piece if it fits a single request: pieces cost one each, and one more to join them."""
    if not isinstance(content, Iterator):
        return content
    head = bytearray()
    for piece in content:
        head += piece
        if len(head) > _SINGLE_WRITE:
            return chain([bytes(head)], content)
    return bytes(head)


def _properties(blob: BlobClient) -> BlobProperties | None:
    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        if error.status_code == _BAD_REQUEST and getattr(error, "error_code", None) in _NO_NAMES:
            return None
        raise


def _version(properties: BlobProperties) -> BlobVersion:
    metadata = {name.lower(): value for name, value in (properties.metadata or {}).items()}
    return BlobVersion(properties.name, properties.etag.strip('"'), properties.size, properties.last_modified, metadata)


def _older_than(blob: BlobClient, version: int) -> dict[str, Any] | None:
    """The condition under which the blob may be overwritten by `version`; None when it may not."""
    present = _properties(blob)
    if present is not None and int(present.metadata.get(_VERSION, -1)) >= version:
        return None
    return _unless_changed(present)


def _unless_changed(present: BlobProperties | _Written | None) -> dict[str, Any]:
    """The condition that the blob has not changed since it was `present`, or is still absent."""
    if present is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": present.etag}
