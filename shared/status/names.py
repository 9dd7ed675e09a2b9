"""What customers are called, wherever it is shown, or asked for, who they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.status.presenters import NOBODY
from shared.storage.customers import Customer, is_guid


@dataclass(frozen=True, slots=True)
class CustomerNames:
    """The names that are in use."""

    shown: tuple[str, ...]
    """By name."""
    _names: Mapping[str, str]
    _customers: Mapping[str, str]

    @classmethod
    def of(cls, customers: Iterable[Customer]) -> "CustomerNames":
        """The names of the table of customers."""
        named = tuple(customers)
        return cls(
            shown=tuple(customer.name for customer in named),
            _names={customer.customer_id: customer.name for customer in reversed(named)},
            _customers={customer.name.casefold(): customer.customer_id for customer in named},
        )

    def name_of(self, customer_id: str | None) -> str | None:
        """The name of a customer; of several, the first."""
        return self._names.get(customer_id or "")

    def meant_by(self, text: str) -> str | None:
        """The customer that an id or a name stands for, `_` for nobody's files; None when there is no such name."""
        if text == NOBODY or is_guid(text):
            return text.lower()
        return self._customers.get(text.strip().casefold())
