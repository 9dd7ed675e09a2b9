"""Sends entity group transactions and queries to Table Storage, and reads the answers.

The storage client spends more time on reading or writing a row than all other work on the row takes; here a
transaction, or a page of rows, is one request through azure-core's own pipeline, with its retries, its bearer token or
shared access signature, and the shared key as the service's page describes. A value that it cannot encode, or an answer
that it does not understand, is reported to the caller as `NotEncodable` or `NotUnderstood`.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit

from azure.core import PipelineClient
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential, TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import (
    AzureSasCredentialPolicy,
    BearerTokenCredentialPolicy,
    DistributedTracingPolicy,
    HttpLoggingPolicy,
    RequestIdPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.data.tables import RequestTooLargeError, TableErrorCode, TableTransactionError

from shared.storage.pages import rows_in
from shared.storage.transactions import (
    CONTENT_TYPE,
    Failure,
    NotUnderstood,
    Operation,
    Value,
    answered,
    encoded,
    error_words,
)

Credential = AzureNamedKeyCredential | AzureSasCredential | TokenCredential

STORAGE_SCOPE = "https://storage.azure.com/.default"
"""The scope of a token for any storage account."""

PAUSES_S = (0.8, 1.6, 3.2)
"""Seconds before a transaction is sent again that was accepted and then found its partition busy (Table service error
codes: ServerBusy, OperationTimedOut). For azure-core such an answer is a success, so its retries do not help."""

_ASKING = {
    "x-ms-version": "2019-02-02",
    "DataServiceVersion": "3.0",
    "MaxDataServiceVersion": "3.0;NetFx",
    "Accept": "application/json;odata=minimalmetadata",
}
_HEADERS = {**_ASKING, "Content-Type": CONTENT_TYPE}
_CONTINUATION = "x-ms-continuation-"
_REPEATABLE = frozenset({"POST"})
_TAKEN = 202
_BUSY = frozenset({500, 503})
"""Statuses of an accepted transaction that could not be done at the moment: OperationTimedOut and ServerBusy."""
_TOO_LARGE = 413
_ERRORS: Mapping[str, type[HttpResponseError]] = {
    TableErrorCode.CONDITION_NOT_MET: ResourceModifiedError,
    TableErrorCode.UPDATE_CONDITION_NOT_SATISFIED: ResourceModifiedError,
    TableErrorCode.INVALID_AUTHENTICATION_INFO: ClientAuthenticationError,
    TableErrorCode.AUTHENTICATION_FAILED: ClientAuthenticationError,
    TableErrorCode.RESOURCE_NOT_FOUND: ResourceNotFoundError,
    TableErrorCode.TABLE_NOT_FOUND: ResourceNotFoundError,
    TableErrorCode.ENTITY_NOT_FOUND: ResourceNotFoundError,
    TableErrorCode.RESOURCE_ALREADY_EXISTS: ResourceExistsError,
    TableErrorCode.TABLE_ALREADY_EXISTS: ResourceExistsError,
    TableErrorCode.ACCOUNT_ALREADY_EXISTS: ResourceExistsError,
    TableErrorCode.ENTITY_ALREADY_EXISTS: ResourceExistsError,
}
"""The error that the storage client raises when the service refuses a whole request with this code."""


class TableService:
    """The table endpoint of one storage account. Safe to share between threads."""

    def __init__(
        self,
        endpoint: str,
        credential: Credential,
        transport: RequestsTransport,
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        """`endpoint` is the account's, like `https://account.table.core.windows.net`."""
        self._endpoint = endpoint.rstrip("/")
        self._pauses = pauses
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            self._endpoint,
            policies=[
                RequestIdPolicy(),
                UserAgentPolicy(sdk_moniker="device-drop"),
                RetryPolicy(),
                _signing(credential),
                DistributedTracingPolicy(),
                HttpLoggingPolicy(),
            ],
            transport=transport,
        )

    def submit(self, table: str, operations: Sequence[Operation], *, repeatable: bool) -> list[str]:
        """Do all of the operations, at most a hundred and of one partition, or none; the new ETag of each row.

        When the connection is lost after the request was sent, it is unknown whether they were done: `repeatable`
        operations are sent again, and for others the error of the storage client is raised. When the service says that
        it was too busy to do them, they are sent again, a few times.

        Raises:
            NotEncodable: nothing was sent.
            NotUnderstood: the answer says nothing about the operations; they may have been done.
            azure.core.exceptions.AzureError: as `TableClient.submit_transaction`.
        """
        body = encoded(operations, f"{self._endpoint}/{table}")
        pauses = iter(self._pauses)
        while True:
            response = self._sent(body, repeatable=repeatable)
            answer = _answer(response, len(operations))
            if not isinstance(answer, Failure):
                return answer
            pause = next(pauses, None) if answer.status in _BUSY else None
            if pause is None:
                raise _operation_failed(response, answer)
            time.sleep(pause)

    def _sent(self, body: bytes, *, repeatable: bool) -> HttpResponse:
        request = HttpRequest("POST", f"{self._endpoint}/$batch", headers=_HEADERS, content=body)
        if repeatable:
            return self._client.send_request(request, retry_on_methods=_REPEATABLE)
        return self._client.send_request(request)

    def rows(self, table: str, filtered_by: str, at_once: int | None) -> Iterator[tuple[dict[str, Value], str]]:
        """The rows that match a filter, each with its ETag, ordered by partition and row key, a page at a time.

        A page has `at_once` rows, or a thousand.

        Raises:
            NotUnderstood: a page is not as expected.
            azure.core.exceptions.AzureError: as `TableClient.query_entities`.
        """
        parameters = {"$filter": filtered_by} if filtered_by else {}
        if at_once is not None:
            parameters["$top"] = str(at_once)
        following: dict[str, str] | None = {}
        while following is not None:
            response = self._client.send_request(
                HttpRequest("GET", _address(f"{self._endpoint}/{table}()", parameters | following), headers=_ASKING)
            )
            if response.status_code != HTTPStatus.OK:
                raise _refused(response)
            yield from rows_in(response.content)
            following = _following(response)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _address(path: str, parameters: Mapping[str, str]) -> str:
    """The path and the parameters, quoted as the service reads them: it takes `+` literally."""
    return f"{path}?{urlencode(parameters, quote_via=quote, safe='')}"


