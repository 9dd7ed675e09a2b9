"""The definitions of the device deployment reference pages, typed. Every field is optional: the service omits some.

Values of enumerations are kept as received, beside a property with our reading of them: pages and service disagree on
some ("in-progress" against "processing"), and a new value must neither be lost nor stop the work. Times are
text as sent; those without an offset are UTC. Sources: Partner Center REST reference, "Create DeviceBatches", "Get
BatchJobStatus", "Get DeviceBatches", "Get Devices", "Create Policies", "Update Device Policy"; developer guide, "Device
deployment resources", "Get a list of a customer's policies", "Customer resources", "Get a list of customers".
"""

import codecs
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import msgspec

from shared.partner_center.errors import DESCRIPTION_LIMIT, LONGEST_CODE, LONGEST_ID, Unavailable
from shared.partner_center.lenient_decoding import LenientModel, Unreadable, loads_leniently, read_leniently
from shared.partner_center.service_text import service_text


class JobState(StrEnum):
    """The state of a batch upload, or of one of its devices."""

    UNKNOWN = "unknown"
    """Also our reading of a value that the pages do not list."""
    QUEUED = "queued"
    PROCESSING = "processing"
    FINISHED = "finished"
    FINISHED_WITH_ERRORS = "finished_with_errors"

    @classmethod
    def of(cls, status: str | None) -> "JobState":
        """Our reading of `status`, ignoring its case and separators."""
        return _STATES.get("".join(filter(str.isalpha, status or "")).lower(), cls.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Whether the service has finished its work."""
        return self in (JobState.FINISHED, JobState.FINISHED_WITH_ERRORS)


_STATES = {state.replace("_", ""): state for state in JobState} | {"inprogress": JobState.PROCESSING}


class PolicyCategory(StrEnum):
    """The kind of a configuration policy; the one of the out-of-box experience is an Autopilot profile."""

    NONE = "none"
    OUT_OF_BOX_EXPERIENCE = "o_o_b_e"


class KeyValuePair(LenientModel, frozen=True):
    """KeyValuePair[String, String]: one header of a link."""

    key: str | None = None
    value: str | None = None


OUT_OF_BOX_EXPERIENCE = PolicyCategory.OUT_OF_BOX_EXPERIENCE


class Policy(LenientModel, frozen=True):
    """KeyValuePair[PolicyCategory, String]: one policy of a device."""

    key: str | None = None
    value: str | None = None

    @property
    def category(self) -> PolicyCategory | None:
        """Our reading of `key`; None when the pages do not list it."""
        return PolicyCategory(self.key) if self.key in set(PolicyCategory) else None


class Link(LenientModel, frozen=True):
    """A link to another resource. Its address comes from the service: only its path may be used, on our own base."""

    deciding: ClassVar[frozenset[str]] = frozenset({"uri", "headers"})

    uri: str | None = None
    method: str | None = None
    body: str | None = None
    headers: tuple[KeyValuePair, ...] | None = None

    def header(self, name: str) -> str | None:
        """The value of the header `name`, without case, that a request to this link must carry."""
        return next((pair.value for pair in self.headers or () if (pair.key or "").lower() == name.lower()), None)


class ResourceLinks(LenientModel, frozen=True):
    """The links of a resource or page."""

    deciding: ClassVar[frozenset[str]] = frozenset({"next"})

    next: Link | None = None
    previous: Link | None = None
    self_: Link | None = msgspec.field(name="self", default=None)


class ResourceAttributes(LenientModel, frozen=True):
    """The type of a resource, and its ETag."""

    etag: str | None = None
    object_type: str | None = None


class Device(LenientModel, frozen=True):
    """One device. Its `hardware_hash` identifies a PC for life, and so is never shown."""

    id: str | None = None
    serial_number: str | None = None
    product_key: str | None = None
    hardware_hash: str | None = None
    oem_manufacturer_name: str | None = None
    model_name: str | None = None
    policies: tuple[Policy, ...] | None = None
    uploaded_by: str | None = None
    uploaded_date: str | None = None
    allowed_operations: tuple[str, ...] | None = None
    attributes: ResourceAttributes | None = None
    links: ResourceLinks | None = None

    @property
    def uploaded_at(self) -> datetime | None:
        """`uploadedDate` in UTC; None when absent, unreadable, or in the year 1, which means no date."""
        return moment_of(self.uploaded_date)

    @property
    def profile_id(self) -> str | None:
        """The id of its policy for the out-of-box experience; None when it has none."""
        values = (policy.value for policy in self.policies or () if policy.category is OUT_OF_BOX_EXPERIENCE)
        return next(filter(None, values), None)

    @property
    def may_be_deleted(self) -> bool | None:
        """Whether `allowedOperations`, which are HTTP methods, name DELETE; None when there are none."""
        allowed = {operation.strip().upper() for operation in self.allowed_operations or ()}
        return "DELETE" in allowed if allowed else None

    def __repr__(self) -> str:
        return f"Device({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The fields to show. rich uses this too, instead of its own way of showing a Struct."""
        shown = [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "hardware_hash"]
        return [(name, value) for name, value in shown if value is not None]


def moment_of(text: str | None) -> datetime | None:
    """The time that `text` names, in UTC; None when it is no time, or in the year 1, which means none."""
    try:
        when = datetime.fromisoformat(text or "")
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: in UTC it is in the year 0 or 10000
        return None
    return when if when.year > 1 else None


class _WithStatus(LenientModel, frozen=True):
    """An upload, batch or device that the service processes."""

    status: str | None = None

    @property
    def state(self) -> JobState:
        """Our reading of `status`, which is kept as received."""
        return JobState.of(self.status)

    @property
    def is_final(self) -> bool:
        """Whether the service is done with it."""
        return self.state.is_final


class DeviceUploadDetails(_WithStatus, frozen=True):
    """The result of one device of an upload. A device sent with only a hash comes back without any identifier."""

    deciding: ClassVar[frozenset[str]] = frozenset(
        {"status", "serial_number", "product_key", "error_code", "error_description"}
    )

    device_id: str | None = None
    serial_number: str | None = None
    product_key: str | None = None
    error_code: str | int | None = None
    error_description: str | None = None
    attributes: ResourceAttributes | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept with the row."""
        bound_texts(self, _KEPT_OF_A_DEVICE)


class BatchUploadDetails(_WithStatus, frozen=True):
    """The progress of one upload. Its own status is not a verdict: it is `finished` even when a device failed."""

    deciding: ClassVar[frozenset[str]] = frozenset({"devices_status"})

    batch_tracking_id: str | None = None
    started_time: str | None = None
    completed_time: str | None = None
    devices_status: tuple[DeviceUploadDetails, ...] | None = None
    attributes: ResourceAttributes | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept with the submission."""
        bound_texts(self, _KEPT_OF_AN_UPLOAD)


_KEPT_OF_A_DEVICE = {
    "status": LONGEST_CODE,
    "device_id": LONGEST_ID,
    "error_code": LONGEST_CODE,
    "error_description": DESCRIPTION_LIMIT,
}
_KEPT_OF_AN_UPLOAD = {
    "status": LONGEST_CODE,
    "batch_tracking_id": LONGEST_ID,
    "started_time": LONGEST_ID,
    "completed_time": LONGEST_ID,
}
"""Journaled fields and the most characters kept of each. Rows keep their own serial numbers and product keys."""


def bound_texts(model: LenientModel, kept: Mapping[str, int]) -> None:
    """Cut the fields of `model` that `kept` names to this many characters."""
    for name, most in kept.items():
        value = getattr(model, name)
        is_long_text = isinstance(value, str) and not (value.isprintable() and len(value) <= most)
        if is_long_text or (isinstance(value, int) and abs(value) > _LARGEST_CODE):
            msgspec.structs.force_setattr(model, name, service_text(str(value), most))


_LARGEST_CODE = 2**31
"""The limit of a numeric error code; a larger one is kept as text."""


class DeviceBatch(_WithStatus, frozen=True):
    """A batch of devices of one customer; Autopilot shows its `id` as the group tag."""

    id: str | None = None
    creation_date: str | None = None
    created_by: str | None = None
    device_count: int | None = None
    """The count's name in the table of the page."""
    devices_count: int | None = None
    """The count's name in its example."""
    devices_link: Link | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None

    @property
    def count(self) -> int | None:
        """The number of devices in the batch, from either field."""
        return self.device_count if self.devices_count is None else self.devices_count


class Page(LenientModel, frozen=True):
    """A page of a list, which each subclass gives its items."""

    deciding: ClassVar[frozenset[str]] = frozenset({"items", "links", "continuation_token"})
    """A device or batch lost from a page would seem not to exist."""

    total_count: int | None = None
    continuation_token: str | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None

    @property
    def next_token(self) -> str | None:
        """The MS-ContinuationToken for the request of the next page; its place in the answer is not documented."""
        following = self.links.next if self.links else None
        return self.continuation_token or (following.header("MS-ContinuationToken") if following else None) or None


class DevicePage(Page, frozen=True):
    """Devices of a batch, 100 a page."""

    items: tuple[Device, ...] | None = None


class DeviceBatchPage(Page, frozen=True):
    """Batches of a customer."""

    items: tuple[DeviceBatch, ...] | None = None


class CustomerRelationship(StrEnum):
    """The relationship of a customer to the partner."""

    UNKNOWN = "unknown"
    """Also our reading of a value that the pages do not list, and of none."""
    RESELLER = "reseller"
    ADVISOR = "advisor"
    SYNDICATION = "syndication"
    MICROSOFT_SUPPORT = "microsoft_support"
    NONE = "none"

    @classmethod
    def of(cls, text: str | None) -> "CustomerRelationship":
        """Our reading of `text`, ignoring its case and separators."""
        return _RELATIONSHIPS.get("".join(filter(str.isalpha, text or "")).lower(), cls.UNKNOWN)


_RELATIONSHIPS = {relationship.replace("_", ""): relationship for relationship in CustomerRelationship}


class CompanyProfile(LenientModel, frozen=True):
    """The company of a customer."""

    tenant_id: str | None = None
    domain: str | None = None
    company_name: str | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept."""
        bound_texts(self, _KEPT_OF_A_COMPANY)


class Customer(LenientModel, frozen=True):
    """A customer of the partner."""

    deciding: ClassVar[frozenset[str]] = frozenset({"id", "relationship_to_partner"})

    id: str | None = None
    company_profile: CompanyProfile | None = None
    relationship_to_partner: str | None = None
    allow_delegated_access: bool | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept."""
        bound_texts(self, _KEPT_OF_A_CUSTOMER)

    @property
    def customer_id(self) -> str | None:
        """The GUID of the customer's tenant, in small letters; None when the customer has none."""
        profile = self.company_profile
        return _guid(self.id) or _guid(profile.tenant_id if profile else None)

    @property
    def relationship(self) -> CustomerRelationship:
        """Our reading of `relationship_to_partner`."""
        return CustomerRelationship.of(self.relationship_to_partner)


_KEPT_OF_A_CUSTOMER = {"relationship_to_partner": LONGEST_CODE}
_KEPT_OF_A_COMPANY = {"domain": LONGEST_ID, "company_name": LONGEST_ID}


def _guid(text: str | None) -> str | None:
    try:
        canonical = str(UUID(text or ""))
    except ValueError:
        return None
    return canonical if canonical == (text or "").lower() else None


class CustomerPage(Page, frozen=True):
    """Customers of the partner."""

    items: tuple[Customer, ...] | None = None


class ConfigurationPolicy(LenientModel, frozen=True):
    """A configuration policy of a customer, made in Partner Center; policies of Intune are none."""

    id: str | None = None
    name: str | None = None
    category: str | None = None
    description: str | None = None
    devices_assigned_count: int | None = None
    """The count's name in the SDK."""
    devices_assigned: int | None = None
    """The count's name in the example of the page."""
    policy_settings: tuple[str, ...] | None = None
    created_date: str | None = None
    last_modified_date: str | None = None
    attributes: ResourceAttributes | None = None

    def __post_init__(self) -> None:
        """Cut texts that are longer than any known text of the service: they are kept."""
        bound_texts(self, _KEPT_OF_A_POLICY)

    @property
    def is_profile(self) -> bool:
        """Whether it can be assigned to a device as its Autopilot profile: it has an id and the right category."""
        return bool(self.id) and self.category in (None, OUT_OF_BOX_EXPERIENCE)

    @property
    def count(self) -> int | None:
        """The number of devices that have it, from either field."""
        return self.devices_assigned_count if self.devices_assigned is None else self.devices_assigned


_KEPT_OF_A_POLICY = {"id": LONGEST_ID, "name": LONGEST_ID, "category": LONGEST_CODE, "description": DESCRIPTION_LIMIT}


class ConfigurationPolicyPage(Page, frozen=True):
    """Configuration policies of a customer."""

    items: tuple[ConfigurationPolicy, ...] | None = None


class NewDevice(LenientModel, frozen=True, gc=False):
    """A device to be registered: the fields of `Device` that are sent, with the hash already encoded."""

    serial_number: str | None = None
    product_key: str | None = None
    hardware_hash: msgspec.Raw | None = None
    """Encoded by `base64_json`."""
    oem_manufacturer_name: str | None = None
    model_name: str | None = None


class DeviceBatchCreationRequest(LenientModel, frozen=True):
    """The body that creates a batch; the devices are already encoded, so the journaled bytes are the bytes sent."""

    batch_id: str
    devices: msgspec.Raw


def encode_devices(devices: Sequence[Device] | Sequence[NewDevice]) -> bytes:
    """The body that appends `devices` to a batch: a bare JSON array, without the fields that are None."""
    return msgspec.json.encode(devices)


def base64_json(text: str) -> msgspec.Raw:
    """`text` as JSON without escaping; the caller must know that it is base64, which needs none.

    Searching 4,000 characters for one to escape costs as much as all other encoding of a device.
    """
    return msgspec.Raw(f'"{text}"'.encode("ascii"))


def creation_body(batch_id: str, devices_json: bytes) -> bytes:
    """The body that creates `batch_id` with the devices that `encode_devices` encoded."""
    return msgspec.json.encode(DeviceBatchCreationRequest(batch_id=batch_id, devices=msgspec.Raw(devices_json)))


class _DevicePolicyUpdateRequest(LenientModel, frozen=True):
    devices: tuple[Device, ...]


def encode_policy_updates(policy_by_device: Mapping[str, str]) -> bytes:
    """The body that gives each device, by its id, the configuration policy of this id.

    Only what "DevicePolicyUpdateRequest" requires of a device is sent: its id and its policies.
    """
    devices = tuple(
        Device(id=device_id, policies=(Policy(key=OUT_OF_BOX_EXPERIENCE.value, value=policy_id),))
        for device_id, policy_id in policy_by_device.items()
    )
    return msgspec.json.encode(_DevicePolicyUpdateRequest(devices=devices))


def decode_upload_details(body: bytes) -> BatchUploadDetails:
    """The answer of Get BatchJobStatus.

    Raises:
        Unavailable: when `body` is not such JSON.
    """
    return decode_answer(body, _UPLOAD_DETAILS, BatchUploadDetails, "the status of an upload")


def decode_device_page(body: bytes) -> DevicePage:
    """One page of Get Devices: a collection (guide pages) or a bare array (REST reference).

    Raises:
        Unavailable: when `body` is not such JSON.
    """
    return decode_answer(body, _DEVICE_PAGE, DevicePage, "the devices of a batch")


def decode_batch_page(body: bytes) -> DeviceBatchPage:
    """The answer of Get DeviceBatches: a collection or a bare array.

    Raises:
        Unavailable: when `body` is not such JSON.
    """
    return decode_answer(body, _BATCH_PAGE, DeviceBatchPage, "the batches of a customer")


def decode_customer_page(body: bytes) -> CustomerPage:
    """One page of the partner's customers: a collection or a bare array.

    Raises:
        Unavailable: when `body` is not such JSON, or has no customers in it, not even an empty list of them.
    """
    return with_items(decode_answer(body, _CUSTOMER_PAGE, CustomerPage, _CUSTOMERS), _CUSTOMERS)


def decode_policy_page(body: bytes) -> ConfigurationPolicyPage:
    """The configuration policies of a customer: a collection or a bare array.

    Raises:
        Unavailable: when `body` is not such JSON, or has no policies in it, not even an empty list of them.
    """
    return with_items(decode_answer(body, _POLICY_PAGE, ConfigurationPolicyPage, _POLICIES), _POLICIES)


def decode_customer(body: bytes) -> Customer:
    """One customer of the partner.

    Raises:
        Unavailable: when `body` is not such JSON.
    """
    return decode_answer(body, _CUSTOMER, Customer, "a customer of the partner")


class _AcceptedBody(LenientModel, frozen=True):
    uri: str | None = None
    links: ResourceLinks | None = None


def link_in_body(body: bytes) -> str | None:
    """The link that an accepted upload may carry in its body in place of Location; None when it has none."""
    try:
        accepted = read_leniently(_AcceptedBody, msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8)))
    except (*_NOT_SUCH_JSON, Unreadable):
        return None
    own = accepted.links.self_ if accepted.links else None
    return accepted.uri or (own.uri if own else None)


