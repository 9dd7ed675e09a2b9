"""The handlers of requests from scripts: each reads the parameters, queries the journal, and answers with JSON.

The Functions host calls them only for requests that bear a function key (`AuthLevel.FUNCTION`).
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import azure.functions as func
import msgspec

from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_requests import EVERYTHING
from shared.pipeline.human_acts import SCRIPT, Subject, subject_of, subject_of_customer
from shared.status import queries
from shared.status.acts import acts
from shared.status.authentication import refuse_other_sites
from shared.status.commands import assign_profile, go_on, hold, send_again, stop, withdraw
from shared.status.customers import customers
from shared.status.downloads import (
    report_answer,
    results_answer,
    results_workbook_answer,
    to_fix_answer,
    to_fix_workbook_answer,
    withdrawals_answer,
)
from shared.status.expectations import expectation
from shared.status.health import app_to_check, health
from shared.status.http import (
    JSON,
    OpenPipeline,
    Refusal,
    body_of,
    file_named_in,
    json_answer,
    tagged,
)
from shared.status.links import origins, with_origins
from shared.status.openapi import openapi_document
from shared.status.parameters import (
    BatchQuery,
    CustomersQuery,
    DevicesQuery,
    FilesQuery,
    HoldQuery,
    NoQuery,
    OutcomesQuery,
    PagedQuery,
    RegisteredDevicesQuery,
    given,
    query_of,
)
from shared.status.presenters import file_address, withdrawal_view
from shared.status.profiles import customer_profiles
from shared.status.registered_devices import ask, registered_devices
from shared.status.registered_downloads import devices_csv_answer
from shared.status.routes import allowed_methods
from shared.status.schemas import (
    ErrorCode,
    HoldView,
    ProfileRequest,
    RetryView,
    View,
    WithdrawalAnswer,
    WithdrawalRequest,
)
from shared.status.today import with_today
from shared.storage.records import DeviceFile

Download = Callable[[Pipeline, DeviceFile, func.HttpRequest], func.HttpResponse]

_Body = TypeVar("_Body", bound=View)

NOT_UTF_8 = (
    "The body is not UTF-8: send UTF-8. Windows PowerShell sends another encoding unless the body is given as bytes: "
    "-Body ([Text.Encoding]::UTF8.GetBytes($json))."
)


def list_files(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files."""
    query = query_of(request.params, FilesQuery)
    opened = pipeline()
    names = queries.customer_names(opened)
    wanted = query.filter(names)
    found = queries.files(opened, wanted, query.cursor, query.limit, names=names)
    return _linked(opened, request, with_today(opened, found, wanted, query.cursor))


def read_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}."""
    query_of(request.params, NoQuery)
    opened = pipeline()
    details = queries.file(opened, *file_named_in(request))
    answer = _linked(opened, request, details)
    return tagged(request, answer) if details.file.is_final else answer


def list_outcomes(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/outcomes."""
    query = query_of(request.params, OutcomesQuery)
    opened = pipeline()
    file = queries.known_file(opened, *file_named_in(request))
    answer = json_answer(queries.outcomes(opened, file, query.filter(), query.cursor, query.limit))
    return tagged(request, answer) if file.state.is_final else answer


