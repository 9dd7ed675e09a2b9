"""The settings of a stand-in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from local.arguments import SAMPLE_CUSTOMER
from local.partner_center.devices import MOST_DEVICES
from local.partner_center.faults import Fault

PAGE_SIZE = 100
"""Devices on a page of Get Devices ("Get a list of devices for the specified batch")."""


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """A customer on the partner's list."""

    id: str
    name: str
    domain: str
    relationship: str = "reseller"
    """With `none`, every call about the customer's devices is refused."""


CUSTOMERS = (
    NamedCustomer(SAMPLE_CUSTOMER, "Contoso", "contoso.onmicrosoft.com"),
    NamedCustomer("1d4ae7e6-d81e-4d66-8d13-073195504ae2", "Fabrikam, Inc.", "fabrikam.onmicrosoft.com"),
    NamedCustomer("5e0e5a2d-6f8c-4f0c-9a0e-2f4f4a8f9d11", "Wingtip Toys", "wingtiptoys.onmicrosoft.com"),
    NamedCustomer("9b1f2f5e-3c57-4d3e-8a44-6f0a1f8a7c22", "Tailspin Toys", "tailspintoys.onmicrosoft.com", "none"),
)
"""The customers that a stand-in lists. Every other GUID is a customer too, but stands on no list."""


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A configuration policy that each customer has, under an id of its own."""

    name: str
    settings: Sequence[str] = ("skip_express_settings",)
    category: str = "o_o_b_e"


POLICIES = (NamedPolicy("Standard", ("oobe_user_not_local_admin", "skip_eula")), NamedPolicy("Kiosk"))
"""The configuration policies of every customer, unless others are added or these removed."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a stand-in behaves; times are seconds."""

    delay: float = 0.0
    """From the acceptance of an upload to its end: the first half `queued`, the second `processing`."""
    latency: float = 0.0
    """Before every answer."""
    retry_after: float = 1.0
    """The wait in the answer to a throttled caller, in whole seconds; a fraction is rounded up."""
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Probability of each fault, 0 to 1."""
    seed: int = 0
    unknown_customers: frozenset[str] = frozenset()
    customers: Sequence[NamedCustomer] = CUSTOMERS
    """The list of the partner's customers, without the unknown ones."""
    may_read_customers: bool = True
    """Whether the sign-in may read the list of customers, and one of them; otherwise both are answered with 403."""
    is_admin_agent: bool = True
    """Whether the sign-in has the role of an Admin agent; otherwise no policy may be given to a device."""
    user: str = "device-drop@partner.onmicrosoft.com"
    """The user of the sign-in, by whom devices are uploaded, updated and deleted."""
    policies: Sequence[NamedPolicy] = POLICIES
    """The configuration policies that every customer has from the start."""
    audit_names_devices: bool = True
    """Whether `customizedData` of an audit record names batch and device, which no page says."""
    existing_batch_status: HTTPStatus = HTTPStatus.CONFLICT
    """What creating a batch that exists is answered with: not documented, 400 and 409 are likely. 202 appends to it."""
    append_makes_batch: bool = False
    """Whether devices appended to a batch that does not exist make it."""
    known_device: str = "ZtdDeviceAlreadyAssigned"
    """The error of a device that the customer has already; empty if it counts as registered."""
    duplicate_device: str = "ZtdDeviceDuplicated"
    """The error of a device that stands in its upload for the second time; empty if it counts as registered."""
    statuses_as_sent: bool = True
    """Whether the devices of a status stand in the order of the upload; otherwise in the opposite one."""
    request_id_seconds: float | None = None
    """For how long a request id is remembered; None is for ever."""
    token: str | None = None
    """The only bearer token that is accepted; None accepts any."""
    location: str = "/customers/{customer}/batchJobStatus/{tracking_id}"
    """The link to an upload, as "Create DeviceBatches" examples have it."""
    most_devices: int = MOST_DEVICES
    """Devices in one upload. Below the documented limit, an upload that is too large is answered with 413."""
    page_size: int = PAGE_SIZE
    """Devices on one page of Get Devices."""
    redirect_to: str = "http://127.0.0.1:9"
    token_in_links: bool = False
    """Whether the continuation token stands in links.next and not at the top of the page."""


WELL_BEHAVED = Behaviour()
"""Without delay and without faults."""
