"""The queue that notifies other systems of files that have ended."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.storage.connection import StorageClients
from shared.storage.file_events import AzureFileEvents


def test_an_event_is_left_as_functions_read_it_and_expires_with_its_file(clients: StorageClients) -> None:
    queue = clients.queue(f"q{uuid4().hex}")
    events = AzureFileEvents(queue, timedelta(days=90))
    events.prepare()
    events.prepare()
    events.send('{"file":"ä"}')
    (message,) = queue.receive_messages()
    assert b64decode(message.content).decode() == '{"file":"ä"}'
    assert message.expires_on is not None
    assert timedelta(days=89) < message.expires_on - datetime.now(UTC) < timedelta(days=91)
