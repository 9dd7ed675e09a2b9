import json
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.cells import CellType, type_of
from shared.device_files.formats import json_documents
from shared.device_files.rows import Column, PassedOver
from shared.reasons import FileReason, UnreadableDeviceFile

SAMPLES = Path(__file__).parents[1] / "samples" / "field"
MEGABYTE = 1024 * 1024
_NAMES = {
    Column.SERIAL_NUMBER: ("serialNumber", "serial"),
    Column.PRODUCT_KEY: ("productKey",),
    Column.HARDWARE_HASH: ("hardwareHash", "hardwareIdentifier", "hash"),
    Column.MANUFACTURER: ("manufacturer", "oemManufacturerName"),
    Column.MODEL: ("model", "modelName"),
    Column.GROUP_TAG: ("groupTag", "tag"),
    Column.ORDER_NUMBER: ("orderId",),
}
meaning: Callable[[str], Column | None] = {name: column for column, names in _NAMES.items() for name in names}.get


def read(
    text: str | bytes, size: int = 1_000_000
) -> tuple[list[tuple[str, Mapping[str, str]]], tuple[PassedOver, ...]]:
    data = text.encode() if isinstance(text, str) else text
    account = FileAccount()
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    return list(json_documents.items(chunks, account, meaning)), account.passed_over


def values(value: object) -> list[Mapping[str, str]]:
    """The items of one document, without where they stand."""
    return [cells for _, cells in read(json.dumps(value))[0]]


def refusal(text: str) -> UnreadableDeviceFile:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(text)
    return raised.value


def a_device(number: int, **more: object) -> dict[str, object]:
    return {"serialNumber": f"PC{number}", "manufacturer": "HP", "model": "840", **more}


ONE, TWO = a_device(1), a_device(2)
HASH = {"hardwareHash": "T0" + "A" * 100}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        json.dumps(ONE) + "\n" + json.dumps(TWO),
        json.dumps(ONE, indent=1) + "\n" + json.dumps(TWO),
        json.dumps(ONE) + "\n" + json.dumps([TWO], indent=1),
        json.dumps([ONE]) + json.dumps([TWO]),
        json.dumps(ONE) + json.dumps(TWO) + "\0\0\x1a",
        json.dumps(ONE) + ",\n" + json.dumps(TWO),
        json.dumps({"value": [ONE]}) + "\r\n" + json.dumps({"@odata.nextLink": "x", "value": [TWO]}),
        json.dumps([[ONE], [[TWO]], []]),
        json.dumps({"log": [{"message": "imported", "time": 1}], "devices": [ONE, TWO]}),
        json.dumps({"devices": [ONE, TWO], "errors": [], "user": {"name": "Anna", "id": 7}}),
        json.dumps({"Dell": {"devices": [ONE]}, "HP": {"devices": [TWO]}}),
        json.dumps({"data": {"devices": {"items": [ONE, TWO], "total": 2}}}),
        json.dumps({"value": [ONE, TWO], "Count": 2}),
        json.dumps([{"site": "Ulm", "devices": [ONE]}, {"site": "Bern", "devices": [TWO]}]),
        json.dumps({"value": {"value": ONE, "Count": 1}}) + json.dumps([{"properties": TWO}]),
    ],
)
def test_each_device_is_one_item_however_it_is_wrapped(text: str) -> None:
    found, _ = read(text)
    assert [(cells["serialNumber"], cells["manufacturer"], cells["model"]) for _, cells in found] == [
        ("PC1", "HP", "840"),
        ("PC2", "HP", "840"),
    ]


def test_objects_that_are_told_apart_by_their_names_are_devices_each() -> None:
    assert values({"a": ONE, "b": TWO, "at": "noon"}) == [{**ONE, "key": "a"}, {**TWO, "key": "b"}]
    assert values({"5CG0000001": {"manufacturer": "HP", "model": "840"}}) == [
        {"manufacturer": "HP", "model": "840", "key": "5CG0000001"}
    ]
    made = {"manufacturer": "HP", "model": "840"}
    for names in (("PC-1", "PC-2"), ("KY-10001", "KY-10002", "KY-10003"), ("Ulm", "Bern")):
        assert values(dict.fromkeys(names, made)) == [{**made, "key": name} for name in names]
    assert values({"Ulm": {"a": ONE}, "Bern": {"a": TWO, "b": HASH}}) == [
        {**ONE, "key": "a"},
        {**TWO, "key": "a"},
        {**HASH, "key": "b"},
    ]


