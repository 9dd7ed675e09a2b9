"""The service's memory of batches, devices, uploads and answers, in SQLite."""

import json
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from local.partner_center.audit_log import SCHEMA as AUDIT_LOG
from local.partner_center.audit_log import AuditLog
from local.partner_center.behaviour import Behaviour
from local.partner_center.contract import Answer, Json, utc
from local.partner_center.devices import SentDevice
from local.partner_center.policies import SCHEMA as POLICIES
from local.partner_center.policies import Policies, PolicyUpdate
from local.partner_center.verdicts import Verdict, failed, provoked, provoked_by_update, seconds_late

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS batch (
        customer TEXT, id TEXT, folded TEXT, created REAL, PRIMARY KEY (customer, folded));
    CREATE TABLE IF NOT EXISTS device (
        number INTEGER PRIMARY KEY, id TEXT UNIQUE, customer TEXT, batch TEXT, serial TEXT, product_key TEXT,
        manufacturer TEXT, model TEXT, visible_at REAL);
    CREATE INDEX IF NOT EXISTS device_of_batch ON device (customer, batch, number);
    CREATE TABLE IF NOT EXISTS device_detail (device_id TEXT PRIMARY KEY, uploaded_by TEXT, operations TEXT);
    CREATE TABLE IF NOT EXISTS identity (key TEXT, device_id TEXT, PRIMARY KEY (key, device_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_of_device ON identity (device_id);
    CREATE TABLE IF NOT EXISTS job (
        id TEXT PRIMARY KEY, customer TEXT, batch TEXT, accepted REAL, finished REAL, devices TEXT);
    CREATE TABLE IF NOT EXISTS answered (
        request_id TEXT PRIMARY KEY, fingerprint TEXT, status INTEGER, headers TEXT, body BLOB);
    CREATE TABLE IF NOT EXISTS answered_at (request_id TEXT PRIMARY KEY, seconds REAL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS posted (identity TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID;
"""
_OPERATIONS = ("GET", "PATCH", "DELETE")
"""What is allowed on a device, unless a test forbids some ("Device": the list of HTTP methods allowed on a device)."""

_DUE = "due"
"""Of a stored device whose verdict comes later than the end of its upload; never shown."""


class Directory:
    """The service's memory, in SQLite: a file under `data`, or memory. One thread at a time may call it."""

    def __init__(
        self, data: Path | None, behaviour: Behaviour, *, clock: Callable[[], float], new_id: Callable[[], UUID]
    ) -> None:
        """`clock` gives the seconds since 1970; `new_id` gives the ids of uploads and devices."""
        if data:
            data.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            data / "partner_center.sqlite3" if data else ":memory:", check_same_thread=False
        )
        # Not `self.close`, which would keep this object, and all that its clock belongs to, for as long as the process.
        weakref.finalize(self, self._database.close)
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA + POLICIES + AUDIT_LOG
        )
        self._clock = clock
        self._new_id = new_id
        self._behaviour = behaviour
        self.policies = Policies(self._database, behaviour.policies, clock=clock, new_id=new_id)
        self.audit_log = AuditLog(self._database, clock=clock, new_id=new_id, names=behaviour.audit_names_devices)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """A transaction: all changes within it are made, or none."""
        with self._database:
            yield

    # Requests that were answered

    def remembered(self, request_id: str) -> tuple[str, Answer] | None:
        """Fingerprint and answer of the request of that id, unless it is forgotten by now."""
        since = self._database.execute("SELECT seconds FROM answered_at WHERE request_id = ?", (request_id.lower(),))
        if (answered := since.fetchone()) and self._is_forgotten(answered[0]):
            return None
        row = self._database.execute("SELECT * FROM answered WHERE request_id = ?", (request_id.lower(),)).fetchone()
        return (row[1], Answer(HTTPStatus(row[2]), json.loads(row[3]), row[4])) if row else None

    def remember(self, request_id: str, fingerprint: str, answer: Answer) -> None:
        """Keep the answer for a repeat."""
        row = (request_id.lower(), fingerprint, int(answer.status), json.dumps(dict(answer.headers)), answer.body)
        self._database.execute("INSERT OR REPLACE INTO answered VALUES (?, ?, ?, ?, ?)", row)
        self._database.execute("INSERT OR REPLACE INTO answered_at VALUES (?, ?)", (row[0], self._clock()))

    def _is_forgotten(self, answered: float) -> bool:
        seconds = self._behaviour.request_id_seconds
        return seconds is not None and self._clock() - answered > seconds

    # Batches

    def batch_named(self, customer: str, batch: str) -> str | None:
        """The id of the customer's batch that equals `batch` without case."""
        found = "SELECT id FROM batch WHERE customer = ? AND folded = ?"
        row = self._database.execute(found, (customer, batch.casefold())).fetchone()
        return row[0] if row else None

    def add_batch(self, customer: str, batch: str) -> None:
        """A new, empty batch."""
        row = (customer, batch, batch.casefold(), self._clock())
        self._database.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", row)

    def batches(self, customer: str) -> list[Json]:
        """All batches of the customer, as "DeviceBatch"."""
        rows = self._database.execute(
            """SELECT batch.id, batch.created,
                 (SELECT count(*) FROM device WHERE device.customer = batch.customer AND device.batch = batch.id),
                 (SELECT count(*) FROM job
                  WHERE job.customer = batch.customer AND job.batch = batch.id AND job.finished > ?)
               FROM batch WHERE batch.customer = ? ORDER BY batch.created, batch.id""",
            (self._clock(), customer),
        )
        return [
            {
                "id": batch,
                "status": "processing" if running else "finished",
                "creationDate": utc(created),
                "devicesCount": count,
                "devicesLink": {
                    "uri": f"/customers/{customer}/deviceBatches/{batch}/devices",
                    "method": "GET",
                    "headers": [],
                },
                "attributes": {"objectType": "DeviceBatch"},
            }
            for batch, created, count, running in rows
        ]

    # Devices

    def devices(self, customer: str, batch: str, after: int) -> tuple[list[Json], int | None, int]:
        """A page of devices, the number to go on after (None at the end), and how many the batch holds."""
        where = """FROM device LEFT JOIN device_detail ON device_id = device.id
                   WHERE customer = ? AND batch = ? AND visible_at <= ?"""
        now = self._clock()
        (total,) = self._database.execute(f"SELECT count(*) {where}", (customer, batch, now)).fetchone()
        rows = self._database.execute(
            "SELECT number, id, serial, product_key, manufacturer, model, visible_at, uploaded_by, operations"
            f" {where} AND number > ? ORDER BY number LIMIT ?",
            (customer, batch, now, after, self._behaviour.page_size + 1),
        ).fetchall()
        page = rows[: self._behaviour.page_size]
        policies = self.policies.of_devices(customer, page[0][0], page[-1][0]) if page else {}
        return (
            [_resource(row, policies.get(row[1])) for row in page],
            page[-1][0] if len(rows) > len(page) else None,
            total,
        )

    def delete_device(self, customer: str, batch: str, device_id: str, by: str | None = None) -> bool | None:
        """Whether the device was deleted: False if there is none, None if deleting it is not allowed."""
        found = """SELECT operations FROM device LEFT JOIN device_detail ON device_id = device.id
                   WHERE customer = ? AND batch = ? AND id = ?"""
        row = self._database.execute(found, (customer, batch, device_id)).fetchone()
        if row is None:
            return False
        if row[0] is not None and "DELETE" not in json.loads(row[0]):
            return None
        self._database.execute("DELETE FROM device WHERE id = ?", (device_id,))
        self._database.execute("DELETE FROM identity WHERE device_id = ?", (device_id,))
        self._database.execute("DELETE FROM device_detail WHERE device_id = ?", (device_id,))
        self._database.execute("DELETE FROM assigned WHERE device_id = ?", (device_id,))
        self.audit_log.add("device_deleted", customer, by or self._behaviour.user, BatchId=batch, DeviceId=device_id)
        return True

    def devices_with_serial(self, customer: str, serial: str) -> list[tuple[str, str]]:
        """Batch and id of each device of the customer with this serial number."""
        found = "SELECT batch, id FROM device WHERE customer = ? AND serial = ? ORDER BY number"
        return list(self._database.execute(found, (customer, serial)))

    def policies_by_serial(self, customer: str) -> dict[str, str | None]:
        """The policy that each device of the customer has now."""
        policies = self.policies.of_devices(customer)
        found = "SELECT serial, id FROM device WHERE customer = ? AND serial IS NOT NULL"
        rows = self._database.execute(found, (customer,))
        return {serial: policies.get(device_id) for serial, device_id in rows}

    def allow(self, device_id: str, operations: Sequence[str]) -> None:
        """Allow on a device these operations alone."""
        changed = "UPDATE device_detail SET operations = ? WHERE device_id = ?"
        self._database.execute(changed, (json.dumps(list(operations)), device_id))

    # Uploads

    def accept(self, customer: str, batch: str, devices: Sequence[SentDevice], *, is_new: bool = False) -> str:
        """Take an upload; gives its tracking id. Every verdict is found now, and shown when the delay is over."""
        tracking_id, now = str(self._new_id()), self._clock()
        what = "devices_upload_to_new_batch_attempted" if is_new else "devices_upload_to_existing_batch_attempted"
        self.audit_log.add(
            what, customer, self._behaviour.user, BatchId=batch, BatchTrackingId=tracking_id, Devices=str(len(devices))
        )
        in_this_upload: set[str] = set()
        statuses = []
        for device in devices:
            ids = self.ids_by_customer(device)
            verdict = self._verdict(customer, device, ids, in_this_upload)
            in_this_upload.update(device.identities)
            late = seconds_late(device.serial)
            due, device_id = now + self._behaviour.delay + late, None
            if verdict.is_registered:
                device_id = ids.get(customer) or self.register(customer, batch, device, due, self._behaviour.user)
            statuses.append(_status_of(device, device_id, verdict) | ({_DUE: due} if late else {}))
        self._add_job(tracking_id, customer, batch, statuses)
        self._database.executemany(
            "INSERT INTO posted VALUES (?, 1) ON CONFLICT (identity) DO UPDATE SET times = times + 1",
            [(identity,) for identity in {device.identities[0] for device in devices}],
        )
        return tracking_id

    def _add_job(self, tracking_id: str, customer: str, batch: str, statuses: Sequence[Json]) -> None:
        now = self._clock()
        job = (tracking_id, customer, batch, now, now + self._behaviour.delay, json.dumps(statuses))
        self._database.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?)", job)

    def update_policies(self, customer: str, updates: Sequence[PolicyUpdate]) -> str:
        """Give devices policies, which they have when the delay is over; gives the tracking id."""
        tracking_id = str(self._new_id())
        by = self._behaviour.user
        self.audit_log.add(
            "devices_update_attempted", customer, by, BatchTrackingId=tracking_id, Devices=str(len(updates))
        )
        statuses = [self._update_policy(customer, update) for update in updates]
        self._add_job(tracking_id, customer, "", statuses)
        return tracking_id

    def _update_policy(self, customer: str, update: PolicyUpdate) -> Json:
        """The status of one device of an update, as "DeviceUploadDetails"."""
        found = "SELECT serial, product_key FROM device WHERE customer = ? AND id = ?"
        device = self._database.execute(found, (customer, update.device_id)).fetchone()
        serial, product_key = device or (None, None)
        if device is None:
            verdict = failed("ZtdDeviceIsNotRegistered")
        elif not self.policies.exists(customer, update.policy_id):
            verdict = failed("ZtdProfileIsNotRegistered")
        else:
            verdict = provoked_by_update(serial) or Verdict()
        if verdict.is_registered:
            self.policies.assign(update.device_id, update.policy_id, self._clock() + self._behaviour.delay)
        return _details(update.device_id, serial, product_key, verdict)

    def _verdict(
        self, customer: str, device: SentDevice, owners: Mapping[str, str], in_this_upload: set[str]
    ) -> Verdict:
        if not in_this_upload.isdisjoint(device.identities):
            return failed(self._behaviour.duplicate_device) if self._behaviour.duplicate_device else Verdict()
        asked_for = provoked(device.serial, sent_before=self._was_sent(device))
        if asked_for:
            return asked_for
        if not device.hash_is_base64:
            return failed("InvalidZtdHardwareHash")
        if owners.keys() - {customer}:
            return failed("ZtdDeviceAssignedToOtherTenant")
        known = self._behaviour.known_device
        return failed(known) if owners and known else Verdict()

    def _was_sent(self, device: SentDevice) -> bool:
        found = "SELECT 1 FROM posted WHERE identity = ?"
        return self._database.execute(found, (device.identities[0],)).fetchone() is not None

    def ids_by_customer(self, device: SentDevice) -> dict[str, str]:
        """The customers that have the device, each with its id there."""
        found = "SELECT customer, device.id FROM identity JOIN device ON device.id = identity.device_id WHERE key IN "
        keys = device.identities
        return dict(self._database.execute(f"{found}({', '.join('?' * len(keys))})", keys))

    def register(self, customer: str, batch: str, device: SentDevice, visible_at: float, by: str) -> str:
        """Make the device one of the batch; gives its id."""
        device_id = str(self._new_id())
        self._database.execute(
            "INSERT INTO device VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(device_id, customer, batch, device.serial, device.product_key, device.manufacturer, device.model),
                visible_at,
            ),
        )
        detail = (device_id, by, json.dumps(_OPERATIONS))
        self._database.execute("INSERT INTO device_detail VALUES (?, ?, ?)", detail)
        rows = [(identity, device_id) for identity in device.identities]
        self._database.executemany("INSERT OR REPLACE INTO identity VALUES (?, ?)", rows)
        return device_id

    def job(self, customer: str, tracking_id: str) -> Json | None:
        """How far the upload has come, as "BatchUploadDetails"; None when the customer has no such upload."""
        found = "SELECT accepted, finished, devices FROM job WHERE customer = ? AND id = ?"
        row = self._database.execute(found, (customer, tracking_id.lower())).fetchone()
        if row is None:
            return None
        accepted, finished, devices = row[0], row[1], json.loads(row[2])
        if not self._behaviour.statuses_as_sent:
            devices.reverse()
        now = self._clock()
        details = {"batchTrackingId": tracking_id.lower(), "attributes": {"objectType": "BatchUploadDetails"}}
        if now < accepted + (finished - accepted) / 2:
            return details | {"status": "queued", "devicesStatus": None}
        if now < finished:
            running = [_still_processing(device) for device in devices]
            return details | {"status": "processing", "startedTime": utc(accepted), "devicesStatus": running}
        return details | {
            "status": _status_of_upload(devices),
            "startedTime": utc(accepted),
            "completedTime": utc(finished),
            "devicesStatus": [_status_at(now, device) for device in devices],
        }

    def posted(self) -> dict[str, int]:
        """How often each device was in a POST that was processed."""
        return dict(self._database.execute("SELECT identity, times FROM posted"))


