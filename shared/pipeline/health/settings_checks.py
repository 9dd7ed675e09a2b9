"""Checks of the app's settings, and of the versions that run."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from azure.core.exceptions import AzureError

from shared.pipeline.health.finding import CheckedApp, Finding, broken, not_seen_from_here, warning, well
from shared.pipeline.holds import scope_of_hold
from shared.pipeline.settings_summary import ANOTHER_ADDRESS, settings_summary
from shared.pipeline.submissions.circuit_breaker import PAUSE
from shared.pipeline.sweep_record import last_sweep
from shared.version import VERSION

PACKAGES = (
    "azure-functions",
    "azure-identity",
    "azure-storage-blob",
    "azure-storage-queue",
    "azure-data-tables",
    "msal",
)
"""The packages whose versions are shown; requirements.lock has all."""

_END_OF_PAUSE = "Set PAUSED to false when sending is to go on: docs/runbook.md."


def settings(app: CheckedApp) -> Finding:
    """Whether the app starts with its settings, and whether they or a hold keep it from sending."""
    return _hold_of_everything(app) or _settings(app)


def _hold_of_everything(app: CheckedApp) -> Finding | None:
    try:
        stored = app.pipeline.journal.gates.all().get(scope_of_hold())
    except AzureError:
        return None  # the checks of storage say why
    if stored is None or stored.record.since is None or app.settings_fault is not None:
        return None
    return warning(
        f"Everything is on hold since {stored.record.since:%Y-%m-%d %H:%M} UTC: a person asked for it.",
        "When sending may go on: python -m local go-on --all, or the page Customers.",
    )


def _settings(app: CheckedApp) -> Finding:
    if app.settings_fault is not None:
        return broken(app.settings_fault, "Correct them as they say: docs/settings.md. The app does not start before.")
    if app.knows_settings:
        return _noted_pause(app) or settings_finding(settings_summary(app.pipeline.settings), "")
    record = last_sweep(app.pipeline.private)
    if record is None or not record.settings:
        return not_seen_from_here("The app's settings")
    return settings_finding(record.settings, f"At the last sweep, {record.ended_at:%Y-%m-%d %H:%M} UTC: ")


def _noted_pause(app: CheckedApp) -> Finding | None:
    """The pause that pages show: on one machine the app may run with other settings than the command that checks it."""
    try:
        noted = app.pipeline.journal.gates.all().get(PAUSE)
    except AzureError:
        return None  # the checks of storage say why
    if noted is None or noted.record.since is None:
        return None
    return warning(f"Sending is paused (PAUSED) since {noted.record.since:%Y-%m-%d %H:%M} UTC.", _END_OF_PAUSE)


def settings_finding(summary: Mapping[str, str], when: str) -> Finding:
    """The finding for settings that the app starts with. Pure."""
    if summary.get("PAUSED") == "true":
        return warning(f"{when}Sending is paused (PAUSED).", _END_OF_PAUSE)
    place = summary.get("PARTNER_CENTER_URL", "")
    if place == ANOTHER_ADDRESS:
        return warning(
            f"{when}PARTNER_CENTER_URL is neither Partner Center nor this machine.",
            "Remove PARTNER_CENTER_URL unless devices are to go to a sandbox or through a gateway of your own.",
        )
    shown = ", ".join(
        (
            f"devices go to {place}",
            f"sign-in: {summary.get('sign-in', '')}",
            f"{summary.get('DEVICES_PER_SUBMISSION', '')} devices a submission",
            f"{summary.get('RETENTION_DAYS', '')} days of retention",
        )
    )
    return well(f"{when}All settings can be read: {shown}.")


def versions(app: CheckedApp) -> Finding:
    """The versions that run, and whether another version swept last."""
    try:
        record = last_sweep(app.pipeline.private)
    except AzureError:
        record = None  # the checks of storage say why
    return versions_finding("" if record is None else record.version)


def versions_finding(swept_by: str) -> Finding:
    """The finding where the version `swept_by` swept last; empty where that is unknown."""
    packages = ", ".join(filter(None, map(_package, PACKAGES)))
    found = f"Device Drop {VERSION} on Python {platform.python_version()}; {packages}."
    if swept_by not in ("", VERSION):
        return warning(
            f"{found} Version {swept_by} swept last.",
            "During a deployment this lasts some minutes. Else deploy this version, or use the commands of the other.",
        )
    return well(found)


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""
