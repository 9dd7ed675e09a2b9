"""The handlers of requests from scripts: answers, access, and messages about errors."""

import csv
import io
import re

import pytest

from tests.pipeline.world import CUSTOMER, START, World, numbered, tuples
from tests.status.client import FILE, UNKNOWN, Client, closed_file, pages

# --- answers


def test_files_come_newest_first_whether_open_or_closed(world: World, client: Client) -> None:
    dropped = []
    for number in range(5):
        world.clock.now = world.clock().replace(hour=13 + number)
        dropped.append(closed_file(world, numbered(3, f"SN-{number}-"), f"{CUSTOMER}/Test/{number}.csv"))
    world.clock.now = world.clock().replace(hour=20)
    still_open = world.drop_file(numbered(3), f"{CUSTOMER}/Test/open.csv")

    files = client.get("/api/files").json["files"]

    assert [file["file_id"] for file in files] == [still_open, *reversed(dropped)]
    assert [file["is_final"] for file in files] == [False] + [True] * 5
    assert files[0]["counts"] | {"open": 3, "total": 3} == files[0]["counts"]
    assert files[1]["counts"]["registered"] == 3
    assert files[1]["links"]["results_csv"] == f"http://{client.host}{FILE.format(dropped[-1])}/results.csv"
    paged = list(pages(client, "/api/files?limit=1", "files"))
    assert paged == files


def test_files_are_filtered_by_customer_state_and_time(world: World, client: Client) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    first = closed_file(world)
    world.clock.now = START.replace(hour=14)
    second = closed_file(world, path=f"{other}/Test/devices.csv")
    world.clock.now = START.replace(hour=15)
    nowhere = world.drop_file(numbered(1), "nowhere.csv")

    def found(question: str) -> list[str]:
        ids = [file["file_id"] for file in client.get(f"/api/files?{question}").json["files"]]
        assert ids == [file["file_id"] for file in pages(client, f"/api/files?{question}&limit=1", "files")]
        return ids

    assert found(f"customer={CUSTOMER}") == [first]
    assert found(f"customer={other.upper()}") == [second]
    assert found("customer=_") == [nowhere]
    assert found("state=closed") == [second, first]
    assert found("state=rejected") == [nowhere]
    assert found("state=read") == []
    assert found("received_from=2026-11-20T14:00:00Z") == [nowhere, second]
    assert found("received_before=2026-11-20T14:00:00Z") == [first]
    assert found("received_before=2026-11-20T15:00:00.001+01:00") == [second, first]
    assert found("received_from=2026-11-20T13:00:00Z&received_before=2026-11-20T15:00:00Z") == [second]


def test_a_page_of_files_received_before_a_time_is_no_last_page_while_there_are_more(
    world: World, client: Client
) -> None:
    dropped = []
    for number in range(6):
        world.clock.now = START.replace(hour=13 + number)
        dropped.append(closed_file(world, numbered(1, f"SN-{number}-"), f"{CUSTOMER}/Test/{number}.csv"))
    received_at = client.get("/api/files").json["files"][1]["received_at"]
    for customer in ("", f"&customer={CUSTOMER}"):
        found = pages(client, f"/api/files?limit=2&received_before={received_at}{customer}", "files")
        assert [file["file_id"] for file in found] == dropped[3::-1]


def test_a_file_shows_its_time_line_submissions_and_reasons(world: World, client: Client) -> None:
    identifier = closed_file(world, tuples(["SN-1", "SN-2", "", "SN-1"]))

    details = client.get(FILE.format(identifier)).json

    assert details["file"]["state"] == "closed"
    assert details["time_line"][0]["what"] == "Received."
    assert details["time_line"][-1]["what"].startswith("Closed: ")
    assert any("was sent: 2 devices" in entry["what"] for entry in details["time_line"])
    assert [submission["state"] for submission in details["submissions"]] == ["finished"]
    assert details["submissions"][0]["counts"]["registered"] == 2
    reasons = {(reason["outcome"], reason["reason"]): reason["rows"] for reason in details["reasons"]}
    assert reasons[("registered", "")] == 2
    assert sum(reasons.values()) == details["file"]["counts"]["total"] == 4


def test_a_file_that_is_open_shows_what_is_known(world: World, client: Client) -> None:
    identifier = world.drop_file(tuples(["SN-1", "", "SN-1"]))

    details = client.get(FILE.format(identifier)).json

    assert details["file"]["counts"]["open"] == 1
    assert {reason["outcome"] for reason in details["reasons"]} == {"rejected", "duplicate"}
    assert details["submissions"][0]["state"] == "accepted"
    assert details["submissions"][0]["next_poll_at"] is not None
    rows = client.get(FILE.format(identifier) + "/outcomes").json["outcomes"]
    assert [row["row"] for row in rows] == [2, 3]


def test_a_rejected_file_says_why_and_what_to_do(world: World, client: Client) -> None:
    identifier = world.drop_file("nothing to see", f"{CUSTOMER}/Test/odd.csv")
    details = client.get(FILE.format(identifier)).json
    assert details["file"]["state"] == "rejected"
    assert details["file"]["reason"]
    assert details["what_happened"]


