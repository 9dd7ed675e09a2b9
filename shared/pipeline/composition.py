"""The composition root: the only place where the parts of the app are put together."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from azure.core.credentials import TokenCredential

from shared.partner_center.client import PartnerCenter, PartnerCenterClient
from shared.partner_center.sign_in import SignIn, sign_in_from
from shared.pipeline.backoff import Pace, pace_of
from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, STAGING_CONTAINER
from shared.pipeline.process_cache import ProcessCache
from shared.pipeline.service import Service
from shared.settings import Settings
from shared.storage.blobs import AzureContainer, Container
from shared.storage.connection import (
    BLOB_POISON_QUEUE,
    FILE_EVENTS_QUEUE,
    SUBMISSIONS_POISON_QUEUE,
    SUBMISSIONS_QUEUE,
    open_storage,
)
from shared.storage.customers import CUSTOMERS_TABLE, Customers
from shared.storage.file_events import AzureFileEvents, FileEvents
from shared.storage.journal import Journal
from shared.storage.probes import AzureStorageProbes, StorageProbes
from shared.storage.storage_clock import StorageClock
from shared.storage.upload_addresses import AzureUploadAddresses, UploadAddresses
from shared.storage.wakeups import AzureWakeups, Wakeups
from shared.webhooks import HttpsWebhook, Webhook

LONGEST_CONNECT_SECONDS = 10.0
LONGEST_SIGN_IN_SECONDS = 30.0
LONGEST_EXCHANGE_SECONDS = 180.0
"""Three minutes, as Microsoft's own SDK for Partner Center waited."""

SHARE_OF_A_CLAIM = 0.9
"""The share of a claim that the longest request may take, so that an owner still waiting is never taken over."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Settings, storage, the service client, and the injected clock, ids and jitter."""

    settings: Settings
    journal: Journal
    customers: Customers
    drop: Container
    private: Container
    results: Container
    staging: Container
    upload_addresses: UploadAddresses
    wakeups: Wakeups
    events: FileEvents
    partner_center: PartnerCenter
    sign_in: SignIn
    """The sign-in of `partner_center`."""
    probes: StorageProbes
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    jitter: Callable[[], float]
    """A number from 0 to 1."""
    webhook: Webhook | None = None
    cache: ProcessCache = field(default_factory=ProcessCache)
    """The cache of this process."""

    @property
    def pace(self) -> Pace:
        """The delays according to the settings."""
        return pace_of(self.settings, self.jitter)

    @property
    def service(self) -> Service:
        """Partner Center, for functions that call it and decide without writing."""
        return Service(self.partner_center, self.clock, self.new_id, self.pace)


def compose(settings: Settings, person: TokenCredential | None = None) -> Pipeline:
    """The pipeline with the real clients that `settings` describes. Nothing is sent before the first use.

    `person` signs in to storage if the settings give no key; None uses the app's own identity.
    """
    clock = StorageClock()
    storage = open_storage(settings.storage, person, clock)
    limits, webhook = call_limits(settings.advanced.claim), settings.webhook
    sign_in = sign_in_from(settings.sign_in, limits.sign_in)
    return Pipeline(
        settings=settings,
        journal=Journal(storage.table),
        customers=Customers(storage.table(CUSTOMERS_TABLE)),
        drop=AzureContainer(storage.blobs, DROP_CONTAINER),
        private=AzureContainer(storage.blobs, PRIVATE_CONTAINER),
        results=AzureContainer(storage.blobs, RESULTS_CONTAINER),
        staging=AzureContainer(storage.blobs, STAGING_CONTAINER),
        upload_addresses=AzureUploadAddresses(storage.blobs, STAGING_CONTAINER),
        wakeups=AzureWakeups(
            storage.queue(SUBMISSIONS_QUEUE),
            {name: storage.queue(name) for name in (SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE)},
        ),
        events=AzureFileEvents(storage.queue(FILE_EVENTS_QUEUE), settings.retention),
        partner_center=PartnerCenterClient(
            base_url=settings.partner_center_url,
            sign_in=sign_in,
            clock=clock,
            connect_timeout=limits.connect,
            exchange_timeout=limits.exchange,
        ),
        sign_in=sign_in,
        probes=AzureStorageProbes(storage),
        clock=clock,
        new_id=lambda: str(uuid4()),
        jitter=random.random,
        webhook=None if webhook is None else HttpsWebhook(webhook.url, webhook.allows_private),
    )


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Time limits in seconds for the parts of a call to Partner Center."""

    sign_in: float
    connect: float
    exchange: float


def call_limits(claim: timedelta) -> CallLimits:
    """Limits that end every call within a claim, so that an owner waiting for an answer is never taken over.

    The longest call waits for another thread's sign-in before its own, then connects and exchanges.
    """
    most = claim.total_seconds() * SHARE_OF_A_CLAIM
    sign_in, connect = min(LONGEST_SIGN_IN_SECONDS, most / 10), min(LONGEST_CONNECT_SECONDS, most / 10)
    return CallLimits(sign_in, connect, min(LONGEST_EXCHANGE_SECONDS, most - 2 * sign_in - connect))


class PreparedPipeline:
    """A pipeline whose tables, containers and queue are created before its first use, once per process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._is_prepared = False

    def __call__(self) -> Pipeline:
        """The pipeline, ready for use."""
        with self._lock:
            if not self._is_prepared:
                prepare(self._pipeline)
                self._is_prepared = True
        return self._pipeline


def prepare(pipeline: Pipeline) -> None:
    """Create the tables, containers and the queue that are missing."""
    pipeline.journal.prepare()
    pipeline.customers.prepare()
    pipeline.wakeups.prepare()
    pipeline.events.prepare()
    for container in (pipeline.drop, pipeline.private, pipeline.results, pipeline.staging):
        container.prepare()
