"""Checks of storage: containers, queues, tables and its clock, each by trying what the app does with it."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER
from shared.pipeline.health.finding import CheckedApp, Finding, broken, cannot_be_told, warning, well
from shared.settings import StorageConnectionString
from shared.storage.connection import FILE_EVENTS_QUEUE, SUBMISSIONS_QUEUE
from shared.storage.customers import CUSTOMERS_TABLE
from shared.storage.journal import TableName
from shared.storage.storage_clock import TOLERANCE
from shared.vocabulary import counted

CONTAINERS = (DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER)
TABLES = (*TableName, CUSTOMERS_TABLE)


class Kind(StrEnum):
    """The kinds of storage."""

    CONTAINER = "container"
    QUEUE = "queue"
    TABLE = "table"


ROLES = {
    Kind.CONTAINER: "Storage Blob Data Contributor",
    Kind.QUEUE: "Storage Queue Data Contributor",
    Kind.TABLE: "Storage Table Data Contributor",
}
"""The least roles with which all that is tried is allowed; the app has these or more (infra/roles.bicep)."""

TRIED_TABLE = TableName.GATES
"""The one table into which a row is written: a role is for a whole account. In normal operation it is empty."""

MOST_CLOCK_ERROR = timedelta(minutes=5)
"""Beyond this Entra refuses what a machine with a wrong clock signs (AADSTS700024)."""

STORAGE_FIRST = "Do first what the checks of storage say."

_NETWORK_RULES = "AuthorizationFailure"
"""The code of storage for a caller outside its firewall."""


def containers(app: CheckedApp) -> Finding:
    """Whether the app may list, write and delete in every container."""
    done = f"Listing, writing and deleting is allowed in {counted(len(CONTAINERS), 'container')}; no blob was made."
    return _tried(app, Kind.CONTAINER, CONTAINERS, app.pipeline.probes.try_container) or well(done)


def queues(app: CheckedApp) -> Finding:
    """Whether the app may add and delete messages."""
    probes = app.pipeline.probes
    fault = _tried(app, Kind.QUEUE, [SUBMISSIONS_QUEUE], probes.try_queue) or _tried(
        app, Kind.QUEUE, [FILE_EVENTS_QUEUE], probes.messages
    )
    if fault is not None:
        return fault
    waiting = counted(probes.messages(SUBMISSIONS_QUEUE), "message")
    return well(f"A hidden message was added and deleted; about {waiting} in the queue {SUBMISSIONS_QUEUE}.")


def tables(app: CheckedApp) -> Finding:
    """Whether the app may read every table, and write and delete a row."""
    probes = app.pipeline.probes
    fault = _tried(app, Kind.TABLE, TABLES, probes.read_table) or _tried(
        app, Kind.TABLE, [TRIED_TABLE], probes.try_table
    )
    return fault or well(f"{counted(len(TABLES), 'table')} can be read; a row was written and deleted.")


def clock(app: CheckedApp) -> Finding:
    """Whether this machine's clock is right."""
    return clock_finding(app.pipeline.probes.clock_ahead(DROP_CONTAINER))


def clock_finding(ahead: timedelta) -> Finding:
    """The finding for a clock that is `ahead` of storage's. Pure."""
    seconds = round(ahead.total_seconds())
    if abs(ahead) <= TOLERANCE:
        return well("The clock of this machine is that of storage, within five seconds.")
    found = f"The clock of this machine is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} storage's."
    cure = "Set the clock of this machine by a time server"
    if abs(ahead) > MOST_CLOCK_ERROR:
        return broken(found, f"{cure}: sign-ins are refused with such a clock.")
    return warning(found, f"{cure}. The app uses storage's clock until then.")


def storage_unread(error: AzureError) -> Finding:
    """The finding of a check that could not read what it decides by. Pure."""
    return cannot_be_told(f"Storage did not give what this check reads ({_answer(error)}).", STORAGE_FIRST)


def _tried(app: CheckedApp, kind: Kind, names: Iterable[str], attempt: Callable[[str], object]) -> Finding | None:
    """The first fault that `attempt` meets; None when it meets none."""
    for name in names:
        try:
            attempt(name)
        except AzureError as error:
            has_key = isinstance(app.pipeline.settings.storage, StorageConnectionString)
            return storage_fault(kind, name, error, has_key=has_key)
    return None


def storage_fault(kind: Kind, name: str, error: AzureError, *, has_key: bool) -> Finding:
    """The finding for an error of storage, which is opened with a key or by an identity. Pure."""
    what, answer = f"{kind.title()} {name}", _answer(error)
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if has_key and (isinstance(error, ClientAuthenticationError) or status == HTTPStatus.FORBIDDEN):
        cure = "Copy the connection string of the storage account into DeviceStorage again."
        return broken(f"{what}: storage does not accept the key ({answer}).", cure)
    if isinstance(error, ClientAuthenticationError):
        cure = "Correct the identity in DeviceStorage__clientId; on your own machine run 'az login'."
        return broken(f"{what}: the sign-in to storage failed ({answer}).", cure)
    if status == HTTPStatus.FORBIDDEN and _code(error) == _NETWORK_RULES:
        cure = "Let storage's firewall admit this machine (ALLOWED_ADDRESSES, docs/deploy.md)."
        return broken(f"{what}: the firewall of storage refuses this machine ({answer}).", cure)
    if status == HTTPStatus.FORBIDDEN:
        cure = f"Give the identity the role {ROLES[kind]} on the storage account; it takes up to ten minutes."
        return broken(f"{what}: a right is missing ({answer}).", cure)
    if status == HTTPStatus.NOT_FOUND:
        cure = "The app makes it at its first work after a start; in Azure run 'azd provision'."
        return broken(f"{what} does not exist ({answer}).", cure)
    if status is not None:
        cure = "Check again in a minute; if it stays, look at Azure's service health."
        return broken(f"{what}: storage refuses the request ({answer}).", cure)
    return broken(
        f"{what}: storage does not answer ({answer}).",
        "Check the account's name, its firewall and DNS; on this machine, whether 'python -m local run' still runs.",
    )


def _answer(error: AzureError) -> str:
    """What storage answered, in few words; the kind of the error where it answered nothing."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return " ".join(str(each) for each in (status, _code(error)) if each) or type(error).__name__


def _code(error: AzureError) -> str:
    """Storage's code of the error, which its clients keep as text or as an enumeration."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")