def test_outcomes_are_paged_in_the_order_of_the_file(world: World, client: Client) -> None:
    identifier = closed_file(world, tuples([f"SN-{number}" if number % 7 else "" for number in range(1, 2_502)]))
    path = FILE.format(identifier) + "/outcomes"

    assert [row["row"] for row in pages(client, f"{path}?limit=400", "outcomes")] == list(range(1, 2_502))
    rejected = list(pages(client, f"{path}?limit=50&outcome=rejected", "outcomes"))
    assert [row["row"] for row in rejected] == list(range(7, 2_502, 7))
    reason = rejected[0]["error_code"]
    assert list(pages(client, f"{path}?reason={reason}", "outcomes")) == rejected
    assert list(pages(client, f"{path}?outcome=registered&reason={reason}", "outcomes")) == []
    assert len(list(pages(client, f"{path}?reason=", "outcomes"))) == 2_501


def test_a_page_of_outcomes_ends_after_its_time_with_what_was_found(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = closed_file(world, tuples([f"SN-{number}" for number in range(1, 2_502)] + [""]))
    monkeypatch.setattr("shared.status.queries.SECONDS_FOR_ROWS", 0)
    monkeypatch.setattr("shared.status.queries.FIRST_BLOCKS", 1)
    path = FILE.format(identifier) + "/outcomes?outcome=rejected"

    first = client.get(path).json

    assert first["outcomes"] == []
    assert first["next"] is not None
    assert [row["row"] for row in pages(client, path, "outcomes")] == [2_502]


def test_a_device_is_found_by_its_serial_number_whatever_its_case(world: World, client: Client) -> None:
    first = closed_file(world, tuples(["sn/ä #1", "SN-2"]))
    world.clock.now = world.clock().replace(day=21)
    second = closed_file(world, tuples(["SN/Ä #1"]), f"{CUSTOMER}/Test/more.csv")
    closed_file(world, tuples(["SN/Ä #1"]), f"{UNKNOWN}/Test/devices.csv")

    answer = client.get(f"/api/devices/{CUSTOMER}?serial=SN%2F%C3%84%20%231").json

    assert [device["file_id"] for device in answer["devices"]] == [second, first]
    assert [device["outcome"]["serial_number"] for device in answer["devices"]] == ["SN/Ä #1", "sn/ä #1"]
    assert answer["files_not_searched"] == 0
    assert answer["next"] is None


def test_a_device_of_very_many_files_is_paged(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.status.queries.DEVICES_ON_A_PAGE", 2)
    ids = {closed_file(world, tuples(["SN-1"]), f"{CUSTOMER}/Test/{number}.csv") for number in range(5)}
    found = [device["file_id"] for device in pages(client, f"/api/devices/{CUSTOMER}?serial=sn-1", "devices")]
    assert len(found) == 5
    assert set(found) == ids


def test_a_device_of_an_open_file_is_not_found_and_the_answer_says_so(world: World, client: Client) -> None:
    world.drop_file(tuples(["SN-1"]))
    answer = client.get(f"/api/devices/{CUSTOMER}?serial=SN-1")
    assert answer.status == 404
    assert "1 of its files" in answer.json["message"]


# --- links and tags


# --- who is let in


def test_a_route_for_scripts_asks_for_the_key(client: Client) -> None:
    for path in ("/api/files", f"/api/devices/{CUSTOMER}?serial=x", "/api/openapi.json", FILE.format(UNKNOWN)):
        assert client.get(path, {"x-functions-key": None}).status == 401
        assert client.get(path, {"x-functions-key": "wrong"}).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[", "Content-Type": "text/plain"},
    ],
)
def test_a_page_of_another_site_changes_nothing(world: World, client: Client, headers: dict[str, str]) -> None:
    identifier = closed_file(world)
    for change, body in (("retry", b""), ("withdraw", b'{"name": "devices.csv"}')):
        answer = client.post(f"{FILE.format(identifier)}/{change}", body, headers)
        assert (answer.status, answer.json["code"]) == (403, "forged")
    assert client.get(FILE.format(identifier)).json["withdrawal"] is None


def test_our_own_page_and_scripts_may_change(world: World, client: Client) -> None:
    identifier = closed_file(world)
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{client.host}"}):
        assert client.post(f"{FILE.format(identifier)}/retry", b"", headers).status == 200


# --- faults


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"name": "Geräte.csv"}'.encode("cp1252"), "send UTF-8"),
        ('{"name": "devices.csv"}'.encode("utf-16"), "send UTF-8"),
        ('{"name": "devices.csv"}'.encode("utf-16-le"), "send UTF-8"),
        (b'{"name": "\xed\xa0\x80"}', "send UTF-8"),
        (b"", 'for example {"name": "devices.csv"}'),
        (b"name=devices.csv", 'for example {"name": "devices.csv"}'),
        (b'{"name": "devices.csv"', 'for example {"name": "devices.csv"}'),
        (b"[" * 10_000, "name is a text of 1 to 1024 characters"),
        (b'{"name": 5}', "name is a text of 1 to 1024 characters"),
        (b'{"name": ""}', "name is a text of 1 to 1024 characters"),
        (b'{"name": "devices.csv", "force": true}', "name is a text of 1 to 1024 characters"),
    ],
)
def test_a_body_that_is_not_as_it_must_be_is_told_what_to_send(
    world: World, client: Client, body: bytes, sentence: str
) -> None:
    answer = client.post(f"{FILE.format(closed_file(world))}/withdraw", body)
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert sentence in answer.json["message"]
    for word in ("byte", "decode", "codec", "Object", "Expected", "malformed"):
        assert word not in answer.json["message"].replace("given as bytes", "")


