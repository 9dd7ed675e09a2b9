"""The handlers of requests from scripts: answers, access, and messages about errors."""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from azure.core.exceptions import ServiceRequestError
from werkzeug.http import parse_options_header

from shared.status import downloads
from shared.status.paging import DevicePosition, cursor
from shared.storage.codec import UnreadableRecord
from shared.storage.files import Files
from tests.pipeline.world import CUSTOMER, START, World, numbered, tuples
from tests.status.client import Client

UNKNOWN = "00000000-0000-4000-8000-000000000000"
FILE = f"/api/files/{CUSTOMER}/{{}}"


def pages(client: Client, path: str, what: str) -> Iterator[Any]:
    """Every item of every page."""
    page = ""
    for _ in range(1_000):
        answer = client.get(path + page).json
        yield from answer[what]
        if answer["next"] is None:
            return
        page = f"{'&' if '?' in path else '?'}next={answer['next']}"
    raise AssertionError("the pages have no end")


def closed_file(world: World, content: str | bytes | None = None, path: str = f"{CUSTOMER}/Test/devices.csv") -> str:
    identifier = world.drop_file(numbered(3) if content is None else content, path)
    world.run()
    return identifier


# --- what is answered


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


def test_the_name_of_a_customer_is_shown_and_asked_for_whatever_its_case(world: World, client: Client) -> None:
    world.customers.add("Contoso", CUSTOMER, "", START)
    world.customers.add("Contoso Ltd", CUSTOMER, "", START)
    world.customers.add("Fabrikam", UNKNOWN, "", START)
    world.customers.add("Old name", CUSTOMER, "", START)
    world.customers.remove("Old name", START)
    closed = closed_file(world, numbered(1))
    still_open = world.drop_file(numbered(1, "Q-"), f"{CUSTOMER}/Test/open.csv")
    world.drop_file("x", "nowhere.csv")

    files = client.get("/api/files").json["files"]
    assert {file["file_id"]: file["customer_name"] for file in files if file["customer_id"]} == {
        closed: "Contoso",
        still_open: "Contoso",
    }
    assert [file["customer_name"] for file in files if not file["customer_id"]] == [None]
    assert client.get(FILE.format(closed)).json["file"]["customer_name"] == "Contoso"
    (device,) = client.get(f"/api/devices/{CUSTOMER}/SN-00001").json["devices"]
    assert device["customer_name"] == "Contoso"
    assert b"Contoso" in client.get(FILE.format(closed) + "/report.html").body
    for name, found in (("cONTOSO%20ltd", {closed, still_open}), ("Fabrikam", set())):
        assert {file["file_id"] for file in pages(client, f"/api/files?customer={name}&limit=1", "files")} == found
    assert client.get("/api/files?customer=Old%20name").json["parameter"] == "customer"


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
    assert len(list(pages(client, f"{path}?reason=", "outcomes"))) == 2_501 - len(rejected)


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

    answer = client.get(f"/api/devices/{CUSTOMER}/SN%2F%C3%84%20%231").json

    assert [device["file_id"] for device in answer["devices"]] == [second, first]
    assert [device["outcome"]["serial_number"] for device in answer["devices"]] == ["SN/Ä #1", "sn/ä #1"]
    assert answer["files_not_searched"] == 0
    assert answer["next"] is None


