"""The pages on which a person drops files: choose, check, send. They work without scripts.

A script uploads straight to storage. The form goes through the Functions host, which hands over a body whole, answers
one of over 100 MiB with an empty 500 and passes one in chunks as empty: so the form says its limit before and after.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

import azure.functions as func
import msgspec

from shared.device_files.templates import template
from shared.pipeline.composition import Pipeline
from shared.pipeline.customer_names import customer_meant, customers_to_choose
from shared.pipeline.human_acts import Subject, note_act
from shared.pipeline.intake import uploads
from shared.pipeline.intake.uploads import (
    BeingSent,
    CheckedFile,
    ChosenFile,
    FileRefused,
    NotAsChecked,
    SentBefore,
    UploadGone,
)
from shared.pipeline.partner_customers import why_not_ours
from shared.reasons import INTAKE_REASONS, IntakeReason
from shared.status import queries
from shared.status.authentication import refuse_all_but_own_page, refuse_without
from shared.status.downloads import CSV, workbook_answer
from shared.status.http import OpenPipeline, Refusal, body_of, json_answer
from shared.status.names import CustomerNames
from shared.status.page import form_parameters, pages
from shared.status.page.answers import Visit, html_answer, page_answer, policy_with_uploads_to, redirect
from shared.status.page.pages import CheckedPart, DropForm
from shared.status.page.planning import PLAN, plan_of
from shared.status.presenters import file_note_view, page_address, passed_over_view
from shared.status.roles import role_to_send
from shared.status.schemas import ErrorCode
from shared.storage.blobs import VersionGone
from shared.storage.record_table import log_unreadable
from shared.storage.records import SentContent, Upload
from shared.storage.upload_addresses import BYTES_OF_A_BLOCK
from shared.vocabulary import ActKind, FileOrder

LARGEST_FORM = 20 * 1024 * 1024
"""Bytes of the files in one form: they are in memory, several times over."""

_AROUND_THE_FILES = 64 * 1024
"""Bytes of a form beside its files: names, customer and batch."""

_LARGEST_LIST = 128 * 1024
"""Bytes of the list of files that a script wants to upload."""

SECONDS_FOR_A_CHECK = 20.0
"""After this time the check of all files ends with the rows counted so far; App Service ends a request after 230."""

MOST_BATCHES_OFFERED = 500

FILES, UPLOAD, SEND, AGAIN, REJECTED, CONFIRMED = "files", "upload", "send", "again", "rejected", "confirmed"
"""The fields of the forms."""

_NOT_CONFIRMED = "Nothing was sent: tick the box that confirms what is to be done with the devices."

_ACTS = {FileOrder.REGISTER: ActKind.SEND, FileOrder.REMOVE: ActKind.REMOVE, FileOrder.MOVE: ActKind.MOVE}


class _Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a script wants to upload."""

    customer: str
    batch: str
    files: list[_Chosen]
    order: str = ""


class _Address(msgspec.Struct, frozen=True):
    address: str


class _Begun(msgspec.Struct, frozen=True):
    """Where a script uploads to, and the page to open then."""

    page: str
    block_bytes: int
    files: list[_Address]


# --- choosing


def show_drop(visit: Visit) -> func.HttpResponse:
    """GET status/drop: the form; with `upload`, the check of files that were chosen."""
    fields = visit.request.params
    if upload_id := fields.get(UPLOAD, ""):
        upload = _opened(visit.pipeline, upload_id)
        if number := fields.get(REJECTED, ""):
            return _rejected_rows(visit, upload, number)
        if number := fields.get(PLAN, ""):
            return page_answer(plan_of(visit, upload, number), visit.request)
        return page_answer(_check_page(visit, upload), visit.request)
    return page_answer(_drop_page(visit, fields), visit.request, _policy(visit))


def choose_files(visit: Visit) -> func.HttpResponse:
    """POST status/drop: the files of the form."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    try:
        body_of(visit.request, LARGEST_FORM + _AROUND_THE_FILES)
        sent = [file for file in visit.request.files.getlist(FILES) if file.filename]
        contents = [file.read() for file in sent]
        chosen = [ChosenFile(file.filename, len(content)) for file, content in zip(sent, contents, strict=True)]
        upload = _entered(visit, visit.request.form, chosen)
    except Refusal as refusal:
        if refusal.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            refusal = _too_large_for_the_form()
        return html_answer(_drop_page(visit, _readable(visit.request), refusal), refusal.status, _policies(visit))
    uploads.stage(visit.pipeline, upload, contents)
    return redirect(pages.address_of_upload(upload.upload_id))


def begin_upload(visit: Visit) -> func.HttpResponse:
    """POST status/drop/uploads: where a script may upload the files that it names."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    try:
        choice = msgspec.json.decode(body_of(visit.request, _LARGEST_LIST), type=_Choice)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, "Load the page again: it is out of date."
        ) from error
    chosen = [ChosenFile(file.name, file.size) for file in choice.files]
    fields = {"customer": choice.customer, "batch": choice.batch, "order": choice.order}
    upload = _entered(visit, fields, chosen)
    addresses = uploads.upload_addresses(visit.pipeline, upload)
    if addresses is None:
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            ErrorCode.UNAVAILABLE,
            "Storage gives no address for an upload by a browser.",
        )
    page = pages.address_of_upload(upload.upload_id)
    return json_answer(_Begun(page, BYTES_OF_A_BLOCK, [_Address(address) for address in addresses]))


