"""How the pages are served, and which forms are taken."""

from dataclasses import dataclass

import pytest

from shared.status.page import static_files
from tests.pipeline.world import CUSTOMER, World, numbered
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
