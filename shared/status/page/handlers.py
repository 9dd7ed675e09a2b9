"""The handlers of requests from people: each answers with HTML, for a person who may see the page."""

from dataclasses import replace
from http import HTTPStatus

import azure.functions as func

from shared.status import queries
from shared.status.acts import acts
from shared.status.authentication import PAGES, refuse_all_but_own_page, refuse_without
from shared.status.commands import WRONG_NAME, send_again, withdraw
from shared.status.downloads import (
    report_answer,
    results_answer,
    results_workbook_answer,
    to_fix_answer,
    to_fix_workbook_answer,
    withdrawals_answer,
)
from shared.status.http import (
    Fault,
    OpenPipeline,
    Refusal,
    accepts_json_alone,
    as_json,
    body_of,
    file_named_in,
    is_known,
    path_of,
)
from shared.status.page import form_parameters, pages, summary
from shared.status.page.answers import Visit, html_answer, page_answer, redirect
from shared.status.page.assigning import assign_form
from shared.status.page.pages import Done
from shared.status.page.search import devices_of_any_customer
from shared.status.page.static_files import static_file
from shared.status.page.text import visible
from shared.status.presenters import page_address
from shared.status.roles import role_to_send
from shared.status.schemas import ErrorCode, FilePage
from shared.status.standstills import standstills
from shared.status.today import with_today
from shared.storage.records import DeviceFile

NOTHING_TO_SEND_AGAIN = (
    "No row of this file can be sent again as it is: none failed for a temporary reason. Fix the rows in to_fix.xlsx "
    "and drop that file."
)
NOTHING_TO_WITHDRAW = (
    "There is nothing to withdraw: the file is not closed, registered no device, or is withdrawn already."
)

NAME_FIELD = "name"

_HEADLINES = {
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.BAD_REQUEST: "The request is not valid",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.CONFLICT: "This cannot be done now",
    HTTPStatus.GONE: "No longer available",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    HTTPStatus.SERVICE_UNAVAILABLE: "Temporarily unavailable",
}


_THE_FILE_STANDS = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
)
"""Faults of a request about a file, whose page can be shown all the same."""


# --- pages and downloads


def show_files(visit: Visit) -> func.HttpResponse:
    """GET status: the list of files, or the rows with the serial number in the search field."""
    fields = visit.request.params
    if serial := form_parameters.serial_number(fields):
        cursor = form_parameters.cursor(fields) or None
        devices = devices_of_any_customer(visit.pipeline, serial, cursor)
        return page_answer(pages.device_page(devices, visit.person, is_later_page=cursor is not None), visit.request)
    form = form_parameters.file_list_form(fields)
    names = queries.customer_names(visit.pipeline)
    try:
        wanted, limit = form_parameters.file_filter(form, names), form_parameters.file_limit(form)
    except Refusal as refusal:
        nothing = FilePage(stopped=standstills(visit.pipeline, names), files=[], next=None)
        content = pages.files_page(nothing, form, visit.person, names.shown, refusal.message)
        return html_answer(content, HTTPStatus.BAD_REQUEST)
    found = queries.files(visit.pipeline, wanted, form.cursor or None, limit, names=names)
    found = with_today(visit.pipeline, found, wanted, form.cursor or None)
    urgent = None
    if found.next and not (form.cursor or wanted.attention):
        urgent = queries.files(visit.pipeline, replace(wanted, attention=True), None, limit, names=names)
    return page_answer(pages.files_page(found, form, visit.person, names.shown, urgent=urgent), visit.request)


def show_file(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}."""
    form = form_parameters.rows_form(visit.request.params)
    wanted, file = form_parameters.outcome_filter(form), visit.file
    details = queries.details(visit.pipeline, file)
    rows = queries.outcomes(visit.pipeline, file, wanted, form.cursor or None)
    done = visit.request.params.get(pages.DONE, "")
    content = pages.file_page(
        details,
        rows,
        form,
        visit.person,
        done=Done(done) if done in list(Done) else None,
        unreceived=_unreceived(visit, file),
        assign=assign_form(visit.pipeline, file),
    )
    return page_answer(content, visit.request)


def show_acts(visit: Visit) -> func.HttpResponse:
    """GET status/acts: what people and scripts asked the app to do."""
    cursor = form_parameters.cursor(visit.request.params) or None
    found = acts(visit.pipeline, cursor)
    return page_answer(pages.acts_page(found, visit.person, is_later_page=cursor is not None), visit.request)


def confirm_withdrawal(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/withdraw: the form that confirms a withdrawal."""
    return _withdraw_page(visit)


