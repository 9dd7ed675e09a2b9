"""The HTTP that all handlers share: allowed host names, faults, entity tags, and the headers of every answer.

In Azure the Functions host asks scripts for a function key before it calls us, and App Service authentication adds the
person to a request (see `authentication`). A developer's machine has neither: there only names of this machine are
answered, or any web page could reach the app through a name that its owner points here.
"""

import ipaddress
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import uuid4

import azure.functions as func
import msgspec
from azure.core.exceptions import AzureError

from shared.errors import DeviceDropError
from shared.pipeline.composition import Pipeline
from shared.status.paging import BadCursor
from shared.status.queries import NotFound
from shared.status.schemas import ErrorCode, ErrorView
from shared.storage.codec import UnreadableRecord

logger = logging.getLogger(__name__)

JSON = "application/json"
KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
"""The Functions host takes a key here as well; we do not, since addresses end up in logs and browser histories."""

CURSOR = "next"
"""The parameter for the cursor of a page, in the addresses for scripts and for people alike."""

SECONDS_TO_RETRY = 30

LARGEST_REQUEST = 16_384
"""Bytes of the body of a request."""

NOTHING_BUT_DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The content security policy of answers other than pages."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": NOTHING_BUT_DATA,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000",
}
"""Headers of every answer, unless the answer sets its own."""

_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")|\*')

_AZURE = ("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID")
_SIGN_IN_IS_ON = "WEBSITE_AUTH_ENABLED"
"""App settings that App Service itself sets (App Service, "environment variables and app settings")."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the app runs."""

    is_azure: bool
    signs_in: bool
    """Whether App Service authentication is on: only then no client can set the headers that name a person."""


def surroundings(environment: Mapping[str, str] = os.environ) -> Surroundings:
    """Where an app with these environment variables runs."""
    return Surroundings(
        is_azure=any(environment.get(name) for name in _AZURE),
        signs_in=environment.get(_SIGN_IN_IS_ON, "").lower() == "true",
    )


