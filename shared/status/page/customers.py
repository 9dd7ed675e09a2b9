"""The page of customers: the names in use, Partner Center's own list, and the forms that change names."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from http import HTTPStatus

import azure.functions as func

from shared.partner_center.models import CustomerRelationship
from shared.pipeline.customer_names import name_customer, prioritise_customer, remove_name, rename_customer
from shared.pipeline.hold_requests import EVERYTHING, LONGEST_REASON, LimitRefused, limit_customer, limit_typed
from shared.pipeline.human_acts import subject_of_customer
from shared.status import commands
from shared.status.authentication import PAGES, Person, refuse_all_but_own_page
from shared.status.customers import customer, customers
from shared.status.http import CURSOR, Refusal, body_of
from shared.status.page import form_parameters
from shared.status.page.answers import Visit, html_answer, page_answer, redirect
from shared.status.page.pages import CUSTOMERS, DEVICES, PROFILES, address, of_every_page
from shared.status.page.rendering import rendered
from shared.status.queries import customer_names
from shared.status.roles import Role
from shared.status.schemas import CustomerPage, CustomerView, ErrorCode, Standstill, StandstillKind
from shared.status.standstills import standstills
from shared.storage.customers import LONGEST_NAME, CustomerNameRefused, checked_id, is_guid
from shared.storage.record_table import Conflict
from shared.vocabulary import Priority

CHOSEN = "#chosen"
"""The part of the page with the names of one customer."""

LONGEST_NOTES = 500

NO_CUSTOMER_ID = "{!r} is no customer id: it is the GUID of the customer's tenant."


class Action(StrEnum):
    """What a form of the page asks for."""

    ADD = "add"
    RENAME = "rename"
    REMOVE = "remove"
    HOLD = "hold"
    GO_ON = "go_on"
    PRIORITY = "priority"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """The fields of a form that changes names, as they were sent."""

    action: str = ""
    customer_id: str = ""
    name: str = ""
    new_name: str = ""
    notes: str = ""
    priority: str = ""
    limit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a form was refused. Without an `action` it is the form that chooses a customer."""

    message: str
    form: ChangeForm = ChangeForm()

    def is_of(self, action: str, name: str = "") -> bool:
        """Whether the form of this action, about this name, was refused."""
        return self.form.action == action and (not name or self.form.name == name)


def show_customers(visit: Visit) -> func.HttpResponse:
    """GET status/customers: the list, and the names of the customer that was chosen in it."""
    chosen = form_parameters.customer_id(visit.request.params)
    if chosen and not is_guid(chosen):
        fault = Fault(NO_CUSTOMER_ID.format(chosen))
        return html_answer(_page(visit, "", fault), HTTPStatus.BAD_REQUEST)
    return page_answer(_page(visit, chosen.lower()), visit.request)


