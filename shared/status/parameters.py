"""The parameters of each address for scripts: one record reads them, checks them and describes them in OpenAPI."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from shared.pipeline.hold_requests import LONGEST_REASON as LONGEST_HOLD_REASON
from shared.status.customers import CUSTOMERS_ON_A_PAGE, MOST_CUSTOMERS_ON_A_PAGE
from shared.status.expectations import expectation
from shared.status.http import Refusal
from shared.status.names import CustomerNames
from shared.status.queries import (
    FILES_ON_A_PAGE,
    MOST_FILES_ON_A_PAGE,
    MOST_OUTCOMES_ON_A_PAGE,
    OUTCOMES_ON_A_PAGE,
    FileFilter,
    OutcomeFilter,
)
from shared.status.registered_devices import MOST_REGISTERED_ON_A_PAGE, REGISTERED_ON_A_PAGE
from shared.status.schemas import ErrorCode
from shared.storage.customers import LONGEST_NAME
from shared.vocabulary import FileState, Outcome

GUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
LONGEST_BATCH = 256
LONGEST_CURSOR = 4_000
LONGEST_REASON = 200
LONGEST_SEARCH = 200
LONGEST_SERIAL = 256

FIRST_TIME = datetime(1970, 1, 2, tzinfo=UTC)
LAST_TIME = datetime(9000, 1, 1, tzinfo=UTC)
"""No file was received before or after these; calculations with times beyond them overflow."""

_WithOffset = Annotated[datetime, msgspec.Meta(tz=True)]

_LONGEST_SHOWN = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of a pair, which no text has."""
_OFFSET_WITHOUT_PLUS = re.compile(r" (\d\d:\d\d)$")


Cursor = Annotated[
    str,
    msgspec.Meta(
        description="`next` of the page before, with the same filters.",
        max_length=LONGEST_CURSOR,
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]


class Yes(StrEnum):
    """The value of a parameter that is given or left out."""

    YES = "yes"


def _time(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description, extra_json_schema={"format": "date-time"})


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters that an address takes."""


class NoQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The address takes no parameters."""


class HoldQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a hold or stop."""

    reason: (
        Annotated[
            str,
            msgspec.Meta(
                description="Why, for other people: kept with the hold and shown where it is shown.",
                pattern=r"^[^\x00-\x1f\x7f]*$",
                max_length=LONGEST_HOLD_REASON,
            ),
        ]
        | UnsetType
    ) = UNSET

    @property
    def why(self) -> str:
        """The reason; empty when none is given."""
        return given(self.reason) or ""


class PagedQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list that is answered page by page."""

    next: Cursor | UnsetType = UNSET

    @property
    def cursor(self) -> str | None:
        """The cursor of the page; None for the first."""
        return given(self.next)


class FilesQuery(PagedQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the list of files."""

    customer: (
        Annotated[
            str,
            msgspec.Meta(
                description="Only files of this customer: its id or its name; `_` for files whose path names no "
                "customer.",
                min_length=1,
                max_length=LONGEST_NAME,
            ),
        ]
        | UnsetType
    ) = UNSET
    state: FileState | UnsetType = UNSET
    received_from: Annotated[str, _time("Received at this time or later.")] | UnsetType = UNSET
    received_before: Annotated[str, _time("Received before this time.")] | UnsetType = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_FILES_ON_A_PAGE)] = FILES_ON_A_PAGE
    name: (
        Annotated[
            str,
            msgspec.Meta(
                description="Only files with this text in their name; capital and small letters are the same.",
                pattern=r"^[^\x00-\x1f\x7f]*$",
                max_length=LONGEST_NAME,
            ),
        ]
        | UnsetType
    ) = UNSET
    attention: Annotated[Yes, msgspec.Meta(description="Only files that somebody must look at.")] | UnsetType = UNSET

    def filter(self, names: CustomerNames) -> FileFilter:
        """The filter that the parameters describe. Raises Refusal."""
        customer = given(self.customer)
        return FileFilter(
            customer_id=None if customer is None else _customer(customer, names),
            name=given(self.name) or "",
            attention=given(self.attention) is not None,
            state=given(self.state),
            received_from=_time_in("received_from", self.received_from),
            received_before=_time_in("received_before", self.received_before),
        )


class OutcomesQuery(PagedQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the list of rows of a file."""

    outcome: Outcome | UnsetType = UNSET
    reason: (
        Annotated[
            str,
            msgspec.Meta(
                description="Rows with this `error_code`.",
                pattern=r"^[^\x00-\x1f\x7f]*$",
                max_length=LONGEST_REASON,
            ),
        ]
        | UnsetType
    ) = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_OUTCOMES_ON_A_PAGE)] = OUTCOMES_ON_A_PAGE

    def filter(self) -> OutcomeFilter:
        """The filter that the parameters describe."""
        return OutcomeFilter(outcome=given(self.outcome), reason=given(self.reason))


