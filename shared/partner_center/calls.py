"""The calls to Partner Center that this product makes, as a protocol for the client and for fakes, and what they give.

Sources: Partner Center REST reference, "Create DeviceBatches" (which appends to a batch), "Uploaded Customer Devices"
(which creates one), "Get BatchJobStatus", "Get DeviceBatches", "Get Devices"; developer guide, "Delete a device for the
specified customer", "Get a list of customers", "Get a customer by ID", "Get a list of a customer's policies", "Update a
list of devices with a policy", "Get a record of Partner Center activity".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from shared.partner_center.audit_records import AuditRecord
from shared.partner_center.errors import ServiceIds
from shared.partner_center.models import BatchUploadDetails, ConfigurationPolicy, Customer, Device, DeviceBatch


@dataclass(frozen=True, slots=True)
class CallIds:
    """Our ids for one exchange. Both are GUIDs; `request_id` is the key by which the service recognises a repeat."""

    request_id: str
    correlation_id: str
    correlation_vector: str | None = None
    """MS-CV; None uses the correlation vector of the current step."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The service accepted the devices, or their updates. `tracking_id` is None when the answer had no usable link."""

    tracking_id: str | None
    status: int
    service_ids: ServiceIds


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """The status of an upload, or of an update of devices."""

    details: BatchUploadDetails
    service_ids: ServiceIds


class PartnerCenter(Protocol):
    """The calls this product makes. Each raises `PartnerCenterError` and no other exception."""

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterable[DeviceBatch]:
        """The batches of the customer, fetched page by page as the caller iterates."""

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """Create the batch with its first devices, given as `encode_devices` encodes them."""

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """Append devices to the batch; `devices` is the exact body."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        """The status of the upload, or of the update of devices, with this `tracking_id`."""

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        """The devices of the batch, fetched page by page as the caller iterates."""

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        """Delete a device of the batch. The service refuses a device that is not there with 404."""

    def configuration_policies(self, customer_id: str, ids: CallIds) -> Iterator[ConfigurationPolicy]:
        """The configuration policies of the customer: those of Partner Center, not those of Intune."""

    def update_device_policies(self, customer_id: str, updates: bytes, ids: CallIds) -> Accepted:
        """Give devices of the customer policies; `updates` is the exact body, as `encode_policy_updates` encodes it.

        Documented for Admin agents alone; another account is refused with 403.
        """

    def audit_records(
        self, since: date, until: date | None, ids: CallIds, *, customer_id: str | None = None
    ) -> Iterator[AuditRecord]:
        """The audit records of the days from `since` to `until`, or to now, fetched page by page.

        With `customer_id` those of one customer. No page says whether the day of `until` is included. The service
        refuses days that are more than `KEPT_DAYS` ago with 400.
        """

    def customers(self, ids: CallIds) -> Iterator[Customer]:
        """The partner's customers, fetched page by page as the caller iterates."""

    def customer(self, customer_id: str, ids: CallIds) -> Customer:
        """One customer. The service refuses a customer that is not the partner's, with 404 or 403."""

    def has_second_factor(self, ids: CallIds) -> bool | None:
        """Whether the service says that the sign-in has the second factor that it requires; None when it does not say.

        It refuses a sign-in without one with 401 and code 900421.
        """

    def sign_in_anew(self) -> None:
        """Discard the current token, after a 401."""