def test_a_device_of_very_many_files_is_paged(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.status.queries.DEVICES_ON_A_PAGE", 2)
    ids = {closed_file(world, tuples(["SN-1"]), f"{CUSTOMER}/Test/{number}.csv") for number in range(5)}
    found = [device["file_id"] for device in pages(client, f"/api/devices/{CUSTOMER}/sn-1", "devices")]
    assert len(found) == 5
    assert set(found) == ids


def test_a_device_of_an_open_file_is_not_found_and_the_answer_says_so(world: World, client: Client) -> None:
    world.drop_file(tuples(["SN-1"]))
    answer = client.get(f"/api/devices/{CUSTOMER}/SN-1")
    assert answer.status == 404
    assert "1 of its files" in answer.json["message"]


def test_results_are_downloaded_plain_or_compressed(world: World, client: Client) -> None:
    identifier = closed_file(world, path=f'{CUSTOMER}/Test/Ü "x".csv')
    path = FILE.format(identifier) + "/results.csv"

    plain = client.get(path)
    packed = client.get(path, {"Accept-Encoding": "br, gzip"})

    assert plain.headers["content-type"] == "text/csv; charset=utf-8"
    assert plain.headers["content-disposition"] == (
        "attachment; filename=\"_ _x_.csv.results.csv\"; filename*=UTF-8''%C3%9C%20%22x%22.csv.results.csv"
    )
    assert parse_options_header(plain.headers["content-disposition"])[1] == {"filename": 'Ü "x".csv.results.csv'}
    assert len(list(csv.DictReader(io.StringIO(plain.body.decode())))) == 3
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in client.get(path, {"Accept-Encoding": "gzip;q=0"}).headers


def test_results_that_are_too_large_are_refused_with_the_place_where_they_lie(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = closed_file(world)
    monkeypatch.setattr(downloads, "LARGEST_BODY", 100)
    answer = client.get(FILE.format(identifier) + "/results.csv")
    assert answer.status == 413
    assert f"{CUSTOMER}/Test/devices.csv/{identifier}/results.csv" in answer.json["message"]


def test_rows_to_fix_and_a_report_are_downloaded(world: World, client: Client) -> None:
    identifier = world.drop_file(tuples(["SN-1", ""]))
    paths = [f"{FILE.format(identifier)}/{name}" for name in ("to_fix.csv", "report.html")]
    assert [client.get(path).status for path in paths] == [409, 409]
    world.run()

    to_fix, report = (client.get(path) for path in paths)
    packed = client.get(paths[0], {"Accept-Encoding": "gzip"})

    assert to_fix.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(to_fix.body.decode("utf-8-sig"))))) == 2
    assert gzip.decompress(packed.body) == to_fix.body
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    for answer, name in ((to_fix, "to_fix.csv"), (report, "report.html")):
        assert parse_options_header(answer.headers["content-disposition"])[1] == {"filename": f"devices.csv.{name}"}


def test_rows_to_fix_are_gone_with_the_private_copy(world: World, client: Client) -> None:
    identifier = closed_file(world, tuples(["SN-1", ""]))
    world.private.delete(f"{identifier}/device-file")
    answer = client.get(f"{FILE.format(identifier)}/to_fix.csv")
    assert (answer.status, answer.json["code"]) == (410, "gone")


def test_results_of_an_open_file_are_not_there_yet_and_deleted_ones_not_any_more(world: World, client: Client) -> None:
    identifier = world.drop_file(numbered(3))
    path = FILE.format(identifier) + "/results.csv"
    assert client.get(path).status == 409
    world.run()
    assert client.get(path).status == 200
    world.results.delete(f"{world.folder(identifier, f'{CUSTOMER}/Test/devices.csv')}/results.csv")
    assert client.get(path).status == 410


def test_rows_are_sent_again_once_however_often_it_is_asked(world: World, client: Client) -> None:
    identifier = closed_file(world)
    assert client.post(FILE.format(identifier) + "/retry").json == {
        "parent_file_id": identifier,
        "file_id": None,
        "path": None,
        "rows": 0,
        "is_new": False,
        "link": None,
    }


def test_devices_are_withdrawn_when_the_name_of_the_file_confirms_it(world: World, client: Client) -> None:
    identifier = closed_file(world)
    path = FILE.format(identifier) + "/withdraw"

    assert client.post(path, b"").status == 400
    assert client.post(path, b'{"name": "other.csv"}').json["parameter"] == "name"
    assert client.get(FILE.format(identifier)).json["withdrawal"] is None
    asked = client.post(path, b'{"name": "devices.csv"}')
    assert asked.status == 202
    assert asked.json["withdrawal"]["total"] == 3
    assert client.post(path, b'{"name": "devices.csv"}').status == 200
    assert client.get(FILE.format(identifier)).json["withdrawal"]["state"] == "under_way"


