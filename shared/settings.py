"""App settings -> one frozen `Settings`, checked at start; every fault names its setting and the fix."""

import ipaddress
import math
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from shared.errors import DeviceDropError
from shared.ncrontab import schedule_fault
from shared.public_addresses import is_public, literal_address

STORAGE_CONNECTION = "DeviceStorage"
"""The connection name of all three kinds of storage, in app settings and in the triggers."""

PUBLIC_PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
CONNECTION_STRING = r"UseDevelopmentStorage=true;?|(?=.*(AccountName|BlobEndpoint)=)\w+=[^;]+(;\w+=[^;]*)*;?"
"""Names and values, with an account or its blob endpoint (Azure Storage, "Configure connection strings")."""

EVERY_CUSTOMER = "all"
"""Used in place of customer ids in a setting that applies to every customer."""

UNRESOLVED_KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
"""The beginning of a setting whose Key Vault reference the platform could not resolve."""


class SettingsError(DeviceDropError):
    """One or more app settings are missing or malformed; one line each, with the fix."""


class BlobTriggerSource(StrEnum):
    """How the host learns of a dropped blob (Azure Functions, blob trigger, `source`)."""

    EVENT_GRID = "EventGrid"
    """The only source on Flex Consumption; needs an Event Grid subscription."""
    CONTAINER_SCAN = "LogsAndContainerScan"
    """For a developer's machine: Azurite has no Event Grid."""


@dataclass(frozen=True, slots=True)
class StorageConnectionString:
    """Storage reached with a key or SAS, such as Azurite."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StorageIdentity:
    """Storage reached with a managed identity; `client_id` names a user-assigned identity, None the system's."""

    blob_service_uri: str
    queue_service_uri: str
    table_service_uri: str
    client_id: str | None


StorageConnection = StorageConnectionString | StorageIdentity


@dataclass(frozen=True, slots=True)
class StaticTokenSettings:
    """A fixed bearer token: only for a Partner Center stand-in on this machine."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientSecretSettings:
    """App-only sign-in with a client secret."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """App-only sign-in with a certificate file (PEM or PKCS12)."""

    tenant_id: str
    client_id: str
    path: str
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WorkloadIdentitySettings:
    """App-only sign-in with a federated token that the platform writes to a file."""

    tenant_id: str
    client_id: str
    token_file: str


@dataclass(frozen=True, slots=True)
class ManagedIdentitySettings:
    """App-only sign-in without a secret: the app registration trusts a user-assigned managed identity."""

    tenant_id: str
    client_id: str
    identity_client_id: str


AppSettings = ClientSecretSettings | CertificateSettings | WorkloadIdentitySettings | ManagedIdentitySettings
"""The kinds of credential of the registered application."""


@dataclass(frozen=True, slots=True)
class AppUserSettings:
    """App and user together (Partner Center, "secure application model"): a refresh token stands for the user.

    `refresh_token_secret` is the address of the Key Vault secret that holds it, without a version; `vault_identity` is
    the client id of the user-assigned identity that reads and writes it, None for the machine's own sign-in to Azure.
    """

    app: AppSettings
    refresh_token_secret: str
    vault_identity: str | None


SignInSettings = StaticTokenSettings | AppSettings | AppUserSettings


class WebhookFormat(StrEnum):
    """The format of notifications to a webhook."""

    CLOUD_EVENTS = "cloudevents"
    """The CloudEvents message of the queue, in structured mode."""
    TEAMS = "teams"
    """An Adaptive Card for a Teams workflow ("When a Teams webhook request is received")."""
    SLACK = "slack"
    """Blocks for an incoming webhook of Slack."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The webhook notified over HTTPS when a file has ended. The address contains its own key, and so is a secret."""

    url: str = field(repr=False)
    format: WebhookFormat
    allows_private: bool = False
    """Whether the address may be private, such as a private endpoint's, or known only to a proxy."""


