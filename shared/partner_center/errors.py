"""The error tree of calls to Partner Center; callers decide by the class alone.

    PartnerCenterError
        NeverSent       the request did not leave this machine
        AnswerLost      the request may have been processed: repeat it with the same MS-RequestId
        Throttled       429
        Unavailable     5xx, 408, an unexpected redirect, an unreadable answer: repeat it as after a lost answer
            ListTooLong     a list without an end within its bounds: another reading will hardly end either
        Refused         400, 404, 409, 413 and every other 4xx: the same request will be refused again
        Unauthorised    401, 403, or no token is available

Codes and their meanings: Partner Center, "Error codes"; codes missing from that page were seen in the field.
"""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec
import requests
import urllib3

from shared.bounded_exchange import Exchange
from shared.errors import DeviceDropError
from shared.partner_center.service_text import service_text

DESCRIPTION_LIMIT = 1024
"""Characters kept of the service's description ("Error codes": at most 1,024)."""

LONGEST_ID = 256
LONGEST_CODE = 256
"""Characters kept of an identifier or code; the service's own have at most 36."""

LONGEST_RETRY_AFTER = timedelta(minutes=30)
"""A longer wait is cut to this, so that one broken header cannot stop the work; the next request asks again."""

NO_RELATIONSHIP = "20002"
"""The code of a 403 for a customer without a relationship with the partner (Partner Center, "Error codes")."""


@dataclass(frozen=True, slots=True)
class ServiceIds:
    """The service's ids for one exchange, kept for requests to Microsoft support."""

    request_id: str | None = None
    correlation_id: str | None = None
    correlation_vector: str | None = None
    server_id: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "ServiceIds":
        """The identifiers in the `headers` of a response."""
        found = _by_lower_name(headers)
        names = ("ms-requestid", "ms-correlationid", "ms-cv", "ms-serverid")
        return cls(*(service_text(found[name], LONGEST_ID) if name in found else None for name in names))


NO_SERVICE_IDS = ServiceIds()


