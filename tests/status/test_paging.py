"""Cursors: where the next page begins, and what no cursor may do."""

from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.paging import BadCursor, DevicePosition, FilePosition, RowPosition, cursor, position_in
from tests.pipeline.world import CUSTOMER, World, tuples
from tests.status.client import FILE, UNKNOWN, Client, closed_file

KINDS: tuple[type[Any], ...] = (FilePosition, RowPosition, DevicePosition)
POSITIONS = st.one_of(
    st.builds(
        FilePosition,
        st.from_regex(r"\A[0-9]{7}~[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"),
        st.from_regex(r"\A[0-9]{14}~[0-9a-f-]{0,36}\Z"),
    ),
    st.builds(RowPosition, st.integers(0, 10**9)),
    st.builds(DevicePosition, st.uuids().map(str), st.integers(1, 10**9)),
)


@given(POSITIONS)
def test_a_cursor_is_safe_in_an_address_and_leads_back_to_its_position_alone(
    position: FilePosition | RowPosition | DevicePosition,
) -> None:
    text = cursor(position)
    assert quote(text, safe="") == text
    for kind in KINDS:
        if isinstance(position, kind):
            assert position_in(text, kind) == position
        else:
            with pytest.raises(BadCursor):
                position_in(text, kind)


@given(st.text(max_size=80))
def test_no_other_text_is_a_cursor(text: str) -> None:
    for kind in KINDS:
        with suppress(BadCursor):
            assert cursor(position_in(text, kind)) == text


def test_json_without_an_end_is_no_cursor() -> None:
    for kind in KINDS:
        with pytest.raises(BadCursor):
            position_in(urlsafe_b64encode(b'{"a":' * 10_000).decode().rstrip("="), kind)


def test_a_cursor_that_was_tampered_with_grants_nothing_and_is_no_fault(world: World, client: Client) -> None:
    for name in "ab":
        closed_file(world, path=f"{CUSTOMER}/Test/{name}.csv")
    given = client.get("/api/files?limit=1").json["next"]
    all_files = [file["file_id"] for file in client.get("/api/files").json["files"]]
    for index in range(len(given)):
        other = "A" if given[index] != "A" else "B"
        answer = client.get(f"/api/files?next={given[:index]}{other}{given[index + 1 :]}")
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert (answer.json["code"], answer.json["parameter"]) == ("bad_page", "next")
        else:
            assert {file["file_id"] for file in answer.json["files"]} <= set(all_files)


def test_a_cursor_of_another_list_or_of_an_earlier_version_is_refused(world: World, client: Client) -> None:
    first, _ = (closed_file(world, path=f"{CUSTOMER}/Test/{name}.csv") for name in "ab")
    of_files = client.get("/api/files?limit=1").json["next"]
    of_rows = client.get(f"{FILE.format(first)}/outcomes?limit=1").json["next"]
    sealed = "AVWq0ZJ8h3tB1b0Kp9mV2m5f3l7yq0d3a1c2ZmlsZXMgbm9uZQ"
    for path in (
        f"/api/files?next={of_files[:-1]}",
        f"/api/files?next={of_files}A",
        f"/api/files?next={of_files}%3D",
        f"/api/files?next={of_rows}",
        f"/api/files?next={sealed}",
        f"{FILE.format(first)}/outcomes?next={of_files}",
        f"{FILE.format(first)}/outcomes?next={sealed}",
        f"/api/devices/{CUSTOMER}?serial=SN-00001&next={of_files}",
        f"/api/devices/{CUSTOMER}?serial=SN-00001&next={sealed}",
    ):
        answer = client.get(path)
        assert (answer.status, answer.json["code"], answer.json["parameter"]) == (400, "bad_page", "next"), path
        assert "This is no cursor of this list." in answer.json["message"]


def test_a_cursor_reaches_no_file_of_another_customer(world: World, client: Client) -> None:
    mine = closed_file(world, tuples(["SN-1"]))
    for name in "abc":
        closed_file(world, tuples(["SN-1"]), f"{UNKNOWN}/Test/{name}.csv")
    for position in (DevicePosition("0" * 8 + mine[8:], 1), DevicePosition("f" * 8 + mine[8:], 1)):
        found = client.get(f"/api/devices/{CUSTOMER}?serial=SN-1&next={cursor(position)}").json["devices"]
        assert {device["customer_id"] for device in found} <= {CUSTOMER}


def test_the_next_page_is_asked_for_by_the_name_that_it_has_in_the_answer(world: World, client: Client) -> None:
    dropped = [closed_file(world, path=f"{CUSTOMER}/Test/{name}.csv") for name in "ab"]
    first = client.get("/api/files?limit=1").json
    second = client.get(f"/api/files?next={first['next']}").json
    assert sorted(file["file_id"] for page in (first, second) for file in page["files"]) == sorted(dropped)
    assert client.get(f"/api/files?page={first['next']}").json["parameter"] == "page"
