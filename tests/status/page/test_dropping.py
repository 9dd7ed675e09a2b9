"""The pages for dropping files, as a browser calls them: choose, check, send; and whatever else may be sent to them."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from shared.device_files.templates import TEMPLATE_WORDS
from shared.pipeline.intake import uploads
from shared.pipeline.intake.uploads import MOST_FILES
from shared.status.page import dropping
from tests.device_files.cases import HEADER, HP_ROW
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.status.client import Answer, Client

OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "x-functions-key": None}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
BOUNDARY = "b0undary"
GOOD = numbered(3)


def multipart(fields: Mapping[str, str], files: list[tuple[str, bytes]]) -> bytes:
    """A form as browsers send it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, content in files:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Type: text/csv\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def choose(
    client: Client,
    *files: tuple[str, str | bytes],
    customer: str = CUSTOMER,
    batch: str = "Sales",
    person: Mapping[str, str | None] | None = None,
    order: str = "",
) -> Answer:
    content = [(name, text.encode() if isinstance(text, str) else text) for name, text in files]
    body = multipart({"customer": customer, "batch": batch, "order": order}, content)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.post("/api/status/drop", body, OWN_PAGE | kind | dict(person or {}))


def chosen(client: Client, *files: tuple[str, str | bytes], batch: str = "Sales") -> str:
    """The id of the upload that the form leads to."""
    answer = choose(client, *files, batch=batch)
    assert answer.status == 303, answer.body.decode()
    return parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]


def text_of(answer: Answer) -> str:
    """What a person reads, on one line."""
    words = " ".join(re.sub(r"<[^>]*>", " ", answer.body.decode()).split())
    return unescape(re.sub(r"(?<=\() | (?=[),.:;])", "", words))


def page(client: Client, upload: str) -> Answer:
    return client.get(f"/api/status/drop?upload={upload}", {"x-functions-key": None})


def ticked(client: Client, upload: str) -> list[str]:
    """The values of the boxes that send a file."""
    return re.findall(r'name="send" value="([^"]+)"', page(client, upload).body.decode())


def send(client: Client, upload: str, *boxes: str, again: str = "", **headers: str) -> Answer:
    fields = [("upload", upload), *(("send", box) for box in boxes), *([("again", again)] if again else [])]
    return client.post("/api/status/drop/send", urlencode(fields).encode(), OWN_PAGE | FORM | headers)


def dropped(world: World) -> list[str]:
    return [version.path.removeprefix(f"{CUSTOMER}/") for version in world.drop.versions()]


# --- the way of a person


