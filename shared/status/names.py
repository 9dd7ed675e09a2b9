"""The names of customers, for display and for filters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.status.presenters import NO_CUSTOMER_ID
from shared.storage.customers import Customer, folded, is_guid


@dataclass(frozen=True, slots=True)
class CustomerNames:
    """The names in the table of customers."""

    shown: tuple[str, ...]
    """By name."""
    _names: Mapping[str, str]
    _customers: Mapping[str, str]

    @classmethod
    def of(cls, customers: Iterable[Customer]) -> "CustomerNames":
        """The names of these customers."""
        named = tuple(customers)
        return cls(
            shown=tuple(customer.name for customer in named),
            _names={customer.customer_id: customer.name for customer in reversed(named)},
            _customers={folded(customer.name): customer.customer_id for customer in named},
        )

    def name_of(self, customer_id: str | None) -> str | None:
        """The name of a customer; the first where it has several."""
        return self._names.get(customer_id or "")

    def customer_id_of(self, text: str) -> str | None:
        """The id of the customer with this id or name; `_` stands for no customer. None when the name is unknown."""
        if text == NO_CUSTOMER_ID or is_guid(text):
            return text.lower()
        return self._customers.get(folded(text))
