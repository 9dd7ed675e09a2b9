"""Reads Partner Center's list of the partner's customers once a day, and tells whether a customer is not on it.

Both questions are asked only while no circuit breaker is open. Their failures open none, except that a pause which the
service asks for about one customer holds for all requests about it: they have a limit and a permission of their own
(Partner Center, "Customer resources": 500 requests a minute and tenant), and devices can be registered by a sign-in
that may not read customers.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

from msgspec.structs import replace

from shared.partner_center.errors import (
    NO_RELATIONSHIP,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.partner_center.models import Customer, CustomerRelationship
from shared.partner_center.service_text import service_text
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_error
from shared.pipeline.submissions.circuit_breaker import circuit_breaker_of, why_held
from shared.storage.codec import UnreadableRecord
from shared.storage.partner_customers import ListReading, PartnerCustomer
from shared.storage.record_table import Conflict
from shared.telemetry import present_step

logger = logging.getLogger(__name__)

READ_AGAIN = timedelta(days=1)
"""After the list was read, or the service refused it."""

TRIED_AGAIN = timedelta(hours=1)
"""After the list could not be had for another reason, and after a worker died while it read the list."""

LATELY = timedelta(days=2)
"""A list that is older than this says nothing about a customer that is missing from it."""

LONGEST_FAILURE = 1_000
"""Characters kept of why the list could not be read."""

PARTNER_NOT_FOUND = "3000"
"""The code of a 404 that speaks of the partner, not of the customer."""


def refresh_partner_customers(pipeline: Pipeline) -> None:
    """Read the list when it is due, on one instance. Why it could not be read is kept, and the last list stands."""
    table, now = pipeline.journal.partner_customers, pipeline.clock()
    stored = table.reading()
    if stored is not None and stored.record.due_at > now:
        return
    if why_held(pipeline) is not None or not circuit_breaker_of(pipeline).lets_pass():
        return
    reading = ListReading(due_at=now) if stored is None else stored.record
    with suppress(Conflict):
        claimed = table.change_reading(stored, replace(reading, due_at=now + TRIED_AGAIN))
        table.change_reading(claimed, _read(pipeline, reading))


def _read(pipeline: Pipeline, reading: ListReading) -> ListReading:
    """Read the list and keep it; the record of how that ended."""
    try:
        listed = [_kept(customer) for customer in pipeline.partner_center.customers(pipeline.service.call_ids())]
    except PartnerCenterError as error:
        _note_failure(pipeline, error)
        return failed(reading, error, pipeline.clock())
    pipeline.journal.partner_customers.replace_all(listed)
    now = pipeline.clock()
    logger.info("Partner Center's list of customers was read", extra={"customers": len(listed)})
    return ListReading(due_at=now + READ_AGAIN, read_at=now, customers=len(listed))


def _kept(customer: Customer) -> PartnerCustomer:
    if customer.customer_id is None:
        raise Unavailable("Partner Center's list names a customer without an id, so that it is not whole")
    profile = customer.company_profile
    return PartnerCustomer(
        customer_id=customer.customer_id,
        name=(profile.company_name if profile else None) or "",
        domain=(profile.domain if profile else None) or "",
        relationship=customer.relationship_to_partner or "",
    )


def failed(reading: ListReading, error: PartnerCenterError, now: datetime) -> ListReading:
    """The record after the list could not be read; what was read before stands. Pure."""
    is_forbidden = isinstance(error, Unauthorised) and error.status == HTTPStatus.FORBIDDEN
    said = f"The sign-in may not list customers. {error}" if is_forbidden else str(error)
    delay = READ_AGAIN if is_forbidden or isinstance(error, Refused) else TRIED_AGAIN
    return replace(reading, due_at=now + delay, failed_at=now, failure=service_text(said, LONGEST_FAILURE))


def doubt_of(pipeline: Pipeline, customer_id: str) -> str | None:
    """What the list, read whole and lately, says against the customer; None when it has the customer, or is no use."""
    table = pipeline.journal.partner_customers
    try:
        reading = table.reading()
        read_at = None if reading is None else reading.record.read_at
        if read_at is None or pipeline.clock() - read_at > LATELY:
            return None
        listed = table.get(customer_id)
    except UnreadableRecord as unreadable:
        logger.warning("The list of customers cannot be used: %s", unreadable, extra=present_step())
        return None
    its_list = f"Partner Center's list of {read_at:%Y-%m-%d}"
    if listed is None:
        return f"{its_list} has no customer with this id."
    if CustomerRelationship.of(listed.relationship) is CustomerRelationship.NONE:
        return f"{its_list} says that this customer has no relationship with the partner."
    return None


def why_not_ours(pipeline: Pipeline, customer_id: str) -> str | None:
    """How Partner Center says that the customer has no relationship with the partner; None on any doubt.

    It says so twice: by its list, and when it is asked about this one customer now.
    """
    doubt = doubt_of(pipeline, customer_id)
    if doubt is None or why_held(pipeline, customer_id) is not None:
        return None
    if not circuit_breaker_of(pipeline).lets_pass(customer_id):
        return None
    try:
        customer = pipeline.partner_center.customer(customer_id, pipeline.service.call_ids())
    except PartnerCenterError as error:
        _note_failure(pipeline, error)
        if isinstance(error, Throttled):
            # A pause that the service asks for about a customer holds for all that is asked about this customer.
            circuit_breaker_of(pipeline).open_after(error, customer_id, ())
        answer = f"{error.status} ({error.code})" if denies_customer(error) else None
    else:
        is_former = customer.customer_id == customer_id and customer.relationship is CustomerRelationship.NONE
        answer = "that there is no relationship" if is_former else None
    return None if answer is None else f"{doubt} Asked about it now, Partner Center answered {answer}."


def denies_customer(error: PartnerCenterError) -> bool:
    """Whether the answer to a question about one customer says that it is not the partner's. Pure.

    A 404 without a code is not the service's own word: a gateway or a proxy may have sent it.
    """
    if isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
        return error.code not in (None, PARTNER_NOT_FOUND)
    return isinstance(error, Unauthorised) and (error.status, error.code) == (HTTPStatus.FORBIDDEN, NO_RELATIONSHIP)


def _note_failure(pipeline: Pipeline, error: PartnerCenterError) -> None:
    logger.warning("A question about customers was not answered", extra=present_step() | of_error(error))
    if isinstance(error, Unauthorised) and error.may_be_cured_by_a_new_token:
        pipeline.partner_center.sign_in_anew()
