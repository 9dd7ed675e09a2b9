"""What is planned for each row of a file, against what comes of it when the file is dropped."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from local.partner_center.devices import SentDevice
from shared.device_files.rows import CheckedRow, SendableDevice
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.intake.preview import destination_for, preview
from shared.pipeline.inventory.plan import (
    DIFFERS,
    ENDED_SINCE,
    MAY_NOT_BE_DELETED,
    NOT_READ,
    NOTHING_TO_FIND_IT_BY,
    SEVERAL_FIT,
    KnownDevice,
    Likeness,
    Place,
    Plan,
    ended_since,
    likeness,
    place_of_search,
    plan,
    planned_rows,
)
from shared.pipeline.inventory.planned_profiles import ProfileFate
from shared.pipeline.inventory.snapshots import RegisteredDevice, hash_digest
from shared.pipeline.profiles import profiles_of
from shared.storage.inventories import BatchInventory
from shared.vocabulary import FileOrder
from tests.device_files.hash_builder import build_hash
from tests.pipeline.submissions.test_profile_assignment import wishing
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


def planned(world: World, content: str, batch: str | None = "Test", order: FileOrder = FileOrder.REGISTER) -> Plan:
    destination = destination_for(world.settings, CUSTOMER, batch, order)
    return plan(
        world.pipeline,
        lambda: iter([content.encode()]),
        name="devices.csv",
        customer_id=CUSTOMER,
        destination=destination,
    )


def places(world: World, content: str, batch: str | None = "Test") -> list[tuple[str, Place, str]]:
    found = planned(world, content, batch)
    rows = [one for of_place in found.shown.values() for one in of_place]
    return [(one.row.serial_number, one.place, one.where) for one in sorted(rows, key=lambda one: one.row.row)]


def test_each_row_is_new_or_says_where_its_device_stands(world: World) -> None:
    world.drop_file(numbered(1, "HERE-"), f"{CUSTOMER}/Test/a.csv")
    world.drop_file(numbered(1, "SALES-"), f"{CUSTOMER}/Sales/b.csv")
    world.drop_file(numbered(1, "THEIRS-"), f"{OTHER_CUSTOMER}/Test/c.csv")
    world.run()
    world.read_devices()
    prefixes = ("HERE-", "SALES-", "THEIRS-", "NEW-")
    content = "\r\n".join([HEADER, *(line for prefix in prefixes for line in numbered(1, prefix).splitlines()[1:])])
    assert places(world, content) == [
        ("HERE-00001", Place.IN_THIS_BATCH, "Test"),
        ("SALES-00001", Place.IN_OTHER_BATCH, "Sales"),
        ("THEIRS-00001", Place.AT_OTHER_CUSTOMER, OTHER_CUSTOMER),
        ("NEW-00001", Place.NEW, ""),
    ]


def test_before_the_batches_were_read_only_our_own_files_tell(world: World) -> None:
    world.drop_file(numbered(1, "HERE-"), f"{CUSTOMER}/Test/a.csv")
    world.run()
    found = planned(world, numbered(1, "HERE-") + "\r\n".join(numbered(1, "NEW-").splitlines()[1:]))
    assert found.places == {Place.IN_THIS_BATCH: 1, Place.CANNOT_BE_TOLD: 1}
    assert found.shown[Place.CANNOT_BE_TOLD][0].why == NOT_READ
    assert "file a.csv of 2026-11-20" in found.shown[Place.IN_THIS_BATCH][0].why


def test_of_a_file_that_ended_before_the_batches_were_read_the_batches_tell(world: World) -> None:
    world.drop_file(numbered(2), f"{CUSTOMER}/Test/a.csv")
    world.run()
    assert world.service.delete_elsewhere(CUSTOMER, "SN-00001") == 1
    world.read_devices()
    assert [place for _, place, _ in places(world, numbered(2))] == [Place.NEW, Place.IN_THIS_BATCH]
    (there,) = planned(world, numbered(2)).shown[Place.IN_THIS_BATCH]
    assert there.why == f"as listed on {world.clock():%Y-%m-%d %H:%M} UTC"
    assert ended_since(world.pipeline, CUSTOMER) == ""
    world.clock.now += timedelta(seconds=1)
    world.drop_file(numbered(1, "LATER-"), f"{CUSTOMER}/Test/b.csv")
    world.run()
    assert ended_since(world.pipeline, CUSTOMER) == ENDED_SINCE
    assert [place for _, place, _ in places(world, numbered(1, "LATER-"))] == [Place.IN_THIS_BATCH]


def test_a_file_that_ends_and_batches_that_are_read_anew_while_it_is_planned_hide_no_device(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop_file(numbered(1), f"{CUSTOMER}/Test/a.csv")
    world.run()
    world.read_devices()
    read_blob = world.private.read

    def while_it_is_read(path: str) -> bytes | None:
        content = read_blob(path)
        monkeypatch.undo()
        world.drop_file(numbered(1, "LATER-"), f"{CUSTOMER}/Test/b.csv")
        world.run()
        world.read_devices()
        return content

    monkeypatch.setattr(world.private, "read", while_it_is_read)
    assert [place for _, place, _ in places(world, numbered(1, "LATER-"))] == [Place.IN_THIS_BATCH]


def test_a_file_that_no_row_can_be_read_of_has_a_plan_without_rows(world: World) -> None:
    found = planned(world, "no device file")
    assert found.preview.fault is not None
    assert found.places == {}


def test_a_plan_that_takes_too_long_says_so(world: World) -> None:
    destination = destination_for(world.settings, CUSTOMER, "Test")
    found = plan(
        world.pipeline,
        lambda: iter([numbered(600).encode()]),
        name="devices.csv",
        customer_id=CUSTOMER,
        destination=destination,
        is_late=lambda: True,
    )
    assert found.is_cut_short


# --- which devices are the same


def row(**fields: str) -> CheckedRow:
    """A row that would be sent, with these names, or with a hash and these names."""
    with_hash = fields.pop("hardware_hash", None)
    blank = dict.fromkeys(("serial_number", "product_key", "manufacturer", "model"), "") | fields
    sent = SendableDevice(hardware_hash=with_hash, **{name: text or None for name, text in blank.items()})
    return CheckedRow(
        row=1,
        source="",
        group_tag="",
        order_number="",
        profile="",
        reason=None,
        duplicate_of=None,
        notes=(),
        device=sent,
        **blank,
    )


TUPLE = {"serial_number": "SN-1", "manufacturer": "Lenovo", "model": "21R3"}
LISTED = RegisteredDevice(device_id="d", serial_number=" sn-1", manufacturer="LENOVO", model="21r3")
KEY = "00329-00000-00003-AA606"


@pytest.mark.parametrize(
    ("given", "device", "expected"),
    [
        (TUPLE, LISTED, Likeness.SAME),
        (TUPLE | {"model": "21R4"}, LISTED, Likeness.OTHER),
        (TUPLE | {"serial_number": "SN-2"}, LISTED, Likeness.OTHER),
        (TUPLE, replace(LISTED, model=""), Likeness.UNLIKE),
        ({"serial_number": "SN-1", "hardware_hash": "T0A"}, replace(LISTED, manufacturer="", model=""), Likeness.SAME),
        (TUPLE | {"hardware_hash": "T0A"}, LISTED, Likeness.SAME),
        (TUPLE | {"hardware_hash": "T0A", "model": "X1"}, LISTED, Likeness.OTHER),
        ({"hardware_hash": "T0A"}, replace(LISTED, hash_digest=hash_digest("T0A")), Likeness.SAME),
        (TUPLE | {"hardware_hash": "T0A"}, replace(LISTED, hash_digest=hash_digest("T0B")), Likeness.OTHER),
        ({"product_key": KEY}, replace(LISTED, product_key=KEY.lower()), Likeness.SAME),
        ({"product_key": KEY, "serial_number": "SN-1"}, LISTED, Likeness.OTHER),
        ({"product_key": KEY}, RegisteredDevice(), Likeness.OTHER),
    ],
)
def test_devices_are_the_same_as_the_service_compares_them(
    given: dict[str, str], device: RegisteredDevice, expected: Likeness
) -> None:
    assert likeness(row(**given), device) is expected


# --- the whole way


def test_what_was_planned_for_profiles_is_what_comes_of_them(world: World) -> None:
    world.drop_file(wishing(("A-1", "Kiosk"), ("B-1", "Standard"), ("C-1", "")), f"{CUSTOMER}/Test/a.csv")
    world.drop_file(wishing(("D-1", "Kiosk"), ("E-1", "")), f"{CUSTOMER}/Sales/b.csv")
    world.drop_file(wishing(("F-1", "")), f"{OTHER_CUSTOMER}/Test/c.csv")
    world.run()
    world.read_devices()
    world.customers.set_default_profile(CUSTOMER, "test", "standard", world.clock())
    wishes = (
        ("A-1", "KIOSK"),
        ("B-1", "Kiosk"),
        ("C-1", ""),
        ("D-1", "Kiosk"),
        ("E-1", "Kiosk"),
        ("F-1", "Kiosk"),
        ("G-1", ""),
    )
    content = wishing(*wishes, ("H-1", "Nobody's"))

    before = Counter(fates(world, content).values())
    assert before == {ProfileFate.CANNOT_BE_TOLD: 7, ProfileFate.GETS_NONE: 1}, "the profiles are being listed"
    world.run()
    assert planned(world, content).profiles == Counter(fates(world, content).values())
    assert fates(world, content) == {
        "A-1": ProfileFate.HAS_IT,
        "B-1": ProfileFate.GETS_IT,
        "C-1": ProfileFate.GETS_IT,
        "D-1": ProfileFate.HAS_IT,
        "E-1": ProfileFate.CANNOT_BE_TOLD,
        "F-1": ProfileFate.GETS_NONE,
        "G-1": ProfileFate.GETS_IT,
        "H-1": ProfileFate.NO_SUCH_PROFILE,
    }
    assert world.wakeups.waiting == [], "the list of profiles is not old"
    file = world.drop_file(content, f"{CUSTOMER}/Test/later.csv")
    world.run()
    came = {row["serial_number"]: row["profile_outcome"] for row in world.rows(file, f"{CUSTOMER}/Test/later.csv")}
    assert {f"{letter}-1": came[f"{letter}-1"] for letter in "ABCFGH"} == dict.fromkeys(
        ("A-1", "B-1", "C-1", "G-1"), "assigned"
    ) | {
        "F-1": "",
        "H-1": "rejected",
    }
    assert came["E-1"] != "assigned", came
    assert fates(world, content)["G-1"] is ProfileFate.HAS_IT, "as our own file of later tells"


def test_devices_to_be_removed_get_no_profile_and_those_to_be_moved_get_it_anew(world: World) -> None:
    world.drop_file(wishing(("A-1", "Kiosk")), f"{CUSTOMER}/Sales/a.csv")
    world.run()
    world.read_devices()
    profiles_of(world.pipeline, CUSTOMER)
    world.run()
    content = wishing(("A-1", "Kiosk"), ("NEW-1", "Kiosk"))
    assert fates(world, content, FileOrder.REMOVE) == {}
    assert fates(world, content, FileOrder.MOVE) == {"A-1": ProfileFate.GETS_IT, "NEW-1": ProfileFate.GETS_IT}
    path = f"{FileOrder.MOVE.folder}/{CUSTOMER}/Test/moved.csv"
    file = world.drop_file(content, path)
    world.run()
    assert [row["profile_outcome"] for row in world.rows(file, path)] == ["assigned"] * 2


def elsewhere(world: World, serial: str, batch: str, maker: str = "LENOVO", key: str | None = None) -> str:
    model = "21R3001BUK" if serial else None
    device = SentDevice.of(
        serial=serial or None, product_key=key, manufacturer=maker or None, model=model, hardware_hash=None
    )
    return world.service.register_elsewhere(CUSTOMER, batch, device)


KEY_13 = "3300000000001"
ROWS = (
    ("SALES-1", "", "LENOVO", "21R3001BUK"),
    ("TEST-1", "", "LENOVO", "21R3001BUK"),
    ("TWO-1", "", "", ""),
    ("OTHER-1", "", "HP", "21R3001BUK"),
    ("", KEY_13, "", ""),
    ("NONE-1", "", "LENOVO", "21R3001BUK"),
)


@pytest.mark.parametrize(
    ("order", "batch", "place_of_row", "outcome_of_row"),
    [
        (
            FileOrder.REMOVE,
            None,
            ["in_this_batch", "in_this_batch", SEVERAL_FIT, DIFFERS, "in_this_batch", "new"],
            ["removed", "removed", "several_devices", "another_device", "removed", "not_there"],
        ),
        (
            FileOrder.REMOVE,
            "test",
            ["in_other_batch", "in_this_batch", "in_this_batch", DIFFERS, "in_this_batch", "new"],
            ["not_in_batch", "removed", "removed", "not_in_batch", "removed", "not_in_batch"],
        ),
        (
            FileOrder.MOVE,
            "Test",
            ["in_other_batch", "in_this_batch", "", DIFFERS, "in_this_batch", "new"],
            ["registered", "already_there", "serial_alone", "another_device", "already_there", "registered"],
        ),
    ],
)
def test_what_was_planned_for_devices_to_be_removed_or_moved_is_what_comes_of_it(
    world: World, order: FileOrder, batch: str | None, place_of_row: list[str], outcome_of_row: list[str]
) -> None:
    for serial, of_batch, maker in (
        ("SALES-1", "Sales", "LENOVO"),
        ("TEST-1", "Test", "LENOVO"),
        ("TWO-1", "Sales", "LENOVO"),
        ("TWO-1", "Test", "HP"),
        ("OTHER-1", "Sales", "LENOVO"),
    ):
        elsewhere(world, serial, of_batch, maker)
    elsewhere(world, "", "Test", "", KEY_13)
    world.read_devices()
    lines = [f"{serial},{key},,{maker},{model}" for serial, key, maker, model in ROWS]
    content = "\r\n".join([HEADER, *lines, ""])
    found = planned(world, content, batch, order)
    told = {
        one.row.row: one.why if one.place is Place.CANNOT_BE_TOLD else one.place
        for of in found.shown.values()
        for one in of
    }
    assert [str(told.get(row, "")) for row in range(1, len(ROWS) + 1)] == place_of_row
    path = "/".join(filter(None, (order.folder, CUSTOMER, batch, "f.csv")))
    file = world.drop_file(content, path)
    world.run()
    assert [row["error_code"] or row["outcome"] for row in world.rows(file, path)] == outcome_of_row


def test_a_device_that_may_not_be_deleted_is_planned_to_stay_and_one_without_names_to_be_sought_in_vain(
    world: World,
) -> None:
    kept = RegisteredDevice(device_id="d", serial_number="SN-1", allowed_operations=("GET",))
    batch = BatchInventory(customer_id=CUSTOMER, batch_id="Sales", listed_at=world.clock())
    known = [KnownDevice(kept, batch)]
    of_serial = row(serial_number="SN-1")
    stays = place_of_search(of_serial, "Test", known, known, FileOrder.MOVE)
    assert stays is not None
    assert (stays.place, stays.where) == (Place.IN_OTHER_BATCH, "Sales")
    assert stays.why.endswith(MAY_NOT_BE_DELETED)
    nameless = place_of_search(row(hardware_hash="T0A"), "", [], [], FileOrder.REMOVE)
    assert nameless is not None
    assert (nameless.place, nameless.why) == (Place.CANNOT_BE_TOLD, NOTHING_TO_FIND_IT_BY)


def test_a_plan_without_wishes_asks_for_no_profiles(world: World) -> None:
    assert planned(world, numbered(2)).profiles == {}
    assert world.wakeups.waiting == []


def fates(world: World, content: str, order: FileOrder = FileOrder.REGISTER) -> dict[str, ProfileFate]:
    """What would come of the wish of each row, by serial number."""
    found = planned(world, content, order=order)
    rows = [one for of_place in found.shown.values() for one in of_place if one.profile is not None]
    return {one.row.serial_number: one.profile.fate for one in rows if one.profile is not None}


def test_what_was_planned_is_what_comes_of_it(world: World) -> None:
    """More than seven hundred rows: devices of ours and of others, deleted, withdrawn, new; by each identity."""
    content, registered = mixed_file()
    for path, lines in registered.items():
        world.drop_file("\r\n".join([HEADER, *lines, ""]), path)
        world.run()
    withdrawn = world.drop_file(numbered(20, "GONE-"), f"{CUSTOMER}/Test/withdrawn.csv")
    world.run()
    withdraw(world.pipeline, CUSTOMER, withdrawn)
    world.run()
    for number in range(1, 31):
        assert world.service.delete_elsewhere(CUSTOMER, f"HERE-{number:05d}") == 1
        world.service.register_elsewhere(
            CUSTOMER,
            "Portal",
            SentDevice.of(
                serial=f"PORTAL-{number:05d}",
                product_key=None,
                manufacturer="LENOVO",
                model="21R3001BUK",
                hardware_hash=None,
            ),
        )
    world.read_devices()
    destination = destination_for(world.settings, CUSTOMER, "Test")
    opened = partial(iter, [content.encode()])
    found = preview(opened, name="mixed.csv", destination=destination, now=world.clock())
    planned_places = {
        one.row.row: one.place
        for one in planned_rows(world.pipeline, opened, "mixed.csv", CUSTOMER, destination, found, world.clock())
    }
    file = world.drop_file(content, f"{CUSTOMER}/Test/mixed.csv")
    world.run()
    outcomes = world.rows(file, f"{CUSTOMER}/Test/mixed.csv")
    sent = {int(line["row"]): came_of(line) for line in outcomes if line["outcome"] not in ("rejected", "duplicate")}
    assert planned_places.keys() == sent.keys()
    assert len(sent) >= 700
    assert set(sent.values()) == set(Place) - {Place.CANNOT_BE_TOLD}
    same = sum(planned_places[number] is place for number, place in sent.items())
    assert same >= 0.99 * len(sent), Counter(
        (str(planned_places[number]), str(place)) for number, place in sent.items() if planned_places[number] != place
    )


def mixed_file() -> tuple[str, dict[str, list[str]]]:
    """The file, and what was registered before it: the lines of each earlier file by its path."""

    def tuples_of(prefix: str, count: int) -> list[str]:
        return numbered(count, prefix).splitlines()[1:]

    def keys_of(first: int, count: int) -> list[str]:
        return [f",{PRODUCT_KEYS[number]},,," for number in range(first, first + count)]

    def hashes_of(prefix: str, count: int) -> list[str]:
        return [f"{prefix}{n},,{build_hash(f'{prefix}{n}', 'LENOVO', '21R3')},," for n in range(count)]

    here, sales, theirs, new = (tuples_of(prefix, 170) for prefix in ("HERE-", "SALES-", "THEIRS-", "NEW-"))
    registered = {
        f"{CUSTOMER}/Test/here.csv": [*here, *keys_of(0, 5), *hashes_of("HASHED-", 10)],
        f"{CUSTOMER}/Sales/sales.csv": [*sales, *keys_of(5, 5)],
        f"{OTHER_CUSTOMER}/Test/theirs.csv": theirs,
    }
    portal = tuples_of("PORTAL-", 30)
    gone = tuples_of("GONE-", 20)
    wrong = ["SERIAL-ALONE,,,,", *tuples_of("HERE-", 3)]
    known = [*keys_of(0, 10), *hashes_of("HASHED-", 10)]
    unknown = [*keys_of(10, 5), *hashes_of("FRESH-", 10)]
    lines = [*here, *sales, *theirs, *new, *portal, *gone, *known, *unknown, *wrong]
    return "\r\n".join([HEADER, *lines, ""]), registered


PRODUCT_KEYS = [f"00329-{number:05d}-00003-AA{606 + number:03d}" for number in range(15)]


def came_of(line: dict[str, str]) -> Place:
    """The place that an outcome shows."""
    match line["outcome"]:
        case "registered":
            return Place.NEW
        case "already_registered":
            is_elsewhere = {"under_another_batch", "batch_not_known"} & set(line["notes"].split())
            return Place.IN_OTHER_BATCH if is_elsewhere else Place.IN_THIS_BATCH
        case _:
            assert line["outcome"] == "failed", line
            assert "Tenant" in line["error_description"], line
            return Place.AT_OTHER_CUSTOMER
