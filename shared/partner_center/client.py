"""The calls to Partner Center over HTTP.

JSON is sent and asked for. The pages also list text/json, application/xml, text/xml and form encoding; none is used, as
no client of the service is known to. Sources: those of `calls`, and Partner Center REST reference, "Partner Center REST
headers".
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from time import monotonic, sleep
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import requests

from shared.bounded_exchange import Exchange, bounded_exchange
from shared.partner_center.audit_records import AuditRecord, audit_query, decode_audit_page
from shared.partner_center.calls import Accepted, CallIds, JobAnswer, PartnerCenter
from shared.partner_center.errors import (
    AnswerLost,
    ListTooLong,
    NeverSent,
    ServiceIds,
    Unavailable,
    error_from_response,
    transport_errors,
)
from shared.partner_center.models import (
    ConfigurationPolicy,
    Customer,
    Device,
    DeviceBatch,
    Page,
    creation_body,
    decode_batch_page,
    decode_customer,
    decode_customer_page,
    decode_device_page,
    decode_policy_page,
    decode_upload_details,
    link_in_body,
)
from shared.partner_center.paths import (
    append_path,
    audit_records_path,
    batches_path,
    create_path,
    customer_path,
    customers_path,
    device_path,
    policies_path,
    policy_updates_path,
    status_path,
    tracking_id_in,
)
from shared.partner_center.sign_in import SignIn
from shared.plain_session import PlainSession
from shared.telemetry import correlation_vector, present_step

__all__ = ["Accepted", "CallIds", "JobAnswer", "PartnerCenter", "PartnerCenterClient", "ServiceIds"]

APPLICATION = "Device Drop"
"""The value of MS-PartnerCenter-Application, under which the service's logs list our requests."""

MOST_ANSWER_BYTES = 64 * 1024 * 1024
MOST_ANSWER_VALUES = 1_000_000
"""Counted by their commas. A page of a hundred devices has 2,000; the bytes above hold enough empty devices to take
gigabytes of memory, and minutes of a processor that all workers of an instance share."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reading of pages may take; more is no list, but a service that repeats itself."""

    pages: int
    content_bytes: int
    seconds: float


BATCHES = Bounds(pages=1_000, content_bytes=MOST_ANSWER_BYTES, seconds=math.inf)
"""A customer's batches, or its policies. In time they are one call, which ends within `exchange_timeout`: their reader
holds a claim."""
DEVICES = Bounds(pages=10_000, content_bytes=64 * MOST_ANSWER_BYTES, seconds=600)
"""The devices of a batch, at a hundred a page with their hashes. Their reader renews its claim, or holds none."""

CUSTOMERS = Bounds(pages=1_000, content_bytes=4 * MOST_ANSWER_BYTES, seconds=300)
"""The partner's customers. Their reader holds a claim for an hour."""

AUDIT_RECORDS = Bounds(pages=1_000, content_bytes=4 * MOST_ANSWER_BYTES, seconds=300)
"""The audit records of some days. Their reader renews its claim, or holds none."""

CUSTOMERS_ON_A_PAGE = 500
"""The customers that are asked for at a time: `size`, which the page calls required."""

PAUSES_BEFORE_PAGES = (1.0, 2.0, 4.0)
"""Seconds before each further try of a page. Without these a list of many pages would hardly ever be read to its end
while the service answers one request of ten with an error: each reading would begin at the first page."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_VALIDATE_MFA: Mapping[str, str] = MappingProxyType({"ValidateMfa": "true"})
"""Asks the service to say in the header isMfaCompliant of its answer whether the token has a second factor. It is on no
page of the reference; partners have used it since the second factor is required (2026)."""

MOST_CONNECTIONS = 64
"""Idle connections kept for reuse; further threads open connections of their own."""

logger = logging.getLogger(__name__)


_Page = TypeVar("_Page", bound=Page)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A successful answer."""

    request: str
    status: int
    headers: "requests.structures.CaseInsensitiveDict[str]"
    body: bytes

    @property
    def service_ids(self) -> ServiceIds:
        return ServiceIds.of(self.headers)