@pytest.mark.parametrize(
    ("item", "cells"),
    [
        ({"device": ONE, "id": "x"}, {**ONE, "key": "device"}),
        ({"device": ONE, "groupTag": "Kiosk"}, {**ONE, "groupTag": "Kiosk", "key": "device"}),
        ({"serialNumber": None, "device": {"serial": "S1"}}, {"serial": "S1", "key": "device"}),
        ({"a": {"b": {"c": ONE}}}, {**ONE, "key": "c"}),
        (
            {"serial": ["S1"], "manufacturer": {"id": 3, "name": "HP"}, "model": {"value": "840", "PSPath": ""}},
            {"serial": "S1", "manufacturer": "HP", "model": "840", "rest of manufacturer": '{"id":"3"}'},
        ),
    ],
)
def test_an_item_is_the_object_in_it_that_is_a_device(item: object, cells: Mapping[str, str]) -> None:
    (found,) = values([item])
    assert {name: text for name, text in found.items() if text != '{"PSPath":""}'} == cells


def test_values_of_a_device_in_several_objects_are_not_put_together() -> None:
    system = {"manufacturer": "HP", "model": "840"}
    assert values({"bios": {"serial": "S1"}, "system": system}) == [
        {"serial": "S1", "key": "bios"},
        {**system, "key": "system"},
    ]


@pytest.mark.parametrize(
    "device",
    [
        {**ONE, "monitors": [a_device(8), a_device(9)]},
        {**ONE, "physicalDisks": [a_device(8)]},
        {**ONE, "Monitor": a_device(8)},
        {**ONE, "attached": a_device(8)},
        {"serialNumber": "PC1", "display": {"manufacturer": "Dell", "model": "U27"}},
        {"serialNumber": "PC1", "cpu": {"manufacturer": "Intel", "model": "i7"}, "tpm": {"manufacturer": "STM"}},
        {**ONE, "batteries": [a_device(8)], "Motherboard": a_device(9)},
        {**ONE, "programs": [{"manufacturer": "Adobe", "model": "Reader"}]},
    ],
)
def test_what_is_in_or_at_a_device_is_never_one_itself(device: dict[str, object]) -> None:
    for value in (device, [device], {"value": [device]}):
        (found,) = values(value)
        expected = {name: text for name, text in device.items() if isinstance(text, str)}
        assert {name: found.get(name, "") for name in (*ONE, "hardwareHash")} == {
            name: expected.get(name, "") for name in (*ONE, "hardwareHash")
        }


@pytest.mark.parametrize("name", ["removed", "excluded", "to_be_deleted", "returns", "failed", "defective"])
def test_a_list_of_devices_that_are_not_to_be_registered_is_told_of(name: str) -> None:
    (found,), (beside,) = read(json.dumps({"devices": [ONE], name: [TWO]}))
    assert found[1]["serialNumber"] == "PC1"
    assert (beside.places, beside.may_hold_device) == ((f"line 1 {name}",), True)


def test_a_device_in_a_device_is_told_of_unless_it_is_a_component() -> None:
    (found,), (beside,) = read(json.dumps([{**ONE, "replaces": TWO, "monitors": [a_device(8)]}]))
    assert found[1]["serialNumber"] == "PC1"
    assert (beside.count, beside.places, beside.may_hold_device) == (1, ("line 1 item 1 replaces",), True)


def test_where_it_cannot_be_told_which_is_the_device_the_file_is_refused() -> None:
    assert refusal(json.dumps({**ONE, **HASH, "children": [a_device(8)]})).reason is FileReason.NOT_DEVICES
    error = refusal(json.dumps({**ONE, "Festplatten": [a_device(8)]}))
    assert error.reason is FileReason.NOT_DEVICES
    assert "Festplatten" in error.detail
    assert refusal(json.dumps({"header": a_device(8), "devices": [ONE]})).reason is FileReason.NOT_DEVICES


