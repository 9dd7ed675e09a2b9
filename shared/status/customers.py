"""The list of customers: those with names, and Partner Center's own list of the partner's customers."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_requests import daily_limits
from shared.pipeline.submissions.daily_limit import sent_on
from shared.status.paging import CustomerPosition, cursor, position_in
from shared.status.schemas import CustomerListView, CustomerNameView, CustomerPage, CustomerView, DailyLimitView
from shared.storage.codec import UnreadableRecord
from shared.storage.customers import Customer, folded
from shared.storage.partner_customers import ListReading, PartnerCustomer
from shared.storage.record_table import log_unreadable
from shared.storage.records import DailyLimit
from shared.vocabulary import Priority, counted

logger = logging.getLogger(__name__)

CUSTOMERS_ON_A_PAGE = 100
MOST_CUSTOMERS_ON_A_PAGE = 1_000

NEVER_READ = (
    "Partner Center's list of customers was not read yet: the app reads it within minutes of its start, and then once "
    "a day."
)


def customers(
    pipeline: Pipeline, search: str = "", page: str | None = None, limit: int | None = CUSTOMERS_ON_A_PAGE
) -> CustomerPage:
    """A page of the customers that have `search` in their id, domain or a name; all without `limit`. Raises BadCursor.

    All customers are read for each page: a partner has thousands, which are some tens of queries.
    """
    after = None if page is None else position_in(page, CustomerPosition)
    listed, named = pipeline.journal.partner_customers.all(), pipeline.customers.all()
    settings = _CustomerSettings(pipeline.customers.priorities(), daily_limits(pipeline), pipeline.clock())
    views = _views(listed, named, settings)
    found = sorted((view for view in views if _matches(view, folded(search))), key=_order)
    behind = [view for view in found if after is None or _order(view) > _as_order(after)]
    shown = behind[:limit]
    return CustomerPage(
        reading=list_reading(pipeline),
        customers=shown,
        total=len(found),
        next=cursor(CustomerPosition(*_order(shown[-1]))) if len(behind) > len(shown) > 0 else None,
    )


def customer(pipeline: Pipeline, customer_id: str) -> CustomerView:
    """One customer, which may have no name and stand on no list."""
    names = [each for each in pipeline.customers.all() if each.customer_id == customer_id]
    try:
        listed = pipeline.journal.partner_customers.get(customer_id)
    except UnreadableRecord as unreadable:
        log_unreadable(unreadable)  # as in the list, which is shown without it
        listed = None
    priorities = {customer_id: pipeline.customers.priority_of(customer_id)}
    return _view(customer_id, listed, names, _CustomerSettings(priorities, daily_limits(pipeline), pipeline.clock()))


def list_reading(pipeline: Pipeline) -> CustomerListView:
    """How the last reading of Partner Center's list ended."""
    try:
        stored = pipeline.journal.partner_customers.reading()
    except UnreadableRecord as unreadable:
        logger.warning(str(unreadable))
        return CustomerListView(read_at=None, customers=0, failed_at=None, failure="", sentence=str(unreadable))
    if stored is None:
        return CustomerListView(read_at=None, customers=0, failed_at=None, failure="", sentence=NEVER_READ)
    reading = stored.record
    return CustomerListView(
        read_at=reading.read_at,
        customers=reading.customers,
        failed_at=reading.failed_at,
        failure=reading.failure,
        sentence=_sentence(reading),
    )


def _sentence(reading: ListReading) -> str:
    its_list = "Partner Center's list of customers"
    if reading.read_at is None:
        was_read, subject = "", its_list
    else:
        size = counted(reading.customers, "customer")
        was_read, subject = f"{its_list}, as read on {reading.read_at:%Y-%m-%d %H:%M} UTC, has {size}.", "It"
    if reading.failed_at is None:
        return was_read or NEVER_READ
    failed = f"{subject} could not be read on {reading.failed_at:%Y-%m-%d %H:%M} UTC: {reading.failure}"
    return " ".join(filter(None, (was_read, failed)))


@dataclass(frozen=True, slots=True)
class _CustomerSettings:
    """What was set for customers, by customer."""

    priorities: Mapping[str, Priority]
    limits: Mapping[str, DailyLimit]
    now: datetime

    def limit_of(self, customer_id: str) -> DailyLimitView | None:
        """The daily limit of a customer."""
        limit = self.limits.get(customer_id)
        return None if limit is None else DailyLimitView(devices=limit.devices, sent_today=sent_on(limit, self.now))


def _views(
    listed: Iterable[PartnerCustomer], named: Iterable[Customer], settings: _CustomerSettings
) -> list[CustomerView]:
    by_id = {customer.customer_id: customer for customer in listed}
    in_order = sorted(named, key=lambda customer: customer.customer_id)
    names = {customer_id: list(of_one) for customer_id, of_one in groupby(in_order, lambda one: one.customer_id)}
    return [
        _view(each, by_id.get(each), names.get(each, ()), settings)
        for each in {**by_id, **names, **settings.priorities, **settings.limits}
    ]


def _view(
    customer_id: str, listed: PartnerCustomer | None, named: Iterable[Customer], settings: _CustomerSettings
) -> CustomerView:
    return CustomerView(
        customer_id=customer_id,
        name=listed.name if listed else None,
        domain=listed.domain if listed else None,
        relationship=(listed.relationship or "unknown") if listed else None,
        names=[CustomerNameView(name=each.name, notes=each.notes, added_at=each.added_at) for each in named],
        priority=settings.priorities.get(customer_id, Priority.NORMAL),
        daily_limit=settings.limit_of(customer_id),
    )


def _matches(view: CustomerView, search: str) -> bool:
    texts = (view.customer_id, view.name or "", view.domain or "", *(name.name for name in view.names))
    return any(search in folded(text) for text in texts)


def _order(view: CustomerView) -> tuple[bool, str, str]:
    return not view.names, folded(view.shown_name), view.customer_id


def _as_order(position: CustomerPosition) -> tuple[bool, str, str]:
    return position.is_unnamed, position.name, position.customer_id
