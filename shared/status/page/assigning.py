"""The forms that send a file to the customer that a person chooses, and assign a profile to the devices of one."""

from functools import partial
from http import HTTPStatus

import azure.functions as func

from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.assign import NotAssignable, assign, folder_of_customer, is_assignable
from shared.pipeline.customer_names import customer_meant, customers_to_choose, name_customer, similar_customers
from shared.pipeline.human_acts import note_act, subject_of
from shared.status.authentication import refuse_all_but_own_page, refuse_without
from shared.status.commands import CHANGED, assign_profile
from shared.status.http import Refusal, body_of
from shared.status.page import form_parameters, pages
from shared.status.page.answers import Visit, redirect
from shared.status.page.pages import AssignForm, Done
from shared.status.roles import Role, role_to_send
from shared.status.schemas import ErrorCode
from shared.storage.customers import CustomerNameRefused
from shared.storage.record_table import Conflict
from shared.storage.records import DeviceFile
from shared.vocabulary import ActKind

NAME_IT = "name_it"
PROFILE = "profile"


def assign_form(pipeline: Pipeline, file: DeviceFile) -> AssignForm | None:
    """The form for a file; None for a file that has its customer."""
    if not is_assignable(file):
        return None
    folder = folder_of_customer(file)
    similar = similar_customers(pipeline, folder or "")
    close = (*similar.names, *(listed.name for listed in similar.listed))
    return AssignForm(folder, close[0] if close else "", customers_to_choose(pipeline))


def assign_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/assign."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)
    file = visit.file
    refuse_without(role_to_send(file.order), visit.person)
    customer_id = form_parameters.chosen_customer(visit.request.form, partial(customer_meant, visit.pipeline))
    if NAME_IT in visit.request.form and visit.person.role >= Role.MANAGE:
        _name_folder(visit, file, customer_id)
    note_act(visit.pipeline, visit.asker, ActKind.SEND, subject_of(file), f"to customer {customer_id}")
    try:
        assign(visit.pipeline, file, customer_id, visit.person.name)
    except NotAssignable as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except Conflict as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, CHANGED) from error
    return redirect(pages.address_when_done(file, Done.ASSIGNED))


def assign_profile_to_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/profile."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)
    file = visit.file
    refuse_without(role_to_send(file.order), visit.person)
    profile = form_parameters.field(visit.request.form, PROFILE)
    assign_profile(visit.pipeline, file, profile, visit.asker)
    return redirect(pages.address_when_done(file, Done.ASSIGNING_PROFILE))


def _name_folder(visit: Visit, file: DeviceFile, customer_id: str) -> None:
    """Let the folder of the file name the customer from now on. Raises Refusal."""
    folder = folder_of_customer(file)
    if folder is None:
        return
    try:
        name_customer(visit.pipeline, visit.asker, folder, customer_id)
    except CustomerNameRefused as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error), NAME_IT) from error
