"""The fields of the page's forms, checked; a wrong one is a Refusal that names it."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import NoReturn

from shared.device_files.batch_names import batch_name
from shared.status.http import CURSOR, Refusal
from shared.status.names import CustomerNames
from shared.status.page.pages import LIMITS, FileListForm, RowsForm
from shared.status.parameters import FIRST_TIME, LAST_TIME
from shared.status.queries import FileFilter, OutcomeFilter
from shared.status.schemas import ErrorCode
from shared.storage.customers import CustomerNameRefused, close_names, is_guid
from shared.vocabulary import FileOrder, FileState, Outcome

CUSTOMER, NAME, ATTENTION = "customer", "name", "attention"
STATE, RECEIVED_FROM, RECEIVED_TO = "state", "from", "to"
YES = "yes"
LIMIT = "limit"
OUTCOME, REASON = "outcome", "reason"
SERIAL = "serial"
SEARCH = "search"

BATCH = "batch"
ORDER = "order"

LONGEST_BATCH = 256
_SEPARATORS = frozenset("/\\")

LONGEST_FIELD = 512
"""Characters: no serial number, name or reason is longer."""


def file_list_form(fields: Mapping[str, str]) -> FileListForm:
    """The fields of the form above the list of files."""
    return FileListForm(
        customer=field(fields, CUSTOMER),
        name=field(fields, NAME),
        attention=field(fields, ATTENTION),
        state=field(fields, STATE),
        received_from=field(fields, RECEIVED_FROM),
        received_to=field(fields, RECEIVED_TO),
        limit=field(fields, LIMIT),
        cursor=field(fields, CURSOR),
    )


def file_filter(form: FileListForm, names: CustomerNames) -> FileFilter:
    """The filter that the form describes."""
    return FileFilter(
        customer_id=_customer(form.customer, names),
        name=form.name,
        attention=_attention(form.attention),
        state=_state(form.state),
        received_from=_midnight(RECEIVED_FROM, form.received_from, days=0),
        received_before=_midnight(RECEIVED_TO, form.received_to, days=1),
    )


def file_limit(form: FileListForm) -> int:
    """How many files the page shows."""
    if form.limit and form.limit not in map(str, LIMITS):
        _refuse(LIMIT, f"A page has {', '.join(map(str, LIMITS))} files, not {form.limit!r}.")
    return int(form.limit or LIMITS[0])


def rows_form(fields: Mapping[str, str]) -> RowsForm:
    """The filters of the rows of a file."""
    return RowsForm(outcome=field(fields, OUTCOME), reason=field(fields, REASON), cursor=field(fields, CURSOR))


def outcome_filter(form: RowsForm) -> OutcomeFilter:
    """The filter that the address describes."""
    if form.outcome and form.outcome not in list(Outcome):
        _refuse(OUTCOME, f"There is no outcome {form.outcome!r}. There are {', '.join(Outcome)}.")
    return OutcomeFilter(
        outcome=Outcome(form.outcome) if form.outcome else None,
        reason=form.reason or None,
    )


def serial_number(fields: Mapping[str, str]) -> str:
    """The serial number in the search field; empty when there is none."""
    return field(fields, SERIAL)


def cursor(fields: Mapping[str, str]) -> str:
    """The position at which the page begins; empty for the first page."""
    return field(fields, CURSOR)


def search(fields: Mapping[str, str]) -> str:
    """The text that customers are searched for; empty when there is none."""
    return field(fields, SEARCH)


def customer_id(fields: Mapping[str, str]) -> str:
    """The customer whose names are shown; empty when there is none."""
    return field(fields, CUSTOMER)


def customer_of_page(fields: Mapping[str, str], otherwise: str) -> str:
    """The id of the customer whose page it is. Raises Refusal, which says `otherwise`, when there is none."""
    text = field(fields, CUSTOMER)
    if not is_guid(text):
        _refuse(CUSTOMER, otherwise)
    return text.lower()


def field(fields: Mapping[str, str], name: str) -> str:
    """The text of a field, without space around it. Raises Refusal when it is too long."""
    # Half of a pair is no text, and no storage takes it.
    text = fields.get(name, "").encode(errors="replace").decode().strip()
    if len(text) > LONGEST_FIELD:
        _refuse(name, f"The field {name!r} is longer than {LONGEST_FIELD} characters. Shorten it.")
    return text


def chosen_customer(fields: Mapping[str, str], find: Callable[[str], str]) -> str:
    """The customer to whom files go; `find` returns the id for a name, or raises CustomerNameRefused."""
    text = field(fields, CUSTOMER)
    if not text:
        _refuse(CUSTOMER, "Say to which customer the files go.")
    try:
        return find(text)
    except CustomerNameRefused as error:
        _refuse(CUSTOMER, str(error))


def order(fields: Mapping[str, str]) -> FileOrder:
    """What is asked for with the devices of chosen files."""
    text = field(fields, ORDER) or FileOrder.REGISTER
    if text not in list(FileOrder):
        _refuse(ORDER, f"There is no order {text!r}. There are {', '.join(FileOrder)}.")
    return FileOrder(text)


def customer_and_batch(fields: Mapping[str, str], find: Callable[[str], str]) -> tuple[str, str | None]:
    """The customer and the batch to which chosen files go; without a batch, group tags decide."""
    customer, batch = chosen_customer(fields, find), field(fields, BATCH)
    if not batch:
        return customer, None
    if batch_name(batch) is None or not batch.isprintable() or _SEPARATORS & set(batch):
        _refuse(BATCH, f"{batch!r} is no name of a batch: it is text without slashes, and not dots alone.")
    if len(batch) > LONGEST_BATCH:
        _refuse(BATCH, f"The name of a batch has at most {LONGEST_BATCH} characters.")
    return customer, batch


def _customer(text: str, names: CustomerNames) -> str | None:
    if not text:
        return None
    found = names.customer_id_of(text)
    if found is None:
        similar = close_names(names.shown, text)
        meant = f"Did you mean {similar[0]!r}?" if similar else "Correct it."
        _refuse(CUSTOMER, f"{text!r} is no customer id (a GUID) and no name of a customer. {meant}")
    return found


def _attention(text: str) -> bool:
    if text not in ("", YES):
        _refuse(ATTENTION, f"{ATTENTION} is {YES!r} or is left out.")
    return text == YES


def _state(text: str) -> FileState | None:
    if text and text not in list(FileState):
        _refuse(STATE, f"There is no state {text!r}. There are {', '.join(FileState)}.")
    return FileState(text) if text else None


def _midnight(name: str, text: str, *, days: int) -> datetime | None:
    """The beginning of a day in UTC, or of the one after it."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        _refuse(name, f"{text!r} is no date such as 2026-11-20.")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return min(max(midnight, FIRST_TIME), LAST_TIME)


def _refuse(parameter: str, message: str) -> NoReturn:
    raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_PARAMETER, message, parameter)
