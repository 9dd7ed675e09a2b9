"""What is asked of the service about audit records. Reading them changes nothing; no value of one is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from http import HTTPStatus

from local.conformance.asking import Answer, Json
from local.conformance.forms import AUDIT_RECORD
from local.conformance.run import SECONDS_BETWEEN_TRIES, Run, items_of
from local.partner_center.profile import without_secrets
from shared.partner_center.audit_records import KEPT_DAYS, audit_query
from shared.partner_center.paths import audit_records_path

_MOST_PAGES = 20
_TRIES = 60
"""Readings after the changes of a run: ten minutes."""


def read_audit_records(run: Run) -> frozenset[str]:
    """The ids of the records of the customer that are there before the run changes anything."""
    too_old = run.get_of_partner(_address(run, run.today - timedelta(days=KEPT_DAYS + 1)))
    run.learn(audit_records_too_old=too_old.status)
    run.refused("read audit records that are too old", too_old)
    answer = run.get_of_partner(_address(run, run.today))
    run.learn(read_audit_records=answer.status)
    if answer.status != HTTPStatus.OK:
        run.refused("read audit records", answer)
        return frozenset()
    records = list(_records(run, answer))
    _compare(run, records)
    return frozenset(str(record.get("id")) for record in records)


def read_records_of_run(run: Run, known: frozenset[str]) -> None:
    """Read until the records tell of each change that the run made, or ten minutes are over."""
    if not run.changes or run.found.read_audit_records != HTTPStatus.OK:
        return
    began = run.clock()
    for number in range(_TRIES):
        if number:
            run.wait(SECONDS_BETWEEN_TRIES)
        records = list(_records(run, run.get_of_partner(_address(run, run.today))))
        new = [record for record in records if record.get("id") is None or str(record["id"]) not in known]
        unrecorded = sorted(run.changes - {record.get("operationType") for record in new})
        run.learn(unrecorded=tuple(unrecorded))
        if not unrecorded:
            run.learn(seconds_to_audit_records=run.clock() - began)
            break
    _compare(run, records)
    run.learn(audit_details={operation: _names_of_details(new, operation) for operation in sorted(run.changes)})


def _compare(run: Run, records: Sequence[Json]) -> None:
    if records:
        customers = {str(record.get("customerId")).lower() for record in records}
        run.learn(
            audit_records_differ=AUDIT_RECORD.differences(records),
            audit_records_of_customer=customers == {run.customer.lower()},
        )


def _names_of_details(records: Iterable[Json], operation: str) -> tuple[str, ...]:
    """The names in the records' `customizedData`, each once."""
    pairs = [
        pair
        for record in records
        if record.get("operationType") == operation
        for pair in record.get("customizedData") or []
        if isinstance(pair, dict) and pair.get("key")
    ]
    return tuple(sorted({without_secrets(str(pair["key"])) for pair in pairs}))


def _records(run: Run, answer: Answer) -> Iterator[Json]:
    """The records of the pages from this one on."""
    yield from items_of(answer)
    for _ in range(_MOST_PAGES):
        if (token := _next_token(answer.json)) is None:
            return
        answer = run.get_of_partner(f"{_address(run, run.today)}&seekOperation=Next", token)
        yield from items_of(answer)


def _next_token(page: Json) -> str | None:
    if not isinstance(page, dict):
        return None
    if token := page.get("continuationToken"):
        return str(token)
    following = (page.get("links") or {}).get("next") or {}
    pairs = following.get("headers") or []
    return next((str(pair["value"]) for pair in pairs if pair.get("key") == "MS-ContinuationToken"), None)


def _address(run: Run, since: date) -> str:
    return audit_records_path() + audit_query(since, None, run.customer)
