"""The registered devices of a customer, for people and scripts: a page of them, and how their reading stands."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus
from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.listing import (
    ListedDevice,
    batches_of,
    listed_devices,
    with_registrations,
)
from shared.pipeline.inventory.profile_names import ProfileNames
from shared.pipeline.inventory.reading import ask_for_devices, keep_fresh
from shared.status.http import Refusal
from shared.status.names import CustomerNames
from shared.status.paging import RegisteredPosition, cursor, position_in
from shared.status.presenters import page_address
from shared.status.profiles import sentence_of
from shared.status.queries import canonical_customer, customer_names
from shared.status.schemas import (
    BatchInventoryView,
    DriftNotice,
    DriftView,
    ErrorCode,
    InventoryView,
    ProfileListingView,
    RegisteredDevicePage,
    RegisteredDeviceView,
    RegistrationView,
)
from shared.storage.blobs import VersionGone
from shared.storage.customers import ProfileList
from shared.storage.inventories import BatchInventory, CustomerInventory, Drift
from shared.storage.record_table import Conflict
from shared.vocabulary import counted

REGISTERED_ON_A_PAGE = 100
MOST_REGISTERED_ON_A_PAGE = 500
DRIFT_SHOWN = 100

NOTICED_FOR = timedelta(days=7)
"""How long the list of files shows that devices drifted."""

NEVER_READ = "The devices of this customer were not read from Partner Center yet."
READ_ANEW = "The devices are being read anew at this moment. Ask again."


def registered_devices(
    pipeline: Pipeline,
    customer_id: str,
    batch_id: str | None = None,
    page: str | None = None,
    limit: int = REGISTERED_ON_A_PAGE,
) -> RegisteredDevicePage:
    """A page of the devices as last read, of all batches or one; what is old is asked for anew.

    Raises:
        NotFound: this is no customer id.
        BadCursor: the cursor is none of this list.
        Refusal: the devices are being read anew again and again at this moment.
    """
    customer = canonical_customer(customer_id)
    after = None if page is None else position_in(page, RegisteredPosition)
    reading = keep_fresh(pipeline, customer)
    batches = batches_of(pipeline, customer, batch_id)
    try:
        found = list(islice(_from_position(pipeline, batches, after), limit + 1))
    except VersionGone:
        batches = batches_of(pipeline, customer, batch_id)
        try:
            found = list(islice(_from_position(pipeline, batches, after), limit + 1))
        except VersionGone as error:
            raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, READ_ANEW) from error
    names = ProfileNames(pipeline, customer)
    shown = [_device_view(each, names) for each in with_registrations(pipeline, found[:limit])]
    return RegisteredDevicePage(
        customer_id=customer,
        customer_name=customer_names(pipeline).name_of(customer),
        reading=inventory_view(reading),
        total=sum(batch.devices for batch in batches),
        not_watched=sum(batch.nameless for batch in batches),
        batches=[_batch_view(batch) for batch in batches],
        drift=[_drift_view(one) for one in pipeline.journal.inventories.drift(customer, DRIFT_SHOWN)],
        devices=shown,
        profile_names=_profile_listing(names.listed),
        next=cursor(RegisteredPosition(found[limit].batch.batch_id, found[limit].place))
        if len(found) > limit
        else None,
    )


def ask(pipeline: Pipeline, customer_id: str) -> InventoryView:
    """Have the customer's devices read anew. Raises NotFound, Refusal."""
    try:
        return inventory_view(ask_for_devices(pipeline, canonical_customer(customer_id)))
    except Conflict as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, READ_ANEW) from error


def _from_position(
    pipeline: Pipeline, batches: Sequence[BatchInventory], position: RegisteredPosition | None
) -> Iterator[ListedDevice]:
    """The devices from a position on. A batch that is gone since is passed over."""
    if position is None:
        return listed_devices(pipeline, batches)
    names = [batch.batch_id for batch in batches]
    if position.batch_id not in names:
        return listed_devices(pipeline, [batch for batch in batches if batch.batch_id > position.batch_id])
    return listed_devices(pipeline, batches[names.index(position.batch_id) :], position.place)


