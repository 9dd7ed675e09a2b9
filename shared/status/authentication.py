"""The person who opens a page, with a role, and whether our own page, a script or another site sends a change.

App Service authentication signs people in and adds them to each request as `X-MS-CLIENT-PRINCIPAL`; requests from
outside cannot set that header while it is on (App Service, "Access user claims in app code"). It lets every request
through to us (`AllowAnonymous`, "Allow unauthenticated access" in its overview), because scripts come with a function
key and Event Grid with the extension's: so this module refuses the page to everybody who has not signed in.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import azure.functions as func
import msgspec

from shared.status.http import Refusal, Surroundings, path_of
from shared.status.roles import Role
from shared.status.schemas import ErrorCode

PRINCIPAL_HEADER = "x-ms-client-principal"
SIGN_IN = "/.auth/login/aad"
PAGES = "/api/status"

_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_IDS = (_OBJECT_ID, "oid")
_NAMES = ("preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "name")

NO_SIGN_IN = (
    "Nobody can see the page until people can sign in. Register an application for it, set STATUS_PAGE_CLIENT_ID and "
    "provision again, as docs/deploy.md says under The status page."
)
SIGNED_IN_WITHOUT_ID = (
    "The sign-in does not say who you are. Sign out at /.auth/logout and in again with an account of the organisation."
)
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
"""The claims of app roles, by the name in the token and by the name that .NET gives it."""

FORGED = "This change was not requested by the status page itself. Open the page and make the change there."


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in. `person_id` stays when the name changes; on a developer's machine both are empty."""

    person_id: str = ""
    name: str = ""
    role: Role = Role.SEE


class _Claim(msgspec.Struct):
    typ: str
    val: str


class _Principal(msgspec.Struct):
    claims: list[_Claim]


def person_of(request: func.HttpRequest, place: Surroundings) -> Person:
    """The person who sent `request`. Raises Refusal, which leads to the sign-in or says why nobody can sign in."""
    if not place.is_azure:
        return Person(role=Role.MANAGE)
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


def refuse_without(role: Role, person: Person) -> None:
    """Raises Refusal when `person` may do less than `role`."""
    if person.role < role:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            ErrorCode.FORBIDDEN,
            f"This takes the role {role.app_role}, and your sign-in has {person.role.app_role}. Ask an administrator "
            "to assign it to you (Entra, Enterprise applications, the status page's application, Users and groups); "
            "then sign out at /.auth/logout and in again.",
        )


class Sender(Enum):
    """What sends a request that changes something."""

    OWN_PAGE = auto()
    OTHER_SITE = auto()
    NO_BROWSER = auto()
    """A script: browsers send Origin with every POST."""


def sender_of(request: func.HttpRequest, page_url: str | None) -> Sender:
    """What sends `request`, by two headers that no page can set.

    Browsers say in Sec-Fetch-Site where a request comes from (W3C Fetch Metadata: Chrome 76, Firefox 90, Safari 16.4),
    or `none` when no page sends it. For older browsers, and for `none`, Origin decides.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return Sender.NO_BROWSER
    own_hosts = {request.headers.get("host", "").lower(), _host_of(page_url or "")} - {""}
    if site == "same-origin" or (site in (None, "none") and _host_of(origin or "") in own_hosts):
        return Sender.OWN_PAGE
    return Sender.OTHER_SITE


def refuse_other_sites(request: func.HttpRequest, page_url: str | None) -> None:
    """Raises Refusal when a page of another site sends the request. Scripts may, since they bear a function key."""
    if sender_of(request, page_url) is Sender.OTHER_SITE:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.FORGED, FORGED)


def refuse_all_but_own_page(request: func.HttpRequest, page_url: str | None) -> None:
    """Raises Refusal unless our own page sends the request: a browser sends its sign-in along for any site."""
    if sender_of(request, page_url) is not Sender.OWN_PAGE:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.FORGED, FORGED)


def _sign_in_and_return(request: func.HttpRequest) -> str:
    """The address of the sign-in, which leads back to the requested page and never to an address outside our pages.

    After a form it leads back to the page that holds the form, since the form itself was not handled.
    """
    path = path_of(request) if request.method == "GET" else path_of(request).rpartition("/")[0]
    inside = path if path == PAGES or path.startswith(f"{PAGES}/") else PAGES
    return f"{SIGN_IN}?post_login_redirect_uri={quote(quote(inside), safe='')}"


def _person_in(header: str) -> Person:
    try:
        principal = msgspec.json.decode(b64decode(header, validate=True), type=_Principal)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.NOT_SIGNED_IN, SIGNED_IN_WITHOUT_ID) from error
    claims: dict[str, str] = {claim.typ: claim.val for claim in principal.claims}
    held = {claim.val for claim in principal.claims if claim.typ in _ROLES}
    role = max((role for role in Role if role.app_role in held), default=Role.SEE)
    person_id = next((claims[name] for name in _IDS if claims.get(name)), None)
    if person_id is None:
        raise Refusal(HTTPStatus.FORBIDDEN, ErrorCode.NOT_SIGNED_IN, SIGNED_IN_WITHOUT_ID)
    return Person(person_id, next((claims[name] for name in _NAMES if claims.get(name)), person_id), role)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""