def test_nothing_is_done_with_a_file_that_is_open(world: World, client: Client) -> None:
    identifier = world.drop_file(numbered(1))
    for change, body in (("retry", b""), ("withdraw", b'{"name": "devices.csv"}')):
        answer = client.post(f"{FILE.format(identifier)}/{change}", body)
        assert answer.status == 409
        assert answer.json["code"] == "conflict"


# --- links and tags


def test_links_are_whole_addresses_that_can_be_followed_as_they_are(world: World, client: Client) -> None:
    parent = closed_file(world, tuples(["STANDIN-500-1"]))
    answers = [client.get("/api/files").json["files"][0], client.get(FILE.format(parent)).json["file"]]
    answers += client.get(f"/api/devices/{CUSTOMER}/STANDIN-500-1").json["devices"]
    for links in (answer["links"] for answer in answers):
        for name in ("file", "outcomes", "results_csv", "to_fix_csv", "report_html", "page"):
            origin, path = links[name][: len(f"http://{client.host}")], links[name][len(f"http://{client.host}") :]
            assert origin == f"http://{client.host}"
            assert client.get(path).status == 200
        assert links["parent"] is None


def test_links_lead_to_where_people_sign_in_and_to_no_host_that_a_header_names(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(world.settings, page_url="https://drop.example.com/proxy")
    monkeypatch.setattr(world, "pipeline", world.pipeline_with(settings=settings))
    identifier = closed_file(world)
    strange = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-Host": "evil.example"}
    links = client.get(FILE.format(identifier), strange).json["file"]["links"]
    assert links["page"] == f"https://drop.example.com/proxy/api/status/{CUSTOMER}/{identifier}"
    assert links["file"] == f"http://{client.host}{FILE.format(identifier)}"


@pytest.mark.parametrize("name", ["", "/outcomes", "/outcomes?limit=2", "/results.csv", "/to_fix.csv"])
def test_what_is_closed_has_a_tag_and_is_not_sent_to_who_has_it(world: World, client: Client, name: str) -> None:
    path = FILE.format(closed_file(world)) + name
    plain = client.get(path)
    tag = plain.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for known in (tag, f'"x", W/{tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = client.call(method, path, {"If-None-Match": known})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == "no-store"
    for unknown in ('"x"', tag.strip('"'), ""):
        assert client.get(path, {"If-None-Match": unknown}).body == plain.body


def test_a_tag_goes_with_how_the_file_is_sent_and_with_what_becomes_of_it(world: World, client: Client) -> None:
    path = FILE.format(closed_file(world))
    plain = client.get(f"{path}/results.csv").headers["etag"]
    packed = client.get(f"{path}/results.csv", {"Accept-Encoding": "gzip", "If-None-Match": plain})
    assert (packed.status, packed.headers["vary"]) == (200, "Accept-Encoding")
    assert packed.headers["etag"] != plain
    before = client.get(path).headers["etag"]
    client.post(f"{path}/withdraw", b'{"name": "devices.csv"}')
    assert client.get(path, {"If-None-Match": before}).json["withdrawal"]["total"] == 3


def test_what_may_still_change_has_no_tag(world: World, client: Client) -> None:
    path = FILE.format(world.drop_file(numbered(3)))
    for open_path in (path, f"{path}/outcomes", "/api/files"):
        answer = client.get(open_path, {"If-None-Match": "*"})
        assert (answer.status, answer.headers.get("etag")) == (200, None)


# --- who is let in


def test_a_route_for_scripts_asks_for_the_key(client: Client) -> None:
    for path in ("/api/files", f"/api/devices/{CUSTOMER}/x", "/api/openapi.json", FILE.format(UNKNOWN)):
        assert client.get(path, {"x-functions-key": None}).status == 401
        assert client.get(path, {"x-functions-key": "wrong"}).status == 401


@pytest.mark.parametrize("name", ["code", "Code", "CODE"])
def test_a_key_in_an_address_is_refused(client: Client, name: str) -> None:
    answer = client.get(f"/api/files?{name}=the-function-key")
    assert answer.status == 400
    assert answer.json["code"] == "key_in_address"
    assert "x-functions-key" in answer.json["message"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7071", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_machine_of_ones_own_answers_to_no_other_name(client: Client, host: str) -> None:
    answer = client.get("/api/files", {"Host": host})
    assert answer.status == 403
    assert "localhost" in answer.json["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7071", "127.0.0.1:7071", "[::1]:7071"])
def test_a_machine_of_ones_own_answers_to_its_own_names(client: Client, host: str) -> None:
    assert client.get("/api/files", {"Host": host}).status == 200


def test_in_azure_the_app_answers_to_any_name_that_leads_to_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "device-drop")
    assert client.get("/api/files", {"Host": "device-drop.azurewebsites.net"}).status == 200


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


# --- what is wrong


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        ("customer=contoso", "customer"),
        ("customer=", "customer"),
        (f"customer={CUSTOMER}%0A", "customer"),
        ("customer=" + "x" * 101, "customer"),
        ("state=%60%24.limit%60", "state"),
        ("state=unknown+field+%60limit%60", "state"),
        ("x%60+-+at+%60%24.limit%60=1", "x` - at `$.limit`"),
        ("state=open", "state"),
        ("state=", "state"),
        ("state=null", "state"),
        ("received_from=yesterday", "received_from"),
        ("received_from=2026-11-20", "received_from"),
        ("received_before=1763596800", "received_before"),
        ("received_before=2026-11-20T00:00:00", "received_before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=5&limit=6", "limit"),
        ("costumer_id=x", "costumer_id"),
        ("%60%24.x%60=1", "`$.x`"),
        ("next=", "next"),
        ("next=abc", "next"),
        ("next=%C3%A4", "next"),
        ("next=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "next"),
        ("page=abc", "page"),
    ],
)
def test_a_bad_filter_is_named(client: Client, question: str, parameter: str) -> None:
    answer = client.get(f"/api/files?{question}")
    assert answer.status == 400
    assert answer.json["parameter"] == parameter
    assert parameter in answer.json["message"] or answer.json["code"] == "bad_page"