def find_device(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET devices/{customer_id}."""
    query = query_of(request.params, DevicesQuery)
    customer_id, opened = request.route_params["customer_id"], pipeline()
    return _linked(opened, request, queries.devices(opened, customer_id, query.serial, query.cursor))


def list_registered_devices(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET customers/{customer_id}/devices."""
    query = query_of(request.params, RegisteredDevicesQuery)
    opened, customer_id = pipeline(), request.route_params["customer_id"]
    found = registered_devices(opened, customer_id, given(query.batch), query.cursor, query.limit)
    return _linked(opened, request, found)


def read_devices_anew(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST customers/{customer_id}/devices/read."""
    query_of(request.params, NoQuery)
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    return json_answer(ask(opened, request.route_params["customer_id"]), HTTPStatus.ACCEPTED)


def download_registered_devices(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET customers/{customer_id}/devices.csv."""
    return _download_devices(pipeline, request, as_device_file=False)


def download_device_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET customers/{customer_id}/device_file.csv."""
    return _download_devices(pipeline, request, as_device_file=True)


def _download_devices(pipeline: OpenPipeline, request: func.HttpRequest, *, as_device_file: bool) -> func.HttpResponse:
    query = query_of(request.params, BatchQuery)
    customer_id, batch_id = request.route_params["customer_id"], given(query.batch)
    return devices_csv_answer(pipeline(), customer_id, batch_id, request, as_device_file=as_device_file)


def list_profiles(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET customers/{customer_id}/profiles."""
    query_of(request.params, NoQuery)
    return json_answer(customer_profiles(pipeline(), request.route_params["customer_id"]))


def list_acts(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET acts."""
    query = query_of(request.params, PagedQuery)
    opened = pipeline()
    return _linked(opened, request, acts(opened, query.cursor))


def list_customers(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET customers."""
    query = query_of(request.params, CustomersQuery)
    return json_answer(customers(pipeline(), given(query.search) or "", query.cursor, query.limit))


def check_health(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET health."""
    query_of(request.params, NoQuery)
    return json_answer(health(app_to_check(pipeline)))


def download_results(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/results.csv."""
    return _download(results_answer, pipeline, request)


def download_results_workbook(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/results.xlsx."""
    return _download(results_workbook_answer, pipeline, request)


def download_to_fix(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/to_fix.csv."""
    return _download(to_fix_answer, pipeline, request)


def download_to_fix_workbook(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/to_fix.xlsx."""
    return _download(to_fix_workbook_answer, pipeline, request)


def download_withdrawals(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/withdrawals.csv."""
    return _download(withdrawals_answer, pipeline, request)


def download_report(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET files/{customer_id}/{file_id}/report.html."""
    return _download(report_answer, pipeline, request)


def retry_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/retry."""
    query_of(request.params, NoQuery)
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    file = queries.known_file(opened, *file_named_in(request))
    made = send_again(opened, file, SCRIPT)
    view = RetryView(
        parent_file_id=file.file_id,
        file_id=made.file_id,
        path=made.path,
        rows=made.rows,
        is_new=made.is_new,
        link=None if made.file_id is None else file_address(file.customer_id, made.file_id),
    )
    return _linked(opened, request, view, HTTPStatus.ACCEPTED if made.is_new else HTTPStatus.OK)


def withdraw_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/withdraw."""
    query_of(request.params, NoQuery)
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    confirmed_name = _decoded(request, WithdrawalRequest, "name", "devices.csv").name
    file = queries.known_file(opened, *file_named_in(request))
    asked = withdraw(opened, file, confirmed_name, SCRIPT)
    withdrawal = None if asked.withdrawal is None else withdrawal_view(asked.withdrawal)
    view = WithdrawalAnswer(file_id=file.file_id, is_new=asked.is_new, withdrawal=withdrawal)
    return json_answer(view, HTTPStatus.ACCEPTED if asked.is_new else HTTPStatus.OK)


def assign_profile_to_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/profile."""
    query_of(request.params, NoQuery)
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    profile = _decoded(request, ProfileRequest, "profile", "Kiosk").profile
    view = assign_profile(opened, queries.known_file(opened, *file_named_in(request)), profile, SCRIPT)
    return json_answer(view, HTTPStatus.ACCEPTED if view.is_new else HTTPStatus.OK)


def hold_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/hold."""
    return _held(
        pipeline, request, lambda opened, why: hold(opened, subject_of(_file_named(opened, request)), SCRIPT, why)
    )


def go_on_with_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/go_on."""
    return _let_go_on(pipeline, request, lambda opened: go_on(opened, subject_of(_file_named(opened, request)), SCRIPT))


def stop_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST files/{customer_id}/{file_id}/stop."""
    return _held(pipeline, request, lambda opened, why: stop(opened, _file_named(opened, request), SCRIPT, why))


def hold_customer(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST customers/{customer_id}/hold."""
    return _held(pipeline, request, lambda opened, why: hold(opened, _customer_named(opened, request), SCRIPT, why))


def go_on_with_customer(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST customers/{customer_id}/go_on."""
    return _let_go_on(pipeline, request, lambda opened: go_on(opened, _customer_named(opened, request), SCRIPT))


def hold_everything(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST hold."""
    return _held(pipeline, request, lambda opened, why: hold(opened, EVERYTHING, SCRIPT, why))


def go_on_with_everything(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST go_on."""
    return _let_go_on(pipeline, request, lambda opened: go_on(opened, EVERYTHING, SCRIPT))


def show_openapi(_pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET openapi.json."""
    query_of(request.params, NoQuery)
    return func.HttpResponse(msgspec.json.encode(openapi_document()), mimetype=JSON, charset="utf-8")


def refuse_address(_pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """The catch-all: the app has no such address, or the address does not take this method."""
    methods = allowed_methods(request.route_params.get("path") or "")
    if not methods or request.method in methods:
        message = "There is nothing at this address. GET /api/openapi.json lists the addresses."
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, message)
    allow = ", ".join(methods)
    message = f"This address does not take {request.method[:20]}, but {allow}."
    code = ErrorCode.METHOD_NOT_ALLOWED
    raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, code, message, headers={"Allow": allow})


def _download(answer: Download, pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    query_of(request.params, NoQuery)
    opened = pipeline()
    return answer(opened, queries.known_file(opened, *file_named_in(request)), request)


def _held(
    pipeline: OpenPipeline, request: func.HttpRequest, act: Callable[[Pipeline, str], HoldView]
) -> func.HttpResponse:
    """Hold or stop, for the reason that the request gives."""
    why = query_of(request.params, HoldQuery).why
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    return json_answer(act(opened, why))


def _let_go_on(
    pipeline: OpenPipeline, request: func.HttpRequest, act: Callable[[Pipeline], HoldView]
) -> func.HttpResponse:
    query_of(request.params, NoQuery)
    opened = pipeline()
    refuse_other_sites(request, opened.settings.page_url)
    return json_answer(act(opened))


def _file_named(opened: Pipeline, request: func.HttpRequest) -> DeviceFile:
    return queries.known_file(opened, *file_named_in(request))


def _customer_named(opened: Pipeline, request: func.HttpRequest) -> Subject:
    """The customer of the address. Raises NotFound."""
    return subject_of_customer(opened, queries.canonical_customer(request.route_params["customer_id"]))


def _decoded(request: func.HttpRequest, record: type[_Body], field: str, example: str) -> _Body:
    """The body of a request as the `record`, which has one `field`, such as `example`. Raises Refusal."""
    body = body_of(request)
    try:
        # Windows PowerShell begins files with a byte order mark, which -InFile sends along.
        return msgspec.json.decode(body.decode("utf-8-sig"), type=record)
    except UnicodeDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, NOT_UTF_8) from error
    except msgspec.ValidationError as error:
        message = f"The body is a JSON object with the field {field} alone: {expectation(field, record)}."
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message, field) from error
    except msgspec.DecodeError as error:
        # UTF-16 without a byte order mark is valid UTF-8 full of zeros.
        message = (
            NOT_UTF_8 if b"\0" in body else f'The body is not JSON. Send JSON, for example {{"{field}": "{example}"}}.'
        )
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message) from error


def _linked(
    pipeline: Pipeline, request: func.HttpRequest, view: View, status: HTTPStatus = HTTPStatus.OK
) -> func.HttpResponse:
    return json_answer(with_origins(view, origins(request, pipeline.settings.page_url)), status)