def download_results(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/results.csv."""
    return results_answer(visit.pipeline, visit.file, visit.request)


def download_results_workbook(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/results.xlsx."""
    return results_workbook_answer(visit.pipeline, visit.file, visit.request)


def download_to_fix(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/to_fix.csv."""
    return to_fix_answer(visit.pipeline, visit.file, visit.request)


def download_to_fix_workbook(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/to_fix.xlsx."""
    return to_fix_workbook_answer(visit.pipeline, visit.file, visit.request)


def download_withdrawals(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/withdrawals.csv."""
    return withdrawals_answer(visit.pipeline, visit.file, visit.request)


def download_report(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/report.html."""
    return report_answer(visit.pipeline, visit.file, visit.request)


def serve_static(_pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET static/{name}: style, script and icon of the page, for everybody."""
    found = static_file(request.route_params.get("name", ""))
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such file. Reload the page.")
    headers = {"ETag": found.etag, "Cache-Control": found.cache_control}
    if is_known(found.etag, request):
        return func.HttpResponse(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return func.HttpResponse(found.content, headers=headers | {"Content-Type": found.content_type})


# --- changes


def retry_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/retry."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    file = visit.file
    refuse_without(role_to_send(file.order), visit.person)
    if send_again(visit.pipeline, file, visit.asker).file_id is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_SEND_AGAIN)
    return redirect(pages.address_when_done(file, Done.SENT_AGAIN))


def withdraw_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/withdraw."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    file = visit.file
    typed = _typed_name(visit.request)
    if typed not in (file.name.strip(), visible(file.name).strip()):
        return _withdraw_page(visit, WRONG_NAME)
    if withdraw(visit.pipeline, file, file.name, visit.asker).withdrawal is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_WITHDRAW)
    return redirect(pages.address_when_done(file, Done.WITHDRAWING))


def _typed_name(request: func.HttpRequest) -> str:
    """The name in the form that `request` sends; empty when it sends none. Raises Refusal."""
    body_of(request)  # refuses a body that the form cannot be read from
    typed: str = request.form.get(NAME_FIELD, "")
    return typed.strip()


def _withdraw_page(visit: Visit, fault: str | None = None) -> func.HttpResponse:
    details = queries.details(visit.pipeline, visit.file)
    if not summary.may_withdraw(details):
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_WITHDRAW)
    content = pages.withdraw_page(details, visit.person, fault)
    return html_answer(content, HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK)


# --- answers


def _unreceived(visit: Visit, file: DeviceFile) -> list[str]:
    """The files made of this one, by what is known and by the address, that have not been received yet."""
    assigned = file.assigned
    made = [
        (file.customer_id, file.retry),
        (file.customer_id, queries.canonical(visit.request.params.get(pages.MADE, ""))),
        (None, None) if assigned is None else (assigned.customer_id, assigned.file_id or None),
    ]
    return [
        identifier
        for customer_id, identifier in made
        if identifier is not None and visit.pipeline.journal.files.get(customer_id, identifier) is None
    ]


def fault_page(request: func.HttpRequest, fault: Fault) -> func.HttpResponse:
    """`fault` for people."""
    if accepts_json_alone(request):
        return as_json(fault)
    back, back_text = PAGES, "Device files"
    is_of_a_file = "file_id" in request.route_params
    if path_of(request).startswith(pages.DROP):
        back, back_text = pages.DROP, "Drop files"
    elif path_of(request) == pages.CUSTOMERS:
        back, back_text = pages.CUSTOMERS, "Customers"
    elif is_of_a_file and fault.status in _THE_FILE_STANDS:
        back, back_text = page_address(*file_named_in(request)), "The file"
    content = pages.message_page(
        _HEADLINES.get(fault.status, "Something went wrong"),
        fault.view.message,
        fault.view.correlation_id,
        back,
        back_text,
    )
    return html_answer(content, fault.status, fault.headers)
