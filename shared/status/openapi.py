"""The OpenAPI document, made from the table of routes and the records of parameters, bodies and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from shared.pipeline.closing.workbook_output import XLSX
from shared.status.downloads import CSV, HTML
from shared.status.expectations import schemas_of
from shared.status.http import JSON, KEY_HEADER
from shared.status.parameters import (
    GUID,
    BatchQuery,
    CustomersQuery,
    DevicesQuery,
    FilesQuery,
    HoldQuery,
    NoQuery,
    OutcomesQuery,
    PagedQuery,
    Query,
    RegisteredDevicesQuery,
    required,
)
from shared.status.routes import Route, route_named
from shared.status.schemas import (
    ActPage,
    CustomerPage,
    CustomerProfiles,
    DevicePage,
    ErrorView,
    FileDetails,
    FilePage,
    HealthView,
    HoldView,
    InventoryView,
    OutcomePage,
    ProfileAnswer,
    ProfileRequest,
    RegisteredDevicePage,
    RetryView,
    WithdrawalAnswer,
    WithdrawalRequest,
)

_SCHEMAS = "#/components/schemas/{name}"
_KEY = "functionKey"

CUSTOMER_ID: dict[str, object] = {"type": "string", "pattern": f"^(_|{GUID})$"}
FILE_ID: dict[str, object] = {"type": "string", "pattern": f"^{GUID}$"}

_PARAMETERS: Mapping[str, tuple[str, dict[str, object]]] = {
    "customer_id": ("The customer's tenant; `_` for a file whose path names none.", CUSTOMER_ID),
    "file_id": ("The file.", FILE_ID),
}

_FAULTS: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "A parameter is not valid; `parameter` names it.",
    HTTPStatus.FORBIDDEN: "The request comes from a page of another site, or by the name of another host.",
    HTTPStatus.NOT_FOUND: "There is no such file or row.",
    HTTPStatus.CONFLICT: "Not while the file is in its present state.",
    HTTPStatus.GONE: "It is past its retention.",
    HTTPStatus.LENGTH_REQUIRED: "The body was sent in chunks; it needs a Content-Length.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large; the message says what to do.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The app failed; the logs say why, under the correlation id.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Storage does not answer; try again after the seconds in Retry-After.",
}

_EMPTY: dict[str, object] = {"type": "string", "maxLength": 0}
"""An empty value of a parameter, which is as good as none."""

_KNOWN_TAG: Mapping[str, object] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer: the answer is 304 while nothing has changed.",
    "schema": {"type": "string"},
}
_TAG: dict[str, object] = {
    "headers": {
        "ETag": {
            "description": "Identifies the content of the answer, once the file is final.",
            "schema": {"type": "string"},
        }
    }
}

_OF_EVERY_OPERATION = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route for scripts takes and answers. `answer` is a record, or the media type of a file."""

    summary: str
    query: type[Query]
    answer: type[msgspec.Struct] | str
    statuses: Sequence[HTTPStatus] = (HTTPStatus.OK,)
    """Of answers that are no error."""
    faults: Sequence[HTTPStatus] = ()
    body: type[msgspec.Struct] | None = None
    is_tagged: bool = False
    """Whether the answer has an ETag once the file is final."""


_DONE = (HTTPStatus.OK, HTTPStatus.ACCEPTED)
_NO_FILE = (HTTPStatus.NOT_FOUND,)
_NO_CHANGE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_NO_HOLD = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)