@dataclass(frozen=True, slots=True)
class AdvancedSettings:
    """Settings whose defaults fit: tests and measurements change them."""

    inline_submissions: int
    """Submissions that are sent by the instance that read their file."""
    poll_first_delay: timedelta
    poll_max_delay: timedelta
    outcome_deadline: timedelta
    """How long to wait for a verdict after acceptance."""
    claim: timedelta
    """How long a worker's claim on a file or submission lasts."""
    sweep_schedule: str
    """NCRONTAB, six fields, UTC."""
    reject_unknown_checksums: bool
    """Whether a wrong checksum rejects hashes of tools whose layout is not verified; else it is a note."""
    oldest_hash_days: int | None
    """Older hashes get a note; None for no limit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, checked. Made by `settings_from`."""

    storage: StorageConnection
    blob_trigger_source: BlobTriggerSource
    partner_center_url: str
    sign_in: SignInSettings
    devices_per_submission: int
    hold_from_failed_percent: int
    """Of the devices with a verdict, the share that may fail before a file is held; 100 means that none ever is."""
    default_batch: str | None
    trust_hash_serial: bool
    """Whether the serial number in a hash overrides a different one in the file; the service uses the hash."""
    refuse_device_identifiers: frozenset[str]
    """Customers whose files of corporate device identifiers are refused: ids, or `EVERY_CUSTOMER`."""
    retention: timedelta
    paused: bool
    """Whether POSTs wait; reading and polling go on."""
    closed_within: timedelta
    """The service level: a file that is open for longer is late."""
    devices_read_again: timedelta
    """Registered devices that were read longer ago are read anew when somebody looks at them."""
    devices_requests_per_day: int
    """The most requests a day for reading registered devices."""
    reconcile: bool
    """Whether registered devices are read each night, and what somebody else did with them is told."""
    reconcile_schedule: str
    """NCRONTAB, six fields, UTC."""
    reconcile_requests: int
    """About the most requests of a night."""
    advanced: AdvancedSettings
    webhook: WebhookSettings | None = None
    page_url: str | None = None
    """Scheme and host of the status page; None if it has no address."""

    def refuses_device_identifiers_of(self, customer_id: str | None) -> bool:
        """Whether a file of corporate device identifiers of this customer is refused."""
        return not self.refuse_device_identifiers.isdisjoint({customer_id, EVERY_CUSTOMER})