class PartnerCenterClient:
    """`PartnerCenter` over HTTP; one instance serves all threads."""

    def __init__(
        self,
        *,
        base_url: str,
        sign_in: SignIn,
        clock: Callable[[], datetime],
        connect_timeout: float,
        exchange_timeout: float,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        """`base_url` is scheme and host; `session` sends the requests, None creates one shared by all threads.

        Timeouts are in seconds. An exchange ends at most `exchange_timeout` after it began, whether or not the answer
        is complete; an exchange without a connection after `connect_timeout` never began. Signing in happens before
        the exchange and has its own limits.
        """
        self._base_url = base_url.rstrip("/")
        self._sign_in = sign_in
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._exchange_timeout = exchange_timeout
        self._session = session or PlainSession(MOST_CONNECTIONS)
        self._sleep = sleep

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterator[DeviceBatch]:
        bounds = replace(BATCHES, seconds=self._exchange_timeout)
        for page in self._pages(batches_path(customer_id), decode_batch_page, ids, bounds):
            yield from page.items or ()

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self._job("POST", create_path(customer_id), creation_body(batch_id, devices), ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self._job("POST", append_path(customer_id, batch_id), devices, ids)

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = self._call("GET", status_path(customer_id, tracking_id), ids)
        return JobAnswer(decode_upload_details(answer.body), answer.service_ids)

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for page in self._pages(append_path(customer_id, batch_id), decode_device_page, ids, DEVICES):
            yield from page.items or ()

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        return self._call("DELETE", device_path(customer_id, batch_id, device_id), ids).service_ids

    def configuration_policies(self, customer_id: str, ids: CallIds) -> Iterator[ConfigurationPolicy]:
        bounds = replace(BATCHES, seconds=self._exchange_timeout)
        for page in self._pages(policies_path(customer_id), decode_policy_page, ids, bounds):
            yield from page.items or ()

    def update_device_policies(self, customer_id: str, updates: bytes, ids: CallIds) -> Accepted:
        return self._job("PATCH", policy_updates_path(customer_id), updates, ids)

    def audit_records(
        self, since: date, until: date | None, ids: CallIds, *, customer_id: str | None = None
    ) -> Iterator[AuditRecord]:
        first = audit_query(since, until, customer_id)
        further = f"{first}&seekOperation=Next"
        path = audit_records_path()
        for page in self._pages(path, decode_audit_page, ids, AUDIT_RECORDS, first=first, further=further):
            yield from page.items or ()

    def customers(self, ids: CallIds) -> Iterator[Customer]:
        first = f"?size={CUSTOMERS_ON_A_PAGE}"
        further = f"{first}&seekOperation=Next"
        for page in self._pages(customers_path(), decode_customer_page, ids, CUSTOMERS, first=first, further=further):
            yield from page.items or ()

    def customer(self, customer_id: str, ids: CallIds) -> Customer:
        return decode_customer(self._call("GET", customer_path(customer_id), ids).body)

    def has_second_factor(self, ids: CallIds) -> bool | None:
        answer = self._call("GET", f"{customers_path()}?size=1", ids, more_headers=_VALIDATE_MFA)
        said = answer.headers.get("isMfaCompliant", "").strip().lower()
        return {"true": True, "false": False}.get(said)

    def sign_in_anew(self) -> None:
        self._sign_in.renew()

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def _job(self, method: str, path: str, body: bytes, ids: CallIds) -> Accepted:
        """A request that the service takes now and works on later."""
        answer = self._call(method, path, ids, body=body)
        tracking_id = tracking_id_in(answer.headers.get("Location")) or tracking_id_in(link_in_body(answer.body))
        if tracking_id is None and not _LENGTH_HEADERS & {name.lower() for name in answer.headers}:
            raise AnswerLost(
                f"The answer to {answer.request} broke off within its headers; it may have been processed and is"
                " repeated with the same request id",
                status=answer.status,
                service_ids=answer.service_ids,
            )
        return Accepted(tracking_id, answer.status, answer.service_ids)

    def _pages(
        self,
        path: str,
        decode: Callable[[bytes], _Page],
        ids: CallIds,
        bounds: Bounds,
        *,
        first: str = "",
        further: str = "",
    ) -> Iterator[_Page]:
        """The pages from `path` on. Only query and token of a next-page link are used; each page has its own ids.

        `first` is the query of the first page, and `further` of each page that the service names by a token alone.

        Raises:
            ListTooLong: the pages repeat themselves, or exceed their `bounds`.
        """
        query, token, asked = first, None, set[tuple[str, str | None]]()
        end, bytes_left, seconds_left = monotonic() + bounds.seconds, bounds.content_bytes, bounds.seconds
        while (query, token) not in asked and len(asked) < bounds.pages and bytes_left > 0 and seconds_left > 0:
            asked.add((query, token))
            pauses = PAUSES_BEFORE_PAGES if len(asked) > 1 else ()
            page, length = self._page(path + query, decode, _ids_of_page(ids, len(asked)), token, seconds_left, pauses)
            bytes_left, seconds_left = bytes_left - length, end - monotonic()
            yield page
            query, token = _query_of_next(page), _token_of_next(page)
            if not query and token is None:
                return
            query = query or further
        raise ListTooLong(
            f"Partner Center's pages of {path} do not end; the request will be retried. If this continues, contact its"
            " support"
        )

    def _page(
        self,
        path: str,
        decode: Callable[[bytes], _Page],
        ids: CallIds,
        token: str | None,
        within: float,
        pauses: Sequence[float],
    ) -> tuple[_Page, int]:
        """One page, and its length in bytes. After each of `pauses` it is tried again under the same ids.

        All tries together take no longer than one call. Throttling and refusals are raised at once.
        """
        left = min(within, self._exchange_timeout)
        end = monotonic() + left

        def asked() -> tuple[_Page, int]:
            answer = self._call("GET", path, ids, continuation=token, within=left)
            return decode(answer.body), len(answer.body)

        for pause in pauses:
            try:
                return asked()
            except (NeverSent, AnswerLost, Unavailable) as error:
                wait = max(pause, error.retry_after.total_seconds() if error.retry_after else 0.0)
                left = end - monotonic() - wait
                if left <= 0:
                    raise
                logger.warning("A page is asked for again", extra=present_step() | {"path": path, "reason": str(error)})
            self._sleep(wait)
        return asked()

    def _call(
        self,
        method: str,
        path: str,
        ids: CallIds,
        *,
        body: bytes | None = None,
        continuation: str | None = None,
        within: float = math.inf,
        more_headers: Mapping[str, str] = _NO_HEADERS,
    ) -> _Answer:
        """One exchange of at most `within` seconds. Raises a `PartnerCenterError` for all but a complete 2xx."""
        seconds = min(within, self._exchange_timeout)
        name = f"{method} {path.partition('?')[0]}"
        started = monotonic()
        headers_sent = self._headers(ids, has_body=body is not None, page=continuation) | dict(more_headers)
        with bounded_exchange(seconds) as exchange:
            try:
                status, headers, content = self._exchanged(method, path, headers_sent, body, exchange, name)
            except AnswerLost as lost:
                if exchange.is_over:
                    raise _too_slow(name, seconds) from lost
                raise
        _log(method, path, ids, status=status, service_ids=ServiceIds.of(headers), seconds=monotonic() - started)
        if not _is_success(status):
            raise error_from_response(status, headers, content, self._clock(), request=name)
        return _Answer(name, status, headers, content)

    def _exchanged(
        self, method: str, path: str, headers_sent: dict[str, str], body: bytes | None, exchange: Exchange, name: str
    ) -> "tuple[int, requests.structures.CaseInsensitiveDict[str], bytes]":
        """Status, headers and body of the answer."""
        with transport_errors(name, exchange):
            response = self._session.request(
                method,
                self._base_url + path,
                headers=headers_sent,
                data=body,
                timeout=(self._connect_timeout, None),  # the exchange's deadline bounds the rest
                stream=True,
            )
        status, headers = response.status_code, response.headers
        try:
            return status, headers, _read(response, exchange, name)
        except (AnswerLost, Unavailable):
            if _is_success(status) and tracking_id_in(headers.get("Location")) is None:
                raise
            # The part that decides has arrived: the status of a failure, or the address of the upload's status.
            return status, headers, b""
        finally:
            response.close()

    def _headers(self, ids: CallIds, *, has_body: bool, page: str | None) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._sign_in.token()}",
            "Accept": "application/json",
            "MS-RequestId": ids.request_id,
            "MS-CorrelationId": ids.correlation_id,
            "MS-PartnerCenter-Application": APPLICATION,
        }
        optional = {
            "MS-CV": ids.correlation_vector or correlation_vector(),
            "MS-ContinuationToken": page,
            "Content-Type": "application/json" if has_body else None,
        }
        return headers | {name: value for name, value in optional.items() if value is not None}


