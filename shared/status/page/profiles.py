"""The page of a customer's profiles: those that Partner Center lists, and the form for the defaults of its batches."""

from dataclasses import dataclass
from http import HTTPStatus

import azure.functions as func

from shared.pipeline.profiles import LONGEST_BATCH, LONGEST_PROFILE, ProfileRefused, set_default_profile
from shared.status.authentication import PAGES, Person, refuse_all_but_own_page
from shared.status.http import body_of
from shared.status.page import form_parameters
from shared.status.page.answers import Visit, html_answer, page_answer, redirect
from shared.status.page.pages import CUSTOMERS, PROFILES, Liveness, address, of_every_page
from shared.status.page.rendering import rendered
from shared.status.profiles import customer_profiles
from shared.status.queries import customer_names
from shared.status.schemas import CustomerProfiles, Standstill
from shared.status.standstills import standstills_of_customer

PROFILE = "profile"
"""The field with the profile of the form."""

_NO_CUSTOMER = "Say whose profiles to show: open them from the page Customers."


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the form was refused, and its fields as they were sent."""

    message: str
    batch: str
    profile: str


def show_profiles(visit: Visit) -> func.HttpResponse:
    """GET status/profiles: the profiles of a customer."""
    customer_id = form_parameters.customer_of_page(visit.request.params, _NO_CUSTOMER)
    return page_answer(_page(visit, customer_id), visit.request)


def set_profile(visit: Visit) -> func.HttpResponse:
    """POST status/profiles: set or remove the default profile of a batch, or of all batches."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    body_of(visit.request)  # refuses a body that the form cannot be read from
    form = visit.request.form
    customer_id = form_parameters.customer_of_page(form, _NO_CUSTOMER)
    batch, profile = form_parameters.field(form, form_parameters.BATCH), form_parameters.field(form, PROFILE)
    try:
        set_default_profile(visit.pipeline, visit.asker, customer_id, batch, profile)
    except ProfileRefused as refused:
        return html_answer(_page(visit, customer_id, Fault(str(refused), batch, profile)), HTTPStatus.BAD_REQUEST)
    return redirect(address(PROFILES, customer=customer_id))


def _page(visit: Visit, customer_id: str, fault: Fault | None = None) -> str:
    stopped = standstills_of_customer(visit.pipeline, customer_names(visit.pipeline), customer_id)
    return profiles_page(customer_profiles(visit.pipeline, customer_id), visit.person, stopped=stopped, fault=fault)


def profiles_page(
    found: CustomerProfiles,
    person: Person,
    *,
    stopped: list[Standstill] | None = None,
    fault: Fault | None = None,
) -> str:
    """The page. Pure."""
    return rendered(
        "profiles.html",
        of_every_page(person, stopped or ())
        | {
            "found": found,
            "fault": fault,
            "liveness": Liveness.WORK if found.is_in_progress else Liveness.OVER,
            "longest_batch": LONGEST_BATCH,
            "longest_profile": LONGEST_PROFILE,
            "links": {
                "files": PAGES,
                "customers": address(CUSTOMERS, customer=found.customer_id),
                "profiles": PROFILES,
                "own": address(PROFILES, customer=found.customer_id),
            },
        },
    )
