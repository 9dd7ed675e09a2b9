"""The person who sees the page, and which senders may change something."""

import json
from base64 import b64encode
from urllib.parse import parse_qs, quote, unquote, urlsplit

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.authentication import (
    Person,
    Sender,
    person_of,
    refuse_all_but_own_page,
    refuse_other_sites,
    sender_of,
)
from shared.status.http import Refusal, Surroundings
from shared.status.roles import Role

AT_HOME = Surroundings(is_azure=False, signs_in=False)
IN_AZURE = Surroundings(is_azure=True, signs_in=True)
WITHOUT_SIGN_IN = Surroundings(is_azure=True, signs_in=False)
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
ANNA = Person("11111111-2222-4333-8444-555555555555", "anna@contoso.example")


def request(
    url: str = "https://app.example/api/status",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    method: str = "GET",
) -> func.HttpRequest:
    return func.HttpRequest(method, url, headers={"host": "app.example", **(headers or {})}, body=body)


def principal(*claims: tuple[str, str]) -> str:
    content = {"auth_typ": "aad", "claims": [{"typ": name, "val": value} for name, value in claims]}
    return b64encode(json.dumps(content).encode()).decode()


# --- who


def test_on_a_machine_of_ones_own_nobody_signs_in_and_no_header_makes_a_person() -> None:
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": principal((OBJECT_ID, "x"))}), AT_HOME) == Person(
        role=Role.MANAGE
    )


def test_who_signed_in_is_who_app_service_says() -> None:
    header = principal((OBJECT_ID, ANNA.person_id), ("preferred_username", ANNA.name), ("name", "Anna"))
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": header}), IN_AZURE) == ANNA