def _read(response: requests.Response, exchange: Exchange, name: str) -> bytes:
    """The complete body, limited in size and in values; the exchange limits its time."""
    content, values = bytearray(), 0
    with transport_errors(name, exchange):
        while chunk := response.raw.read1(65536, decode_content=True):
            content += chunk
            values += chunk.count(b",")
            if values > MOST_ANSWER_VALUES:
                raise Unavailable(
                    f"Partner Center's answer to {name} has more than {MOST_ANSWER_VALUES} values; the request will be"
                    " retried"
                )
            if len(content) > MOST_ANSWER_BYTES:
                raise Unavailable(
                    f"Partner Center's answer to {name} is longer than {MOST_ANSWER_BYTES} bytes; the request will be"
                    " retried"
                )
        exchange.check()
    return bytes(content)


def _too_slow(name: str, seconds: float) -> AnswerLost:
    return AnswerLost(
        f"The answer to {name} came too slowly: it was not complete after {seconds:g} seconds. The request may have"
        " been processed and is repeated with the same request id"
    )


_LENGTH_HEADERS = frozenset({"content-length", "transfer-encoding"})
"""Every complete answer has one of these; without them, an empty answer may be the beginning of a longer one."""


def _ids_of_page(ids: CallIds, page: int) -> CallIds:
    """The ids for a further page: the service may repeat its earlier answer to a request id that it knows."""
    if page == 1:
        return ids
    return replace(ids, request_id=str(uuid5(NAMESPACE_URL, f"{ids.request_id}/{page}")))


