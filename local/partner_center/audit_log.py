"""What was done to devices, and by whom, as the audit records tell it."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from local.partner_center.contract import Json, invalid_input, utc

KEPT_DAYS = 90
DAYS_WITHOUT_START = 30
MOST_RECORDS_ON_A_PAGE = 500
SCHEMA = """
    CREATE TABLE IF NOT EXISTS audit (
        number INTEGER PRIMARY KEY, id TEXT, customer TEXT, at REAL, by_user TEXT, operation TEXT, details TEXT);
    CREATE INDEX IF NOT EXISTS audit_by_time ON audit (at);
"""

_OPERATORS: Mapping[str, str] = {"companyname": "substring", "customerid": "equals", "resourcetype": "equals"}
"""The fields that may be filtered by, each with its operator."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The records that are asked for: from `since` until before `until`, in seconds since 1970."""

    since: float
    until: float
    customer: str | None = None
    company: str | None = None
    """A part of the customer's name, in small letters."""
    resource_type: str | None = None


def wanted_in(query: Mapping[str, str], now: float) -> Wanted:
    """What a query asks for.

    Raises:
        Refusal: when it is not what "Get a record of Partner Center activity" describes.
    """
    today = datetime.fromtimestamp(now, UTC)
    start = _day(query, "startdate") or today - timedelta(days=DAYS_WITHOUT_START)
    end = _day(query, "enddate") or today
    if start.date() < (today - timedelta(days=KEPT_DAYS)).date():
        raise invalid_input(f"startDate is more than {KEPT_DAYS} days ago")
    if end < start:
        raise invalid_input("endDate is before startDate")
    day = (end + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    chosen = _filter(query["filter"]) if "filter" in query else {}
    return Wanted(start.timestamp(), day.timestamp(), **chosen)


def _day(query: Mapping[str, str], name: str) -> datetime | None:
    """A date as the page has it (yyyy-mm-dd), or as its example and the SDK do (6/1/2017 12:00:00 AM)."""
    text = query.get(name)
    if text is None:
        return None
    for form in ("%Y-%m-%d", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise invalid_input(f"{name} isn&#39;t a date")


def _filter(text: str) -> dict[str, str]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise invalid_input("filter isn&#39;t JSON") from error
    if not isinstance(content, dict) or content.keys() != {"Field", "Value", "Operator"}:
        raise invalid_input("filter has a Field, a Value and an Operator")
    field, value, operator = (str(content[name]).lower() for name in ("Field", "Value", "Operator"))
    if _OPERATORS.get(field) != operator:
        raise invalid_input("filter doesn&#39;t have a supported field and operator")
    return {{"companyname": "company", "customerid": "customer", "resourcetype": "resource_type"}[field]: value}


class AuditLog:
    """The audit records of devices, in the database of the directory."""

    def __init__(
        self, database: sqlite3.Connection, *, clock: Callable[[], float], new_id: Callable[[], UUID], names: bool
    ) -> None:
        """`names` says whether a record tells the details of its operation."""
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._names = names

    def add(self, operation: str, customer: str, by: str, **details: str) -> None:
        """Keep what happened just now."""
        row = (str(self._new_id()), customer, self._clock(), by, operation, json.dumps(details))
        self._database.execute("INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)

    def page(
        self, wanted: Wanted, name_of: Callable[[str], str], *, after: int, size: int
    ) -> tuple[list[Json], int | None]:
        """The records after the number `after`, oldest first, and the number to go on after; None at the end."""
        if wanted.resource_type not in (None, "device"):
            return [], None
        found = "SELECT * FROM audit WHERE at >= ? AND at < ? AND number > ? ORDER BY number"
        items: list[Json] = []
        last = after
        for row in self._database.execute(found, (wanted.since, wanted.until, after)):
            number, _, customer = row[:3]
            if wanted.customer not in (None, customer) or (wanted.company or "") not in name_of(customer).lower():
                continue
            if len(items) == size:
                return items, last
            items.append(self._resource(row[1:], name_of(customer)))
            last = number
        return items, None

    def _resource(self, row: Sequence[Json], customer_name: str) -> Json:
        """The record as "AuditRecord"."""
        record_id, customer, at, by, operation, details = row
        named = {name: value for name, value in json.loads(details).items() if self._names}
        return {
            "id": record_id,
            "partnerId": str(UUID(int=1)),
            "customerId": customer,
            "customerName": customer_name,
            "userPrincipalName": by,
            "resourceType": "device",
            "operationType": operation,
            "operationDate": utc(at) + ".0589308Z",
            "operationStatus": "succeeded",
            "customizedData": [{"key": name, "value": value} for name, value in named.items()],
            "attributes": {"objectType": "AuditRecord"},
        }
