"""Who sees the page, and which forms are taken from them."""

import json
from base64 import b64encode
from datetime import timedelta
from urllib.parse import parse_qs, quote, unquote, urlsplit

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.authentication import FORM_COOKIE, Forms, Person, form_of, person_of
from shared.status.http import Refusal, Surroundings, is_this_machine, surroundings
from shared.status.signing import BadSeal, Seals
from tests.pipeline.world import START
from tests.storage.fakes import InMemoryContainer

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


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, AT_HOME),
        ({"WEBSITE_AUTH_ENABLED": "True"}, Surroundings(is_azure=False, signs_in=True)),
        ({"WEBSITE_SITE_NAME": "x", "WEBSITE_AUTH_ENABLED": "True"}, IN_AZURE),
        ({"WEBSITE_INSTANCE_ID": "x", "WEBSITE_AUTH_ENABLED": "true"}, IN_AZURE),
        ({"WEBSITE_SITE_NAME": "x", "WEBSITE_AUTH_ENABLED": "False"}, WITHOUT_SIGN_IN),
        ({"WEBSITE_SITE_NAME": "x"}, WITHOUT_SIGN_IN),
    ],
)
def test_where_the_app_runs_is_told_by_what_app_service_sets(environment: dict[str, str], place: Surroundings) -> None:
    assert surroundings(environment) == place


def test_on_a_machine_of_ones_own_nobody_signs_in_and_no_header_makes_a_person() -> None:
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": principal((OBJECT_ID, "x"))}), AT_HOME) == Person()


def test_who_signed_in_is_who_app_service_says() -> None:
    header = principal((OBJECT_ID, ANNA.person_id), ("preferred_username", ANNA.name), ("name", "Anna"))
    assert person_of(request(headers={"X-MS-CLIENT-PRINCIPAL": header}), IN_AZURE) == ANNA


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


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1:7071", True),
        ("127.9.9.9", True),
        ("[::1]:80", True),
        ("", False),
        ("[", False),
        ("localhost.", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("localhost.evil.example", False),
        ("2130706433", False),
    ],
)
def test_the_names_of_this_machine(host: str, expected: bool) -> None:
    assert is_this_machine(host) is expected


# --- forms


def forms(
    headers: dict[str, str] | None = None,
    person: Person = ANNA,
    container: InMemoryContainer | None = None,
    late: timedelta = timedelta(0),
    place: Surroundings = IN_AZURE,
) -> Forms:
    return Forms(Seals(container or CONTAINER), request(headers=headers), person, place, START + late)


CONTAINER = InMemoryContainer()


def given_form(place: Surroundings = IN_AZURE) -> tuple[str, str, str]:
    """The token of a form, the cookie that came with it, and the whole of Set-Cookie."""
    token, headers = forms(place=place).token()
    set_cookie = headers["Set-Cookie"]
    return token, set_cookie.partition(";")[0], set_cookie


def test_a_form_of_our_own_page_is_taken() -> None:
    token, cookie, _ = given_form()
    forms({"Cookie": cookie}).check(token)
    forms({"Cookie": f"other=1; {cookie}", "Sec-Fetch-Site": "same-origin"}, late=timedelta(hours=11)).check(token)
    forms({"Cookie": cookie, "Origin": "https://app.example"}).check(token)
    # Other apps on the same host set what is no cookie by the book.
    forms({"Cookie": f'x={{"a": "b"}}; [y]=1; é; path=/; {cookie}; z="'}).check(token)


def test_the_cookie_goes_to_our_pages_alone_and_no_script_reads_it() -> None:
    _, cookie, whole = given_form()
    assert whole == f"{cookie}; Path=/api/status; HttpOnly; SameSite=Strict; Secure"
    assert given_form(AT_HOME)[2].endswith("SameSite=Strict")


def test_a_second_page_keeps_the_cookie_and_both_forms_are_taken() -> None:
    first, cookie, _ = given_form()
    second, headers = forms({"Cookie": cookie}).token()
    assert headers == {}
    for token in (first, second):
        forms({"Cookie": cookie}).check(token)


@pytest.mark.parametrize("what", ["", "x", "AAAA"])
def test_a_form_without_its_token_is_refused(what: str) -> None:
    _, cookie, _ = given_form()
    with pytest.raises(Refusal):
        forms({"Cookie": cookie}).check(what)


def test_a_form_of_another_person_browser_app_or_day_is_refused() -> None:
    token, cookie, _ = given_form()
    _, other_cookie, _ = given_form()
    for other in (
        forms({"Cookie": cookie}, person=Person("another", "anna@contoso.example")),
        forms({"Cookie": other_cookie}),
        forms({"Cookie": f"{FORM_COOKIE}="}),
        forms({}),
        forms({"Cookie": cookie}, container=InMemoryContainer()),
        forms({"Cookie": cookie}, late=timedelta(hours=12)),
        forms({"Cookie": cookie}, late=timedelta(hours=-1)),
        forms({"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}),
        forms({"Cookie": cookie, "Sec-Fetch-Site": "same-site", "Origin": "https://app.example"}),
        forms({"Cookie": cookie, "Origin": "https://evil.example"}),
        forms({"Cookie": cookie, "Origin": "null"}),
    ):
        with pytest.raises(Refusal) as refused:
            other.check(token)
        assert refused.value.status == 403


def test_a_form_is_read_when_it_is_one() -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    assert form_of(request(headers={"Content-Type": kind}, body=b"name=%C3%A4+b&x=")) == {"name": "ä b", "x": ""}
    for headers, body in (
        ({}, b"a=b"),
        ({"Content-Type": "text/plain"}, b"a=b"),
        ({"Content-Type": kind}, b"a" * 20_000),
    ):
        with pytest.raises(Refusal):
            form_of(request(headers=headers, body=body))


# --- seals


@given(st.text(max_size=20), st.binary(max_size=60), st.text(max_size=80))
def test_only_what_was_sealed_opens_and_for_its_purpose_alone(purpose: str, content: bytes, other: str) -> None:
    seals = Seals(CONTAINER)
    sealed = seals.sealed(purpose, content)
    assert seals.opened(purpose, sealed) == content
    for wrong_purpose, text in (
        (f"{purpose}x", sealed),
        (purpose, other),
        (purpose, sealed + "A"),
        (purpose, sealed[1:]),
    ):
        with pytest.raises(BadSeal):
            seals.opened(wrong_purpose, text)
