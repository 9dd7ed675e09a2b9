"""Who looks at the page, and whether a form was sent by them from our own page.

App Service authentication signs people in and adds them to each request as `X-MS-CLIENT-PRINCIPAL`; requests from
outside cannot set that header while it is on (App Service, "Access user claims in app code"). It lets everybody through
to us (`AllowAnonymous`, "Allow unauthenticated access" in its overview), because scripts come with a function key and
Event Grid with the extension's: so it is here that nobody sees a page without having signed in.
"""

import binascii
import secrets
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

import azure.functions as func
import msgspec

from shared.status.http import Refusal, Surroundings, path_of, refuse_other_origins
from shared.status.schemas import ErrorCode
from shared.status.signing import BadSeal, Seals

PRINCIPAL_HEADER = "x-ms-client-principal"
SIGN_IN = "/.auth/login/aad"
PAGES = "/api/status"

FORM_FIELD = "form_token"
FORM_COOKIE = "device_drop_form"
FORM_LASTS = timedelta(hours=12)
LARGEST_FORM = 16_384
"""Bytes."""

_COOKIE_BYTES = 18
_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_IDS = (_OBJECT_ID, "oid")
_NAMES = ("preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "name")

NO_SIGN_IN = (
    "The page is shown to nobody as long as people cannot sign in. Register an application for it, set "
    "STATUS_PAGE_CLIENT_ID and provision again, as docs/deploy.md says under The status page."
)
SIGNED_IN_WITHOUT_ID = (
    "The sign-in names nobody. Sign out at /.auth/logout and in again with an account of the organisation."
)
FORGED = (
    "This form was not sent from a page that you opened in the last hours. Go back, load the page anew and try again."
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in. `person_id` stays when the name changes; on a machine of one's own both are empty."""

    person_id: str = ""
    name: str = ""


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _Principal(msgspec.Struct):
    claims: list[_Claim]


def person_of(request: func.HttpRequest, place: Surroundings) -> Person:
    """Who looks at a page. Raises Refusal: with the way to the sign-in, or when nobody can sign in."""
    if not place.is_azure:
        return Person()
    if not place.signs_in:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.FORBIDDEN, NO_SIGN_IN)
    header = request.headers.get(PRINCIPAL_HEADER)
    if not header:
        raise Refusal(
            HTTPStatus.FOUND,
            ErrorCode.NOT_SIGNED_IN,
            "Sign in to see this page.",
            headers={"Location": _sign_in_and_return(request)},
        )
    return _person_in(header)


def form_of(request: func.HttpRequest) -> dict[str, str]:
    """The fields of a form that was sent. Raises Refusal when it is none, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = request.get_body()
    if kind != "application/x-www-form-urlencoded" or len(body) > LARGEST_FORM:
        raise Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, "This is no form of the status page.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Forms:
    """Gives the forms of one request their token, and looks at the token of a form that was sent.

    The token is bound to the person, and to a cookie that browsers send with requests of our own pages alone.
    """

    seals: Seals
    request: func.HttpRequest
    person: Person
    place: Surroundings
    now: datetime

    def token(self) -> tuple[str, dict[str, str]]:
        """The token of the forms on a page, and the headers that the page's answer needs for it."""
        cookie, headers = self._cookie(), {}
        if cookie is None:
            cookie = secrets.token_urlsafe(_COOKIE_BYTES)
            secure = "; Secure" if self.place.is_azure else ""
            headers["Set-Cookie"] = f"{FORM_COOKIE}={cookie}; Path={PAGES}; HttpOnly; SameSite=Strict{secure}"
        return self.seals.sealed(self._purpose(cookie), str(int(self.now.timestamp())).encode()), headers

    def check(self, token: str) -> None:
        """Raises Refusal unless a form with this token was sent from a page that was given it."""
        refuse_other_origins(self.request)
        cookie = self._cookie()
        if cookie is None or not self._is_given(token, cookie):
            raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.FORGED, FORGED)

    def _is_given(self, token: str, cookie: str) -> bool:
        try:
            content = self.seals.opened(self._purpose(cookie), token)
        except BadSeal:
            return False
        given = datetime.fromtimestamp(int(content), UTC)
        return given <= self.now + timedelta(minutes=5) and self.now - given < FORM_LASTS

    def _purpose(self, cookie: str) -> str:
        return f"form {self.person.person_id} {cookie}"

    def _cookie(self) -> str | None:
        """Whatever else stands beside it: `http.cookies` drops all of them when one is not to its liking."""
        cookies: str = self.request.headers.get("cookie", "")
        for pair in cookies.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == FORM_COOKIE and value:
                return value
        return None


def _sign_in_and_return(request: func.HttpRequest) -> str:
    """The sign-in that leads back to the page that was asked for, and nowhere but to one of our pages.

    Who sent a form comes back to the page that it stands on: what the form asks for is not done.
    """
    path = path_of(request) if request.method == "GET" else path_of(request).rpartition("/")[0]
    inside = path if path == PAGES or path.startswith(f"{PAGES}/") else PAGES
    return f"{SIGN_IN}?post_login_redirect_uri={quote(quote(inside), safe='')}"


def _person_in(header: str) -> Person:
    try:
        principal = msgspec.json.decode(b64decode(header, validate=True), type=_Principal)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.NOT_SIGNED_IN, SIGNED_IN_WITHOUT_ID) from error
    claims: dict[str, str] = {claim.typ: claim.val for claim in principal.claims}
    person_id = next((claims[name] for name in _IDS if claims.get(name)), None)
    if person_id is None:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.NOT_SIGNED_IN, SIGNED_IN_WITHOUT_ID)
    return Person(person_id, next((claims[name] for name in _NAMES if claims.get(name)), person_id))
