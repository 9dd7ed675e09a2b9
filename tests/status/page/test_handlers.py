"""How the pages are served, and which forms are taken."""

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest

from shared.status.page import static_files
from shared.status.page.summary import MOVED_GO_NOWHERE
from shared.vocabulary import FileOrder
from tests.pipeline.world import CUSTOMER, World, numbered, tuples
from tests.status.client import Answer, Client

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True, slots=True)
class Served:
    client: Client
    file_id: str


@pytest.fixture
def served(client: Client, world: World) -> Served:
    identifier = world.drop_file(numbered(3))
    world.run()
    return Served(client, identifier)


def get(served: Served, path: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    answer = served.client.get(f"/api/status{path}", {"x-functions-key": None, **headers})
    return answer.status, dict(answer.headers), answer.body.decode()


def test_a_page_allows_its_own_parts_alone_and_is_not_kept(served: Served) -> None:
    status, headers, body = get(served, f"/{CUSTOMER}/{served.file_id}")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert " style=" not in body
    assert "<style" not in body
    assert "onclick" not in body


def test_a_static_file_is_served_for_ever_and_again_only_when_it_changed(served: Served) -> None:
    address = static_files.static_address("status.css")
    found = served.client.get(address, {"x-functions-key": None})
    assert (found.status, found.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert found.headers["cache-control"] == static_files.FOR_EVER
    assert found.body == (static_files.STATIC / "status.css").read_bytes()
    again = served.client.get(address, {"x-functions-key": None, "if-none-match": found.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert served.client.get("/api/static/page.py").status == 404


def test_a_file_that_is_not_there_is_answered_with_a_page(served: Served) -> None:
    status, headers, body = get(served, f"/{CUSTOMER}/{CUSTOMER}")
    assert status == 404
    assert headers["content-type"].startswith("text/html")
    assert "Not found" in body


def _dropped(world: World, *contents: str) -> list[str]:
    """Files that ended an hour after each other; the names on the list, oldest first."""
    names = [f"{number}.csv" for number in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        world.clock.now += timedelta(hours=1)
        world.drop_file(content, f"{CUSTOMER}/Test/{name}")
        world.run()
    return names


def _parts(page: str) -> list[list[tuple[str, str]]]:
    """The titles and file names of each part of the list."""
    return [
        re.findall(r"<h2[^>]*>([^<]*?) <|<bdi>([^<]*[.]csv)</bdi></a>", part) for part in page.split("<section")[1:]
    ]


def test_files_that_need_attention_stand_first_of_the_whole_list(
    served: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.status.page.form_parameters.file_limit", lambda _: 3)
    good, bad = numbered(1), tuples([""])
    _dropped(world, bad, good, bad, good, good)
    page = get(served)[2]
    first, second = ([name or title for title, name in part] for part in _parts(page))
    assert first == ["Needs attention", "2.csv", "0.csv"]
    assert second == ["In progress and done", "4.csv", "3.csv"]
    assert "Look for older files" not in page
    of_scripts = served.client.get("/api/files?attention=yes&limit=3").json["files"]
    assert [file["name"] for file in of_scripts] == first[1:]
    (later,) = _parts(get(served, re.findall(r'href="/api/status([?][^"]*next=[^"]*)"', page)[0])[2])
    assert [name or title for title, name in later] == ["Older files", "1.csv", "0.csv", "devices.csv"]


def test_more_files_that_need_attention_are_linked(
    served: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.status.page.form_parameters.file_limit", lambda _: 2)
    bad = tuples([""])
    _dropped(world, bad, bad, bad)
    page = get(served)[2]
    (address,) = re.findall(r'href="/api/status([^"]*)">Look for older files', page)
    (older,) = _parts(get(served, address.replace("&amp;", "&"))[2])
    assert [name or title for title, name in older] == ["Needs attention", "0.csv"]


def test_a_list_of_which_only_the_newest_files_were_looked_through_says_so(
    served: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.status.page.form_parameters.file_limit", lambda _: 2)
    monkeypatch.setattr("shared.status.queries.MOST_FILES_EXAMINED", 3)
    _dropped(world, tuples([""]), *[numbered(1)] * 4)
    page = get(served)[2]
    assert "Of the newest files none needs attention" in page
    assert "Nothing needs attention" not in page
    assert "Look for older files that need attention" in page


def test_in_azure_nobody_sees_a_page_without_having_signed_in(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "app")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    for path in ("", f"/{CUSTOMER}/{served.file_id}", f"/{CUSTOMER}/{served.file_id}/withdraw"):
        status, headers, body = get(served, path)
        assert status == 302
        assert headers["location"].startswith("/.auth/login/aad?post_login_redirect_uri=")
        assert "devices.csv" not in body
    for name in ("results.csv", "results.xlsx", "to_fix.csv", "to_fix.xlsx", "report.html"):
        assert get(served, f"/{CUSTOMER}/{served.file_id}/{name}")[0] == 302
    assert served.client.post(f"/api/status/{CUSTOMER}/{served.file_id}/retry", b"").status == 302


def test_downloads_of_people_are_those_of_scripts(served: Served) -> None:
    for name in ("results.csv", "to_fix.csv"):
        of_people = get(served, f"/{CUSTOMER}/{served.file_id}/{name}")
        of_scripts = served.client.get(f"/api/files/{CUSTOMER}/{served.file_id}/{name}")
        assert (of_people[0], of_people[2]) == (of_scripts.status, of_scripts.body.decode())


def post(served: Served, change: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    path = f"/api/status/{CUSTOMER}/{served.file_id}/{change}"
    return served.client.post(path, body, {"x-functions-key": None, **headers})


def test_before_a_file_that_moved_devices_is_withdrawn_it_says_that_they_do_not_go_back(
    served: Served, world: World
) -> None:
    stays = "Devices that were registered before stay."
    page = get(served, f"/{CUSTOMER}/{served.file_id}/withdraw")[2]
    assert stays in page
    moved = world.drop_file(numbered(3), f"{FileOrder.MOVE.folder}/{CUSTOMER}/Lab/moved.csv")
    world.run()
    page = get(served, f"/{CUSTOMER}/{moved}/withdraw")[2]
    assert MOVED_GO_NOWHERE in unescape(page)
    assert stays not in page


def test_a_withdrawal_is_confirmed_by_the_name_in_a_form(served: Served) -> None:
    answer = post(served, "withdraw", OWN_PAGE | FORM, b"x=&name=+devices.csv%20")
    assert (answer.status, answer.body) == (303, b"")
    assert answer.headers["location"] == f"/api/status/{CUSTOMER}/{served.file_id}?done=withdrawing"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (FORM, b"name=other.csv", 400),
        (FORM, b"", 400),
        (FORM, b"name=\xff\xfe", 400),
        ({"Content-Type": "text/plain"}, b"name=devices.csv", 400),
        ({"Content-Type": "application/json"}, b'{"name": "devices.csv"}', 400),
        ({}, b"name=devices.csv", 400),
        (FORM, b"name=devices.csv&x=" + b"a" * 20_000, 413),
    ],
)
def test_a_body_that_is_no_form_with_the_name_withdraws_nothing(
    served: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = post(served, "withdraw", OWN_PAGE | headers, body)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")
    assert served.client.get(f"/api/files/{CUSTOMER}/{served.file_id}").json["withdrawal"] is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
    ],
)
def test_a_form_that_our_own_page_did_not_send_changes_nothing(served: Served, headers: dict[str, str]) -> None:
    for change in ("retry", "withdraw"):
        assert post(served, change, headers | FORM, b"name=devices.csv").status == 403
    assert served.client.get(f"/api/files/{CUSTOMER}/{served.file_id}").json["withdrawal"] is None


def test_a_browser_without_sec_fetch_site_sends_the_origin_of_our_page(served: Served) -> None:
    headers = {"Origin": f"http://{served.client.host}"} | FORM
    assert post(served, "withdraw", headers, b"name=devices.csv").status == 303