class Refusal(DeviceDropError):
    """The request is answered with an error; the message says what happened and what to do."""

    def __init__(
        self,
        status: HTTPStatus,
        code: ErrorCode,
        message: str,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.parameter = parameter
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it is answered."""

    status: HTTPStatus
    view: ErrorView
    headers: Mapping[str, str] = field(default_factory=dict)


ShowFault = Callable[[Fault], func.HttpResponse]
OpenPipeline = Callable[[], Pipeline]
"""Creates missing containers, queues and tables at its first call."""


def file_named_in(request: func.HttpRequest) -> tuple[str, str]:
    """Customer and file in the address of `request`."""
    return request.route_params["customer_id"], request.route_params["file_id"]


def as_json(fault: Fault) -> func.HttpResponse:
    """`fault` for scripts."""
    return json_answer(fault.view, fault.status, fault.headers)


def accepts_json_alone(request: func.HttpRequest) -> bool:
    """Whether the request comes from a script of the page: a browser that opens a page asks for HTML."""
    return str(request.headers.get("accept", "")).strip().lower() == JSON


def json_answer(
    view: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """`view` as JSON."""
    return func.HttpResponse(
        msgspec.json.encode(view), status_code=status, headers=dict(headers or {}), mimetype=JSON, charset="utf-8"
    )


def tagged(request: func.HttpRequest, answer: func.HttpResponse) -> func.HttpResponse:
    """`answer` with a tag of its content, or 304 without content when the client names this tag (RFC 9110, 13.1.2).

    The tag is a digest of the bytes as they are sent, so equal tags mean equal content.
    """
    tag = f'"{blake2b(answer.get_body(), digest_size=16).hexdigest()}"'
    answer.headers["ETag"] = tag
    if not is_known(tag, request):
        return answer
    kept = {name: answer.headers[name] for name in ("ETag", "Vary") if name in answer.headers}
    return func.HttpResponse(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def is_known(tag: str, request: func.HttpRequest) -> bool:
    """Whether the client already has the content with this tag."""
    given = _ENTITY_TAG.finditer(request.headers.get("if-none-match", ""))
    return any(one[0] == "*" or one[1] == tag for one in given)


def answered(
    request: func.HttpRequest, handle: Callable[[], func.HttpResponse], show: ShowFault = as_json
) -> func.HttpResponse:
    """The answer of `handle`, or `show` of its fault, with the headers that every answer bears."""
    try:
        refuse_key_in_address(request)
        refuse_strange_host(request, surroundings())
        response = handle()
    except Exception as error:  # noqa: BLE001 - outermost: the client gets a sentence, the log gets the rest
        response = show(fault_of(error, request, str(uuid4())))
    for name, value in _HEADERS.items():
        if name not in response.headers:
            response.headers[name] = value
    return response


def fault_of(error: Exception, request: func.HttpRequest, correlation_id: str) -> Fault:
    """`error` as it is answered; an unexpected one is logged under the id that the answer shows."""
    fields = {"correlation_id": correlation_id, "method": request.method, "path": path_of(request)[:300]}
    headers: Mapping[str, str] = {}
    parameter: str | None = None
    match error:
        case Refusal():
            status, code, message, headers = error.status, error.code, error.message, error.headers
            parameter = error.parameter
        case NotFound():
            status, code, message = HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, str(error)
        case BadCursor():
            status, code, message = HTTPStatus.BAD_REQUEST, ErrorCode.BAD_PAGE, str(error)
            parameter = CURSOR
        case UnreadableRecord():
            logger.error(str(error), extra=fields)
            status, code, message = HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.UNAVAILABLE, str(error)
        case AzureError():
            answer = {"error": type(error).__name__, "status_code": getattr(error, "status_code", None)}
            logger.warning("Storage did not answer a request", extra=fields | answer)
            status, code = HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.UNAVAILABLE
            message = "The storage account does not answer. Nothing is lost; try again in 30 seconds."
            headers = {"Retry-After": str(SECONDS_TO_RETRY)}
        case _:
            logger.error("A request failed", exc_info=error, extra=fields)
            status, code = HTTPStatus.INTERNAL_SERVER_ERROR, ErrorCode.INTERNAL
            message = "The app failed. The logs say why, under the correlation id of this answer."
    view = ErrorView(code=code, message=message, parameter=parameter, correlation_id=correlation_id)
    return Fault(status, view, headers)


def path_of(request: func.HttpRequest) -> str:
    """The path of the request, unescaped as the host gives it; empty when the address cannot be parsed."""
    try:
        return str(urlsplit(request.url).path)
    except ValueError:
        return ""


def body_of(request: func.HttpRequest, largest: int = LARGEST_REQUEST) -> bytes:
    """The body. Raises Refusal when it did not arrive, or has more bytes than `largest`."""
    if "transfer-encoding" in request.headers:
        # The Functions host passes an empty body on.
        raise Refusal(
            HTTPStatus.LENGTH_REQUIRED,
            ErrorCode.LENGTH_REQUIRED,
            "The body did not arrive, because it was sent in chunks. Send it with a Content-Length.",
        )
    body: bytes = request.get_body()
    if len(body) > largest:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, "The body is too large.")
    return body


def refuse_key_in_address(request: func.HttpRequest) -> None:
    """Raises Refusal when the request has its key in its address."""
    if any(name.lower() == KEY_PARAMETER for name in request.params):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            ErrorCode.KEY_IN_ADDRESS,
            f"A key in an address ends up in logs and histories. Renew it, and send it in the header {KEY_HEADER}.",
            KEY_PARAMETER,
        )


def refuse_strange_host(request: func.HttpRequest, place: Surroundings) -> None:
    """Raises Refusal when the app runs on a developer's machine and the Host header names another machine."""
    host = request.headers.get("host", "")
    if not place.is_azure and not is_this_machine(host):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            ErrorCode.FORBIDDEN,
            "Outside Azure the app asks for no sign-in, so it answers to localhost alone, "
            f"not to {host[:100]!r}. Open it by http://localhost and its port.",
        )


def is_this_machine(host: str) -> bool:
    """Whether a Host header, with or without port, names the loopback interface."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