def test_the_form_offers_what_is_known_and_says_its_limits_before(client: Client, world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    world.drop_file(GOOD)
    world.run()
    answer = client.get("/api/status/drop?customer=Contoso&batch=Kiosk", {"x-functions-key": None})
    body = answer.body.decode()
    assert '<option value="Contoso">' in body
    assert '<option value="Test" label="Test (Contoso)"' in body
    assert 'value="Kiosk"' in body
    assert "20.0 MiB together" in body
    assert f"Up to {MOST_FILES} files" in body
    policy = answer.headers["content-security-policy"]
    assert "connect-src 'self' http://storage.invalid;" in policy
    listed = client.get("/api/status", {"x-functions-key": None})
    assert "storage.invalid" not in listed.headers["content-security-policy"]
    assert '<a href="/api/status/drop">Drop files</a>' in listed.body.decode()


def test_chosen_files_are_checked_and_sent_and_the_page_leads_to_them(client: Client, world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    bad = f"{HEADER}\r\nALONE-1,,\r\n"
    answer = choose(client, ("good.csv", GOOD), ("bad.csv", bad), customer="contoso ")
    upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
    said = text_of(page(client, upload))
    assert "2 files for Contoso" in said
    assert "3 rows would be sent" in said
    assert "Batch: Sales (3 rows)." in said
    assert "0 rows would be sent, 1 rejected" in said
    assert "The row has a serial number but neither a hash" in said
    assert dropped(world) == []
    boxes = ticked(client, upload)
    assert [box[0] for box in boxes] == ["0"]
    assert send(client, upload, *boxes).status == 303
    assert dropped(world) == ["Sales/good.csv"]
    assert "it is received within a minute" in text_of(page(client, upload))
    world.receive(f"{CUSTOMER}/Sales/good.csv")
    link = re.search(r'href="(/api/status/[^"]+)">page of', page(client, upload).body.decode())
    assert link is not None
    assert client.get(link[1], {"x-functions-key": None}).status == 200


def test_who_sent_a_file_stands_on_its_page_in_json_and_among_the_acts(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("WEBSITE_SITE_NAME", "app")
        patch.setenv("WEBSITE_AUTH_ENABLED", "True")
        ada = principal("DeviceDrop.Send")
        answer = choose(client, ("good.csv", GOOD), person=ada)
        upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
        (version,) = world.staging.versions()
        body = urlencode({"upload": upload, "send": f"0.{version.etag}"}).encode()
        assert client.post("/api/status/drop/send", body, OWN_PAGE | FORM | ada).status == 303
    world.receive(f"{CUSTOMER}/Sales/good.csv")
    world.run()
    (file,) = client.get("/api/files").json["files"]
    assert file["sent_by"] == "Ada"
    assert "Sent by Ada" in text_of(client.get(urlsplit(file["links"]["page"]).path, {"x-functions-key": None}))
    report = client.get(f"/api/files/{CUSTOMER}/{file['file_id']}/report.html")
    assert "Sent by Ada" in text_of(report)
    (act,) = client.get("/api/acts").json["acts"]
    assert (act["kind"], act["who"], act["subject"], act["detail"]) == ("send", "Ada", "good.csv", "Batch Sales")


def test_a_file_of_which_no_row_can_be_sent_cannot_be_sent(client: Client) -> None:
    upload = chosen(client, ("a.csv", f"{HEADER}\r\nALONE-1,,\r\n"), ("b.pdf", b"%PDF-1.7"))
    answer = page(client, upload)
    assert '<button class="primary" type="submit">' not in answer.body.decode().split('id="send"')[1]
    assert "No row of it can be sent." in text_of(answer)
    assert "unknown_format" in text_of(answer)


def test_the_rejected_rows_are_downloaded_fixed_and_chosen_again(client: Client) -> None:
    rejected = f"{HEADER}\r\n" + "".join(f"ALONE-{number},,\r\n" for number in range(150))
    upload = chosen(client, ("a.csv", rejected + f"{HP_ROW}\r\n"), ("b.pdf", b"%PDF-1.7"))
    body = page(client, upload)
    assert "and 50 more" in text_of(body)
    assert f'href="/api/status/drop?upload={upload}&amp;rejected=0"' in body.body.decode()
    answer = client.get(f"/api/status/drop?upload={upload}&rejected=0", {"x-functions-key": None})
    assert "a%20-%20to%20fix.xlsx" in answer.headers["content-disposition"]
    again = chosen(client, ("a - to fix.xlsx", answer.body))
    assert "0 rows would be sent, 150 rejected" in text_of(page(client, again))
    for number, status in (("1", 409), ("2", 404), ("x", 404)):
        refused = client.get(f"/api/status/drop?upload={upload}&rejected={number}", {"x-functions-key": None})
        assert refused.status == status


def test_rejected_rows_are_offered_only_where_they_can_be_had(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = chosen(client, ("a.csv", f"{GOOD}SN-3,,,,\r\n"))
    assert "Download the rejected rows" in text_of(page(client, upload))
    monkeypatch.setattr(uploads, "DIGESTED_AT_THE_CHECK", 0)
    assert "Download the rejected rows" not in text_of(page(client, upload))
    assert page(client, f"{upload}&rejected=0").status == 409


def test_without_a_batch_the_group_tags_decide(client: Client) -> None:
    tagged = "Manufacturer,Model,Serial number,Group Tag\r\nLENOVO,21R3001BUK,PF3ABCDE,Kiosk\r\n"
    upload = chosen(client, ("a.csv", tagged), ("b.csv", GOOD), batch="")
    said = text_of(page(client, upload))
    assert "Batch: Kiosk (1 row)." in said
    assert "3 rows: The file lies in no batch folder." in said


def test_a_check_that_takes_too_long_says_how_far_it_came(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "SECONDS_FOR_A_CHECK", -1.0)
    upload = chosen(client, ("a.csv", numbered(1_000)))
    assert "the check ended after its first 256 rows. Of these, 256 rows would be sent" in text_of(page(client, upload))
    assert send(client, upload, *ticked(client, upload)).status == 303


def test_discarded_files_are_gone(client: Client, world: World) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    answer = client.post("/api/status/drop/discard", urlencode({"upload": upload}).encode(), OWN_PAGE | FORM)
    assert (answer.status, answer.headers["location"]) == (303, "/api/status/drop")
    assert list(world.staging.versions()) == []
    gone = page(client, upload)
    assert gone.status == 410
    assert 'href="/api/status/drop"' in gone.body.decode()


@pytest.mark.parametrize("name", TEMPLATE_WORDS)
def test_templates_are_linked_and_downloaded(client: Client, name: str) -> None:
    assert f'href="/api/templates/{name}"' in client.get("/api/status/drop").body.decode()
    answer = client.get(f"/api/templates/{name}", {"x-functions-key": None})
    assert answer.status == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.body.decode("utf-8-sig").splitlines()[1].startswith("# One row for each device.")
    assert client.get("/api/templates/other.csv").status == 404


# --- sent twice, and changed meanwhile


def test_a_large_file_that_was_sent_before_has_its_box_once_sending_has_told_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "DIGESTED_AT_THE_CHECK", 0)
    first = chosen(client, ("a.csv", GOOD))
    send(client, first, *ticked(client, first))
    second = chosen(client, ("b.csv", GOOD))
    assert 'name="again"' not in page(client, second).body.decode()
    refused = send(client, second, *ticked(client, second))
    assert refused.status == 409
    assert 'name="again" value="0"' in refused.body.decode()


def test_the_same_content_is_told_and_sent_again_only_with_its_box(client: Client, world: World) -> None:
    first = chosen(client, ("a.csv", GOOD))
    send(client, first, *ticked(client, first))
    world.receive(f"{CUSTOMER}/Sales/a.csv")
    second = chosen(client, ("b.csv", GOOD))
    body = page(client, second).body.decode()
    assert "The same content was sent to this customer" in body
    assert f'<a href="/api/status/{CUSTOMER}/' in body
    refused = send(client, second, *ticked(client, second))
    assert refused.status == 409
    assert "nothing was sent. Tick the box to send it again" in text_of(refused)
    assert dropped(world) == ["Sales/a.csv"]
    assert send(client, second, *ticked(client, second), again="0").status == 303
    assert dropped(world) == ["Sales/a.csv", "Sales/b.csv"]


def test_a_form_sent_twice_sends_once(client: Client, world: World) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    boxes = ticked(client, upload)
    assert [send(client, upload, *boxes).status for _ in range(2)] == [303, 303]
    assert dropped(world) == ["Sales/a.csv"]


def test_a_file_that_changed_after_its_check_is_refused(client: Client, world: World) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    boxes = ticked(client, upload)
    world.staging.put(f"{upload}/a.csv", GOOD.replace("SN-1", "SN-9").encode())
    answer = send(client, upload, *boxes)
    assert answer.status == 409
    assert "changed after it was checked" in text_of(answer)
    assert dropped(world) == []


def test_a_file_that_was_cut_off_is_not_offered(client: Client, world: World) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    world.staging.put(f"{upload}/a.csv", GOOD[:-9].encode())
    assert "it was cut off" in text_of(page(client, upload))
    assert ticked(client, upload) == []


@pytest.mark.parametrize("box", ["", "0", "0.", "9.x", "-1.x", "0.x", "x", "٣.x", "0" * 5_000])
def test_a_box_that_the_page_did_not_make_sends_nothing(client: Client, world: World, box: str) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    assert send(client, upload, box).status in (303, 409)
    assert dropped(world) == []


def test_no_box_ticked_says_so(client: Client) -> None:
    answer = send(client, chosen(client, ("a.csv", GOOD)))
    assert answer.status == 409
    assert "tick the files to send" in text_of(answer)


# --- what cannot be chosen


@pytest.mark.parametrize(
    ("customer", "batch", "said"),
    [
        ("", "", "Say to which customer"),
        ("Kontoso", "", "Did you mean &#39;Contoso&#39;?"),
        ("_", "", "is no name in use and no customer id"),
        (CUSTOMER, "a/b", "no name of a batch"),
        (CUSTOMER, "..", "no name of a batch"),
        (CUSTOMER, "a\x07b", "no name of a batch"),
        (CUSTOMER, "b" * 257, "at most 256 characters"),
        ("c" * 600, "", "longer than 512 characters"),
    ],
)
def test_a_wrong_customer_or_batch_shows_the_form_again(
    client: Client, world: World, customer: str, batch: str, said: str
) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    answer = choose(client, ("a.csv", GOOD), customer=customer, batch=batch)
    assert answer.status == 400
    assert said in answer.body.decode()
    assert 'id="drop"' in answer.body.decode()
    assert list(world.staging.versions()) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "No file was chosen"),
        ([("", "")], "No file was chosen"),
        ([("a.csv", "")], "is empty"),
        ([("..", "x")], "no name of a file"),
        ([("Thumbs.db", "x")], "no device file"),
        ([(f"{number}.csv", "x") for number in range(MOST_FILES + 1)], "Choose fewer"),
    ],
)
def test_what_cannot_be_a_device_file_shows_the_form_again(
    client: Client, files: list[tuple[str, str]], said: str
) -> None:
    answer = choose(client, *files)
    assert answer.status == 400
    assert said in text_of(answer)


