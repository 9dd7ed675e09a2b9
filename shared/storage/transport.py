"""How requests to storage are sent, whichever client makes them."""

from azure.core.pipeline.transport import RequestsTransport

from shared.plain_session import PlainSession

MOST_CONNECTIONS = 32
"""Kept open to one host; twice as many as the worker has threads."""

CONNECTION_TIMEOUT_S = 20
READ_TIMEOUT_S = 65
"""Seconds. The service itself ends a transaction after 30."""

READ_AT_ONCE = 256 * 1024
"""Bytes of a blob that are taken from its connection at once, as the storage clients do by themselves."""


def new_transport() -> RequestsTransport:
    """A transport for all clients of an account: closing one client leaves it open for the others."""
    return RequestsTransport(
        session=PlainSession(MOST_CONNECTIONS),
        session_owner=False,
        connection_timeout=CONNECTION_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        connection_data_block_size=READ_AT_ONCE,
    )
