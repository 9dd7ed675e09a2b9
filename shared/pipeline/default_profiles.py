"""Which profile the device of a row is to have: the row's own, else the default of its batch, else that of all batches.

The defaults hold for files that are received from then on. Devices that are removed get none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from shared.storage.customers import Customers
from shared.vocabulary import FileOrder


class ProfileSource(StrEnum):
    """Where the wish for a profile comes from."""

    ROW = "row"
    BATCH = "batch"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class ProfileWish:
    """The profile that a device is to have, by its name or id."""

    profile: str
    source: ProfileSource


@dataclass(frozen=True, slots=True)
class DefaultProfiles:
    """The profiles of a customer's devices whose rows name none."""

    of_batches: Mapping[str, str] = field(default_factory=dict)
    """By case-folded batch; empty for all others."""

    @classmethod
    def of_customer(cls, customers: Customers, customer_id: str | None, order: FileOrder) -> Self:
        """Those of the customer now, for files of this order."""
        if customer_id is None or order is FileOrder.REMOVE:
            return cls()
        return cls({each.batch_id.casefold(): each.profile for each in customers.default_profiles(customer_id)})

    def of_batch(self, batch_id: str) -> ProfileWish | None:
        """The default of a batch, compared without case; None where there is none."""
        if own := self.of_batches.get(batch_id.casefold()):
            return ProfileWish(own, ProfileSource.BATCH)
        of_all = self.of_batches.get("")
        return ProfileWish(of_all, ProfileSource.CUSTOMER) if of_all else None

    def wish(self, profile: str, batch_id: str) -> ProfileWish | None:
        """The wish of a row that names `profile` (empty: none) and goes to the batch."""
        return ProfileWish(profile, ProfileSource.ROW) if profile else self.of_batch(batch_id)
