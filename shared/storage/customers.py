"""Priorities and profiles of customers, and their names, by which a drop folder may be called instead of by the GUID.

A name never changes its meaning: once assigned to a customer, it is never assigned to another, even after its removal.
Otherwise a script that still drops under an old name would permanently register devices to the wrong tenant.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from unicodedata import normalize
from uuid import UUID

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.storage.keys import Key, safe_key
from shared.storage.record_table import Conflict, RecordTable, Stored, log_unreadable
from shared.storage.records import Moment
from shared.storage.tables import Query, Table
from shared.vocabulary import RESERVED_FOLDERS, Priority

CUSTOMERS_TABLE = "Customers"

LONGEST_NAME = 100
"""Characters of a name: it is a folder in a path of at most 1,024."""

LONGEST_BATCH_KEY = 400
"""UTF-16 units of a batch in the key of its default profile, which names the customer too."""

_PARTITION = "customers"
_PRIORITIES = "priorities"
_PROFILES = "profiles"
_PROFILE_LISTS = "profile_lists"
_FORBIDDEN = frozenset("/\\")


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A name and the customer that it stands for."""

    name: str
    """The name as shown; compared without case and regardless of how its accents are encoded."""
    customer_id: str
    notes: str = ""
    added_at: Moment
    removed_at: Moment | None = None
    """The time since which files dropped under the name are rejected."""


class CustomerPriority(msgspec.Struct, frozen=True, kw_only=True):
    """The priority of a customer's files that are dropped from now on."""

    customer_id: str
    priority: Priority
    set_at: Moment


class DefaultProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The profile that the devices of a customer, or of one of its batches, are to have where their rows name none."""

    customer_id: str
    batch_id: str = ""
    """Empty: for all batches that have no default of their own."""
    profile: str
    """The name or id of a configuration policy."""
    set_at: Moment


class KeptProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile of a customer, as Partner Center listed it."""

    policy_id: str
    name: str
    description: str = ""
    settings: tuple[str, ...] = ()
    devices: int | None = None


class ProfileList(msgspec.Struct, frozen=True, kw_only=True):
    """The profiles of a customer as they were last listed, and how the last request for them ended."""

    customer_id: str
    asked_at: Moment
    read_at: Moment | None = None
    failed_at: Moment | None = None
    failure: str = ""
    profiles: tuple[KeptProfile, ...] = ()

    @property
    def is_in_progress(self) -> bool:
        """Whether the list that was asked for is not there yet."""
        ended = [each for each in (self.read_at, self.failed_at) if each is not None]
        return not ended or max(ended) < self.asked_at


class CustomerNameRefused(DeviceDropError):
    """The name cannot stand for a customer; nothing was changed."""


class CustomerNameUnknown(CustomerNameRefused):
    """No customer has the name; nothing was changed."""