def test_a_wrapper_says_what_holds_for_its_items_and_is_none_itself() -> None:
    wrapper = {
        **a_device(0),
        "tag": "Kiosk",
        "orderId": "PO-1",
        "devices": [ONE, {**TWO, "groupTag": "Own"}, {**a_device(3), "groupTag": ""}],
    }
    found, passed_over = read(json.dumps(wrapper, indent=1))
    assert [cells for _, cells in found] == [
        {**ONE, "tag": "Kiosk", "orderId": "PO-1"},
        {**TWO, "groupTag": "Own", "orderId": "PO-1"},
        {**a_device(3), "groupTag": "", "tag": "Kiosk", "orderId": "PO-1"},
    ]
    (beside,) = passed_over
    assert (beside.count, beside.places, beside.may_hold_device) == (
        3, ("serialNumber", "manufacturer", "model"), True,
    )  # fmt: skip


def test_a_nearer_wrapper_wins() -> None:
    inner = {"tag": "Inner", "devices": [ONE]}
    assert values({"tag": "Outer", "orderId": 7, "sites": [inner, {"devices": [TWO]}]}) == [
        {**ONE, "tag": "Inner", "orderId": "7"},
        {**TWO, "tag": "Outer", "orderId": "7"},
    ]


def test_what_stands_among_devices_or_beside_them_is_accounted_for() -> None:
    found, (beside,) = read(
        json.dumps({"devices": [ONE, None, "5CG1234567", "none", 7, {}, [TWO]], "note": "n"}, indent=1)
    )
    assert [cells for _, cells in found] == [ONE, {"value": "5CG1234567"}, {}, TWO]
    assert [place for place, _ in found] == ["item 1", "item 2", "item 3", "item 4"]
    assert (beside.count, beside.places, beside.excerpts, beside.may_hold_device) == (
        4, ("devices[1]", "devices[3]", "devices[4]", "note"), ("", "none", "7", "n"), False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "may_hold_device"),
    [
        ("@odata.context", "https://graph.microsoft.com/beta/$metadata#x", False),
        ("@odata.deltaToken", "R0usmcCM996atia12345", False),
        ("next", "https://graph.microsoft.com/beta/x?$skiptoken=1234567890ab", False),
        ("id", "0a1b2c3d-1111-2222-3333-444455556666", False),
        ("at", "2026-11-21T08:12:45.1234567Z", False),
        ("skipped", [{"reason": "no hash", "pc": "5CG1234567"}], True),
        ("skipped", ["Dell"], True),
        ("note", "see 5CG1234567", True),
    ],
)
def test_what_is_passed_over_and_may_hold_a_device_is_told(name: str, value: object, *, may_hold_device: bool) -> None:
    _, (beside,) = read(json.dumps({"value": [ONE], name: value}))
    assert (beside.count, beside.may_hold_device) == (1, may_hold_device)


def test_values_keep_the_type_that_their_document_gives_them() -> None:
    (cells,) = values([{"serialNumber": 123, "model": 1.5, "a": True, "b": None, "c": {"d": [1]}, "e": "x"}])
    assert dict(cells) == {"serialNumber": "123", "model": "1.5", "a": "true", "b": "", "c": '{"d":["1"]}', "e": "x"}
    assert [type_of(text) for text in cells.values()] == [
        CellType.NUMBER, CellType.FRACTION, CellType.BOOLEAN, None, CellType.STRUCTURE, None,
    ]  # fmt: skip


def test_a_text_in_an_object_keeps_its_type() -> None:
    (cells,) = values([{"serialNumber": {"Value": 123, "PSPath": ""}, "model": [1.5], "tag": {"id": 1}}])
    assert [type_of(text) for text in cells.values()] == [
        CellType.NUMBER, CellType.FRACTION, CellType.STRUCTURE, CellType.STRUCTURE,
    ]  # fmt: skip


def test_a_structure_is_cut_to_what_can_be_shown() -> None:
    (cells,) = values([{**ONE, "history": [{"at": number} for number in range(10_000)]}])
    assert len(cells["history"]) == json_documents.LONGEST_STRUCTURE
    assert cells["history"].endswith("…")