def _following(response: HttpResponse) -> dict[str, str] | None:
    """The parameters of the next page; None after the last page. The service may name only a partition."""
    named = {name: response.headers.get(f"{_CONTINUATION}{name}") for name in ("NextPartitionKey", "NextRowKey")}
    following = {name: value for name, value in named.items() if value is not None}
    return following or None


def _answer(response: HttpResponse, operations: int) -> list[str] | Failure:
    """The new ETag of each row, or why none was changed. Raises the error of a request that was refused as a whole."""
    if response.status_code == _TAKEN:
        return answered(response.headers.get("Content-Type", ""), response.content, operations)
    if response.status_code >= 400:  # noqa: PLR2004 - the errors of HTTP
        raise _refused(response)
    raise NotUnderstood(f"A transaction was answered with status {response.status_code}.")


def _operation_failed(response: HttpResponse, failure: Failure) -> HttpResponseError:
    kind = RequestTooLargeError if failure.status == _TOO_LARGE else TableTransactionError
    message = f"{failure.message}\nErrorCode:{failure.code}"
    return _with_code(kind(message=message, response=response, index=failure.index), failure.status, failure.code)


def _refused(response: HttpResponse) -> HttpResponseError:
    """The error for a request that was refused as a whole: not allowed, too large, throttled, or malformed."""
    code, message = error_words(response.content)
    code = code or response.headers.get("x-ms-error-code")
    kind = RequestTooLargeError if response.status_code == _TOO_LARGE else _ERRORS.get(code or "", HttpResponseError)
    text = f"{message or response.reason}\nErrorCode:{code}"
    return _with_code(kind(message=text, response=response), response.status_code, code)


def _with_code(error: HttpResponseError, status: int, code: str | None) -> HttpResponseError:
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]  # where the storage client puts it
    return error


def _signing(
    credential: Credential,
) -> SansIOHTTPPolicy[HttpRequest, HttpResponse] | BearerTokenCredentialPolicy[HttpRequest, HttpResponse]:
    if isinstance(credential, AzureNamedKeyCredential):
        return _SharedKeyPolicy(credential)
    if isinstance(credential, AzureSasCredential):
        return AzureSasCredentialPolicy(credential)
    return BearerTokenCredentialPolicy(credential, STORAGE_SCOPE)


class _SharedKeyPolicy(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Signs each try with the account's key ("Authorize with Shared Key": Shared Key Lite for Table service)."""

    def __init__(self, credential: AzureNamedKeyCredential) -> None:
        super().__init__()
        self._credential = credential

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        account, key = self._credential.named_key
        date = format_datetime(datetime.now(UTC), usegmt=True)
        resource = f"/{account}{urlsplit(request.http_request.url).path}"
        digest = hmac.digest(base64.b64decode(key), f"{date}\n{resource}".encode(), hashlib.sha256)
        request.http_request.headers["x-ms-date"] = date
        request.http_request.headers["Authorization"] = f"SharedKeyLite {account}:{base64.b64encode(digest).decode()}"
