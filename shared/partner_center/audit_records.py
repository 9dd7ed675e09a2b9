"""The partner's audit records: what its users and applications did. Pure.

The service keeps them for 90 days. Sources: developer guide, "Get a record of Partner Center activity", "Auditing
resources"; the .NET SDK's `AuditRecord` and `OperationType`. No page says what `customizedData` holds for devices.
"""

import json
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from urllib.parse import quote, urlencode

import msgspec

from shared.partner_center.errors import DESCRIPTION_LIMIT, LONGEST_CODE, LONGEST_ID
from shared.partner_center.lenient_decoding import LenientModel
from shared.partner_center.models import (
    KeyValuePair,
    Page,
    ResourceAttributes,
    bound_texts,
    decode_answer,
    moment_of,
    with_items,
)

KEPT_DAYS = 90
"""How far back records are kept; a request for earlier ones is refused with 400."""

RECORDS_ON_A_PAGE = 500
"""The records that are asked for at a time: `size`, as the example of the page has it."""


class DeviceOperation(StrEnum):
    """The operation types that concern devices."""

    UPDATED = "device_updated"
    UPDATES_ATTEMPTED = "devices_update_attempted"
    DELETED = "device_deleted"
    UPLOAD_TO_NEW_BATCH_ATTEMPTED = "devices_upload_to_new_batch_attempted"
    UPLOAD_TO_EXISTING_BATCH_ATTEMPTED = "devices_upload_to_existing_batch_attempted"


class AuditRecord(LenientModel, frozen=True):
    """One operation of a user or an application of the partner."""

    deciding: ClassVar[frozenset[str]] = frozenset({"customer_id", "operation_type", "operation_status"})

    id: str | None = None
    partner_id: str | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    user_principal_name: str | None = None
    application_id: str | None = None
    resource_type: str | None = None
    resource_old_value: str | None = None
    resource_new_value: str | None = None
    operation_type: str | None = None
    operation_status: str | None = None
    original_correlation_id: str | None = None
    operation_date: str | None = None
    customized_data: tuple[KeyValuePair, ...] | None = None
    attributes: ResourceAttributes | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept."""
        bound_texts(self, _KEPT)

    @property
    def device_operation(self) -> DeviceOperation | None:
        """The operation on devices; None when the record is of another one."""
        return DeviceOperation(self.operation_type) if self.operation_type in set(DeviceOperation) else None

    @property
    def happened_at(self) -> datetime | None:
        """`operationDate` in UTC; None when it is absent or unreadable."""
        return moment_of(self.operation_date)

    @property
    def by(self) -> str | None:
        """The user or, when there is none, the application."""
        return self.user_principal_name or self.application_id

    def detail(self, name: str) -> str | None:
        """The value that `customizedData` has under `name`, without case."""
        pairs = self.customized_data or ()
        return next((pair.value for pair in pairs if (pair.key or "").lower() == name.lower()), None)


_KEPT = {
    "user_principal_name": LONGEST_ID,
    "application_id": LONGEST_ID,
    "operation_type": LONGEST_CODE,
    "operation_status": LONGEST_CODE,
    "resource_new_value": DESCRIPTION_LIMIT,
}


class AuditRecordPage(Page, frozen=True):
    """Audit records of the partner."""

    items: tuple[AuditRecord, ...] | None = None


def decode_audit_page(body: bytes) -> AuditRecordPage:
    """One page of audit records: a collection or a bare array.

    Raises:
        Unavailable: when `body` is not such JSON, or has no records in it, not even an empty list of them.
    """
    return with_items(decode_answer(body, _PAGE, AuditRecordPage, _RECORDS), _RECORDS)


_PAGE = msgspec.json.Decoder(AuditRecordPage | tuple[AuditRecord, ...])
_RECORDS = "the audit records of the partner"


def audit_query(since: date, until: date | None, customer_id: str | None) -> str:
    """The query of the first page, with its question mark."""
    of_customer = {"Field": "CustomerId", "Value": customer_id, "Operator": "equals"}
    parameters = {
        "startDate": since.isoformat(),
        "endDate": until.isoformat() if until else None,
        "size": str(RECORDS_ON_A_PAGE),
        "filter": json.dumps(of_customer, separators=(",", ":")) if customer_id else None,
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    return "?" + urlencode(given, quote_via=quote)
