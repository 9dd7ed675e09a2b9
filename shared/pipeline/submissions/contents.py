"""Reads a submission's stored contents: request body, rows, outcomes so far, and the spelling of its batch."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from shared.errors import DeviceDropError
from shared.pipeline.blob_names import is_payload
from shared.pipeline.log_fields import of_submission
from shared.pipeline.submissions.matching import SentRow
from shared.storage.blobs import Container
from shared.storage.codec import unpacked
from shared.storage.journal import Journal
from shared.storage.record_table import Conflict
from shared.storage.records import DeviceOutcome, Submission
from shared.storage.tables import Entity

logger = logging.getLogger(__name__)


class BlobMissing(DeviceDropError):
    """A blob that an unfinished submission needs is missing from storage or was changed."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Reads the stored contents of submissions and never writes."""

    journal: Journal
    private: Container

    def body(self, submission: Submission) -> bytes:
        """The exact bytes journaled for this submission; if lost, they are rebuilt from the private copy.

        Raises:
            BlobMissing: the bytes cannot be rebuilt either.
            Conflict: another worker took the submission further.
        """
        body = self.private.read(submission.payload)
        if body is not None and is_payload(body, submission.payload_digest):
            return body
        missing = self._missing(submission, f"Blob {submission.payload} in the private container")
        again = self._body_made_again(submission) if isinstance(missing, BlobMissing) else None
        if again is None:
            raise missing
        logger.warning("A lost request body was made again from the private copy", extra=of_submission(submission))
        return again

    def rows(self, submission: Submission, pack: Entity | None = None) -> list[SentRow]:
        """The rows of the submission, in the order of its devices; `pack` is its packed rows, if read with it."""
        if submission.rows is not None:
            content, place = self.private.read(submission.rows), f"Blob {submission.rows} in the private container"
        else:
            pack = pack or self.journal.submissions.rows(submission.reading_id, submission.number)
            content, place = None if pack is None else unpacked(pack), "The journal's list of rows"
        if content is None:
            raise self._missing(submission, place)
        rows: list[SentRow] = msgspec.json.decode(content, type=list[SentRow])
        return rows

    def outcomes(self, submission: Submission) -> Iterator[DeviceOutcome]:
        """The outcomes of its rows written so far."""
        journaled = self.journal.outcomes.of_rows(submission.reading_id, submission.first_row, submission.last_row)
        return (outcome for outcome in journaled if outcome.submission == submission.number)

    def spelling_of_batch(self, submission: Submission) -> str:
        """Its batch as the service spells it."""
        batch = self.journal.batches.get(submission.customer_id, submission.batch_id)
        return submission.batch_id if batch is None else batch.record.batch_id

    def _body_made_again(self, submission: Submission) -> bytes | None:
        # Imports the reader of device files, which an instance that only handles wake-ups otherwise never needs.
        from shared.pipeline.submissions.request_body import body_made_again  # noqa: PLC0415

        stored = self.journal.files.get(submission.customer_id, submission.file_id)
        if stored is None or stored.record.reading_id != submission.reading_id:
            return None
        return body_made_again(self.private, stored.record, submission, self.rows(submission))

    def _missing(self, submission: Submission, what: str) -> DeviceDropError:
        """The error for missing contents: another owner finished the submission and cleaned up, or they were lost."""
        present = self.journal.submissions.get(submission.reading_id, submission.number)
        if present is None or present.record.sequence != submission.sequence:
            return Conflict(f"Submission {submission.number} of {submission.file_id} was taken further meanwhile.")
        return BlobMissing(
            f"{what}, which submission {submission.number} of file {submission.file_id} "
            "needs, is missing or was changed. Restore it (soft delete keeps it), or drop the file again."
        )
