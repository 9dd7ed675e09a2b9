"""The doors of the page: each answers one kind of request of a person, in HTML."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import azure.functions as func

from shared.pipeline.composition import Pipeline
from shared.status import queries
from shared.status.authentication import FORM_FIELD, PAGES, Forms, Person, form_of, person_of
from shared.status.commands import WRONG_NAME, send_again, take_back
from shared.status.downloads import report_answer, results_answer, takes_gzip, to_fix_answer
from shared.status.handlers import OpenPipeline, file_named_in
from shared.status.http import Fault, Refusal, answered, is_known, surroundings
from shared.status.page import form_parameters, pages, summary
from shared.status.page.pages import Done, Visitor
from shared.status.page.search import devices_of_any_customer
from shared.status.page.static_files import static_file
from shared.status.page.text import visible
from shared.status.schemas import ErrorCode, FileDetails
from shared.status.signing import Seals
from shared.storage.records import DeviceFile

HTML = "text/html"

OWN_PARTS_ALONE = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of a page: nothing from another host, nothing inline."""

NOTHING_TO_SEND_AGAIN = (
    "No row of this file can simply be sent again: none of them failed for a passing reason. Fix the rows that "
    "to_fix.csv names, and drop that file."
)
NOTHING_TO_WITHDRAW = (
    "There is nothing to withdraw: this file is not closed, registered no device, or was withdrawn already."
)

COMPRESSION = 3
"""Level of gzip: a page of 1,000 files takes 6 ms, and a thirtieth of its size."""

NAME_FIELD = "name"
DONE = "done"

_HEADLINES = {
    HTTPStatus.NOT_FOUND: "Nothing is here",
    HTTPStatus.BAD_REQUEST: "That cannot be asked",
    HTTPStatus.FORBIDDEN: "This is not allowed",
    HTTPStatus.CONFLICT: "There is nothing to do",
    HTTPStatus.GONE: "It is too late for that",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not just now",
}


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request of a person who may see the page."""

    pipeline: Pipeline
    request: func.HttpRequest
    person: Person

    @property
    def forms(self) -> Forms:
        return Forms(Seals(self.pipeline.private), self.request, self.person, surroundings(), now=self.pipeline.clock())

    @property
    def visitor(self) -> Visitor:
        """Of a page without a form that changes anything."""
        return Visitor(self.person.name)

    @property
    def place(self) -> tuple[str, str]:
        """Customer and file, as they stand in the address."""
        return file_named_in(self.request)

    @property
    def details(self) -> FileDetails:
        """All that is known of the file of the address. Raises NotFound."""
        return queries.file(self.pipeline, *self.place)

    @property
    def file(self) -> DeviceFile:
        """The file of the address. Raises NotFound."""
        return queries.known_file(self.pipeline, *self.place)


def show_files(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status: the list of files, or where the device was whose serial number is asked for."""
    return _open(pipeline, request, _files)


def show_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}."""
    return _open(pipeline, request, _file)


def download_results(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/results.csv."""
    return _open(pipeline, request, lambda visit: results_answer(visit.pipeline, visit.file, visit.request))


