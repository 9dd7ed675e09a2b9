"""Makes a submission: keeps its request body and its rows, and gives what is to be journaled."""

from dataclasses import dataclass

import msgspec

from shared.pipeline.composition import Pipeline
from shared.pipeline.device_file import JSON, payload_digest, payload_path, rows_path
from shared.pipeline.matching import SentRow
from shared.storage.records import Submission, with_sentence
from shared.vocabulary import SubmissionState


@dataclass(frozen=True, slots=True)
class Place:
    """Which submission it is, and the folder of its reading in the private container."""

    file_id: str
    reading_id: str
    customer_id: str
    batch_id: str
    folder: str
    number: str


def kept_submission(pipeline: Pipeline, place: Place, body: bytes, rows: list[SentRow], sentence: str) -> Submission:
    """Keep `body`, exactly as it will be sent, and its `rows` as blobs; the pending submission of them."""
    payload, rows_blob = payload_path(place.folder, place.number), rows_path(place.folder, place.number)
    pipeline.private.write(payload, body, JSON)
    pipeline.private.write(rows_blob, msgspec.json.encode(rows), JSON)
    now = pipeline.clock()
    return Submission(
        file_id=place.file_id,
        reading_id=place.reading_id,
        number=place.number,
        customer_id=place.customer_id,
        batch_id=place.batch_id,
        devices=len(rows),
        payload=payload,
        rows=rows_blob,
        first_row=rows[0].row,
        last_row=rows[-1].row,
        payload_digest=payload_digest(body),
        state=SubmissionState.PENDING,
        due_at=now + pipeline.settings.claim,
        history=with_sentence((), sentence, now),
    )
