"""Who sent a dropped blob on the page. Its metadata only names an entry of the journal, which alone is believed.

Everybody who may drop a blob may write its metadata as well: a name in it would prove nothing. An entry counts for one
version of one blob, the first that names it.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from shared.pipeline.composition import Pipeline
from shared.storage.blobs import BlobVersion
from shared.storage.record_table import Conflict
from shared.storage.records import Sending

_SENDING = "sending"
_LONGEST_POSITION = 100
"""Characters; a key that storage refuses would stop the file."""


def sender_metadata(pipeline: Pipeline, sent_by: str, content_digest: str = "") -> dict[str, str]:
    """The metadata for a blob that a person drops on the page, after an entry in the journal; none for nobody."""
    if not (sent_by or content_digest):
        return {}
    sending = Sending(
        sending_id=pipeline.new_id(), sent_at=pipeline.clock(), sent_by=sent_by, content_digest=content_digest
    )
    return {_SENDING: pipeline.journal.uploads.enter_sending(sending)}


def sending_of(pipeline: Pipeline, version: BlobVersion, file_id: str) -> Sending | None:
    """The entry for the blob that is received as this file; None for a blob that was dropped in another way."""
    position = _position(version.metadata)
    stored = None if position is None else pipeline.journal.uploads.sending(position)
    if stored is None:
        return None
    if stored.record.file_id == file_id:
        return stored.record
    if stored.record.file_id:
        return None
    try:
        return pipeline.journal.uploads.change_sending(stored, replace(stored.record, file_id=file_id)).record
    except Conflict:
        return None


def _position(metadata: Mapping[str, str]) -> str | None:
    position = metadata.get(_SENDING, "")
    if len(position) > _LONGEST_POSITION or not position.isascii():
        return None
    return position if position.replace("~", "").replace("-", "").isalnum() else None
