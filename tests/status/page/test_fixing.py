"""The page on which rows are fixed, over HTTP as a browser without scripts uses it."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from shared.pipeline.intake import preview
from shared.reasons import REASONS, RowReason
from shared.status.page import fixing
from tests.pipeline.corrections.test_fix_rows import BROKEN, HASH
from tests.pipeline.world import CUSTOMER, HEADER, World
from tests.status.client import Answer, Client, closed_file, pages


def own_form(client: Client, fields: dict[str, str], path: str, **headers: str) -> Answer:
    given = {"Origin": f"http://{client.host}", "Content-Type": "application/x-www-form-urlencoded"}
    return client.post(path, urlencode(fields).encode(), given | headers)


def grid(client: Client, path: str) -> dict[str, str]:
    """The fields of the form as a browser would send them unchanged."""
    answer = client.get(path)
    assert answer.status == 200, answer.body
    inputs = re.findall(r"<input ([^>]*)>", answer.body.decode())
    found = (dict(re.findall(r'([\w-]+)="([^"]*)"', one)) for one in inputs)
    return {one["name"]: unescape(one["value"]) for one in found if one.get("type", "hidden") == "hidden"}


@pytest.fixture
def fix(world: World) -> str:
    return f"/api/status/{CUSTOMER}/{closed_file(world, BROKEN)}/fix"


def test_the_grid_has_the_cells_of_each_row_with_its_reason_and_no_hash(client: Client, fix: str) -> None:
    shown = client.get(fix).body.decode()
    assert HASH[:40] not in shown
    assert "neither a hash nor a product key" in shown
    fields = grid(client, fix)
    assert (fields["1.serial_number"], fields["1.manufacturer"], fields["1.model"]) == ("SN-1", "LENOVO", "")
    assert {name.partition(".")[0] for name in fields} == {"all", "1", "3", "4", "fixes", "rows"}


def test_changed_rows_are_sent_and_the_page_of_the_file_says_so(client: Client, fix: str, world: World) -> None:
    answer = own_form(client, grid(client, fix) | {"1.model": " T14 ", "3.manufacturer": "", "4.left_out": "yes"}, fix)
    assert answer.status == 303
    assert answer.headers["location"].startswith(fix.removesuffix("/fix") + "?done=fixed&made=")
    shown = client.get(answer.headers["location"]).body.decode()
    assert "The fixed rows are being sent" in shown
    assert 'data-live="work"' in shown
    (path,) = [version.path for version in world.drop.versions() if "fix of" in version.path]
    assert b"1,SN-1,,,LENOVO,T14," in (world.drop.read(path) or b"")
    world.receive(path)
    world.run()
    later = client.get(answer.headers["location"]).body.decode()
    assert 'data-live="work"' not in later
    assert "The fixed rows were sent as a new file." in later
    (act,) = pages(client, "/api/acts", "acts")
    assert (act["kind"], act["subject"], act["detail"]) == ("fix", "devices.csv", "1 row")


def test_a_row_that_would_be_rejected_again_is_shown_with_why_and_as_it_was_typed(
    client: Client, fix: str, world: World
) -> None:
    answer = own_form(client, grid(client, fix) | {"1.model": "T14", "3.model": '"><b>'}, fix)
    shown = answer.body.decode()
    assert answer.status == 400
    assert "1 row would be rejected again" in shown
    assert 'name="3.model" value="&#34;&gt;&lt;b&gt;"' in shown
    assert 'name="1.model" value="T14"' in shown, "what was typed in other rows is not lost"
    assert not [version for version in world.drop.versions() if "fix of" in version.path]
    assert list(pages(client, "/api/acts", "acts")) == []


def test_each_reason_stands_beside_its_row_also_behind_an_empty_one(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_ROWS_KEPT", 2)
    content = "\r\n".join([HEADER, *(f"SN-{number},,,LENOVO," for number in range(5)), ""])
    path = f"/api/status/{CUSTOMER}/{closed_file(world, content)}/fix"
    emptied = {"1.serial_number": "", "1.manufacturer": "", "2.serial_number": "SN-20", "3.model": "T14"}
    answer = own_form(client, grid(client, path) | emptied | {"4.serial_number": "SN-40"}, path)
    faults = dict(re.findall(r'id="why-(\d+)">\s*<span class="still">Still: <bdi>([^<]*)', answer.body.decode()))
    assert set(faults) == {"1", "2"}
    assert "3 rows would be rejected again. Correct them below" in answer.body.decode()
    assert REASONS[RowReason.SERIAL_ALONE].text in unescape(faults["2"])
    assert not [version for version in world.drop.versions() if "fix of" in version.path]


def test_an_address_that_says_that_rows_were_fixed_is_not_believed(client: Client, fix: str) -> None:
    assert "The fixed rows" not in client.get(f"{fix.removesuffix('/fix')}?done=fixed").body.decode()


def test_a_form_without_a_change_sends_nothing_and_says_so(client: Client, fix: str) -> None:
    answer = own_form(client, grid(client, fix), fix)
    assert answer.status == 400
    assert "No cell was changed" in answer.body.decode()


UNSEEN_OR_ODD = [
    "T  14",
    "T\u300014",
    "T\u00a014",
    " T14 ",
    '"T\n14"',
    "T\u202814",
    "'014",
    "='T",
    "\u202eT14",
    "T\x1f14",
    "é" * 300,
]
"""Models: each a cell that a reader, a browser or the form might change on its way."""


def test_what_a_browser_sends_back_unchanged_is_no_change(client: Client, world: World) -> None:
    lines = [f"SN-{number},,,,{model}" for number, model in enumerate(UNSEEN_OR_ODD)]
    path = f"/api/status/{CUSTOMER}/{closed_file(world, chr(10).join([HEADER, *lines, '']))}/fix"
    fields = grid(client, path)
    assert len([name for name in fields if name.endswith(".model")]) == 1 + len(lines)
    without_line_breaks = {name: re.sub(r"[\r\n]", "", value) for name, value in fields.items()}
    answer = own_form(client, without_line_breaks, path)
    assert "No cell was changed" in answer.body.decode()


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_of_another_site_sends_nothing(client: Client, fix: str, headers: dict[str, str], world: World) -> None:
    assert own_form(client, grid(client, fix) | {"1.model": "T14"}, fix, **headers).status == 403
    assert not [version for version in world.drop.versions() if "fix of" in version.path]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"9.model": "T14", "x.y": "z", "1.hardware_hash": "T0A"}, 400),
        ({"1.model": "T14\0\u202e", "1.serial_number": "SN-1"}, 303),
        ({"1.model": "m" * 5_000}, 400),
        ({"1.model": "m" * fixing.LARGEST_FORM}, 413),
    ],
    ids=["unknown fields", "control characters", "a long cell", "a form too large"],
)
def test_a_form_that_our_page_does_not_make_is_read_as_far_as_it_goes(
    client: Client, fix: str, fields: dict[str, str], status: int
) -> None:
    assert own_form(client, fields, fix).status == status


def test_a_long_list_has_pages_and_one_value_reaches_all_of_them(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixing, "ROWS_ON_A_PAGE", 2)
    content = "\r\n".join([HEADER, *(f"SN-{number},,,LENOVO," for number in range(5)), ""])
    path = f"/api/status/{CUSTOMER}/{closed_file(world, content)}/fix"
    seen, address = list[str](), path
    while address:
        seen += [name for name in grid(client, address) if name.endswith(".serial_number")]
        following = re.search(r'href="([^"]*)">Next page', client.get(address).body.decode())
        address = unescape(following[1]) if following else ""
    assert len(seen) == len(set(seen)) == 5
    assert own_form(client, grid(client, path) | {"all.model": "T14"}, path).status == 303
    (made,) = [version.path for version in world.drop.versions() if "fix of" in version.path]
    assert (world.drop.read(made) or b"").count(b"T14") == 5


def test_rows_that_were_sent_are_shown_no_more_and_one_value_for_all_does_not_reach_them(
    client: Client, fix: str, world: World
) -> None:
    first = grid(client, fix) | {"1.serial_number": "SN-100", "1.model": "T14"}
    assert own_form(client, first, fix).status == 303
    assert own_form(client, first, fix).status == 303, "the same form once more is the same file"
    shown = client.get(fix).body.decode()
    assert "2 rows of this file can be fixed" in shown
    assert "1 more row was changed here and sent before" in shown
    fields = grid(client, fix)
    assert {name.partition(".")[0] for name in fields} == {"all", "3", "4", "fixes", "rows"}
    rest = {name: value for name, value in fields.items() if not name.startswith("4.")}
    rest |= {"all.manufacturer": "LENOVO", "all.model": "T15", "4.left_out": "yes"}
    assert own_form(client, rest, fix).status == 303
    assert own_form(client, rest, fix).status == 303
    second, first_made = [version.path for version in world.drop.versions() if "fix of" in version.path]
    assert b"SN-100" in (world.drop.read(first_made) or b"")
    assert (world.drop.read(second) or b"").decode("utf-8-sig").splitlines()[1:] == ["3,SN-3,,,LENOVO,T15,,"]


def test_when_all_rows_were_sent_the_page_says_where_they_are(client: Client, fix: str) -> None:
    fields = grid(client, fix) | {f"{row}.without_hash": "yes" for row in (4,)}
    fields |= {"all.manufacturer": "LENOVO", "all.model": "T15"}
    assert own_form(client, fields, fix).status == 303
    answer = client.get(fix)
    assert answer.status == 409
    assert "Its page names the files that have them" in answer.body.decode()


def test_values_for_all_do_not_go_into_rows_that_came_to_be_fixed_meanwhile(
    client: Client, fix: str, world: World
) -> None:
    fields = grid(client, fix) | {"rows": "2", "all.model": "T15"}
    answer = own_form(client, fields, fix)
    assert answer.status == 409
    shown = answer.body.decode()
    assert "more rows of the file came to be fixed" in shown
    assert 'name="all.model" value="T15"' in shown
    assert not [version for version in world.drop.versions() if "fix of" in version.path]
    assert (
        own_form(client, fields | {"rows": "3", "all.manufacturer": "LENOVO", "4.left_out": "yes"}, fix).status == 303
    )


def test_a_column_that_the_grid_does_not_have_changes_nothing(client: Client, fix: str) -> None:
    answer = own_form(client, grid(client, fix) | {"all.group_tag": "Sales", "1.group_tag": "X"}, fix)
    assert "No cell was changed" in answer.body.decode()


def test_a_file_without_rows_to_fix_says_so(client: Client, world: World) -> None:
    answer = client.get(f"/api/status/{CUSTOMER}/{closed_file(world)}/fix")
    assert answer.status == 409
    assert "No row of this file is to be fixed" in answer.body.decode()


def test_after_the_retention_the_rows_are_no_longer_there(client: Client, fix: str, world: World) -> None:
    for version in list(world.private.versions()):
        world.private.delete(version.path)
    assert client.get(fix).status == 410