def test_an_object_of_its_own_line_is_named_by_that() -> None:
    lines = [json.dumps(ONE), "", json.dumps({"at": "noon"}), json.dumps(TWO), json.dumps({"devices": [a_device(3)]})]
    found, (beside,) = read("\r\n".join(lines))
    assert [place for place, _ in found] == ["line 1", "line 4", "item 3"]
    assert beside.places == ("line 3",)


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        ("[]", FileReason.NO_DEVICE_ROWS, "its list is empty"),
        ("[[], []]", FileReason.NO_DEVICE_ROWS, "its list is empty"),
        ('{"@odata.context": "x", "value": []}', FileReason.NO_DEVICE_ROWS, "its list is empty"),
        ("{}", FileReason.NO_DEVICE_ROWS, "its list is empty"),
        ("\0\n", FileReason.NO_DEVICE_ROWS, "nothing in it"),
        ('[1, "5CG1234567"]', FileReason.NOT_DEVICES, "a list of texts or numbers"),
        ('{"CloudAssignedTenantId": "x", "Version": 2049}', FileReason.NOT_DEVICES, "AutopilotConfigurationFile.json"),
        ('{"error": {"code": "Forbidden"}}', FileReason.NOT_DEVICES, "reports an error"),
        ('[{"hostname": "PC1", "os": "11"}]', FileReason.NOT_DEVICES, "It begins with: hostname, os"),
        ('{"monitors": [{"serialNumber": "M1"}]}', FileReason.NOT_DEVICES, "It begins with: monitors"),
        ('[{"model": "840"}, {"tag": "x"}]', FileReason.NOT_DEVICES, "It begins with: model"),
        ('[["serialNumber", "model"], ["PC1", "840"]]', FileReason.NOT_DEVICES, "a list of texts or numbers"),
    ],
)
def test_what_is_no_list_of_devices_is_refused_by_name(text: str, reason: FileReason, says: str) -> None:
    error = refusal(text)
    assert (error.reason, says in error.detail) == (reason, True)


def test_an_item_longer_than_a_row_is_refused() -> None:
    error = refusal(json.dumps([{**ONE, **{f"n{number}": "x" * 1_000 for number in range(70)}}]))
    assert (error.reason, error.detail) == (FileReason.LINE_TOO_LONG, "Item 1 has more than 65,536 characters.")


def _memory(chunks: Iterator[bytes]) -> tuple[int, int]:
    tracemalloc.start()
    try:
        number = sum(1 for _ in json_documents.items(chunks, FileAccount(), meaning))
        return number, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_json_lines_of_any_length_are_read_in_bounded_memory() -> None:
    item = json.dumps({**ONE, "hardwareHash": "T0" + "A" * 4_000}).encode()
    number, memory = _memory(repeat(item + b"\n", 1_500))
    assert (number, memory < 3 * MEGABYTE) == (1_500, True)


@pytest.mark.parametrize(
    ("piece", "most"),
    [
        ('{"serial":"x"},', 2_500),
        ("{},", 2_500),
        ("null,", 5_000),
        ("[1],", 2_500),
        ('["5CG1234567",{"serial":"x"}],', 1_250),
        ('{"d":[{"serial":"x"}],"tag":"t"},', 1_250),
        ('{"serial":"%s"},' % ("A" * 4_000), 72),
        ('{"serial":"%s"},' % ("\U0001f600" * 4_000), 17),
    ],
)
def test_a_fortieth_of_the_largest_document_takes_a_fortieth_of_the_memory(piece: str, most: int) -> None:
    chunks = chain([b'{"value":[{"serial":"x"},'], repeat(piece.encode(), most), [b'{"serial":"y"}]}'])
    assert _memory(chunks)[1] < 7 * MEGABYTE / 4


@pytest.mark.parametrize(
    ("name", "serials"),
    [
        ("33b_two_graph_pages_large.json", [f"PGS{number:03}" for number in range(50)]),
        ("w_j_order.json", ["PST00001", "00123456", "PST00003"]),
        ("w_j_serial_model.json", ["PST00001", "00123456", "PST00003"]),
    ],
)
def test_files_from_the_field_are_read(name: str, serials: list[str]) -> None:
    assert [cells["serialNumber"] for _, cells in read((SAMPLES / name).read_bytes())[0]] == serials


def test_a_file_from_the_field_that_is_cut_between_two_items_is_refused() -> None:
    error = refusal((SAMPLES / "35_json_cut_between_items.json").read_text())
    assert (error.reason, "cut off in line 1" in error.detail) == (FileReason.JSON_UNREADABLE, True)


Wrapped = tuple[object, list[Mapping[str, str]]]
"""A value, and the cells of each device in it."""