def _query_of_next(page: Page) -> str:
    following = page.links.next if page.links else None
    _, question_mark, query = ((following.uri if following else None) or "").partition("?")
    return question_mark + quote(query.partition("#")[0], safe="=&%+") if query else ""


def _token_of_next(page: Page) -> str | None:
    token = page.next_token
    if token is not None and not (token.isascii() and token.isprintable()):
        raise Unavailable(
            "Partner Center's answer names a continuation token that no header can carry; the request will be retried."
            " If this continues, contact its support"
        )
    return token


def _is_success(status: int) -> bool:
    """Any 2xx. The pages document 200 and 202; no other 2xx is known, and none would be a failure."""
    return 200 <= status < 300  # noqa: PLR2004


def _log(method: str, path: str, ids: CallIds, *, status: int, service_ids: ServiceIds, seconds: float) -> None:
    logger.info(
        "Partner Center answered",
        extra=present_step()
        | {
            "method": method,
            "path": path,
            "status": status,
            "request_id": ids.request_id,
            "correlation_id": ids.correlation_id,
            "service_request_id": service_ids.request_id,
            "service_correlation_id": service_ids.correlation_id,
            "service_trace_vector": service_ids.correlation_vector,
            "service_server_id": service_ids.server_id,
            "milliseconds": round(seconds * 1000),
        },
    )