def change_customer(visit: Visit) -> func.HttpResponse:
    """POST status/customers: change names, the priority, the daily limit; hold a customer or everything, or go on."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    form = _change_form(visit.request)
    if form.action in (Action.HOLD, Action.GO_ON):
        return _hold(visit, form)
    try:
        changed = _changed(visit, form)
    except Conflict as conflict:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(conflict)) from conflict
    except (CustomerNameRefused, LimitRefused) as refused:
        chosen = form.customer_id if is_guid(form.customer_id) else ""
        return html_answer(_page(visit, chosen.lower(), Fault(str(refused), form)), HTTPStatus.BAD_REQUEST)
    return redirect(address(CUSTOMERS, customer=changed) + CHOSEN)


def _hold(visit: Visit, form: ChangeForm) -> func.HttpResponse:
    """Hold the customer of the form, or everything if it names none, or let it go on. Raises Refusal."""
    subject = EVERYTHING
    if form.customer_id:
        customer_id = form.customer_id.lower()
        if not is_guid(customer_id):
            raise Refusal(
                HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, NO_CUSTOMER_ID.format(customer_id), "customer_id"
            )
        subject = subject_of_customer(visit.pipeline, customer_id)
    if form.action == Action.HOLD:
        commands.hold(visit.pipeline, subject, visit.asker, form.reason)
    else:
        commands.go_on(visit.pipeline, subject, visit.asker)
    where = address(CUSTOMERS, customer=subject.customer_id) + CHOSEN if subject.customer_id else CUSTOMERS
    return redirect(where)


def _changed(visit: Visit, form: ChangeForm) -> str:
    """Do what the form asks for; the id of the customer.

    Raises:
        CustomerNameRefused, LimitRefused: the form is to be corrected.
        Conflict: others change the same.
        Refusal: it is no form of this page.
    """
    pipeline, asker = visit.pipeline, visit.asker
    match form.action:
        case Action.ADD:
            customer_id = checked_id(form.customer_id)
            return name_customer(pipeline, asker, form.name, customer_id, form.notes[:LONGEST_NOTES]).customer_id
        case Action.RENAME:
            return rename_customer(pipeline, asker, form.name, form.new_name).customer_id
        case Action.REMOVE:
            return remove_name(pipeline, asker, form.name).customer_id
        case Action.PRIORITY if form.priority in list(Priority):
            customer_id = checked_id(form.customer_id)
            prioritise_customer(pipeline, asker, customer_id, Priority(form.priority))
            return customer_id
        case Action.LIMIT:
            customer_id = checked_id(form.customer_id)
            limit_customer(pipeline, asker, customer_id, _limit(form.limit))
            return customer_id
        case _:
            message = "The form does not say what to change. Open the page again and make the change there."
            raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message, "action")


def _limit(text: str) -> int | None:
    """The daily limit as it was typed; None for an empty field. Raises LimitRefused."""
    return limit_typed(text) if text.strip() else None


def _change_form(request: func.HttpRequest) -> ChangeForm:
    """The fields of a form that changes names. Raises Refusal."""
    body_of(request)  # refuses a body that the form cannot be read from
    return ChangeForm(**{each.name: form_parameters.field(request.form, each.name) for each in fields(ChangeForm)})


def _page(visit: Visit, chosen: str, fault: Fault | None = None) -> str:
    sent = visit.request.params if visit.request.method != "POST" else {}
    search, cursor = form_parameters.search(sent), form_parameters.cursor(sent)
    found = customers(visit.pipeline, search, cursor or None)
    one = customer(visit.pipeline, chosen) if chosen else None
    stopped = [each for each in standstills(visit.pipeline, customer_names(visit.pipeline)) if each.file_id is None]
    later = bool(cursor)
    return customers_page(
        found, visit.person, search=search, chosen=one, fault=fault, stopped=stopped, is_later_page=later
    )


def _is_beside_its_form(fault: Fault, person: Person, chosen: CustomerView | None) -> bool:
    """Whether the form that was refused is on the page; a name may have been removed meanwhile."""
    match fault.form.action:
        case Action.ADD | Action.LIMIT:
            return chosen is not None
        case Action.RENAME | Action.REMOVE:
            return chosen is not None and any(name.name == fault.form.name for name in chosen.names)
        case _:
            return person.role >= Role.MANAGE


def customers_page(
    found: CustomerPage,
    person: Person,
    *,
    search: str = "",
    chosen: CustomerView | None = None,
    fault: Fault | None = None,
    stopped: Sequence[Standstill] = (),
    is_later_page: bool = False,
) -> str:
    """The page of customers. Pure."""
    return rendered(
        "customers.html",
        of_every_page(person, stopped, CUSTOMERS)
        | {
            "found": found,
            "search": search,
            "chosen": chosen,
            "fault": fault,
            # None stands for everything.
            "held": {each.customer_id for each in stopped if each.kind is StandstillKind.HELD},
            "is_fault_above": fault is not None and not _is_beside_its_form(fault, person, chosen),
            "no_relationship": CustomerRelationship.NONE,
            "priorities": list(Priority),
            "longest_name": LONGEST_NAME,
            "longest_notes": LONGEST_NOTES,
            "longest_reason": LONGEST_REASON,
            "next": address(CUSTOMERS, search=search, **{CURSOR: found.next}) if found.next else None,
            "links": {
                "files": PAGES,
                "customers": CUSTOMERS,
                "first": address(CUSTOMERS, search=search) if is_later_page else None,
                "names": {
                    each.customer_id: address(CUSTOMERS, search=search, customer=each.customer_id) + CHOSEN
                    for each in found.customers
                },
                "profiles": address(PROFILES, customer=chosen.customer_id) if chosen else None,
                "devices": {
                    each.customer_id: address(DEVICES, customer=each.customer_id)
                    for each in (*found.customers, *([chosen] if chosen else []))
                },
                "of_customer": {
                    each.customer_id: address(PAGES, customer=each.customer_id) for each in found.customers
                },
            },
        },
    )