def _resource(row: Sequence[Json], policy: str | None) -> Json:
    """The device of a list, as "Device"."""
    names = ("id", "serialNumber", "productKey", "oemManufacturerName", "modelName")
    visible_at, uploaded_by, operations = row[6:]
    return {name: value for name, value in zip(names, row[1:6], strict=True) if value} | {
        "policies": [{"key": "o_o_b_e", "value": policy}],
        "uploadedDate": utc(visible_at) + ".0092288-00:00",
        "uploadedBy": uploaded_by,
        "allowedOperations": json.loads(operations) if operations else list(_OPERATIONS),
        "attributes": {"objectType": "Device"},
    }


def _status_of(device: SentDevice, device_id: str | None, verdict: Verdict) -> Json:
    """The device of an upload: sent with its hash alone, it comes back without any identifier."""
    identified = bool(device.serial or device.product_key)
    return _details(device_id if identified else None, device.serial, device.product_key, verdict)


def _details(device_id: str | None, serial: str | None, product_key: str | None, verdict: Verdict) -> Json:
    """A device as "DeviceUploadDetails"."""
    values = {
        "deviceId": device_id,
        "serialNumber": serial,
        "productKey": product_key,
        "status": verdict.status,
        "errorCode": verdict.code,
        "errorDescription": verdict.name,
    }
    shown = {name: value for name, value in values.items() if value is not None}
    return shown | {"attributes": {"objectType": "DeviceUploadDetails"}}


def _status_at(now: float, device: Json) -> Json:
    """The device as it is shown once its upload has ended."""
    if now < device.get(_DUE, now):
        return _still_processing(device)
    return {name: value for name, value in device.items() if name != _DUE}


def _still_processing(device: Json) -> Json:
    """The device before its verdict is known."""
    shown = {name: value for name, value in device.items() if name != _DUE and not name.startswith("error")}
    return shown | {"status": "processing"}


def _status_of_upload(devices: Sequence[Json]) -> str:
    """The pages show `finished` over a failed device; only when all of several failed does this say more."""
    all_failed = all(device["status"] == "finished_with_errors" for device in devices)
    return "finished_with_errors" if all_failed and len(devices) > 1 else "finished"