class PartnerCenterError(DeviceDropError):
    """A call to Partner Center did not succeed.

    `status`, `code`, `description` and `retry_after` come from the service; None where it sent none. `description` is
    plain text of at most `DESCRIPTION_LIMIT` characters.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        description: str | None = None,
        retry_after: timedelta | None = None,
        service_ids: ServiceIds = NO_SERVICE_IDS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.service_ids = service_ids


class NeverSent(PartnerCenterError):
    """The request did not leave this machine; it may be sent again at any time."""


class AnswerLost(PartnerCenterError):
    """The request was sent and no complete answer arrived: it may have been processed.

    Repeat it with the same bytes and the same MS-RequestId ("Partner Center REST headers": "If there's a
    timeout, the retry call should include the same value").
    """


class Throttled(PartnerCenterError):
    """The service wants fewer requests; `retry_after`, if sent, is the wait it asks for."""

    @property
    def names_the_partner(self) -> bool:
        """Whether the answer's text says that the limit applies to the whole partner, not to one customer."""
        words = (self.description or "").lower()
        return _PARTNER.search(words) is not None and "customer" not in words


class Unavailable(PartnerCenterError):
    """The service cannot answer now, or its answer is unreadable; a later request may succeed.

    This includes a gateway that gave up (408, 502, 503, 504): the request may have been processed all the same, so it
    is repeated as after a lost answer.
    """


class ListTooLong(Unavailable):
    """A list goes on beyond its bounds: the service repeats itself, or the batch is larger than is ever read."""


class Refused(PartnerCenterError):
    """The service understood and refused the request; it would refuse the same request again."""


class Unauthorised(PartnerCenterError):
    """401: the token is invalid; 403: it is valid but does not allow this; no status: no token was available."""

    @property
    def may_be_cured_by_a_new_token(self) -> bool:
        """Whether a new token can help: after a 401 it can, unless the service requires a person's second factor."""
        return self.status == requests.codes.unauthorized and self.code not in CODES_THAT_WANT_A_PERSON


_PARTNER = re.compile(r"\bpartner\b(?!\s+center)")
CODES_THAT_WANT_A_PERSON = frozenset({"900421", "10001"})

_CHECK_CUSTOMER = "check the customer id in the folder name: it must be the tenant id of a customer of this partner"
_CHECK_ROLE = (
    "give the signed-in identity the Admin agent or Sales agent role in Partner Center, and check that the reseller"
    " relationship (or GDAP) with this customer is in place"
)
_SECOND_FACTOR = (
    "Partner Center requires multi-factor authentication: sign in with app-only credentials, or have a person sign in"
    " again with a second factor (python -m local sign-in)"
)
_CHECK_TOKEN = (
    "check the app registration and its credentials; it must be listed in Partner Center under App management"  # noqa: S105
)
_CHECK_PAYLOAD = "the service does not accept the content of the request: read its message and check the rows it names"
_ASK_SUPPORT = "it will be tried again; if this continues, contact Microsoft support and give the correlation id"

_WHAT_TO_DO: Mapping[tuple[int | None, str | None], str] = {
    (400, "3000"): _CHECK_PAYLOAD,
    (
        404,
        "3000",
    ): "the partner organisation was not found: check that the tenant and app of the sign-in are the partner's",
    (400, "800002"): _CHECK_PAYLOAD,
    (400, "900118"): _CHECK_CUSTOMER,
    (401, "400"): _CHECK_TOKEN,
    (401, "800001"): "no token arrived: a proxy in between may have removed the Authorization header",
    (401, "900420"): "the token is for another audience: it must be for https://api.partnercenter.microsoft.com",
    (None, "900421"): _SECOND_FACTOR,
    (None, "10001"): _SECOND_FACTOR,
    (None, "1002"): _CHECK_ROLE,
    (403, "2032"): _CHECK_ROLE,
    (403, NO_RELATIONSHIP): "this customer has not accepted a reseller relationship with this partner: have it "
    "accepted, or correct the customer id in the folder name",
    (403, "600006"): _CHECK_ROLE,
    (404, "1000"): "the customer, batch or tracking id in the address is not known to the service",
    (404, "60003"): _CHECK_CUSTOMER,
    (500, "800003"): _ASK_SUPPORT,
    (400, None): _CHECK_PAYLOAD,
    (401, None): _CHECK_TOKEN,
    (403, None): _CHECK_ROLE,
    (404, None): "the customer, batch or tracking id in the address is not known to the service",
    (409, None): "the batch exists already: list the customer's batches and use that one",
    (413, None): "the request is too large: lower DEVICES_PER_SUBMISSION",
    (429, None): "nothing to do: it will be sent again later; fewer parallel submissions avoid this",
}
"""Keyed by (status, code); a status of None matches any status, a code of None any other code."""

_CODES_OF_UNAUTHORISED = frozenset({"1002", "10001", "900421"})
"""These mean no permission with any 4xx status: no status is documented for them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Code and description of an error body."""

    code: str | None = None
    description: str | None = None


def read_fault(body: bytes) -> Fault:
    """The code and description in the body of an error; never raises.

    Shapes seen: Partner Center's own (`code` a string or a number, `description`), the gateway's (`statusCode`,
    `message`), the neighbouring partner API's (`error` with `code` and `message`), plain text, HTML, and an empty body.
    """
    text = body.decode("utf-8-sig", errors="replace")
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return Fault(description=_plain(text))
    if not isinstance(content, dict):
        return Fault(description=_plain(text))
    fields = {name.lower(): value for name, value in content.items()}
    if isinstance(fields.get("error"), dict):
        fields = {name.lower(): value for name, value in fields["error"].items()}
    code, description = fields.get("code"), fields.get("description") or fields.get("message") or fields.get("error")
    return Fault(
        code=service_text(str(code), LONGEST_CODE)
        if isinstance(code, int | str) and not isinstance(code, bool)
        else None,
        description=_plain(description) if isinstance(description, str) else None,
    )


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, now: datetime, *, request: str = "the request"
) -> PartnerCenterError:
    """The error for an unsuccessful answer.

    `request` names the request (such as `GET /v1/customers/...`) in the message; a Retry-After date is counted from
    `now`, which must be aware.
    """
    fault = read_fault(body)
    words = fault.description or ""
    return _class_of(status, fault.code)(
        _message(status, fault, request),
        status=status,
        code=fault.code,
        description=fault.description,
        retry_after=retry_after(_by_lower_name(headers).get("retry-after"), now) or _retry_after_in(words),
        service_ids=ServiceIds.of(headers),
    )


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait a Retry-After header asks for: seconds or an HTTP date (RFC 9110), never negative; None if neither."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value, re.ASCII):
        return _within_reason(timedelta(seconds=float(value)))
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return _within_reason((date if date.tzinfo else date.replace(tzinfo=UTC)) - now)