@pytest.mark.parametrize("claim", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"])
@pytest.mark.parametrize(
    ("app_roles", "role"),
    [
        ([], Role.SEE),
        (["Administrator", "devicedrop.manage", ""], Role.SEE),
        (["DeviceDrop.See"], Role.SEE),
        (["DeviceDrop.Send", "DeviceDrop.See"], Role.SEND),
        (["DeviceDrop.See", "DeviceDrop.Manage"], Role.MANAGE),
    ],
)
def test_the_greatest_app_role_counts_and_without_one_a_person_may_see(
    claim: str, app_roles: list[str], role: Role
) -> None:
    header = principal((OBJECT_ID, "x"), *((claim, app_role) for app_role in app_roles))
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": header}), IN_AZURE).role is role


def test_a_claim_with_the_name_of_a_role_that_is_no_role_gives_none() -> None:
    header = principal((OBJECT_ID, "x"), ("name", "DeviceDrop.Manage"), ("groups", "DeviceDrop.Manage"))
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": header}), IN_AZURE).role is Role.SEE


def test_who_has_not_signed_in_is_sent_to_the_sign_in_and_back() -> None:
    with pytest.raises(Refusal) as refused:
        person_of(request("https://app.example/api/status/c/f?outcome=failed"), IN_AZURE)
    assert refused.value.status == 302
    location = urlsplit(refused.value.headers["Location"])
    assert (location.scheme, location.netloc, location.path) == ("", "", "/.auth/login/aad")
    assert parse_qs(location.query) == {"post_login_redirect_uri": ["/api/status/c/f"]}


def test_who_sends_a_form_after_the_sign_in_has_ended_comes_back_to_the_page_of_the_file() -> None:
    with pytest.raises(Refusal) as refused:
        person_of(request("https://app.example/api/status/c/f/retry", method="POST"), IN_AZURE)
    assert refused.value.headers["Location"].endswith(f"={quote('/api/status/c/f', safe='')}")


@given(st.text(max_size=60))
def test_the_sign_in_leads_back_to_one_of_our_pages_and_nowhere_else(path: str) -> None:
    for address in (
        f"https://app.example/{path}",
        f"https://app.example{path}",
        f"https://app.example/api/status/{path}",
    ):
        with pytest.raises(Refusal) as refused:
            person_of(request(address), IN_AZURE)
        location = refused.value.headers["Location"]
        assert location.isascii()
        assert location.isprintable()
        [back] = parse_qs(urlsplit(location).query)["post_login_redirect_uri"]
        assert back == "/api/status" or back.startswith("/api/status/")
        assert "?" not in back
        assert "\\" not in back
        assert unquote(back).startswith("/api/status")


def test_in_azure_without_the_sign_in_nobody_sees_anything_whatever_they_claim() -> None:
    for headers in ({}, {"X-MS-CLIENT-PRINCIPAL": principal((OBJECT_ID, ANNA.person_id))}):
        with pytest.raises(Refusal) as refused:
            person_of(request(headers=headers), WITHOUT_SIGN_IN)
        assert refused.value.status == 403
        assert "STATUS_PAGE_CLIENT_ID" in refused.value.message


@pytest.mark.parametrize(
    "header", ["x", "e30=", b64encode(b"[]").decode(), b64encode(b"\xff").decode(), principal(), principal(("oid", ""))]
)
def test_a_sign_in_that_names_nobody_is_none(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": header}), IN_AZURE)
    assert refused.value.status == 403


# --- changes


PAGE_URL = "https://devices.contoso.example/"


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        # A browser that says where the request comes from.
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://app.example"}, Sender.OWN_PAGE),
        ({"Sec-Fetch-Site": "same-origin"}, Sender.OWN_PAGE),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://app.example"}, Sender.OTHER_SITE),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example"}, Sender.OTHER_SITE),
        ({"Sec-Fetch-Site": "cross-site"}, Sender.OTHER_SITE),
        ({"Sec-Fetch-Site": "none", "Origin": "https://app.example"}, Sender.OWN_PAGE),
        ({"Sec-Fetch-Site": "none", "Origin": "https://evil.example"}, Sender.OTHER_SITE),
        ({"Sec-Fetch-Site": "none"}, Sender.OTHER_SITE),
        ({"Sec-Fetch-Site": "anything else", "Origin": "https://app.example"}, Sender.OTHER_SITE),
        # A browser of before 2023, which sends Origin alone.
        ({"Origin": "https://app.example"}, Sender.OWN_PAGE),
        ({"Origin": "https://APP.example"}, Sender.OWN_PAGE),
        ({"Origin": "https://devices.contoso.example"}, Sender.OWN_PAGE),
        ({"Origin": "https://app.example:8443"}, Sender.OTHER_SITE),
        ({"Origin": "https://app.example.evil.example"}, Sender.OTHER_SITE),
        ({"Origin": "https://evil.example"}, Sender.OTHER_SITE),
        ({"Origin": "null"}, Sender.OTHER_SITE),
        ({"Origin": ""}, Sender.OTHER_SITE),
        ({"Origin": "http://["}, Sender.OTHER_SITE),
        # No browser.
        ({}, Sender.NO_BROWSER),
    ],
)
def test_the_sender_of_a_change_is_told_by_headers_that_no_page_can_set(
    headers: dict[str, str], sender: Sender
) -> None:
    assert sender_of(request(headers=headers, method="POST"), PAGE_URL) is sender


def test_the_page_takes_changes_of_its_own_and_scripts_may_change_with_their_key() -> None:
    own, script = request(headers={"Sec-Fetch-Site": "same-origin"}), request()
    other = request(headers={"Origin": "null"})
    refuse_all_but_own_page(own, None)
    refuse_other_sites(own, None)
    refuse_other_sites(script, None)
    for refuse, sent in (
        (refuse_all_but_own_page, script),
        (refuse_all_but_own_page, other),
        (refuse_other_sites, other),
    ):
        with pytest.raises(Refusal) as refused:
            refuse(sent, None)
        assert (refused.value.status, refused.value.code) == (403, "forged")


def test_a_request_without_a_host_is_of_another_site_whatever_its_origin() -> None:
    nameless = func.HttpRequest("POST", "https://app.example/api/status", headers={"Origin": ""}, body=b"")
    assert sender_of(nameless, None) is Sender.OTHER_SITE