class Customers:
    """The table of names. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._customers = RecordTable(table, Customer, lambda customer: _key(customer.name))
        self._priorities = RecordTable(table, CustomerPriority, lambda one: (_PRIORITIES, one.customer_id))
        self._profiles = RecordTable(table, DefaultProfile, lambda one: _profile_key(one.customer_id, one.batch_id))
        self._profile_lists = RecordTable(table, ProfileList, lambda one: (_PROFILE_LISTS, one.customer_id))

    def prepare(self) -> None:
        """Create the table if it does not exist."""
        self._table.prepare()

    def named(self, name: str) -> Customer | None:
        """The customer of the folder `name`, even if the name was removed; None if no customer ever had it."""
        stored = self._customers.get(_key(name))
        return None if stored is None else stored.record

    def all(self) -> Iterator[Customer]:
        """Every name that is in use, by name, without those whose rows this version cannot read."""
        found = (stored.record for stored in self._customers.query(Query(partition=_PARTITION), log_unreadable))
        return (customer for customer in found if customer.removed_at is None)

    def priority_of(self, customer_id: str) -> Priority:
        """The priority of a customer: `normal` unless somebody set another one."""
        kept = self.kept_priority(customer_id)
        return Priority.NORMAL if kept is None else kept.priority

    def kept_priority(self, customer_id: str) -> CustomerPriority | None:
        """The priority that somebody set, and when; None if nobody did."""
        stored = self._priorities.get((_PRIORITIES, customer_id))
        return None if stored is None else stored.record

    def priorities(self) -> dict[str, Priority]:
        """The priorities that are not `normal`, by customer."""
        stored = self._priorities.query(Query(partition=_PRIORITIES), log_unreadable)
        found = {each.record.customer_id: each.record.priority for each in stored}
        return {customer_id: priority for customer_id, priority in found.items() if priority is not Priority.NORMAL}

    def prioritise(self, customer_id: str, priority: Priority, now: datetime) -> None:
        """Set the priority of a customer's files that are received from now on.

        Raises:
            CustomerNameRefused: it is no customer id, or another command changed the priority at the same moment.
        """
        customer_id = checked_id(customer_id)
        stored = self._priorities.get((_PRIORITIES, customer_id))
        changed = CustomerPriority(customer_id=customer_id, priority=priority, set_at=now)
        try:
            self._priorities.change(stored, changed)
        except Conflict as error:
            raise CustomerNameRefused(
                f"The priority of {customer_id} was changed by another command at the same moment; try again."
            ) from error

    def default_profiles(self, customer_id: str) -> list[DefaultProfile]:
        """The default profiles of a customer and its batches; that of all batches comes first."""
        first, behind = _profile_key(customer_id, "")[1], _profile_key(customer_id, "\uffff")[1]
        query = Query(partition=_PROFILES, row_from=first, row_below=behind)
        return [stored.record for stored in self._profiles.query(query, log_unreadable)]

    def profile_list(self, customer_id: str) -> Stored[ProfileList] | None:
        """The profiles of a customer as they were last listed; None if nobody asked for them yet."""
        return self._profile_lists.get((_PROFILE_LISTS, customer_id))

    def keep_profile_list(self, stored: Stored[ProfileList] | None, changed: ProfileList) -> None:
        """Replace the list that was read as `stored`, or enter the first one. Raises Conflict."""
        self._profile_lists.change(stored, changed)

    def set_default_profile(self, customer_id: str, batch_id: str, profile: str, now: datetime) -> None:
        """Set the default profile of a batch, or of all batches (empty); an empty profile removes it.

        Raises:
            CustomerNameRefused: it is no customer id.
        """
        customer_id = checked_id(customer_id)
        if profile:
            self._profiles.upsert(
                [DefaultProfile(customer_id=customer_id, batch_id=batch_id, profile=profile, set_at=now)]
            )
        else:
            self._profiles.delete([_profile_key(customer_id, batch_id)])

    def refuse_unusable(self, name: str, customer_id: str) -> None:
        """Refuse a name that `add` would refuse, and change nothing.

        Raises:
            CustomerNameRefused: see `add`.
        """
        name, customer_id = checked_name(name), checked_id(customer_id)
        known = self.named(name)
        if known is not None:
            _refuse_other_meaning(known, customer_id)

    def add(self, name: str, customer_id: str, notes: str, now: datetime) -> Customer:
        """Assign `name` to a customer. Repeat it for the same customer to change the notes or to undo a removal.

        Raises:
            CustomerNameRefused: it cannot name a folder, or is or was the name of another customer.
        """
        customer = Customer(
            name=checked_name(name), customer_id=checked_id(customer_id), notes=notes.strip(), added_at=now
        )
        if self._customers.insert(customer) is None:
            return self._change(name, customer)
        return customer

    def remove(self, name: str, now: datetime) -> Customer:
        """Reject files dropped under `name` from now on; files already received stay with their customer.

        Raises:
            CustomerNameUnknown: the name does not exist.
            CustomerNameRefused: another command changed it at the same moment.
        """
        return self._change(name, replace(self.in_use(name), removed_at=now))

    def rename(self, name: str, new_name: str, now: datetime) -> Customer:
        """Let `new_name` stand for the customer of `name`, which is removed.

        After a crash in between both names stand for the customer; asking for it again ends it.

        Raises:
            CustomerNameUnknown: `name` does not exist.
            CustomerNameRefused: `new_name` cannot name a folder, or is or was the name of another customer; or another
                command changed a name at the same moment.
        """
        known = self.in_use(name)
        if _key(name) == _key(new_name):
            return self._change(name, replace(known, name=checked_name(new_name)))
        there = self.named(new_name)
        renamed = self.add(new_name, known.customer_id, known.notes if there is None else there.notes, now)
        self.remove(name, now)
        return renamed

    def in_use(self, name: str) -> Customer:
        """The customer of a name that is in use. Raises CustomerNameUnknown."""
        known = self.named(name)
        if known is None or known.removed_at is not None:
            raise CustomerNameUnknown(
                f"There is no customer named {name!r}. The page Customers and 'python -m local customers list' have "
                "the names."
            )
        return known

    def _change(self, name: str, changed: Customer) -> Customer:
        stored = self._customers.get(_key(name))
        if stored is None:
            raise CustomerNameRefused(f"The name {name!r} was deleted from the table meanwhile; try again.")
        known = stored.record
        _refuse_other_meaning(known, changed.customer_id)
        kept = replace(changed, added_at=known.added_at)
        try:
            self._customers.change(stored, kept)
        except Conflict as error:
            raise CustomerNameRefused(
                f"The name {name!r} was changed by another command at the same moment; try again."
            ) from error
        return kept


def _refuse_other_meaning(known: Customer, customer_id: str) -> None:
    if known.customer_id != customer_id:
        raise CustomerNameRefused(
            f"{known.name!r} stands or stood for the customer {known.customer_id}, and a name never changes its "
            "meaning: devices could be registered to the wrong tenant. Take another name."
        )


def close_names(names: Iterable[str], name: str) -> list[str]:
    """Those of `names` that are spelt like `name`, the likeliest first; capital and small letters are the same."""
    by_folded = {folded(known): known for known in names}
    return [by_folded[close] for close in get_close_matches(folded(name), by_folded)]


def checked_name(name: str) -> str:
    """`name` in its stored form.

    Raises:
        CustomerNameRefused: it cannot be the name of a folder, or is a GUID, which stands for itself.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise CustomerNameRefused(f"A customer's name has 1 to {LONGEST_NAME} characters.")
    if not name.isprintable() or _FORBIDDEN & set(name) or name.endswith("."):
        raise CustomerNameRefused(
            f"{name!r} cannot be the name of a folder: leave out slashes, control characters and a dot at the end."
        )
    if folded(name) in RESERVED_FOLDERS:
        raise CustomerNameRefused(f"{name!r} is the folder of files that ask for something else than registering.")
    if is_guid(name):
        raise CustomerNameRefused(f"{name} is a GUID, which stands for its own tenant; take a name that people know.")
    return name


def is_guid(text: str) -> bool:
    """Whether `text` is a GUID as Microsoft writes one, in either case."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def checked_id(customer_id: str) -> str:
    """`customer_id` in its stored form.

    Raises:
        CustomerNameRefused: it is no GUID.
    """
    if not is_guid(customer_id):
        raise CustomerNameRefused(f"{customer_id!r} is no customer id: it is the GUID of the customer's tenant.")
    return customer_id.lower()


def folded(name: str) -> str:
    """The same text for names that look the same: without case and with normalized accents (macOS decomposes them)."""
    return normalize("NFC", name.strip().casefold())


def _profile_key(customer_id: str, batch_id: str) -> Key:
    return _PROFILES, f"{customer_id}~{safe_key(batch_id.casefold(), LONGEST_BATCH_KEY)}"


def _key(name: str) -> Key:
    return _PARTITION, safe_key(folded(name))