def test_files_that_are_too_large_for_the_form_are_told_its_limit(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "LARGEST_FORM", 2**20)
    answer = choose(client, ("a.csv", b"x" * (2**20 + 100_000)))
    assert answer.status == 413
    assert "larger than 1 MiB together" in text_of(answer)
    assert list(world.staging.versions()) == []


@pytest.mark.parametrize(
    "name", ["a" * 300 + ".csv", "../../x.csv", "C:\\x\\y.csv", "📱 نتائج.csv", "CON.csv", "a%22b.csv", "\u202ecsv.a"]
)
def test_any_name_is_taken_shown_and_dropped_below_its_customer(client: Client, world: World, name: str) -> None:
    upload = chosen(client, (name, GOOD))
    assert send(client, upload, *ticked(client, upload)).status == 303
    (path,) = [version.path for version in world.drop.versions()]
    assert path.startswith(f"{CUSTOMER}/Sales/")
    assert path.count("/") == 2
    world.receive(path)
    assert client.get("/api/files").json["files"][0]["batch_id"] == "Sales"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=customer\r\n\r\n"),
        ("multipart/form-data; boundary=b0undary", multipart({"customer": CUSTOMER}, [("a.csv", b"x" * 999)])[:-500]),
        ("application/json", b'{"customer": "c"}'),
        ("text/plain", b"customer"),
        ("", b""),
    ],
)
def test_a_body_that_is_no_whole_form_chooses_nothing(client: Client, world: World, kind: str, body: bytes) -> None:
    answer = client.post("/api/status/drop", body, OWN_PAGE | {"Content-Type": kind})
    assert answer.status == 400
    assert 'id="drop"' in answer.body.decode()
    assert list(world.staging.versions()) == []


