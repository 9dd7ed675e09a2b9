"""App settings of a local run: the environment, and sensible values for settings that it lacks. Pure."""

from collections.abc import Mapping

from shared.settings import SIGN_IN_CHOICES, STORAGE_CONNECTION, BlobTriggerSource, is_loopback

LOCAL_TOKEN = "local"  # noqa: S105 - it opens nothing but the stand-in
FIRST_POLL_SECONDS = 1.0
MOST_POLL_SECONDS = 2.0


def app_settings(environment: Mapping[str, str], *, storage: str, partner_center_url: str) -> dict[str, str]:
    """The environment of a functions host.

    Storage and blob detection are always this machine's own; everything else in `environment` is kept. Without a way
    to sign in, a service on this machine gets a fixed token. Polls are quick unless set otherwise.
    """
    settings = dict(environment) | {
        "AzureWebJobsStorage": storage,
        "AzureWebJobsDisableHomepage": "true",
        STORAGE_CONNECTION: storage,
        "BLOB_TRIGGER_SOURCE": BlobTriggerSource.CONTAINER_SCAN,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PARTNER_CENTER_URL": partner_center_url,
    }
    if is_loopback(partner_center_url) and not any(environment.get(name) for name in SIGN_IN_CHOICES):
        settings["PARTNER_CENTER_TOKEN"] = LOCAL_TOKEN
    return settings | _poll_delays(environment)


def _poll_delays(environment: Mapping[str, str]) -> dict[str, str]:
    """Both delays, the first never longer than the last, so that setting one alone is not an error."""
    first, most = environment.get("POLL_FIRST_DELAY_SECONDS"), environment.get("POLL_MAX_DELAY_SECONDS")
    return {
        "POLL_FIRST_DELAY_SECONDS": first or f"{min(FIRST_POLL_SECONDS, _number(most, FIRST_POLL_SECONDS)):g}",
        "POLL_MAX_DELAY_SECONDS": most or f"{max(MOST_POLL_SECONDS, _number(first, MOST_POLL_SECONDS)):g}",
    }


def _number(text: str | None, otherwise: float) -> float:
    """The number in `text`; the app itself reports a text that is not a number."""
    try:
        return float(text) if text else otherwise
    except ValueError:
        return otherwise
