"""The addresses of the service's resources, below its host. Pure."""

import re
from urllib.parse import quote

from shared.partner_center.errors import Refused

API_VERSION = "v1"


def customers_path() -> str:
    """The path of the partner's customers."""
    return f"/{API_VERSION}/customers"


def customer_path(customer_id: str) -> str:
    """The path of one customer."""
    return f"{customers_path()}/{_segment(customer_id)}"


def batches_path(customer_id: str) -> str:
    """The path of a customer's batches: GET lists them, POST creates one."""
    return f"{customer_path(customer_id)}/deviceBatches"


def create_path(customer_id: str) -> str:
    """The path of the POST that creates a batch."""
    return batches_path(customer_id)


def append_path(customer_id: str, batch_id: str) -> str:
    """The path of a batch's devices: GET lists them, POST appends some.

    Raises:
        Refused: when no path can carry `batch_id`.
    """
    return f"{batches_path(customer_id)}/{_segment(batch_id)}/devices"


def device_path(customer_id: str, batch_id: str, device_id: str) -> str:
    """The path of one device of a batch, for DELETE.

    Raises:
        Refused: when no path can carry `batch_id` or `device_id`.
    """
    return f"{append_path(customer_id, batch_id)}/{_segment(device_id)}"


def status_path(customer_id: str, tracking_id: str) -> str:
    """The path of the status of an upload."""
    return f"{customer_path(customer_id)}/batchJobStatus/{_segment(tracking_id)}"


def policies_path(customer_id: str) -> str:
    """The path of a customer's configuration policies."""
    return f"{customer_path(customer_id)}/policies"


def policy_updates_path(customer_id: str) -> str:
    """The path of the PATCH that gives devices of a customer configuration policies."""
    return f"{customer_path(customer_id)}/DevicePolicyUpdates"


def audit_records_path() -> str:
    """The path of the partner's audit records."""
    return f"/{API_VERSION}/auditrecords"


def tracking_id_in(link: str | None) -> str | None:
    """The tracking id in `link`, relative or absolute; None when the link is not to the status of an upload.

    Only the id is used, never the address: the token must not follow a link to another host.
    """
    found = _TRACKING_LINK.search(link.strip()) if link else None
    return found["tracking_id"] if found else None


_TRACKING_LINK = re.compile(
    r"(?:^|/)batchjobstatus/+(?P<tracking_id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/*(?:[?#].*)?$",
    re.IGNORECASE | re.ASCII,
)


def _segment(value: str) -> str:
    if value in ("", ".", ".."):
        raise Refused(f"{value!r} cannot be part of a Partner Center address: give the customer or batch another name")
    return quote(value, safe="")