def _entered(visit: Visit, fields: Mapping[str, str], chosen: Sequence[ChosenFile]) -> Upload:
    """The upload for the chosen files. Raises Refusal."""
    order = form_parameters.order(fields)
    refuse_without(role_to_send(order), visit.person)
    customer_id, batch = form_parameters.customer_and_batch(fields, partial(customer_meant, visit.pipeline))
    if (why := why_not_ours(visit.pipeline, customer_id)) is not None:
        message = f"{INTAKE_REASONS[IntakeReason.NO_RELATIONSHIP].sentence} {why}"
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message, form_parameters.CUSTOMER)
    if order is FileOrder.MOVE and batch is None:
        message = "Say to which batch the devices are to be moved."
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_PARAMETER, message, form_parameters.BATCH)
    try:
        return uploads.new_upload(visit.pipeline, customer_id, batch, chosen, visit.person.name, order)
    except FileRefused as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, str(error), FILES) from error


def _too_large_for_the_form() -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorCode.TOO_LARGE,
        f"The files are larger than {LARGEST_FORM // 2**20} MiB together, the most that the form takes, so none was "
        "taken. Choose fewer at once. A larger file is uploaded where scripts are allowed, or dropped with 'python -m "
        "local drop'.",
        FILES,
    )


def _readable(request: func.HttpRequest) -> Mapping[str, str]:
    """The fields of a form; of one that is too large to be read, none."""
    return request.form if len(request.get_body()) <= LARGEST_FORM + _AROUND_THE_FILES else {}


def _drop_page(visit: Visit, fields: Mapping[str, str], refusal: Refusal | None = None) -> str:
    names = queries.customer_names(visit.pipeline)
    form = DropForm(
        customer=fields.get(form_parameters.CUSTOMER, "")[: form_parameters.LONGEST_FIELD],
        batch=fields.get(form_parameters.BATCH, "")[: form_parameters.LONGEST_FIELD],
        order=fields.get(form_parameters.ORDER, ""),
        customers=customers_to_choose(visit.pipeline),
        batches=_known_batches(visit.pipeline, names),
        largest_form=LARGEST_FORM,
        largest_file=uploads.LARGEST_FILE,
        most_files=uploads.MOST_FILES,
        fault=None if refusal is None else refusal.message,
        at_fault=None if refusal is None else refusal.parameter,
    )
    return pages.drop_page(form, visit.person)


def _known_batches(pipeline: Pipeline, names: CustomerNames) -> list[tuple[str, str]]:
    """Batches that files went to, each with its customer as people know it."""
    known = pipeline.journal.batches.known(MOST_BATCHES_OFFERED, log_unreadable)
    return [(batch.batch_id, names.name_of(batch.customer_id) or batch.customer_id) for batch in known]


def _policy(visit: Visit) -> str:
    return policy_with_uploads_to(visit.pipeline.upload_addresses.origin)


def _policies(visit: Visit) -> Mapping[str, str]:
    return {"Content-Security-Policy": _policy(visit)}


# --- checking


def _opened(pipeline: Pipeline, upload_id: str) -> Upload:
    """The chosen files of that id. Raises Refusal."""
    try:
        return uploads.opened(pipeline, upload_id).record
    except UploadGone as gone:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(gone)) from gone


def _deadline() -> Callable[[], bool]:
    """Whether the time for a check that begins now is up."""
    end = time.monotonic() + SECONDS_FOR_A_CHECK
    return lambda: time.monotonic() > end


@dataclass(frozen=True, slots=True)
class _Unsent:
    """Why a file was not sent just now."""

    fault: str
    earlier: SentContent | None = None
    """The earlier sending of its content. The check of a large file does not look for one."""


def _check_page(visit: Visit, upload: Upload, unsent: Mapping[int, _Unsent] = MappingProxyType({})) -> str:
    """The check of the files of an upload; `unsent` are those that were not sent just now."""
    checked = uploads.check(visit.pipeline, upload, _deadline())
    parts = [_part(visit.pipeline, upload, file, unsent.get(file.number)) for file in checked]
    names = queries.customer_names(visit.pipeline)
    return pages.check_page(upload, parts, names.name_of(upload.customer_id), visit.person)


