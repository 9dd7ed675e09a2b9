"""The files that people chose on the page, and the contents that were sent: each content once to a customer."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from shared.storage import keys
from shared.storage.record_table import RecordTable, Stored, key_of, log_unreadable
from shared.storage.records import Sending, SentContent, Upload
from shared.storage.tables import Query, Table


class Uploads:
    """The table of uploads and sent contents. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._uploads = RecordTable(table, Upload, lambda upload: keys.upload_key(upload.upload_id))
        self._sendings = RecordTable(table, Sending, lambda sent: keys.sending_key(sent.sent_at, sent.sending_id))
        self._contents = RecordTable(table, SentContent, lambda sent: keys.content_key(sent.customer_id, sent.digest))

    def get(self, upload_id: str) -> Stored[Upload] | None:
        """The upload of that id, or None."""
        return self._uploads.get(keys.upload_key(upload_id))

    def change(self, stored: Stored[Upload] | None, changed: Upload) -> Stored[Upload]:
        """Enter an upload, or replace the record read as `stored`. Raises Conflict."""
        return self._uploads.change(stored, changed)

    def staged_before(self, time: datetime) -> Iterator[Upload]:
        """The uploads that began before `time`."""
        for stored in self._uploads.query(Query(partition=keys.UPLOADS), log_unreadable):
            if stored.record.staged_at < time:
                yield stored.record

    def delete(self, upload_id: str) -> None:
        """Delete an upload, if it exists."""
        self._table.delete([keys.upload_key(upload_id)])

    def content(self, customer_id: str, digest: str) -> Stored[SentContent] | None:
        """The sending of this content to the customer, or None."""
        return self._contents.get(keys.content_key(customer_id, digest))

    def change_content(self, stored: Stored[SentContent] | None, changed: SentContent) -> Stored[SentContent]:
        """Enter the sending of a content, or replace the record read as `stored`. Raises Conflict."""
        return self._contents.change(stored, changed)

    def enter_sending(self, sending: Sending) -> str:
        """Enter a drop by a person; its position, to give to `sending`."""
        self._sendings.upsert([sending])
        return keys.sending_key(sending.sent_at, sending.sending_id)[1]

    def sending(self, position: str) -> Stored[Sending] | None:
        """The drop at a position, or None."""
        return self._sendings.get((keys.SENDINGS, position))

    def change_sending(self, stored: Stored[Sending], changed: Sending) -> Stored[Sending]:
        """Replace the record read as `stored`. Raises Conflict."""
        return self._sendings.change(stored, changed)

    def forget_sendings_before(self, moment: datetime, most: int) -> None:
        """Delete drops entered before `moment`, at most `most` of them."""
        _, first = keys.sending_key(moment, "")
        old = self._table.query(Query(partition=keys.SENDINGS, row_from=first + keys.BEHIND, limit=most))
        self._table.delete([key_of(entity) for entity in islice(old, most)])

    def forget_file(self, customer_id: str | None, file_id: str, digest: str) -> None:
        """Forget that the content of a file was sent, unless it was sent again since as another file."""
        if customer_id is None or not digest:
            return
        stored = self.content(customer_id, digest)
        if stored is not None and stored.record.file_id == file_id:
            self._table.delete([keys.content_key(customer_id, digest)])