def inventory_view(reading: CustomerInventory | None) -> InventoryView:
    """How the reading of a customer's devices stands."""
    if reading is None:
        return InventoryView(asked_at=None, read_at=None, is_in_progress=False, sentence=NEVER_READ)
    return InventoryView(
        asked_at=reading.asked_at,
        read_at=reading.read_at,
        is_in_progress=reading.is_in_progress,
        sentence=_sentence(reading),
    )


def _sentence(reading: CustomerInventory) -> str:
    if reading.read_at is None:
        was_read = "" if reading.is_in_progress or reading.failure else NEVER_READ
    else:
        was_read = f"All batches were read on {reading.read_at:%Y-%m-%d %H:%M} UTC."
    if reading.is_in_progress:
        now = "They are being read now." if not reading.waits_for else f"A reading waits. {reading.waits_for}"
    elif reading.failed_at is not None:
        now = f"The reading of {reading.failed_at:%Y-%m-%d %H:%M} UTC was given up: {reading.failure}"
    else:
        now = ""
    return " ".join(filter(None, (was_read, now)))


def not_watched(found: RegisteredDevicePage) -> str:
    """How many of the devices nobody watches for drift, and why, as a sentence; empty where there is none."""
    if not (number := found.not_watched):
        return ""
    return (
        f"{counted(number, 'device')} {'is' if number == 1 else 'are'} listed with neither a product key nor a real "
        "serial number: nobody can tell whether the app registered or removed such a device, so its drift is not told."
    )


def _batch_view(batch: BatchInventory) -> BatchInventoryView:
    if batch.failed_at is not None:
        sentence = f"It could not be read on {batch.failed_at:%Y-%m-%d %H:%M} UTC: {batch.failure}"
    elif batch.read_at is None:
        listed = (
            "" if batch.listed_devices is None else f" Partner Center lists {counted(batch.listed_devices, 'device')}."
        )
        sentence = f"It was not read yet.{listed}"
    else:
        sentence = ""
    return BatchInventoryView(batch_id=batch.batch_id, devices=batch.devices, read_at=batch.read_at, sentence=sentence)


def drift_notices(pipeline: Pipeline, names: CustomerNames) -> list[DriftNotice]:
    """The customers whose registered devices somebody else changed lately; none unless they are reconciled."""
    if not pipeline.settings.reconcile:
        return []
    since = pipeline.clock() - NOTICED_FOR
    readings = (stored.record for stored in pipeline.journal.inventories.all())
    return [
        DriftNotice(
            customer_id=reading.customer_id,
            customer_name=names.name_of(reading.customer_id),
            devices=reading.drifted,
            found_at=reading.drifted_at,
            page=f"/api/status/devices?customer={reading.customer_id}#drift",
        )
        for reading in readings
        if reading.drifted_at is not None and reading.drifted_at >= since
    ]


def _drift_view(drift: Drift) -> DriftView:
    return DriftView(
        kind=drift.kind,
        batch_id=drift.batch_id,
        new_batch_id=drift.new_batch_id,
        device_id=drift.device_id,
        serial_number=drift.serial_number,
        product_key=drift.product_key,
        manufacturer=drift.manufacturer,
        model=drift.model,
        who=drift.who,
        since=drift.since,
        seen_at=drift.seen_at,
    )


def _profile_listing(listed: ProfileList | None) -> ProfileListingView | None:
    if listed is None:
        return None
    return ProfileListingView(
        read_at=listed.read_at, is_in_progress=listed.is_in_progress, sentence=sentence_of(listed)
    )


def _device_view(each: ListedDevice, names: ProfileNames) -> RegisteredDeviceView:
    device, registration = each.device, each.registration
    return RegisteredDeviceView(
        batch_id=each.batch.batch_id,
        serial_number=device.serial_number,
        product_key=device.product_key,
        manufacturer=device.manufacturer,
        model=device.model,
        device_id=device.device_id,
        uploaded_at=device.uploaded_at,
        uploaded_by=device.uploaded_by,
        allowed_operations=list(device.allowed_operations),
        profiles=list(device.policies),
        profile_names=names.of(device.policies),
        seen_at=each.batch.read_at,
        registered_by=None
        if registration is None
        else RegistrationView(
            file_id=registration.file.file_id,
            file_name=registration.file.name,
            received_at=registration.file.received_at,
            row=registration.outcome.row,
            outcome=registration.outcome.outcome,
            page=page_address(registration.file.customer_id, registration.file.file_id),
        ),
    )
