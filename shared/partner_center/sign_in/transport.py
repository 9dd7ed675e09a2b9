"""The transport of the Azure clients that signing in uses, so that `bounded_exchange` can end their exchanges."""

from typing import TYPE_CHECKING, Any

from shared.plain_session import PlainSession

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport

TIMEOUT_SECONDS = 10
RETRIES = 2


def client_options() -> dict[str, Any]:
    """Options of an Azure client: few retries, short timeouts, and a transport whose exchanges can be ended."""
    return {
        "transport": _transport(),
        "retry_total": RETRIES,
        "connection_timeout": TIMEOUT_SECONDS,
        "read_timeout": TIMEOUT_SECONDS,
    }


def _transport() -> "RequestsTransport":
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - only where it is used

    return RequestsTransport(session=PlainSession(connections=2), session_owner=False)