_UPLOAD_DETAILS = msgspec.json.Decoder(BatchUploadDetails)
_DEVICE_PAGE = msgspec.json.Decoder(DevicePage | tuple[Device, ...])
_BATCH_PAGE = msgspec.json.Decoder(DeviceBatchPage | tuple[DeviceBatch, ...])
_CUSTOMER_PAGE = msgspec.json.Decoder(CustomerPage | tuple[Customer, ...])
_CUSTOMER = msgspec.json.Decoder(Customer)
_POLICY_PAGE = msgspec.json.Decoder(ConfigurationPolicyPage | tuple[ConfigurationPolicy, ...])
_CUSTOMERS = "the customers of the partner"
_POLICIES = "the configuration policies of a customer"
_NOT_SUCH_JSON = (msgspec.DecodeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError)

_Model = TypeVar("_Model", bound=LenientModel)
_SomePage = TypeVar("_SomePage", bound=Page)


def with_items(page: _SomePage, what: str) -> _SomePage:
    """`page`, unless it has no items, not even an empty list of them.

    Raises:
        Unavailable: it has none; `what` says in the message what was asked for.
    """
    if getattr(page, "items", None) is None:
        raise Unavailable(f"Partner Center's answer is not {what} (it has no items); the request will be retried")
    return page


def decode_answer(body: bytes, decoder: "msgspec.json.Decoder[Any]", model: type[_Model], what: str) -> _Model:
    """Decode `body`, strictly if its types allow that. A bare array stands for the items of a page."""
    content = body.removeprefix(codecs.BOM_UTF8)
    try:
        try:
            read = decoder.decode(content)
        except msgspec.DecodeError:
            plain = loads_leniently(content)
            is_bare = isinstance(plain, list) and issubclass(model, Page)
            read = read_leniently(model, {"items": plain} if is_bare else plain)
    except (*_NOT_SUCH_JSON, Unreadable) as error:
        raise Unavailable(
            f"Partner Center's answer is not {what} ({error}); the request will be retried. If this continues, check"
            " PARTNER_CENTER_URL and any proxy in between"
        ) from error
    return model(items=read) if isinstance(read, tuple) else read