@pytest.mark.parametrize(
    "question", ["outcome=lost", "reason=%00", "reason=808%0A", "limit=501", "state=closed", "reason=" + "x" * 201]
)
def test_a_bad_filter_of_rows_is_named(world: World, client: Client, question: str) -> None:
    identifier = closed_file(world)
    answer = client.get(f"{FILE.format(identifier)}/outcomes?{question}")
    assert answer.status == 400
    assert answer.json["parameter"] == question.partition("=")[0]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("limit=many", "limit is a whole number from 1 to 1000."),
        ("limit=", "limit is a whole number from 1 to 1000."),
        ("limit=1.5", "limit is a whole number from 1 to 1000."),
        ("limit=5&limit=6", "limit is a whole number from 1 to 1000."),
        ("limit=99999999999999999999999", "limit is a whole number from 1 to 1000."),
        ("state=open", "state is one of closed, closing, gone, read, received, rejected."),
        ("received_from=20.11.2026", "received_from is a time with its offset, such as 2026-11-20T08:00:00Z."),
        ("customer=contoso", "customer is the GUID of a customer's tenant or the name of a customer."),
        ("customer=", "customer is a text of 1 to 100 characters."),
        ("customer=a%00b", "customer has no control characters."),
        ("next=" + "x" * 4_001, "next is a text of at most 4000 characters."),
        ("costumer=x", "There is no parameter costumer, but next, customer, state, "),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_told_what_it_should_be(client: Client, question: str, sentence: str) -> None:
    assert client.get(f"/api/files?{question}").json["message"].startswith(sentence)


def test_rows_have_bounds_of_their_own_and_a_file_has_no_parameters(client: Client) -> None:
    path = FILE.format(UNKNOWN)
    assert client.get(f"{path}/outcomes?limit=0").json["message"].startswith("limit is a whole number from 1 to 500.")
    assert "but none at this address." in client.get(f"{path}?limit=5").json["message"]


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