@contextmanager
def transport_errors(request: str, exchange: Exchange) -> Iterator[None]:
    """Turn any exception of sending into `NeverSent` or `AnswerLost`; `request` names the request in the message.

    Once a byte of the request may have left, the service may have processed it.
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
        if exchange.has_begun:
            raise AnswerLost(
                f"The answer to {request} was lost ({_reason_of(error)}); it may have been processed and is repeated"
                " with the same request id"
            ) from error
        if isinstance(error, requests.exceptions.InvalidHeader | requests.exceptions.InvalidURL | UnicodeError):
            message = (
                f"{request} could not be made: the address or a header (such as the token) is malformed; check the"
                " settings"
            )
            raise NeverSent(message) from None  # the cause would show the header, which may be the token
        raise NeverSent(
            f"Partner Center could not be reached for {request} ({_reason_of(error)}); it will be tried again. If this"
            " continues, check the network, DNS, proxy and PARTNER_CENTER_URL"
        ) from error


def _class_of(status: int, code: str | None) -> type[PartnerCenterError]:
    if status == requests.codes.too_many_requests:
        return Throttled
    if status == requests.codes.request_timeout or not 400 <= status < 500:  # noqa: PLR2004
        return Unavailable
    if status in (401, 403) or code in _CODES_OF_UNAUTHORISED:
        return Unauthorised
    return Refused


def _message(status: int, fault: Fault, request: str) -> str:
    code = f", code {fault.code}" if fault.code else ""
    words = f": {fault.description[:300]}" if fault.description else ""
    for key in ((status, fault.code), (None, fault.code), (status, None)):
        if key in _WHAT_TO_DO and key != (None, None):
            return f"Partner Center answered {request} with {status}{code}{words} - {_WHAT_TO_DO[key]}"
    cure = _CHECK_PAYLOAD if _class_of(status, fault.code) is Refused else _ASK_SUPPORT
    return f"Partner Center answered {request} with {status}{code}{words} - {cure}"


def _plain(text: str) -> str | None:
    """`text` in plain words, shortened: no markup, no entities, and nothing as long as a hash or a token."""
    words = html.unescape(_without_markup(text[: 64 * DESCRIPTION_LIMIT]))
    without_secrets = re.sub(r"[\w+/=.-]{100,}", "[long value left out]", words)
    return service_text(without_secrets, DESCRIPTION_LIMIT) or None


def _without_markup(text: str) -> str:
    """`text` without tags, scripts and styles, in time linear in its length."""
    before, *rest = re.split(r"<(?:script|style)\b", text, flags=re.IGNORECASE)
    after = (re.split(r"</(?:script|style)\s*>", part, maxsplit=1, flags=re.IGNORECASE) for part in rest)
    visible = [before, *(parts[1] for parts in after if len(parts) > 1)]
    return re.sub(r"<[^<>]*>", " ", " ".join(visible))


def _retry_after_in(words: str) -> timedelta | None:
    """The wait in a message of the gateway: "Rate limit is exceeded. Try again in 57 seconds."."""
    found = re.search(r"try again in (\d{1,9}) seconds", words, re.IGNORECASE)
    return _within_reason(timedelta(seconds=int(found[1]))) if found else None


def _within_reason(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta()), LONGEST_RETRY_AFTER)


def _by_lower_name(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and every exception it wraps, outermost first: `requests` and urllib3 put them in `args` and `reason`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__]


def _reason_of(error: BaseException) -> str:
    """The innermost cause in a few words; the outer texts repeat the address."""
    *_, innermost = _causes(error)
    said = innermost.strerror if isinstance(innermost, OSError) and innermost.strerror else ""
    return f"{type(innermost).__name__}: {said}" if said else type(innermost).__name__