def test_a_body_may_begin_with_a_mark(world: World, client: Client) -> None:
    path = FILE.format(closed_file(world, path=f"{CUSTOMER}/Test/Geräte.csv"))
    assert client.post(f"{path}/withdraw", '{"name": "Geräte.csv"}'.encode("utf-8-sig")).status == 202


@pytest.mark.parametrize(
    "path",
    [
        f"/api/files/{CUSTOMER}/{UNKNOWN}",
        f"/api/files/{CUSTOMER}/{UNKNOWN}/outcomes",
        f"/api/files/{CUSTOMER}/{UNKNOWN}/results.csv",
        f"/api/files/{CUSTOMER}/{UNKNOWN}/to_fix.csv",
        f"/api/files/{CUSTOMER}/{UNKNOWN}/report.html",
        f"/api/files/_/{UNKNOWN}",
        "/api/files/contoso/x",
        "/api/files/%00/%2F%23%3F",
        f"/api/files/{CUSTOMER}/%F0%9F%92%A9'%20or%20''eq'",
        f"/api/devices/{CUSTOMER}?serial=unknown",
        f"/api/devices/{CUSTOMER}?serial=%F0%9F%92%A9'%22",
        f"/api/devices/{CUSTOMER}/SN-1",
        f"/api/devices/{CUSTOMER}/SN-1?serial=SN-1",
        "/api/devices/_?serial=x",
        "/api/nothing",
        "/api/",
        "/api",
        f"/api/files/{CUSTOMER}",
    ],
)
def test_what_is_unknown_is_not_found_and_said_in_one_shape(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert set(answer.json) == {"code", "message", "parameter", "correlation_id"}
    assert answer.json["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "allowed"), [("POST", "GET, HEAD"), ("DELETE", "GET, HEAD"), ("PURGE", "GET, HEAD")]
)
def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    client: Client, method: str, allowed: str
) -> None:
    answer = client.call(method, "/api/files")
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert client.call("PUT", FILE.format(UNKNOWN) + "/retry").headers["allow"] == "POST"
    assert client.get("/api//files").status == 404, "it takes GET, but there is nothing here"


def test_head_answers_as_get_does_without_a_body(world: World, client: Client) -> None:
    closed_file(world)
    got, head = client.get("/api/files"), client.call("HEAD", "/api/files")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


# --- hostile content

HOSTILE = [
    "<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\x1b]0;owned\x07\x1b[31m",
    "\u202egnp.exe",
    "{{7*7}}${7*7}",
]


def test_hostile_names_and_cells_arrive_as_they_are_and_as_nothing_but_data(world: World, client: Client) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(
        ["Device Serial Number", "Windows Product ID", "Hardware Hash", "Manufacturer name", "Device model"]
    )
    for number, cell in enumerate(HOSTILE):
        writer.writerow([f"SN<b>{number}", "", "", "LENOVO", cell])
    name = "<img src=x onerror=alert(1)>\x1b[31m=1+1.csv".replace("/", "")
    identifier = closed_file(world, text.getvalue(), f"{CUSTOMER}/Test/{name}")

    file = client.get(FILE.format(identifier))
    rows = client.get(FILE.format(identifier) + "/outcomes")
    download = client.get(FILE.format(identifier) + "/results.csv")

    assert file.json["file"]["name"] == name
    shown = [row["model"] for row in rows.json["outcomes"]]
    assert shown == [re.sub(r"\x1b\[31m|[\x00-\x1f\u202e]", "", cell) for cell in HOSTILE]
    for answer in (file, rows):
        assert b"\x1b" not in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "\x1b" not in download.headers["content-disposition"]
    assert "<" not in download.headers["content-disposition"]
    serial = rows.json["outcomes"][0]["serial_number"]
    found = client.get(f"/api/devices/{CUSTOMER}?serial={''.join(f'%{byte:02X}' for byte in serial.encode())}")
    assert found.json["serial_number"] == serial == "SN<b>0"


def test_a_body_in_chunks_is_refused_with_what_it_needs(world: World, client: Client) -> None:
    path = f"{FILE.format(closed_file(world))}/withdraw"
    answer = client.post(path, b"3\r\n{} \r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})
    assert (answer.status, answer.json["code"]) == (411, "length_required")
    assert "Content-Length" in answer.json["message"]


def test_a_body_that_is_too_large_is_refused(world: World, client: Client) -> None:
    answer = client.post(f"{FILE.format(closed_file(world))}/withdraw", b" " * 16_385)
    assert (answer.status, answer.json["code"]) == (413, "too_large")
