"""Checks of storage: containers, queues, tables and its clock, each by trying what the app does with it."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER
from shared.pipeline.health.finding import CheckedApp, Finding, broken, cannot_be_told, warning, well
from shared.storage.connection import FILE_EVENTS_QUEUE, SUBMISSIONS_QUEUE
from shared.storage.customers import CUSTOMERS_TABLE
from shared.storage.journal import TableName
from shared.storage.storage_clock import TOLERANCE
from shared.vocabulary import counted

CONTAINERS = (DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER)
QUEUES = (SUBMISSIONS_QUEUE, FILE_EVENTS_QUEUE)
TABLES = (*TableName, CUSTOMERS_TABLE)

TRIED_TABLE = TableName.GATES
"""The one table into which a row is written: a role is for a whole account. In normal operation it is empty."""

MOST_CLOCK_ERROR = timedelta(minutes=5)
"""Beyond this Entra refuses what a machine with a wrong clock signs (AADSTS700024)."""

_NETWORK_RULES = "AuthorizationFailure"
"""The code of storage for a caller outside its firewall."""


def containers(app: CheckedApp) -> Finding:
    """Whether the app may list, write and delete in every container."""
    probes = app.pipeline.probes
    done = f"Listing, writing and deleting is allowed in {counted(len(CONTAINERS), 'container')}; no blob was made."
    return _tried("Container", CONTAINERS, probes.try_container, "Storage Blob Data Owner") or well(done)


def queues(app: CheckedApp) -> Finding:
    """Whether the app may add and delete messages."""
    probes, role = app.pipeline.probes, "Storage Queue Data Contributor"
    fault = _tried("Queue", [SUBMISSIONS_QUEUE], probes.try_queue, role) or _tried(
        "Queue", [FILE_EVENTS_QUEUE], probes.messages, role
    )
    if fault is not None:
        return fault
    waiting = counted(probes.messages(SUBMISSIONS_QUEUE), "message")
    return well(f"A hidden message was added and deleted; about {waiting} in the queue {SUBMISSIONS_QUEUE}.")


def tables(app: CheckedApp) -> Finding:
    """Whether the app may read every table, and write and delete a row."""
    probes, role = app.pipeline.probes, "Storage Table Data Contributor"
    fault = _tried("Table", TABLES, probes.read_table, role) or _tried("Table", [TRIED_TABLE], probes.try_table, role)
    return fault or well(f"{counted(len(TABLES), 'table')} can be read; a row was written and deleted.")


def clock(app: CheckedApp) -> Finding:
    """Whether this machine's clock is right."""
    try:
        return clock_finding(app.pipeline.probes.clock_ahead(DROP_CONTAINER))
    except AzureError as error:
        fault = storage_fault("Storage's clock", error, "Storage Blob Data Owner")
        return cannot_be_told(fault.found, fault.cure)


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


def _tried(kind: str, names: Iterable[str], attempt: Callable[[str], object], role: str) -> Finding | None:
    """The first fault that `attempt` meets; None when it meets none."""
    for name in names:
        try:
            attempt(name)
        except AzureError as error:
            return storage_fault(f"{kind} {name}", error, role)
    return None


def storage_fault(what: str, error: AzureError, role: str) -> Finding:
    """The finding for an error of storage; `role` is the role in Azure that allows what was tried. Pure."""
    code = getattr(error, "error_code", None)
    status = error.status_code if isinstance(error, HttpResponseError) else None
    answer = " ".join(str(each) for each in (status, code and getattr(code, "value", code)) if each)
    if isinstance(error, ClientAuthenticationError):
        return broken(
            f"{what}: storage does not accept the key or the sign-in ({answer or type(error).__name__}).",
            "Correct the key in DeviceStorage, or the identity in DeviceStorage__clientId; on your own machine run "
            "'az login'.",
        )
    if status == HTTPStatus.FORBIDDEN and _NETWORK_RULES in str(code):
        return broken(
            f"{what}: the firewall of storage refuses this machine ({answer}).", "Allow it in ALLOWED_ADDRESSES."
        )
    if status == HTTPStatus.FORBIDDEN:
        cure = f"Give the identity the role {role} on the storage account; a new role takes up to ten minutes."
        return broken(f"{what}: a right is missing ({answer}).", cure)
    if status == HTTPStatus.NOT_FOUND:
        cure = "The app makes it at its first work after a start; in Azure run 'azd provision'."
        return broken(f"{what} does not exist ({answer}).", cure)
    if status is not None:
        return broken(f"{what}: storage answered {answer}.", "Try again in a minute; look at Azure's service health.")
    return broken(
        f"{what}: storage does not answer ({type(error).__name__}).",
        "Check the account's name, its firewall and DNS; on this machine, whether 'python -m local run' still runs.",
    )