# --- the script


def begin(client: Client, asked: object, **headers: str) -> Answer:
    accept = {"Accept": "application/json", "Content-Type": "application/json"}
    return client.post("/api/status/drop/uploads", json.dumps(asked).encode(), OWN_PAGE | accept | headers)


ASKED = {"customer": CUSTOMER, "batch": "Sales", "files": [{"name": "a.csv", "size": len(GOOD)}]}


def test_a_script_is_told_where_to_upload_and_which_page_to_open(client: Client, world: World) -> None:
    begun = begin(client, ASKED).json
    assert begun["block_bytes"] == 4 * 2**20
    (file,) = begun["files"]
    upload = parse_qs(urlsplit(begun["page"]).query)["upload"][0]
    assert file["address"] == f"http://storage.invalid/staging/{upload}/a.csv?until=13:00"
    assert "upload has not ended" in text_of(page(client, upload))
    world.staging.put(f"{upload}/a.csv", GOOD.encode())
    assert send(client, upload, *ticked(client, upload)).status == 303
    assert dropped(world) == ["Sales/a.csv"]


def test_a_script_is_told_that_storage_gives_no_address(client: Client, world: World) -> None:
    world.upload_addresses.gives = False
    answer = begin(client, ASKED)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([], 400),
        ({}, 400),
        (ASKED | {"files": []}, 400),
        (ASKED | {"files": [{"name": "a.csv", "size": -1}]}, 400),
        (ASKED | {"files": [{"name": "a.csv", "size": 2**40}]}, 400),
        (ASKED | {"files": [{"name": "a.csv", "size": 1.5}]}, 400),
        (ASKED | {"customer": "Nobody"}, 400),
        (ASKED | {"role": "manage"}, 400),
        (ASKED | {"files": [{"name": "x" * 200_000, "size": 1}]}, 413),
    ],
)
def test_a_script_that_asks_for_anything_else_is_told_so_as_json(client: Client, asked: object, status: int) -> None:
    answer = begin(client, asked)
    assert answer.status == status
    assert answer.json["message"]


# --- who may


def principal(*roles: str) -> dict[str, str | None]:
    """The header by which App Service names a person with these roles."""
    claims = [{"typ": "oid", "val": "id-1"}, {"typ": "name", "val": "Ada"}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    return {
        "x-functions-key": None,
        "x-ms-client-principal": b64encode(json.dumps({"claims": claims}).encode()).decode(),
    }


@pytest.mark.parametrize("change", ["", "/uploads", "/send", "/discard"])
@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "none"}]
)
def test_a_form_that_our_own_page_did_not_send_does_nothing(
    client: Client, world: World, change: str, headers: dict[str, str]
) -> None:
    upload = chosen(client, ("a.csv", GOOD))
    body = urlencode({"upload": upload, "send": ticked(client, upload)[0]}).encode()
    answer = client.post(f"/api/status/drop{change}", body, {"x-functions-key": None} | FORM | headers)
    assert answer.status == 403
    assert dropped(world) == []
    assert len(list(world.staging.versions())) == 1


