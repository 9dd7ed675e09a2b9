"""Makes a submission: stores its request body and returns the journal entry for it and its rows."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.pipeline.blob_names import JSON, payload_digest, payload_path, rows_path
from shared.pipeline.submissions.matching import SentRow
from shared.storage.blobs import Container
from shared.storage.codec import packed
from shared.storage.records import Submission, with_sentence
from shared.storage.submissions import SubmissionEntry
from shared.vocabulary import FileOrder, SubmissionState


@dataclass(frozen=True, slots=True)
class SubmissionKey:
    """Identifies a submission, with the folder of its reading in the private container."""

    file_id: str
    reading_id: str
    customer_id: str
    batch_id: str
    folder: str
    number: str
    is_canary: bool = False
    order: FileOrder = FileOrder.REGISTER


def kept_submission(
    private: Container,
    key: SubmissionKey,
    body: bytes,
    rows: list[SentRow],
    sentence: str,
    now: datetime,
    due_at: datetime,
) -> SubmissionEntry:
    """Store `body`, exactly as it will be sent, as a blob; returns the pending submission with its `rows`.

    The rows are stored in the journal beside the submission; absurdly long ones become a blob too.
    """
    payload = payload_path(key.folder, key.number)
    private.write(payload, body, JSON)
    content = msgspec.json.encode(rows)
    pack, rows_blob = packed(content), None
    if pack is None:
        rows_blob = rows_path(key.folder, key.number)
        private.write(rows_blob, content, JSON)
    submission = Submission(
        file_id=key.file_id,
        reading_id=key.reading_id,
        number=key.number,
        customer_id=key.customer_id,
        batch_id=key.batch_id,
        order=key.order,
        devices=len(rows),
        payload=payload,
        rows=rows_blob,
        first_row=rows[0].row,
        last_row=rows[-1].row,
        payload_digest=payload_digest(body, key.order),
        is_canary=key.is_canary,
        wishes_profiles=any(row.profile for row in rows),
        state=SubmissionState.PENDING,
        due_at=due_at,
        history=with_sentence((), sentence, now),
    )
    return SubmissionEntry(submission, pack)
