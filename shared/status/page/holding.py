"""The buttons that hold, let go on, or stop what is sent of a file."""

import azure.functions as func

from shared.pipeline.human_acts import subject_of
from shared.status import commands
from shared.status.authentication import refuse_all_but_own_page
from shared.status.http import body_of
from shared.status.page import form_parameters, pages
from shared.status.page.answers import Visit, redirect
from shared.status.page.pages import Done


def hold_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/hold."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    file = visit.file
    commands.hold(visit.pipeline, subject_of(file), visit.asker, _reason(visit))
    return redirect(pages.address_when_done(file, Done.HELD))


def go_on_with_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/go_on."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    file = visit.file
    commands.go_on(visit.pipeline, subject_of(file), visit.asker)
    return redirect(pages.address_when_done(file, Done.GOES_ON))


def stop_file(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/stop."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    file = visit.file
    commands.stop(visit.pipeline, file, visit.asker, _reason(visit))
    return redirect(pages.address_when_done(file, Done.STOPPED))


def _reason(visit: Visit) -> str:
    """The reason in the form. Raises Refusal."""
    body_of(visit.request)  # refuses a body that the form cannot be read from
    return form_parameters.field(visit.request.form, "reason")