OPERATIONS: Mapping[str, Operation] = {
    "list_files": Operation("Files, newest first.", FilesQuery, FilePage),
    "read_file": Operation(
        "One file in detail: time line, submissions, reasons.", NoQuery, FileDetails, faults=_NO_FILE, is_tagged=True
    ),
    "list_outcomes": Operation(
        "The rows of a file that have their outcome, in the order of the file.",
        OutcomesQuery,
        OutcomePage,
        faults=_NO_FILE,
        is_tagged=True,
    ),
    "download_results": Operation(
        "Every row of a closed file with its outcome, as CSV.", NoQuery, CSV, faults=_NO_CHANGE, is_tagged=True
    ),
    "download_results_workbook": Operation(
        "The same as a workbook, in which every cell is text.", NoQuery, XLSX, faults=_NO_CHANGE, is_tagged=True
    ),
    "download_to_fix": Operation(
        "The rows that a person can fix, in their original columns and with what to do. Fix them and drop the file.",
        NoQuery,
        CSV,
        faults=_NO_CHANGE,
        is_tagged=True,
    ),
    "download_to_fix_workbook": Operation(
        "The same as a workbook, in which every cell is text: for spreadsheets, which change cells of a CSV.",
        NoQuery,
        XLSX,
        faults=_NO_CHANGE,
        is_tagged=True,
    ),
    "download_withdrawals": Operation(
        "The registered rows of a withdrawn file with what became of each.", NoQuery, CSV, faults=_NO_CHANGE
    ),
    "download_report": Operation("A closed file as one page that can be mailed.", NoQuery, HTML, faults=_NO_CHANGE),
    "retry_file": Operation(
        "Send the rows that failed for a temporary reason again, as a new file. A second request makes no second file.",
        NoQuery,
        RetryView,
        statuses=_DONE,
        faults=_NO_CHANGE,
    ),
    "withdraw_file": Operation(
        "Delete the devices that this file newly registered.",
        NoQuery,
        WithdrawalAnswer,
        statuses=_DONE,
        faults=(*_NO_CHANGE, HTTPStatus.LENGTH_REQUIRED),
        body=WithdrawalRequest,
    ),
    "assign_profile": Operation(
        "Assign a profile to all registered devices of a closed file, whatever their rows wished for.",
        NoQuery,
        ProfileAnswer,
        statuses=_DONE,
        faults=(*_NO_HOLD, HTTPStatus.LENGTH_REQUIRED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        body=ProfileRequest,
    ),
    "hold_file": Operation(
        "Send nothing of this file until it goes on. What was accepted still gets its verdict.",
        HoldQuery,
        HoldView,
        faults=_NO_HOLD,
    ),
    "go_on_with_file": Operation("End the hold of this file.", NoQuery, HoldView, faults=_NO_HOLD),
    "stop_file": Operation(
        "Send nothing more of this file, for good: its rows not yet sent end as cancelled.",
        HoldQuery,
        HoldView,
        faults=_NO_HOLD,
    ),
    "hold_customer": Operation(
        "Send nothing of this customer's files until they go on.", HoldQuery, HoldView, faults=_NO_HOLD
    ),
    "go_on_with_customer": Operation("End the hold of this customer.", NoQuery, HoldView, faults=_NO_HOLD),
    "hold_everything": Operation(
        "Send nothing at all until it goes on.", HoldQuery, HoldView, faults=(HTTPStatus.CONFLICT,)
    ),
    "go_on_with_everything": Operation(
        "End the hold of everything. Files and customers that are held by themselves stay so.",
        NoQuery,
        HoldView,
        faults=(HTTPStatus.CONFLICT,),
    ),
    "find_device": Operation(
        "The rows of closed files with this serial number, or else with this product key, newest first.",
        DevicesQuery,
        DevicePage,
        faults=_NO_FILE,
    ),
    "list_profiles": Operation(
        "The profiles of a customer, which are its configuration policies, as Partner Center last listed them, and the "
        "default profiles of its batches. A list that is older than 15 minutes is asked for again.",
        NoQuery,
        CustomerProfiles,
        faults=(HTTPStatus.NOT_FOUND,),
    ),
    "list_registered_devices": Operation(
        "The registered devices of a customer as last read from Partner Center, and how their reading stands. What is "
        "old is read anew.",
        RegisteredDevicesQuery,
        RegisteredDevicePage,
        faults=_NO_HOLD,
    ),
    "read_devices_anew": Operation(
        "Read the registered devices of a customer anew, within the day's requests.",
        NoQuery,
        InventoryView,
        statuses=(HTTPStatus.ACCEPTED,),
        faults=_NO_HOLD,
    ),
    "download_registered_devices": Operation(
        "The registered devices as CSV.", BatchQuery, CSV, faults=(*_NO_HOLD, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    ),
    "download_device_file": Operation(
        "The registered devices as a device file, without hashes: Partner Center lists none.",
        BatchQuery,
        CSV,
        faults=(*_NO_HOLD, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ),
    "list_acts": Operation("What people and scripts asked the app to do, newest first.", PagedQuery, ActPage),
    "check_health": Operation(
        "The health of the app: settings, storage, sign-in, Partner Center and its own work, checked now.",
        NoQuery,
        HealthView,
    ),
    "list_customers": Operation(
        "Customers: those with a name, then the others on Partner Center's list of the partner's customers.",
        CustomersQuery,
        CustomerPage,
    ),
}
"""By the name of the route."""


@cache
def openapi_document() -> dict[str, Any]:
    """The document (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        route = route_named(name)
        paths.setdefault(_path(route), {})[route.methods[0].lower()] = _described(route, operation)
    answers = [operation.answer for operation in OPERATIONS.values() if not isinstance(operation.answer, str)]
    bodies = [operation.body for operation in OPERATIONS.values() if operation.body is not None]
    _, schemas = msgspec.json.schema_components([*answers, *bodies, ErrorView], ref_template=_SCHEMAS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Device Drop",
            "version": "1",
            "description": "The progress and outcomes of device files, whose devices are registered with Partner "
            "Center for Windows Autopilot. Times are UTC.",
        },
        "servers": [{"url": "/api"}],
        "security": [{_KEY: []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {_KEY: {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
        },
    }


def _path(route: Route) -> str:
    return "/" + route.template


def _described(route: Route, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": operation.summary,
        "parameters": [
            *_path_parameters(_path(route)),
            *_query_parameters(operation),
            *([_KNOWN_TAG] if operation.is_tagged else []),
        ],
        "responses": {str(int(status)): answer for status, answer in _answers(operation)},
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(operation.body)}}}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
        for name, (description, schema) in _PARAMETERS.items()
        if f"{{{name}}}" in path
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    """One parameter for each field of the query."""
    needed = required(operation.query)
    return [
        _query_parameter(name, schema, is_required=name in needed)
        for name, schema in schemas_of(operation.query).items()
    ]


def _query_parameter(name: str, of_field: Mapping[str, Any], *, is_required: bool) -> dict[str, Any]:
    schema = dict(of_field)
    description = schema.pop("description", name.replace("_", " ").capitalize() + ".")
    parameter = {"name": name, "in": "query", "description": description}
    if is_required:
        return parameter | {"required": True, "schema": schema}
    return parameter | {"allowEmptyValue": True, "schema": {"anyOf": [schema, _EMPTY]}}


def _answers(operation: Operation) -> list[tuple[HTTPStatus, dict[str, Any]]]:
    is_file = isinstance(operation.answer, str)
    kind = operation.answer if isinstance(operation.answer, str) else JSON
    schema = {"type": "string"} if isinstance(operation.answer, str) else _reference(operation.answer)
    answer: dict[str, Any] = {
        "description": "A file to save." if is_file else "The answer.",
        "content": {kind: {"schema": schema}},
    }
    good = [(status, answer | _TAG if operation.is_tagged else answer) for status in operation.statuses]
    if operation.is_tagged:
        good.append((HTTPStatus.NOT_MODIFIED, {"description": "Nothing has changed since the answer with this ETag."}))
    fault = {JSON: {"schema": _reference(ErrorView)}}
    bad = [
        (status, {"description": _FAULTS[status], "content": fault})
        for status in sorted({*_OF_EVERY_OPERATION, *operation.faults})
    ]
    return [*good, (HTTPStatus.UNAUTHORIZED, {"description": "No function key, or a wrong one."}), *bad]


def _reference(record: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _SCHEMAS.format(name=record.__name__)}