def _part(pipeline: Pipeline, upload: Upload, checked: CheckedFile, unsent: _Unsent | None) -> CheckedPart:
    found = checked.preview
    if unsent is not None and unsent.earlier is not None:
        checked = replace(checked, earlier=unsent.earlier)
    return CheckedPart(
        file=checked,
        notes=[] if found is None else list(map(file_note_view, found.remarks)),
        passed_over=[] if found is None else list(map(passed_over_view, found.passed_over)),
        link=_link(pipeline, upload.customer_id, checked.file.file_id),
        earlier_link=None if checked.earlier is None else _link(pipeline, upload.customer_id, checked.earlier.file_id),
        fault=None if unsent is None else unsent.fault,
    )


def _rejected_rows(visit: Visit, upload: Upload, number: str) -> func.HttpResponse:
    """The rejected rows of one file, as a workbook to be fixed and chosen again."""
    if number not in map(str, range(len(upload.files))):
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such file. Open the check again.")
    try:
        table = uploads.rejected_rows(visit.pipeline, upload, int(number), _deadline())
        stem = upload.files[int(number)].name.rpartition(".")[0] or upload.files[int(number)].name
        return workbook_answer(upload.staged_at, table, f"{stem} - to fix.xlsx", visit.request)
    except (NotAsChecked, VersionGone) as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error


def _link(pipeline: Pipeline, customer_id: str, file_id: str) -> str | None:
    """The page of a file, once it was received."""
    is_known = bool(file_id) and pipeline.journal.files.get(customer_id, file_id) is not None
    return page_address(customer_id, file_id) if is_known else None


# --- sending and discarding


def send_files(visit: Visit) -> func.HttpResponse:
    """POST status/drop/send: send the chosen files whose boxes are ticked."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)
    form = visit.request.form
    upload = _opened(visit.pipeline, form.get(UPLOAD, ""))
    refuse_without(role_to_send(upload.order), visit.person)
    if upload.order is not FileOrder.REGISTER and CONFIRMED not in form:
        unconfirmed = dict.fromkeys(range(len(upload.files)), _Unsent(_NOT_CONFIRMED))
        return html_answer(_check_page(visit, upload, unconfirmed), HTTPStatus.CONFLICT)
    again = set(form.getlist(AGAIN))
    unsent: dict[int, _Unsent] = {}
    for ticked in form.getlist(SEND):
        number, _, etag = ticked.partition(".")
        if number not in map(str, range(len(upload.files))):
            continue
        if (why := _sent(visit, upload, int(number), etag, again=number in again)) is not None:
            unsent[int(number)] = why
    if not form.getlist(SEND):
        unsent = dict.fromkeys(range(len(upload.files)), _Unsent("Nothing was sent: tick the files to send."))
    if unsent:
        page = _check_page(visit, _opened(visit.pipeline, upload.upload_id), unsent)
        return html_answer(page, HTTPStatus.CONFLICT)
    return redirect(pages.address_of_upload(upload.upload_id))


def _sent(visit: Visit, upload: Upload, number: int, etag: str, *, again: bool) -> _Unsent | None:
    """Send one file; why it was not sent."""
    file = upload.files[number]
    if file.sent_at is None:
        detail = f"Batch {upload.batch_id}" if upload.batch_id else "Batches by group tag"
        note_act(visit.pipeline, visit.asker, _ACTS[upload.order], Subject(file.name, upload.customer_id), detail)
    try:
        uploads.send(visit.pipeline, upload.upload_id, number, etag, visit.person.name, again=again)
    except SentBefore as before:
        return _Unsent(
            "The same content was sent to this customer before, so nothing was sent. Tick the box to send it again.",
            before.earlier,
        )
    except (NotAsChecked, BeingSent, FileRefused) as error:
        return _Unsent(str(error))
    except UploadGone as gone:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(gone)) from gone
    return None


def discard_files(visit: Visit) -> func.HttpResponse:
    """POST status/drop/discard: delete what was chosen and not sent."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)
    upload = _opened(visit.pipeline, visit.request.form.get(UPLOAD, ""))
    uploads.discard(visit.pipeline, upload.upload_id)
    return redirect(pages.DROP)


# --- templates


def download_template(_pipeline: OpenPipeline, request: func.HttpRequest) -> func.HttpResponse:
    """GET templates/{name}: a device file to fill in, for everybody."""
    name = request.route_params.get("name", "")
    content = template(name)
    if content is None:
        raise Refusal(HTTPStatus.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such template. Open the page again.")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return func.HttpResponse(content, headers=headers, mimetype=CSV, charset="utf-8")
