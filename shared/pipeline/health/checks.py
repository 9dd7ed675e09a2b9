"""The checks, and how they are done: side by side, within a time, whatever one of them does."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from azure.core.exceptions import AzureError

from shared.pipeline.health import reconciliation_check, settings_checks, sign_in_checks, storage_checks, work_checks
from shared.pipeline.health.finding import CheckedApp, Finding, cannot_be_told
from shared.pipeline.health.storage_checks import storage_unread
from shared.vocabulary import CheckState

logger = logging.getLogger(__name__)

MOST_SECONDS = 12.0
"""The time of all checks together: with the start of a command or an instance they take twenty seconds at most."""

MOST_AT_ONCE = 65
"""Checks that one process does at a time: five askers. Those that hang end with their requests, some minutes later."""

_places = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the app's health."""

    name: str
    title: str
    ask: Callable[[CheckedApp], Finding]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, and how long it took."""

    name: str
    title: str
    finding: Finding
    seconds: float


CHECKS = (
    Check("settings", "Settings and holds", settings_checks.settings),
    Check("containers", "Storage: containers", storage_checks.containers),
    Check("queues", "Storage: queues", storage_checks.queues),
    Check("tables", "Storage: tables", storage_checks.tables),
    Check("clock", "Clock", storage_checks.clock),
    Check("sign_in", "Sign-in to Partner Center", sign_in_checks.sign_in),
    Check("second_factor", "Second factor", sign_in_checks.second_factor),
    Check("customers", "Partner Center and its customers", sign_in_checks.customers),
    Check("dropped_files", "Dropped files are noticed", work_checks.dropped_files),
    Check("poison_queues", "Poison queues", work_checks.poison_queues),
    Check("sweep", "Sweep", work_checks.sweep),
    Check("reconciliation", "Registered devices are seen again", reconciliation_check.reconciliation),
    Check("versions", "Versions", settings_checks.versions),
)


def check_health(app: CheckedApp, checks: Sequence[Check] = CHECKS, seconds: float = MOST_SECONDS) -> list[CheckResult]:
    """Do all checks, and return their results in order within so many seconds.

    A check that has not ended by then cannot be told. Its thread ends with its request, or with the process.
    """
    began, results, places = monotonic(), dict[str, CheckResult](), _places

    def work(check: Check) -> None:
        if not places.acquire(blocking=False):
            return
        try:
            finding = _found(check, app)
        finally:
            places.release()
        results[check.name] = CheckResult(check.name, check.title, finding, monotonic() - began)

    threads = [threading.Thread(target=work, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, began + seconds - monotonic()))
    ended = dict(results)
    return [ended.get(check.name) or _without_answer(check, seconds) for check in checks]


def worst_of(results: Sequence[CheckResult]) -> CheckState:
    """The state of the app as a whole. Pure."""
    order = (CheckState.BROKEN, CheckState.CANNOT_BE_TOLD, CheckState.WARNING)
    states = {result.finding.state for result in results}
    return next((state for state in order if state in states), CheckState.WELL)


def _without_answer(check: Check, seconds: float) -> CheckResult:
    found = f"There was no answer within {seconds:g} seconds."
    cure = "Check the network, the firewall and DNS between the app and what this check asks; then check again."
    return CheckResult(check.name, check.title, cannot_be_told(found, cure), seconds)


def _found(check: Check, app: CheckedApp) -> Finding:
    try:
        return check.ask(app)
    except AzureError as error:
        return storage_unread(error)
    except Exception as error:
        # A check that fails by itself must not hide what the others found.
        logger.exception("A check of the app's health failed", extra={"check": check.name})
        return cannot_be_told(f"The check itself failed ({type(error).__name__}).", "The log has the exception.")