def settings_from(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment` (app settings are environment variables).

    Raises:
        SettingsError: with one line for every setting that is missing or malformed.
    """
    reader = _Reader(environment)
    url = reader.service_url("PARTNER_CENTER_URL", default=PUBLIC_PARTNER_CENTER)
    settings = Settings(
        storage=_storage(reader),
        blob_trigger_source=_blob_trigger_source(reader),
        partner_center_url=url,
        sign_in=_sign_in(reader, url),
        devices_per_submission=reader.whole_number("DEVICES_PER_SUBMISSION", default=500, least=1, most=1000),
        hold_from_failed_percent=reader.whole_number("HOLD_FROM_FAILED_PERCENT", default=30, least=1, most=100),
        default_batch=reader.batch("DEFAULT_BATCH"),
        trust_hash_serial=reader.yes_or_no("TRUST_HASH_SERIAL", default=False),
        refuse_device_identifiers=reader.customers("REFUSE_DEVICE_IDENTIFIERS"),
        retention=timedelta(days=reader.whole_number("RETENTION_DAYS", default=90, least=1, most=3650)),
        paused=reader.yes_or_no("PAUSED", default=False),
        # A day at most: the alerts on late files see two days of logs.
        closed_within=timedelta(minutes=reader.number("CLOSED_WITHIN_MINUTES", default=60, least=1, most=1440)),
        devices_read_again=timedelta(
            hours=reader.number("DEVICES_READ_AGAIN_HOURS", default=24, least=0.1, most=24 * 365)
        ),
        devices_requests_per_day=reader.whole_number("DEVICES_REQUESTS_PER_DAY", default=5_000, least=0, most=10**6),
        reconcile=reader.yes_or_no("RECONCILE", default=False),
        reconcile_schedule=reader.schedule("RECONCILE_SCHEDULE", default="0 30 1 * * *"),
        reconcile_requests=reader.whole_number("RECONCILE_REQUESTS", default=3_000, least=1, most=10**6),
        advanced=_advanced(reader),
        webhook=_webhook(reader),
        page_url=_page_url(reader),
    )
    reader.raise_faults()
    return settings


def is_loopback(url: str) -> bool:
    """Whether `url` can only reach this machine: a static token may be sent nowhere else."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_service_url(value: str) -> bool:
    """Whether `value` has only scheme, host and path; without TLS only for this machine."""
    try:
        parts = urlsplit(value)
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(value))
        port = parts.port
        _check_host(parts.hostname or "")
    except ValueError:
        return False
    return bool(secure and parts.hostname) and port != 0 and not (parts.query or parts.fragment or "@" in parts.netloc)


def _check_host(host: str) -> None:
    """Raise ValueError for a name that a socket cannot connect to: an empty or too long label, or blanks."""
    if not re.fullmatch(r"[^\s*]+", host.removesuffix(".").encode("idna").decode()):
        raise ValueError(f"{host!r} is not the name of a host")


class _Reader:
    """Reads settings by name and remembers every fault, so that one start shows all of them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str) -> str | None:
        value = self._environment.get(name, "").strip()
        if value.startswith(UNRESOLVED_KEY_VAULT_REFERENCE):
            self.fault(
                name,
                "its Key Vault reference was not resolved",
                "check that the secret exists and that the app's identity may read it (role Key Vault Secrets User)",
            )
            return None
        return value or None

    def fault(self, name: str, what: str, cure: str) -> None:
        self._faults.append(f"Setting {name}: {what}; {cure}.")

    def raise_faults(self) -> None:
        if self._faults:
            raise SettingsError("\n".join(dict.fromkeys(self._faults)))

    def required(self, name: str, cure: str) -> str:
        value = self.text(name)
        if value is None:
            self.fault(name, "it is missing", cure)
        return value or ""

    def schedule(self, name: str, *, default: str) -> str:
        value = self.text(name) or default
        if (fault := schedule_fault(value)) is not None:
            cure = f"set it to six fields (second minute hour day month weekday), such as {default}"
            self.fault(name, f"it reads {value!r}, and {fault}", cure)
        return value

    def service_url(self, name: str, *, default: str) -> str:
        value = (self.text(name) or default).rstrip("/")
        if not _is_service_url(value):
            shown = "it is not such an address" if "@" in value else f"it reads {value!r}"
            self.fault(name, shown, f"set it to an https address such as {default}")
        return value

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            self.fault(name, f"it reads {text!r}", f"set it to a number from {least:g} to {most:g}")
            return default
        return value

    def whole_number(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.number(name, default=default, least=least, most=most)
        if value != int(value):
            self.fault(name, f"it reads {value:g}", f"set it to a whole number from {least} to {most}")
        return int(value)

    def seconds(self, name: str, *, default: float, least: float, most: float) -> timedelta:
        return timedelta(seconds=self.number(name, default=max(default, least), least=least, most=most))

    def yes_or_no(self, name: str, *, default: bool) -> bool:
        value = (self.text(name) or str(default)).lower()
        if value not in ("true", "false", "1", "0"):
            self.fault(name, f"it reads {value!r}", "set it to true or false")
        return value in ("true", "1")

    def batch(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not value.strip(". "):
            self.fault(name, f"it reads {value!r}", "set it to the name of a batch, which is not dots alone")
        return value

    def customers(self, name: str) -> frozenset[str]:
        """The ids that a setting lists, in lower case, or `EVERY_CUSTOMER`."""
        ids = frozenset(each.strip().lower() for each in (self.text(name) or "").split(",") if each.strip())
        for each in sorted(ids - {EVERY_CUSTOMER}):
            if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each):
                cure = f"set it to GUIDs of customers' tenants with commas between them, or to {EVERY_CUSTOMER}"
                self.fault(name, f"it has {each!r}", cure)
        return ids

    def identifier(self, name: str, cure: str) -> str:
        value = self.required(name, cure)
        try:
            return str(UUID(value)) if value else ""
        except ValueError:
            self.fault(name, "it is not a GUID", cure)
            return ""


def _blob_trigger_source(reader: _Reader) -> BlobTriggerSource:
    value = reader.text("BLOB_TRIGGER_SOURCE") or BlobTriggerSource.EVENT_GRID
    try:
        return BlobTriggerSource(value)
    except ValueError:
        known = " or ".join(BlobTriggerSource)
        reader.fault("BLOB_TRIGGER_SOURCE", f"it reads {value!r}", f"set it to {known}")
        return BlobTriggerSource.EVENT_GRID


def _storage(reader: _Reader) -> StorageConnection:
    connection_string = reader.text(STORAGE_CONNECTION)
    if connection_string:
        # The client of tables does not understand `UseDevelopmentStorage=true;`.
        connection_string = connection_string.removesuffix(";")
        if not (re.fullmatch(CONNECTION_STRING, connection_string) and _opens_storage(connection_string)):
            # Its value is not shown: it holds a key.
            reader.fault(
                STORAGE_CONNECTION, "it is not a connection string", "copy that of the storage account into it"
            )
        return StorageConnectionString(connection_string)
    kinds = ("blob", "queue", "table")
    uris = {kind: reader.text(f"{STORAGE_CONNECTION}__{kind}ServiceUri") for kind in kinds}
    if not any(uris.values()):
        reader.fault(
            STORAGE_CONNECTION,
            "it is missing",
            f"set it to the connection string of the storage account, or set {STORAGE_CONNECTION}__blobServiceUri, "
            "__queueServiceUri and __tableServiceUri to use the app's identity",
        )
    else:
        for kind in kinds:
            example = f"https://ACCOUNT.{kind}.core.windows.net"
            name = f"{STORAGE_CONNECTION}__{kind}ServiceUri"
            reader.required(name, f"set it to the {kind} address of the account, such as {example}")
            reader.service_url(name, default=example)
    credential = reader.text(f"{STORAGE_CONNECTION}__credential")
    if credential not in (None, "managedidentity"):
        reader.fault(f"{STORAGE_CONNECTION}__credential", f"it reads {credential!r}", "set it to managedidentity")
    return StorageIdentity(
        blob_service_uri=uris["blob"] or "",
        queue_service_uri=uris["queue"] or "",
        table_service_uri=uris["table"] or "",
        client_id=reader.text(f"{STORAGE_CONNECTION}__clientId"),
    )


def _opens_storage(connection_string: str) -> bool:
    """Whether the storage clients of all three kinds understand it, and its key is one."""
    from azure.data.tables import TableServiceClient  # noqa: PLC0415 - a setting by identity needs none of them
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415
    from azure.storage.queue import QueueServiceClient  # noqa: PLC0415

    key = re.search(r"(?:^|;)AccountKey=([^;]+)", connection_string, re.IGNORECASE)
    try:
        b64decode(key[1] if key else "", validate=True)
        for kind in (BlobServiceClient, QueueServiceClient, TableServiceClient):
            kind.from_connection_string(connection_string).close()
    except ValueError:
        return False
    return True


def _advanced(reader: _Reader) -> AdvancedSettings:
    first = reader.seconds("POLL_FIRST_DELAY_SECONDS", default=27, least=0.05, most=3600)
    return AdvancedSettings(
        inline_submissions=reader.whole_number("INLINE_SUBMISSIONS", default=4, least=0, most=100),
        poll_first_delay=first,
        poll_max_delay=reader.seconds("POLL_MAX_DELAY_SECONDS", default=900, least=first.total_seconds(), most=86400),
        outcome_deadline=timedelta(hours=reader.number("OUTCOME_DEADLINE_HOURS", default=48, least=0.001, most=1000)),
        claim=reader.seconds("CLAIM_SECONDS", default=300, least=2, most=3600),
        sweep_schedule=reader.schedule("SWEEP_SCHEDULE", default="0 */5 * * * *"),
        reject_unknown_checksums=reader.yes_or_no("REJECT_UNKNOWN_CHECKSUMS", default=False),
        oldest_hash_days=reader.whole_number("OLDEST_HASH_DAYS", default=0, least=0, most=36_500) or None,
    )


def _webhook(reader: _Reader) -> WebhookSettings | None:
    known = {str(each): each for each in WebhookFormat}
    told_in = reader.text("NOTIFY_WEBHOOK_FORMAT") or WebhookFormat.CLOUD_EVENTS
    if told_in not in known:
        reader.fault("NOTIFY_WEBHOOK_FORMAT", f"it reads {told_in!r}", f"set it to {', '.join(known)}")
    allows_private = reader.yes_or_no("NOTIFY_WEBHOOK_ALLOW_PRIVATE", default=False)
    url = reader.text("NOTIFY_WEBHOOK_URL")
    if url is None:
        return None
    if not _is_webhook(url, allows_private=allows_private):
        # Its value is not shown: it holds a key.
        cure = "set it to the https address that the webhook gave you, whose host is public, or remove it"
        reader.fault("NOTIFY_WEBHOOK_URL", "it is not the address of a webhook", cure)
    return WebhookSettings(url, known.get(told_in, WebhookFormat.CLOUD_EVENTS), allows_private)


def _is_webhook(value: str, *, allows_private: bool) -> bool:
    """Whether `value` is an https address without a user; a numeric host must be public unless private is allowed."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
        _check_host(host)
    except ValueError:
        return False
    address = literal_address(host)
    is_allowed = allows_private or (host != "localhost" and (address is None or is_public(address)))
    is_plain = bool(host) and port != 0 and "@" not in parts.netloc and not parts.fragment
    return parts.scheme == "https" and is_plain and is_allowed


def _page_url(reader: _Reader) -> str | None:
    """PAGE_URL, else the app's host name from App Service."""
    if reader.text("PAGE_URL") is not None:
        return reader.service_url("PAGE_URL", default="https://device-drop.example.com")
    host = reader.text("WEBSITE_HOSTNAME")
    if host is None or not re.fullmatch(r"[\w.-]+(:\d+)?", host, re.ASCII):
        return None
    return f"http://{host}" if is_loopback(f"http://{host}") else f"https://{host}"


SIGN_IN_CHOICES = {
    "PARTNER_CENTER_TOKEN": "a fixed token, for a stand-in on this machine",
    "PARTNER_CENTER_CLIENT_SECRET": "app-only, client secret",
    "PARTNER_CENTER_CERTIFICATE_PATH": "app-only, certificate",
    "PARTNER_CENTER_FEDERATED_TOKEN_FILE": "app-only, workload identity",
    "PARTNER_CENTER_MANAGED_IDENTITY": "app-only, managed identity",
}
"""The setting that selects each way of signing in. PARTNER_CENTER_REFRESH_TOKEN_SECRET adds a user to an app."""

_REFRESH_TOKEN_SECRET = "PARTNER_CENTER_REFRESH_TOKEN_SECRET"  # noqa: S105 - a name
_REFRESH_TOKEN_SECRET_CURE = (
    "set it to https://VAULT.vault.azure.net/secrets/NAME without a version, and not as a Key Vault reference"  # noqa: S105
)
KEY_VAULT_SECRET = r"https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net/secrets/[0-9A-Za-z-]{1,127}"  # noqa: S105
"""The address of a secret, without a version (Key Vault, "objects, identifiers and versioning")."""


def _sign_in(reader: _Reader, url: str) -> SignInSettings:
    chosen = {name: value for name in SIGN_IN_CHOICES if (value := reader.text(name)) is not None}
    if len(chosen) != 1:
        what = f"{len(chosen)} ways to sign in are set" if chosen else "no way to sign in is set"
        choices = ", ".join(f"{name} ({meaning})" for name, meaning in SIGN_IN_CHOICES.items())
        reader.fault(" and ".join(chosen) or "PARTNER_CENTER_CLIENT_SECRET", what, f"set exactly one of {choices}")
        return StaticTokenSettings("")
    ((name, value),) = chosen.items()
    if name == "PARTNER_CENTER_TOKEN":
        if not is_loopback(url):
            reader.fault(
                name,
                f"a fixed token is never sent to another machine, and PARTNER_CENTER_URL is {url!r}",
                "remove it and set PARTNER_CENTER_CLIENT_SECRET, or point PARTNER_CENTER_URL at this machine",
            )
        if reader.text(_REFRESH_TOKEN_SECRET) is not None:
            reader.fault(_REFRESH_TOKEN_SECRET, f"it is set beside {name}, which no user belongs to", "remove one")
        return StaticTokenSettings(value)
    return _with_user(reader, _app(reader, name, value))


def _app(reader: _Reader, name: str, value: str) -> AppSettings:
    """The registered application, with the credential in the setting `name`."""
    tenant_id = reader.identifier("PARTNER_CENTER_TENANT_ID", "set it to the GUID of the partner's own tenant")
    client_id = reader.identifier("PARTNER_CENTER_CLIENT_ID", "set it to the GUID of the registered application")
    match name:
        case "PARTNER_CENTER_CLIENT_SECRET":
            return ClientSecretSettings(tenant_id, client_id, value)
        case "PARTNER_CENTER_CERTIFICATE_PATH":
            return CertificateSettings(tenant_id, client_id, value, reader.text("PARTNER_CENTER_CERTIFICATE_PASSWORD"))
        case "PARTNER_CENTER_MANAGED_IDENTITY":
            identity = reader.identifier(name, "set it to the client id of the user-assigned managed identity")
            return ManagedIdentitySettings(tenant_id, client_id, identity)
        case _:
            return WorkloadIdentitySettings(tenant_id, client_id, value)


def _with_user(reader: _Reader, app: AppSettings) -> AppSettings | AppUserSettings:
    """`app` alone, or with the user whose refresh token is in a vault."""
    secret = reader.text(_REFRESH_TOKEN_SECRET)
    if secret is None:
        return app
    if not re.fullmatch(KEY_VAULT_SECRET, secret):
        # Do not show its value: a Key Vault reference would have put the refresh token itself here.
        reader.fault(_REFRESH_TOKEN_SECRET, "it is not the address of a Key Vault secret", _REFRESH_TOKEN_SECRET_CURE)
    if reader.text("AZURE_CLIENT_ID") is None:
        return AppUserSettings(app, secret, None)
    cure = "set it to the client id of the managed identity that may read and write the secret, or remove it"
    return AppUserSettings(app, secret, reader.identifier("AZURE_CLIENT_ID", cure))