def _device(number: int, draw: random.Random) -> Wrapped:
    """A device in one of the forms that identify one, as an object that may hold others."""
    serial = {"serialNumber": f"SN-{number}-X"}
    maker = {"manufacturer": draw.choice(["HP", "LENOVO"]), "model": f"M {number % 3}"}
    identity = draw.choice(
        [{**serial, **maker}, {**serial, "hardwareHash": f"T0{number}"}, {"productKey": f"33{number}"}]
    )
    cells = identity | draw.choice([{}, {"tag": f"t{number}"}, {"note": "n"}])
    if draw.random() < 0.3 and "hardwareHash" in identity:
        return {"name": "x", "hardware": identity}, [identity]
    if draw.random() < 0.2:
        return {"device": cells}, [{name: text for name, text in cells.items() if name != "note"}]
    return cells, [cells]


def _wrapped(parts: list[Wrapped], draw: random.Random, depth: int = 0) -> Wrapped:
    """Devices in one value, whatever its form."""
    within = [cells for _, found in parts for cells in found]
    inner = [value for value, _ in parts]
    if len(parts) > 2 and depth < 4 and draw.random() < 0.5:
        cut = draw.randrange(1, len(parts))
        return _wrapped(
            [_wrapped(parts[:cut], draw, depth + 1), _wrapped(parts[cut:], draw, depth + 1)], draw, depth + 1
        )
    beside: dict[str, object] = draw.choice(
        [{}, {"@odata.nextLink": "x"}, {"log": [{"m": 1}]}, {"count": 3, "none": None}, {"empty": []}]
    )
    match draw.randrange(5):
        case 0:
            return inner, within
        case 1:
            return [*inner, None, []], within
        case 2:
            return {**beside, "value": inner}, within
        case 3:
            return {"data": {"items": [[value] for value in inner]}, **beside}, within
        case _:
            return {**{f"Key{number:05}X": value for number, value in enumerate(inner)}, **beside}, within


@st.composite
def _files(draw: st.DrawFn) -> tuple[list[str], list[list[Mapping[str, str]]]]:
    """The documents of a file, and the devices of each."""
    source = draw(st.randoms(use_true_random=False))
    documents: list[str] = []
    devices: list[list[Mapping[str, str]]] = []
    for first in range(0, draw(st.integers(1, 4)) * 10, 10):
        value, within = _wrapped([_device(first + number, source) for number in range(source.randint(1, 6))], source)
        if source.random() < 0.3:
            value, within = _device(first + 9, source)
        documents.append(json.dumps(value, indent=source.choice([None, 1, 2]), ensure_ascii=source.random() < 0.5))
        devices.append(within)
    return documents, devices


def _are_the_devices(found: list[tuple[str, Mapping[str, str]]], devices: list[Mapping[str, str]]) -> bool:
    def identity(cells: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(cells.get(name, "") for name in ("serialNumber", "hardwareHash", "productKey"))

    left = sorted((cells for _, cells in found), key=identity)
    right = sorted(devices, key=identity)
    return len(left) == len(right) and all(
        cells.items() >= device.items() for cells, device in zip(left, right, strict=True)
    )


@given(_files(), st.sampled_from(["", "\n", "\r\n", ",\n", "\0", "\n\n\x1a"]), st.integers(1, 400))
def test_each_device_of_any_file_is_one_item_with_its_values(
    file: tuple[list[str], list[list[Mapping[str, str]]]], between: str, size: int
) -> None:
    documents, devices = file
    found, _ = read(between.join(documents), size)
    assert _are_the_devices(found, [cells for within in devices for cells in within])


@given(_files(), st.sampled_from(["", "\n", ","]), st.data())
def test_a_file_that_is_cut_is_refused_unless_it_is_cut_between_documents(
    file: tuple[list[str], list[list[Mapping[str, str]]]], between: str, data: st.DataObject
) -> None:
    documents, devices = file
    text = between.join(documents)
    cut = data.draw(st.integers(1, len(text) - 1))
    try:
        found, _ = read(text[:cut])
    except UnreadableDeviceFile:
        return
    whole = next(at for at in range(len(documents)) if len(between.join(documents[: at + 1])) >= cut)
    ends = {
        len(between.join(documents[: whole + extra])) + len(between) * blank for extra in (0, 1) for blank in (0, 1)
    }
    assert cut in ends
    whole += len(between.join(documents[: whole + 1])) == cut
    assert _are_the_devices(found, [cells for within in devices[:whole] for cells in within])