class CustomersQuery(PagedQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the list of customers."""

    search: (
        Annotated[
            str,
            msgspec.Meta(
                description="Only customers with this text in their id, domain or a name; capital and small letters "
                "are the same.",
                pattern=r"^[^\x00-\x1f\x7f]*$",
                max_length=LONGEST_SEARCH,
            ),
        ]
        | UnsetType
    ) = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_CUSTOMERS_ON_A_PAGE)] = CUSTOMERS_ON_A_PAGE


class DevicesQuery(PagedQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the search for a serial number."""

    serial: Annotated[
        str,
        msgspec.Meta(
            description="The serial number; capital and small letters are the same.",
            min_length=1,
            max_length=LONGEST_SERIAL,
            extra_json_schema={"pattern": r"^[^\x00-\x1f\x7f]+$"},
        ),
    ]


_Batch = Annotated[
    str,
    msgspec.Meta(
        description="Only devices of this batch; capital and small letters are the same.",
        min_length=1,
        max_length=LONGEST_BATCH,
        extra_json_schema={"pattern": r"^[^\x00-\x1f\x7f]+$"},
    ),
]


class BatchQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameter of a download of registered devices."""

    batch: _Batch | UnsetType = UNSET


class RegisteredDevicesQuery(PagedQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of the list of registered devices."""

    batch: _Batch | UnsetType = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_REGISTERED_ON_A_PAGE)] = REGISTERED_ON_A_PAGE


AnyQuery = TypeVar("AnyQuery", bound=Query)
Value = TypeVar("Value")


def query_of(parameters: Mapping[str, str], kind: type[AnyQuery]) -> AnyQuery:
    """The parameters of an address as `kind`. Raises Refusal, which names the first parameter at fault.

    An empty value is none: the Functions host does not pass it on.
    """
    given_values = {name: value for name, value in parameters.items() if value}
    for name, value in given_values.items():
        if name not in kind.__struct_fields__:
            raise bad_parameter(name, f"There is no parameter {name[:_LONGEST_SHOWN]}, but {_known_names(kind)}")
        if _CONTROL.search(value):
            raise bad_parameter(name, f"{name} has no control characters")
        if not _fits(name, value, kind):
            raise bad_parameter(name, expectation(name, kind))
    for name in required(kind):
        if name not in given_values:
            raise bad_parameter(name, expectation(name, kind))
    return msgspec.convert(given_values, kind, strict=False)


def required(kind: type[Query]) -> list[str]:
    """The parameters without which an address is not answered."""
    return [field.name for field in msgspec.structs.fields(kind) if field.required]


def bad_parameter(name: str, sentence: str) -> Refusal:
    """The refusal of a parameter that is not as the OpenAPI document says."""
    message = f"{sentence}. GET /api/openapi.json lists the parameters."
    return Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_PARAMETER, message, name)


def given(value: Value | UnsetType) -> Value | None:
    """`value`, or None when the address does not have it."""
    return None if value is UNSET or isinstance(value, UnsetType) else value


def _fits(name: str, value: str, kind: type[Query]) -> bool:
    others = dict.fromkeys(required(kind), "any")
    try:
        msgspec.convert(others | {name: value}, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _known_names(kind: type[Query]) -> str:
    return ", ".join(kind.__struct_fields__) or "none at this address"


def _customer(text: str, names: CustomerNames) -> str:
    customer_id = names.customer_id_of(text)
    if customer_id is None:
        raise bad_parameter("customer", "customer is the GUID of a customer's tenant or the name of a customer")
    return customer_id


def _time_in(name: str, value: str | UnsetType) -> datetime | None:
    """A time of RFC 3339. A plus in its offset that was not escaped arrives as a space."""
    text = given(value)
    if text is None:
        return None
    try:
        time: datetime = msgspec.convert(_OFFSET_WITHOUT_PLUS.sub(r"+\1", text), _WithOffset)
    except msgspec.ValidationError as error:
        raise bad_parameter(name, expectation(name, FilesQuery)) from error
    try:
        in_utc = time.astimezone(UTC)
    except OverflowError:
        return FIRST_TIME if time.year == 1 else LAST_TIME
    return min(max(in_utc, FIRST_TIME), LAST_TIME)