def download_to_fix(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/to_fix.csv."""
    return _open(pipeline, request, lambda visit: to_fix_answer(visit.pipeline, visit.file, visit.request))


def download_report(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/report.html."""
    return _open(pipeline, request, lambda visit: report_answer(visit.pipeline, *visit.place, visit.request))


def retry_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/retry."""
    return _open(pipeline, request, _send_again)


def ask_to_withdraw(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/withdraw: asks to confirm it."""
    return _open(pipeline, request, _ask_to_withdraw)


def withdraw_file(pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/withdraw."""
    return _open(pipeline, request, _withdraw)


def serve_static(request: func.HttpRequest) -> func.HttpResponse:
    """GET status/static/{name}: style, script and mark, which hold nothing of anybody."""
    return answered(request, partial(_static, request), partial(_fault_page, request))


def _open(
    pipeline: OpenPipeline, request: func.HttpRequest, handle: Callable[[_Visit], func.HttpResponse]
) -> func.HttpResponse:
    """The answer of `handle` to a person who may see the page."""

    def let_in() -> func.HttpResponse:
        person = person_of(request, surroundings())
        return handle(_Visit(pipeline(), request, person))

    return answered(request, let_in, partial(_fault_page, request))


# --- what is shown


def _files(visit: _Visit) -> func.HttpResponse:
    fields = visit.request.params
    if serial := form_parameters.asked_serial(fields):
        devices = devices_of_any_customer(visit.pipeline, serial)
        return _html(pages.device_page(devices, visit.visitor))
    asked = form_parameters.asked_files(fields)
    names = queries.customer_names(visit.pipeline)
    wanted, limit = form_parameters.file_filter(asked, names), form_parameters.file_limit(asked)
    found = queries.files(visit.pipeline, wanted, asked.page or None, limit, names=names)
    content = pages.files_page(found, asked, visit.visitor, names.shown)
    return _compressed(_html(content), visit.request)


def _file(visit: _Visit) -> func.HttpResponse:
    customer_id, file_id = visit.place
    asked = form_parameters.asked_rows(visit.request.params)
    wanted = form_parameters.outcome_filter(asked)
    details = visit.details
    rows = queries.outcomes(visit.pipeline, customer_id, file_id, wanted, asked.page or None)
    token, headers = visit.forms.token()
    done = visit.request.params.get(DONE, "")
    content = pages.file_page(
        details,
        rows,
        asked,
        Visitor(visit.person.name, token),
        done=Done(done) if done in list(Done) else None,
        again_is_known=_is_known(visit.pipeline, customer_id, details.retry_file_id),
    )
    return _html(content, headers=headers)


def _ask_to_withdraw(visit: _Visit) -> func.HttpResponse:
    return _withdraw_page(visit, visit.details, None)


def _static(request: func.HttpRequest) -> func.HttpResponse:
    found = static_file(request.route_params.get("name", ""))
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such part of the page. Load it anew.")
    headers = {"ETag": found.etag, "Cache-Control": found.cache_control}
    if is_known(found.etag, request):
        return func.HttpResponse(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return func.HttpResponse(found.content, headers=headers | {"Content-Type": found.content_type})


# --- what is changed


def _send_again(visit: _Visit) -> func.HttpResponse:
    visit.forms.check(form_of(visit.request).get(FORM_FIELD, ""))
    file = visit.file
    if send_again(visit.pipeline, file).file_id is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_SEND_AGAIN)
    return _see(pages.address(pages.address_of_file(file.customer_id, file.file_id), done=Done.SENT_AGAIN))


def _withdraw(visit: _Visit) -> func.HttpResponse:
    form = form_of(visit.request)
    visit.forms.check(form.get(FORM_FIELD, ""))
    file = visit.file
    typed = form.get(NAME_FIELD, "").strip()
    if typed not in (file.name.strip(), visible(file.name).strip()):
        return _withdraw_page(visit, visit.details, WRONG_NAME)
    if take_back(visit.pipeline, file, file.name, visit.person.name).withdrawal is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_WITHDRAW)
    return _see(pages.address(pages.address_of_file(file.customer_id, file.file_id), done=Done.WITHDRAWING))


def _withdraw_page(visit: _Visit, details: FileDetails, fault: str | None) -> func.HttpResponse:
    if not summary.may_withdraw(details):
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NOTHING_TO_WITHDRAW)
    token, headers = visit.forms.token()
    content = pages.withdraw_page(details, Visitor(visit.person.name, token), fault)
    return _html(content, HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK, headers)


# ---


def _is_known(pipeline: Pipeline, customer_id: str, file_id: str | None) -> bool:
    return file_id is None or pipeline.journal.files.get(customer_id, file_id) is not None


def _html(
    content: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    policies = {"Content-Security-Policy": OWN_PARTS_ALONE, "Referrer-Policy": "same-origin"}
    return func.HttpResponse(
        content, status_code=status, headers=policies | dict(headers or {}), mimetype=HTML, charset="utf-8"
    )


def _compressed(answer: func.HttpResponse, request: func.HttpRequest) -> func.HttpResponse:
    """A page without a form's token (which must not be compressed beside what an address says), smaller if it may."""
    if not takes_gzip(request):
        return answer
    headers = dict(answer.headers) | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    body = gzip.compress(answer.get_body(), COMPRESSION)
    return func.HttpResponse(body, status_code=answer.status_code, headers=headers, mimetype=HTML, charset="utf-8")


def _see(address: str) -> func.HttpResponse:
    """Look there: what was asked for is done, and loading the page again asks for nothing."""
    return func.HttpResponse(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _fault_page(request: func.HttpRequest, fault: Fault) -> func.HttpResponse:
    back, back_text = PAGES, "Device files"
    if fault.status in (HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
        back, back_text = pages.address_of_file(*file_named_in(request)), "The file"
    content = pages.message_page(
        _HEADLINES.get(fault.status, "Something went wrong"),
        fault.view.message,
        Visitor(),
        back=back,
        back_text=back_text,
        correlation_id=fault.view.correlation_id,
    )
    return _html(content, fault.status, fault.headers)
