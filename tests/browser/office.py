"""An office at work: customers and device files of a few days, with every outcome, and one file still under way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from shared.partner_center.client import CallIds, JobAnswer, PartnerCenter
from shared.partner_center.models import DeviceUploadDetails
from tests.browser.site import Site
from tests.pipeline.world import HEADER, Changed, World

CONTOSO, FABRIKAM = "c7f3c849-129f-4b85-a96d-4f8e88b315a3", "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
NORTHWIND, WINGTIP = "5b1e9a70-8f0e-4f3c-9c55-2f4f8c1d7a11", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
NAMES = {"Contoso": CONTOSO, "Fabrikam GmbH": FABRIKAM, "Northwind Traders": NORTHWIND}

DELL, HP, LENOVO = "Dell Inc.,Latitude 7450", "HP,HP EliteBook 840 14 inch G11 Notebook PC", "LENOVO,21R3001BUK"
SURFACE = "Microsoft Corporation,Surface Pro 11th Edition"


@dataclass(frozen=True, slots=True)
class Office:
    """The files that tests look at, each as customer id and file id."""

    closed: tuple[str, str]
    """With rows of every kind."""
    well: tuple[str, str]
    rejected: tuple[str, str]
    under_way: tuple[str, str]
    lost_serial: str
    """Of a device that is another tenant's."""


class Moody(Changed):
    """A service that ends some devices with its passing error."""

    def __init__(self, real: PartnerCenter, serials: Iterable[str]) -> None:
        super().__init__(real)
        self._serials = frozenset(serials)

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = super().batch_job_status(customer_id, tracking_id, ids)
        devices = tuple(map(self._told, answer.details.devices_status or ()))
        return JobAnswer(replace(answer.details, devices_status=devices), answer.service_ids)

    def _told(self, device: DeviceUploadDetails) -> DeviceUploadDetails:
        if device.serial_number not in self._serials:
            return device
        return replace(device, status="finished_with_errors", error_code=None, error_description="StorageError")


def open_office(site: Site) -> Office:
    """Fill the site's storage. Afterwards its clock stands still at the time of the last file."""
    world = site.world
    world.meet(Moody(world.partner_center, {"PF5T0QZ7", "PF5T0QZ9"}))
    for name, customer_id in NAMES.items():
        world.customers.add(name, customer_id, "", world.clock())
    _drop(world, WINGTIP, "Sales", "retired-leases.csv", [f"PF5T0Q{letter}1,{LENOVO}" for letter in "AB"])
    _drop(world, FABRIKAM, "Field Tablets", "oem-shipment-0093.csv", _devices("FT", 480, SURFACE), hours=20)
    well = _drop(world, CONTOSO, "Meeting Rooms", "meeting-rooms.csv", _devices("MR", 24, DELL), hours=3)
    rejected = _put(world, FABRIKAM, "Field Tablets", "IMG_2041.csv", b"\x89PNG\r\n\x1a\n" + bytes(400), hours=1)
    _drop(world, NORTHWIND, "Kiosks", "AutopilotHWID.csv", [f"5CG4210KXP,{HP}"], minutes=40)
    closed = _drop(world, CONTOSO, "Sales Laptops", "new-starters-november.csv", list(_starters()), minutes=25)
    under_way = _put(world, FABRIKAM, "Field Tablets", "warehouse-4711.csv", _csv(_devices("WH", 1_400, HP)), minutes=6)
    while _submissions_over(world, under_way) < 2 and world.deliver_next():
        continue
    return Office(
        closed=(CONTOSO, closed),
        well=(CONTOSO, well),
        rejected=(FABRIKAM, rejected),
        under_way=(FABRIKAM, under_way),
        lost_serial="PF5T0QA1",
    )


def _starters() -> Iterable[str]:
    yield from _devices("5CG4", 96, HP)
    yield from _devices("PF4", 60, LENOVO)
    yield from ("PF5T0QA1," + LENOVO, "PF5T0QB1," + LENOVO)
    yield from ("PF5T0QZ7," + LENOVO, "PF5T0QZ9," + LENOVO)
    yield "5CG4210KXQ,,"
    yield "To be filled by O.E.M.," + DELL
    yield "1.23457E+11," + DELL
    yield "PF4-0007," + LENOVO
    yield from _devices("7CQ", 31, DELL)


def _devices(prefix: str, number: int, maker_and_model: str) -> list[str]:
    return [f"{prefix}-{each:04d},{maker_and_model}" for each in range(1, number + 1)]


def _csv(devices: Iterable[str]) -> bytes:
    """A device file of `serial,maker,model`."""
    lines = []
    for device in devices:
        serial, _, maker_and_model = device.partition(",")
        lines.append(f"{serial},,,{maker_and_model}")
    return "\r\n".join([HEADER, *lines, ""]).encode()


def _drop(
    world: World, customer_id: str, batch: str, name: str, devices: list[str], *, hours: int = 0, minutes: int = 0
) -> str:
    """A file of devices is dropped, so much later than the last one, and comes to its end."""
    identifier = _put(world, customer_id, batch, name, _csv(devices), hours=hours, minutes=minutes)
    world.run()
    return identifier


def _put(
    world: World, customer_id: str, batch: str, name: str, content: bytes, *, hours: int = 0, minutes: int = 0
) -> str:
    world.clock.now += timedelta(hours=hours, minutes=minutes)
    return world.drop_file(content, f"{customer_id}/{batch}/{name}")


def _submissions_over(world: World, identifier: str) -> int:
    return sum(stored.record.state.is_final for stored in world.journal.submissions.of_reading(f"{identifier}.1"))
