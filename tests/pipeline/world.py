"""The whole pipeline in one process: storage in memory, the real client on the stand-in, and one shared clock."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from local.in_memory_storage import (
    InMemoryContainer,
    InMemoryFileEvents,
    InMemoryStorageProbes,
    InMemoryTable,
    InMemoryUploadAddresses,
    InMemoryWakeups,
)
from local.partner_center import StandIn
from shared.partner_center.audit_records import AuditRecord
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter, ServiceIds
from shared.partner_center.models import ConfigurationPolicy, Customer, Device, DeviceBatch
from shared.pipeline.blob_names import file_id, private_copy, results_folder
from shared.pipeline.composition import Pipeline
from shared.pipeline.dispatch import wake
from shared.pipeline.drop_path import resolve_drop_path
from shared.pipeline.intake.receive import receive
from shared.pipeline.inventory.reading import ask_for_devices
from shared.settings import Settings, settings_from
from shared.storage.blobs import Container
from shared.storage.customers import Customers
from shared.storage.journal import Journal
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile, Submission
from shared.storage.wakeups import encode
from shared.webhooks import Webhook
from tests.partner_center.in_process import TOKEN, URL, client_in_process

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        """Seconds since 1970, as the stand-in reads time."""
        return self.now.timestamp()


class KeptEvents(InMemoryFileEvents):
    """Events in memory; the next `fails` sends fail."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0

    def send(self, event: str) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("storage does not answer")
        super().send(event)

    def of(self, identifier: str) -> list[dict[str, Any]]:
        """The events of a file."""
        read: list[dict[str, Any]] = [json.loads(event) for event in self.sent]
        return [event for event in read if event["data"]["file_id"] == identifier]


class World:
    """A pipeline and everything around it."""

    def __init__(self, service: StandIn, clock: Clock, **settings: str) -> None:
        self.service = service
        self.clock = clock
        self.settings = settings_with(settings)
        self.staging, self.results = InMemoryContainer(clock=clock), InMemoryContainer(clock=clock)
        sources = {"staging": self.staging}
        self.drop = sources["device-files"] = InMemoryContainer(sources, clock=clock)
        self.upload_addresses = InMemoryUploadAddresses()
        self.private = InMemoryContainer({"device-files": self.drop})
        self.wakeups = InMemoryWakeups(clock)
        self.events = KeptEvents()
        self.webhook: Webhook | None = None
        self.probes = InMemoryStorageProbes()
        self.journal = Journal(lambda _: InMemoryTable())
        self.customers = Customers(InMemoryTable())
        self.partner_center: PartnerCenter = client_in_process(service.reply, clock)
        self.pipeline = self.pipeline_with()

    def pipeline_with(self, *, private: Container | None = None, settings: Settings | None = None) -> Pipeline:
        """The pipeline on this world's parts, or with some of them replaced."""
        return Pipeline(
            settings=settings or self.settings,
            journal=self.journal,
            customers=self.customers,
            drop=self.drop,
            private=private or self.private,
            results=self.results,
            staging=self.staging,
            upload_addresses=self.upload_addresses,
            wakeups=self.wakeups,
            events=self.events,
            partner_center=self.partner_center,
            sign_in=TOKEN,
            probes=self.probes,
            clock=self.clock,
            new_id=lambda: str(uuid4()),
            jitter=lambda: 0.5,
            webhook=self.webhook,
        )

    def meet(self, partner_center: PartnerCenter) -> None:
        """Let the pipeline use another service from now on."""
        self.partner_center = partner_center
        self.pipeline = self.pipeline_with()

    def put(self, content: str | bytes, path: str = f"{CUSTOMER}/Test/devices.csv") -> str:
        """A person drops a file; its file id."""
        data = content if isinstance(content, bytes) else content.encode()
        return file_id(path, self.drop.put(path, data, self.clock()))

    def receive(self, path: str = f"{CUSTOMER}/Test/devices.csv") -> None:
        """The event of a dropped file arrives."""
        receive(self.pipeline, path)

    def drop_file(self, content: str | bytes, path: str = f"{CUSTOMER}/Test/devices.csv") -> str:
        """A person drops a file and its event arrives; its file id."""
        identifier = self.put(content, path)
        self.receive(path)
        return identifier

    def deliver_next(self) -> bool:
        """Deliver the next wake-up when it is due; False if there is none."""
        if not self.wakeups.waiting:
            return False
        next_up = min(self.wakeups.waiting, key=lambda entry: entry[0])
        self.wakeups.waiting.remove(next_up)
        self.clock.now = max(self.clock.now, next_up[0])
        wake(self.pipeline, encode(next_up[1]).encode(), "message-1")
        return True

    def run(self, most: int = 2_000) -> None:
        """Deliver wake-ups until none waits."""
        for _ in range(most):
            if not self.deliver_next():
                return
        raise AssertionError(f"{most} wake-ups were not enough")

    def read_devices(self, customer_id: str = CUSTOMER) -> None:
        """Ask for the registered devices of a customer, and let the app read them."""
        self.clock.now += timedelta(seconds=1)
        ask_for_devices(self.pipeline, customer_id)
        self.run()

    def file(self, identifier: str, customer_id: str | None = CUSTOMER) -> DeviceFile:
        """A file as the journal has it now."""
        stored = self.journal.files.get(customer_id, identifier)
        assert stored is not None, "there is no such file"
        return stored.record

    def submission(self, identifier: str, number: str = "1", reading: int = 1) -> Stored[Submission]:
        """A submission of a file."""
        stored = self.journal.submissions.get(f"{identifier}.{reading}", number)
        assert stored is not None, "there is no such submission"
        return stored

    def lose_content(self, identifier: str, number: str = "1") -> None:
        """Storage loses the request body of a submission and the private copy of its file."""
        self.private.delete(self.submission(identifier, number).record.payload)
        self.private.delete(private_copy(identifier))

    def rows(self, identifier: str, path: str = f"{CUSTOMER}/Test/devices.csv") -> list[dict[str, str]]:
        """The lines of results.csv."""
        content = self.results.read(f"{self.folder(identifier, path)}/results.csv")
        assert content is not None, "there is no results.csv"
        text = content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=text[len("row")]))

    def summary(self, identifier: str, path: str = f"{CUSTOMER}/Test/devices.csv") -> dict[str, Any]:
        """summary.json."""
        content = self.results.read(f"{self.folder(identifier, path)}/summary.json")
        assert content is not None, "there is no summary.json"
        summary: dict[str, Any] = json.loads(content)
        return summary

    def folder(self, identifier: str, path: str) -> str:
        """The folder of a file's results."""
        place = resolve_drop_path(self.customers, path)
        return results_folder(place.customer_id, place.batch_id, place.name, identifier)

    def outcomes(self, identifier: str, path: str = f"{CUSTOMER}/Test/devices.csv") -> list[str]:
        """The outcome of every row, in file order."""
        return [row["outcome"] for row in self.rows(identifier, path)]