def test_times_at_the_end_of_the_calendar_find_nothing_and_break_nothing(world: World, client: Client) -> None:
    closed_file(world)
    for time in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59.999999-14:00", "1969-01-01T00:00:00Z"):
        for name in ("received_from", "received_before"):
            assert client.get(f"/api/files?{name}={time}").status == 200


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
        f"/api/devices/{CUSTOMER}/SN-00001?next={of_files}",
        f"/api/devices/{CUSTOMER}/SN-00001?next={sealed}",
    ):
        answer = client.get(path)
        assert (answer.status, answer.json["code"], answer.json["parameter"]) == (400, "bad_page", "next"), path
        assert "This is no cursor of this list." in answer.json["message"]


def test_a_cursor_reaches_no_file_of_another_customer(world: World, client: Client) -> None:
    mine = closed_file(world, tuples(["SN-1"]))
    for name in "abc":
        closed_file(world, tuples(["SN-1"]), f"{UNKNOWN}/Test/{name}.csv")
    for position in (DevicePosition("0" * 8 + mine[8:], 1), DevicePosition("f" * 8 + mine[8:], 1)):
        found = client.get(f"/api/devices/{CUSTOMER}/SN-1?next={cursor(position)}").json["devices"]
        assert {device["customer_id"] for device in found} <= {CUSTOMER}


def test_the_next_page_is_asked_for_by_the_name_that_it_has_in_the_answer(world: World, client: Client) -> None:
    dropped = [closed_file(world, path=f"{CUSTOMER}/Test/{name}.csv") for name in "ab"]
    first = client.get("/api/files?limit=1").json
    second = client.get(f"/api/files?next={first['next']}").json
    assert sorted(file["file_id"] for page in (first, second) for file in page["files"]) == sorted(dropped)
    assert client.get(f"/api/files?page={first['next']}").json["parameter"] == "page"


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
        f"/api/devices/{CUSTOMER}/unknown",
        f"/api/devices/{CUSTOMER}/%00%F0%9F%92%A9'%22",
        f"/api/devices/{CUSTOMER}/" + "x" * 3_000,
        f"/api/devices/{CUSTOMER}/",
        "/api/devices/_/x",
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


def test_storage_that_does_not_answer_is_a_503_that_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(*_: object, **__: object) -> NoReturn:
        raise ServiceRequestError("connection refused by 10.0.0.1 with AccountKey=secret")

    monkeypatch.setattr(Files, "still_open", no_answer)
    answer = client.get("/api/files")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["code"] == "unavailable"
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


def test_a_record_that_only_a_later_version_can_read_is_a_503_that_says_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object, **__: object) -> NoReturn:
        raise UnreadableRecord("DeviceFile c/f cannot be read by this version. Was a later one rolled back?")

    monkeypatch.setattr(Files, "still_open", unreadable)
    answer = client.get("/api/files")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert "Was a later one rolled back?" in answer.json["message"]


def test_what_nobody_expected_is_logged_under_the_id_that_is_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(Files, "still_open", broken)
    answer = client.get("/api/files")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert any(getattr(record, "correlation_id", "") == answer.json["correlation_id"] for record in caplog.records)


@pytest.mark.parametrize("path", ["/api/files", "/api/nothing", "/api/openapi.json", "/api/files?limit=x"])
def test_every_answer_tells_browsers_to_guess_keep_embed_and_tell_nothing(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


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
    assert shown == [re.sub(r"[\x00-\x1f\u202e]", "", cell) for cell in HOSTILE]
    for answer in (file, rows):
        assert b"\x1b" not in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "\x1b" not in download.headers["content-disposition"]
    assert "<" not in download.headers["content-disposition"]
    serial = rows.json["outcomes"][0]["serial_number"]
    found = client.get(f"/api/devices/{CUSTOMER}/{''.join(f'%{byte:02X}' for byte in serial.encode())}")
    assert found.json["serial_number"] == serial == "SN<b>0"
