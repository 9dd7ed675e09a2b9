"""Names for customers on request, and the customers that a person or a folder may mean.

The names in use decide; Partner Center's list of customers helps to find the customer that gets a name.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice

from shared.partner_center.models import CustomerRelationship
from shared.pipeline.composition import Pipeline
from shared.pipeline.human_acts import Asker, Subject, note_act, subject_of_customer
from shared.storage.customers import (
    Customer,
    CustomerNameRefused,
    CustomerNameUnknown,
    checked_id,
    close_names,
    folded,
    is_guid,
)
from shared.storage.partner_customers import PartnerCustomer
from shared.vocabulary import ActKind, Priority


def name_customer(pipeline: Pipeline, asker: Asker, name: str, customer_id: str, notes: str = "") -> Customer:
    """Assign a name to a customer. Raises CustomerNameRefused."""
    pipeline.customers.refuse_unusable(name, customer_id)
    note_act(pipeline, asker, ActKind.NAME_CUSTOMER, Subject(name.strip(), customer_id.lower()))
    return pipeline.customers.add(name, customer_id, notes, pipeline.clock())


def rename_customer(pipeline: Pipeline, asker: Asker, name: str, new_name: str) -> Customer:
    """Replace a name by another one. Raises CustomerNameUnknown, CustomerNameRefused."""
    known = pipeline.customers.in_use(name)
    pipeline.customers.refuse_unusable(new_name, known.customer_id)
    subject = Subject(known.name, known.customer_id)
    note_act(pipeline, asker, ActKind.RENAME_CUSTOMER, subject, f"to {new_name.strip()}")
    return pipeline.customers.rename(name, new_name, pipeline.clock())


def remove_name(pipeline: Pipeline, asker: Asker, name: str) -> Customer:
    """Take a name out of use. Raises CustomerNameUnknown, CustomerNameRefused."""
    known = pipeline.customers.in_use(name)
    note_act(pipeline, asker, ActKind.REMOVE_CUSTOMER, Subject(known.name, known.customer_id))
    return pipeline.customers.remove(name, pipeline.clock())


def prioritise_customer(pipeline: Pipeline, asker: Asker, customer_id: str, priority: Priority) -> None:
    """Set the priority of a customer's files that are received from now on. Raises CustomerNameRefused."""
    customer_id = checked_id(customer_id)
    subject = subject_of_customer(pipeline, customer_id)
    note_act(pipeline, asker, ActKind.PRIORITISE_CUSTOMER, subject, f"to {priority}")
    pipeline.customers.prioritise(customer_id, priority, pipeline.clock())


def shown_customer(customer: PartnerCustomer) -> str:
    """A listed customer for people."""
    details = ", ".join(filter(None, (customer.domain, customer.customer_id)))
    return f"{customer.name} ({details})" if customer.name else details


def customer_meant(pipeline: Pipeline, text: str) -> str:
    """The id of the customer whom a person means: by its id, a name in use, or its name or domain on the list.

    Raises:
        CustomerNameRefused: nobody, or nobody in particular, is called so; the message says who may be meant.
    """
    if is_guid(text):
        return text.lower()
    known = pipeline.customers.named(text)
    if known is not None and known.removed_at is None:
        return known.customer_id
    similar = similar_customers(pipeline, text)
    if similar.names and not any(folded(text) == folded(each.name) for each in similar.listed):
        raise CustomerNameUnknown(f"{text!r} is no customer id (a GUID) and no name of a customer. {similar.sentence}")
    try:
        return listed_as(pipeline, text, similar).customer_id
    except CustomerNameUnknown as unknown:
        raise CustomerNameUnknown(f"{text!r} is no name in use and no customer id (a GUID). {unknown}") from unknown


def customers_to_choose(pipeline: Pipeline) -> list[str]:
    """The names by which a person may choose a customer: those in use, then those of customers that have none here."""
    named = list(pipeline.customers.all())
    ids = {customer.customer_id for customer in named}
    others = (
        customer.name
        for customer in pipeline.journal.partner_customers.all()
        if customer.name
        and customer.customer_id not in ids
        and CustomerRelationship.of(customer.relationship) is not CustomerRelationship.NONE
    )
    return list(dict.fromkeys(chain((customer.name for customer in named), islice(others, MOST_TO_CHOOSE))))