def test_the_pages_take_the_role_to_send(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "app")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    assert client.get("/api/status/drop").status == 302
    seer = principal()
    assert client.get("/api/status/drop", seer).status == 403
    assert "Drop files" not in client.get("/api/status", seer).body.decode()
    for change in ("", "/uploads", "/send", "/discard"):
        assert client.post(f"/api/status/drop{change}", b"", OWN_PAGE | seer).status == 403
    assert client.get("/api/status/drop", principal("DeviceDrop.Send")).status == 200


# --- devices to remove


def test_devices_are_removed_once_a_person_confirms_their_number(client: Client, world: World) -> None:
    world.drop_file(GOOD, f"{CUSTOMER}/Sales/good.csv")
    world.run()
    answer = choose(client, ("good.csv", GOOD), batch="", order="remove")
    upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
    said = text_of(page(client, upload))
    assert "1 file to remove devices of" in said
    assert "3 rows would be searched for and removed" in said
    assert "Remove 3 devices?" in said
    assert "neither unenrols a device from Intune" in said
    (box,) = ticked(client, upload)
    refused = send(client, upload, box)
    assert (refused.status, len(list(world.drop.versions()))) == (409, 1)
    assert "tick the box that confirms" in text_of(refused)
    fields = [("upload", upload), ("send", box), ("confirmed", "3")]
    assert client.post("/api/status/drop/send", urlencode(fields).encode(), OWN_PAGE | FORM).status == 303
    path = f"remove-devices/{CUSTOMER}/good.csv"
    world.receive(path)
    world.run()
    (file, _) = client.get("/api/files").json["files"]
    assert (file["path"], file["order"], file["counts"]["removed"]) == (path, "remove", 3)
    assert not file["needs_attention"]
    shown = text_of(client.get(f"/api/status/{CUSTOMER}/{file['file_id']}", {"x-functions-key": None}))
    assert "All 3 devices are removed" in shown
    assert "to remove" in text_of(client.get("/api/status", {"x-functions-key": None}))
    (act, *_) = client.get("/api/acts").json["acts"]
    assert act["kind"] == "remove"


def test_only_who_may_manage_asks_to_remove_devices(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "app")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    sender, manager = principal("DeviceDrop.Send"), principal("DeviceDrop.Manage")
    assert "to be" not in text_of(client.get("/api/status/drop", {"x-functions-key": None} | sender))
    assert choose(client, ("good.csv", GOOD), person=sender, order="remove").status == 403
    answer = choose(client, ("good.csv", GOOD), person=manager, order="remove")
    upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
    (version,) = world.staging.versions()
    fields = {"upload": upload, "send": f"0.{version.etag}", "confirmed": "3"}
    sent = client.post("/api/status/drop/send", urlencode(fields).encode(), OWN_PAGE | FORM | sender)
    assert (sent.status, list(world.drop.versions())) == (403, [])


def test_there_is_no_order_but_those_that_are_known(client: Client) -> None:
    assert choose(client, ("good.csv", GOOD), order="destroy").status == 400


def test_devices_are_moved_to_a_named_batch_alone(client: Client, world: World) -> None:
    world.drop_file(GOOD, f"{CUSTOMER}/Sales/good.csv")
    world.run()
    refused = choose(client, ("good.csv", GOOD), batch="", order="move")
    assert (refused.status, "to which batch" in text_of(refused)) == (400, True)
    answer = choose(client, ("good.csv", GOOD), batch="Kiosk", order="move")
    upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
    said = text_of(page(client, upload))
    assert "Move 3 devices?" in said
    assert "In between, a device is registered nowhere" in said
    (box,) = ticked(client, upload)
    fields = [("upload", upload), ("send", box), ("confirmed", "3")]
    assert client.post("/api/status/drop/send", urlencode(fields).encode(), OWN_PAGE | FORM).status == 303
    path = f"move-devices/{CUSTOMER}/Kiosk/good.csv"
    world.receive(path)
    world.run()
    (file, _) = client.get("/api/files").json["files"]
    assert (file["path"], file["order"], file["counts"]["registered"]) == (path, "move", 3)
    shown = text_of(client.get(f"/api/status/{CUSTOMER}/{file['file_id']}", {"x-functions-key": None}))
    assert "All 3 devices stand under the batch" in shown
    assert "from batch Sales" in shown
    (act, *_) = client.get("/api/acts").json["acts"]
    assert act["kind"] == "move"
