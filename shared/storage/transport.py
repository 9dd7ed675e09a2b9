"""The transport of requests to storage, for all clients."""

from azure.core.pipeline.transport import RequestsTransport

from shared.plain_session import PlainSession

MOST_CONNECTIONS = 32
"""Most connections kept open to one host; twice the worker's number of threads."""

CONNECTION_TIMEOUT_S = 20
READ_TIMEOUT_S = 65
"""Seconds. The service itself ends a transaction after 30."""

READ_AT_ONCE = 256 * 1024
"""Bytes of a blob read from its connection at a time, as the storage clients do by default."""


def new_transport() -> RequestsTransport:
    """A transport for all clients of an account: closing one client leaves it open for the others."""
    return RequestsTransport(
        session=PlainSession(MOST_CONNECTIONS),
        session_owner=False,
        connection_timeout=CONNECTION_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        connection_data_block_size=READ_AT_ONCE,
    )
