"""The settings as they may be shown to anybody: no secret, no address, no name that a person chose. Pure."""

from datetime import timedelta

from shared.settings import (
    EVERY_CUSTOMER,
    PUBLIC_PARTNER_CENTER,
    AppSettings,
    AppUserSettings,
    CertificateSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    Settings,
    SignInSettings,
    StaticTokenSettings,
    StorageConnectionString,
    is_loopback,
)

ANOTHER_ADDRESS = "another address"
"""The place of a Partner Center that is neither the public one nor on this machine."""


def settings_summary(settings: Settings) -> dict[str, str]:
    """Each setting under its name, as far as its value is no secret; of the others, whether or how they are set."""
    advanced = settings.advanced
    return {
        "storage": "connection string" if isinstance(settings.storage, StorageConnectionString) else "identity",
        "sign-in": sign_in_words(settings.sign_in),
        "PARTNER_CENTER_URL": _place(settings.partner_center_url),
        "BLOB_TRIGGER_SOURCE": str(settings.blob_trigger_source),
        "DEVICES_PER_SUBMISSION": str(settings.devices_per_submission),
        "HOLD_FROM_FAILED_PERCENT": str(settings.hold_from_failed_percent),
        "DEFAULT_BATCH": _whether(is_set=settings.default_batch is not None),
        "TRUST_HASH_SERIAL": _yes_or_no(is_true=settings.trust_hash_serial),
        "REFUSE_DEVICE_IDENTIFIERS": _customers(settings.refuse_device_identifiers),
        "RETENTION_DAYS": f"{settings.retention / timedelta(days=1):g}",
        "PAUSED": _yes_or_no(is_true=settings.paused),
        "CLOSED_WITHIN_MINUTES": f"{settings.closed_within / timedelta(minutes=1):g}",
        "DEVICES_READ_AGAIN_HOURS": f"{settings.devices_read_again / timedelta(hours=1):g}",
        "DEVICES_REQUESTS_PER_DAY": str(settings.devices_requests_per_day),
        "RECONCILE": _yes_or_no(is_true=settings.reconcile),
        "RECONCILE_SCHEDULE": settings.reconcile_schedule,
        "RECONCILE_REQUESTS": str(settings.reconcile_requests),
        "NOTIFY_WEBHOOK_FORMAT": "not set" if settings.webhook is None else str(settings.webhook.format),
        "PAGE_URL": _whether(is_set=settings.page_url is not None),
        "INLINE_SUBMISSIONS": str(advanced.inline_submissions),
        "POLL_FIRST_DELAY_SECONDS": f"{advanced.poll_first_delay.total_seconds():g}",
        "POLL_MAX_DELAY_SECONDS": f"{advanced.poll_max_delay.total_seconds():g}",
        "OUTCOME_DEADLINE_HOURS": f"{advanced.outcome_deadline / timedelta(hours=1):g}",
        "CLAIM_SECONDS": f"{advanced.claim.total_seconds():g}",
        "SWEEP_SCHEDULE": advanced.sweep_schedule,
        "REJECT_UNKNOWN_CHECKSUMS": _yes_or_no(is_true=advanced.reject_unknown_checksums),
        "OLDEST_HASH_DAYS": str(advanced.oldest_hash_days or "no limit"),
    }


def sign_in_words(sign_in: SignInSettings) -> str:
    """The way of signing in to Partner Center."""
    match sign_in:
        case StaticTokenSettings():
            return "a fixed token, for a stand-in on this machine"
        case AppUserSettings(app=app):
            return f"app and user, {_credential(app)}"
        case app:
            return f"app-only, {_credential(app)}"


def _credential(app: AppSettings) -> str:
    match app:
        case ClientSecretSettings():
            return "client secret"
        case CertificateSettings():
            return "certificate"
        case ManagedIdentitySettings():
            return "managed identity"
        case _:
            return "workload identity"


def _place(url: str) -> str:
    if url == PUBLIC_PARTNER_CENTER:
        return "Partner Center"
    return "a stand-in on this machine" if is_loopback(url) else ANOTHER_ADDRESS


def _customers(ids: frozenset[str]) -> str:
    return EVERY_CUSTOMER if EVERY_CUSTOMER in ids else str(len(ids))


def _whether(*, is_set: bool) -> str:
    return "set" if is_set else "not set"


def _yes_or_no(*, is_true: bool) -> str:
    return "true" if is_true else "false"