class Changed:
    """The real service, except for the changes of a subclass."""

    def __init__(self, real: PartnerCenter) -> None:
        self.real = real

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterable[DeviceBatch]:
        return self.real.device_batches(customer_id, ids)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self.real.create_batch(customer_id, batch_id, devices, ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        return self.real.append_devices(customer_id, batch_id, devices, ids)

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        return self.real.batch_job_status(customer_id, tracking_id, ids)

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        return self.real.batch_devices(customer_id, batch_id, ids)

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        return self.real.delete_device(customer_id, batch_id, device_id, ids)

    def configuration_policies(self, customer_id: str, ids: CallIds) -> Iterator[ConfigurationPolicy]:
        return self.real.configuration_policies(customer_id, ids)

    def update_device_policies(self, customer_id: str, updates: bytes, ids: CallIds) -> Accepted:
        return self.real.update_device_policies(customer_id, updates, ids)

    def audit_records(
        self, since: date, until: date | None, ids: CallIds, *, customer_id: str | None = None
    ) -> Iterator[AuditRecord]:
        return self.real.audit_records(since, until, ids, customer_id=customer_id)

    def customers(self, ids: CallIds) -> Iterator[Customer]:
        return self.real.customers(ids)

    def customer(self, customer_id: str, ids: CallIds) -> Customer:
        return self.real.customer(customer_id, ids)

    def has_second_factor(self, ids: CallIds) -> bool | None:
        return self.real.has_second_factor(ids)

    def sign_in_anew(self) -> None:
        self.real.sign_in_anew()


def settings_with(changes: Mapping[str, str]) -> Settings:
    """The settings of a world in this process, with these changes."""
    return settings_from(
        {
            "DeviceStorage": "UseDevelopmentStorage=true",
            "PARTNER_CENTER_URL": URL,
            "PARTNER_CENTER_TOKEN": "token",
            **changes,
        }
    )


HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"


def tuples(serials: Iterator[str] | list[str]) -> str:
    """A device file of serial number, manufacturer and model."""
    return "\r\n".join([HEADER, *(f"{serial},,,LENOVO,21R3001BUK" for serial in serials), ""])


def numbered(count: int, prefix: str = "SN-") -> str:
    """A device file of `count` devices."""
    return tuples([f"{prefix}{number:05d}" for number in range(1, count + 1)])