MOST_TO_CHOOSE = 1_000
"""Customers without a name here that a page offers."""


def listed_as(pipeline: Pipeline, text: str, similar: "Similar | None" = None) -> PartnerCustomer:
    """The only customer of Partner Center's list with this name or domain; `similar` where it is found already.

    Raises:
        CustomerNameUnknown: there is none, or the list could not be read yet; the message says why.
        CustomerNameRefused: there are several, or the only one has no relationship with the partner.
    """
    wanted = folded(text)
    listed = pipeline.journal.partner_customers.all()
    found = [customer for customer in listed if wanted in (folded(customer.name), folded(customer.domain))]
    if not found:
        raise CustomerNameUnknown(f"{_why_unlisted(pipeline, text, similar)} Give the GUID of the customer's tenant.")
    if len(found) > 1:
        raise CustomerNameRefused(
            f"Several customers on Partner Center's list are called {text!r}: "
            f"{'; '.join(map(shown_customer, found[:MOST_SHOWN]))}. Give the GUID of the tenant that is meant."
        )
    if CustomerRelationship.of(found[0].relationship) is CustomerRelationship.NONE:
        raise CustomerNameRefused(
            f"{shown_customer(found[0])} has no relationship with the partner any more: Partner Center would refuse "
            "its devices."
        )
    return found[0]


MOST_SHOWN = 5
"""Customers that one sentence names."""

MOST_COMPARED = 5_000
"""Customers of the list that a misspelt name is compared with, which takes about a second."""


def _why_unlisted(pipeline: Pipeline, text: str, similar: "Similar | None") -> str:
    stored = pipeline.journal.partner_customers.reading()
    if stored is None or stored.record.read_at is None:
        failure = stored.record.failure if stored is not None else ""
        return f"Partner Center's list of customers was not read yet, so that {text!r} needs an id. {failure}".strip()
    read_on = f"{stored.record.read_at:%Y-%m-%d}"
    listed = (similar or similar_customers(pipeline, text)).listed[:MOST_SHOWN]
    meant = f" Did you mean {'; '.join(map(shown_customer, listed))}?" if listed else ""
    return f"Partner Center's list of {read_on} has no customer with the name or domain {text!r}.{meant}"


@dataclass(frozen=True, slots=True)
class Similar:
    """What a misspelt name may stand for, the likeliest first."""

    names: tuple[str, ...]
    """Names in use."""
    listed: tuple[PartnerCustomer, ...]
    """Customers of Partner Center's list that have no name here yet."""

    @property
    def sentence(self) -> str:
        """The likeliest, for people; empty when there is none."""
        if self.names:
            return f"Did you mean {self.names[0]!r}?"
        if self.listed:
            return (
                f"Did you mean {shown_customer(self.listed[0])}, a customer on Partner Center's list without a name "
                "here? Give it one on the page Customers, or with 'python -m local customers add'."
            )
        return ""


def similar_customers(pipeline: Pipeline, text: str) -> Similar:
    """The customers that `text`, which is no name in use, may stand for."""
    named = list(pipeline.customers.all())
    names = dict.fromkeys(close_names((customer.name for customer in named), text))
    first_names = {customer.customer_id: customer.name for customer in reversed(named)}
    listed: dict[str, PartnerCustomer] = {}
    for customer in _close_listed(pipeline, text):
        if customer.customer_id in first_names:
            names.setdefault(first_names[customer.customer_id])
        else:
            listed.setdefault(customer.customer_id, customer)
    return Similar(tuple(names), tuple(listed.values()))


def _close_listed(pipeline: Pipeline, text: str) -> list[PartnerCustomer]:
    """The customers of the list whose name, or first part of the domain, is spelt like `text`."""
    by_word: dict[str, PartnerCustomer] = {}
    for customer in islice(pipeline.journal.partner_customers.all(), MOST_COMPARED):
        for word in (customer.name, _first_part(customer.domain)):
            by_word.setdefault(folded(word), customer)
    wanted = (folded(text), folded(_first_part(text)))
    close = [match for word in dict.fromkeys(wanted) for match in get_close_matches(word, by_word) if match]
    return [by_word[match] for match in dict.fromkeys(close)]


def _first_part(domain: str) -> str:
    """A domain without its ending, which most have in common."""
    return domain.partition(".")[0]
