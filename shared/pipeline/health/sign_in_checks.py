"""Checks of the sign-in to Partner Center: its token, its second factor, and whether the service answers."""

from datetime import datetime
from http import HTTPStatus

from shared.partner_center.errors import CODES_THAT_WANT_A_PERSON, PartnerCenterError, Throttled, Unauthorised
from shared.partner_center.sign_in.claims import SECOND_FACTOR, TokenClaims, claims_of
from shared.pipeline.health.finding import (
    CheckedApp,
    Finding,
    broken,
    cannot_be_told,
    not_seen_from_here,
    warning,
    well,
)
from shared.pipeline.settings_summary import sign_in_words
from shared.settings import AppUserSettings, SignInSettings, StaticTokenSettings
from shared.vocabulary import counted

AUDIENCES = frozenset({"https://api.partnercenter.microsoft.com", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"})
"""For whom a token for Partner Center is issued: its address, or its application."""

USER_SCOPE = "user_impersonation"

SIGN_IN_AGAIN = "Have the app's user sign in again with a second factor: python -m local sign-in (docs/runbook.md, 2)."


def sign_in(app: CheckedApp) -> Finding:
    """Whether there is a token, and whether it is one for Partner Center."""
    if not app.knows_settings:
        return not_seen_from_here("The app's sign-in to Partner Center")
    pipeline = app.pipeline
    try:
        token = pipeline.sign_in.token()
    except PartnerCenterError as error:
        return service_fault(error)
    return token_finding(pipeline.settings.sign_in, claims_of(token), pipeline.clock())


def token_finding(settings: SignInSettings, claims: TokenClaims | None, now: datetime) -> Finding:
    """The finding for a token with these claims. Pure."""
    way = sign_in_words(settings)
    if isinstance(settings, StaticTokenSettings):
        return well(f"Sign-in: {way}.")
    if claims is None:
        return well(f"There is a token ({way}); what it says cannot be read.")
    app = settings.app if isinstance(settings, AppUserSettings) else settings
    said = f"There is a token ({way}); {_described(claims)}."
    if claims.audience.rstrip("/") not in AUDIENCES:
        return broken(
            f"{said} It is for {claims.audience or 'nobody'}, and Partner Center will answer 401, code 900420.",
            "Check what the application asks for: the audience must be https://api.partnercenter.microsoft.com.",
        )
    if claims.tenant_id and claims.tenant_id.lower() != app.tenant_id.lower():
        return broken(
            f"{said} It was issued in the tenant {claims.tenant_id}.",
            "Set PARTNER_CENTER_TENANT_ID to the partner's own tenant.",
        )
    if claims.expires_at is not None and claims.expires_at <= now:
        return broken(f"{said} It has expired.", "Check the clock of this machine; then restart the app.")
    if isinstance(settings, AppUserSettings) and USER_SCOPE not in claims.scopes:
        return broken(
            f"{said} It lacks the permission {USER_SCOPE}.",
            "Run 'python infra/register.py' again, which adds the permission with an administrator's consent.",
        )
    return well(said)


def _described(claims: TokenClaims) -> str:
    parts = (
        ("roles", ", ".join(claims.roles)),
        ("permissions", ", ".join(claims.scopes)),
        ("amr", ", ".join(claims.methods or ())),
    )
    until = "" if claims.expires_at is None else f"; valid until {claims.expires_at:%Y-%m-%d %H:%M} UTC"
    return "; ".join(f"{name}: {value or 'none'}" for name, value in parts) + until


def second_factor(app: CheckedApp) -> Finding:
    """Whether Partner Center takes the sign-in for one with a second factor, where it requires one."""
    if not app.knows_settings:
        return not_seen_from_here("The app's sign-in to Partner Center")
    pipeline = app.pipeline
    said: bool | PartnerCenterError | None
    try:
        claims = claims_of(pipeline.sign_in.token())
        said = pipeline.partner_center.has_second_factor(pipeline.service.call_ids())
    except PartnerCenterError as error:
        claims, said = None, error
    return second_factor_finding(pipeline.settings.sign_in, claims, said)


def second_factor_finding(
    settings: SignInSettings,
    claims: TokenClaims | None,
    said: bool | PartnerCenterError | None,  # noqa: FBT001 - what the service said
) -> Finding:
    """The finding where Partner Center `said` so, or did not answer. Pure."""
    methods = None if claims is None else claims.methods
    if isinstance(said, PartnerCenterError) and said.code not in CODES_THAT_WANT_A_PERSON:
        return cannot_be_told(f"Partner Center did not say whether the sign-in has one. {_what(said)}", _cure(said))
    if isinstance(said, PartnerCenterError):
        return broken(_what(said), _cure(said))
    if said is False:
        return broken("Partner Center says that the sign-in lacks a second factor (isMfaCompliant).", SIGN_IN_AGAIN)
    if said is True:
        return well("Partner Center says that the sign-in meets its requirement of a second factor.")
    if not isinstance(settings, AppUserSettings):
        return well("The sign-in is that of an application alone, of which no second factor is required.")
    if methods is None:
        return cannot_be_told(
            "Neither Partner Center nor the token says whether the user signed in with a second factor.", SIGN_IN_AGAIN
        )
    if SECOND_FACTOR in methods:
        return well("The user signed in with a second factor (amr: mfa); Partner Center said nothing against it.")
    return broken(f"The user signed in without a second factor (amr: {', '.join(methods) or 'none'}).", SIGN_IN_AGAIN)


def customers(app: CheckedApp) -> Finding:
    """Whether Partner Center answers, and lists the partner's customers."""
    if not app.knows_settings:
        return not_seen_from_here("What Partner Center answers to the app")
    pipeline = app.pipeline
    try:
        first = next(iter(pipeline.partner_center.customers(pipeline.service.call_ids())), None)
    except PartnerCenterError as error:
        return service_fault(error)
    if first is None:
        return warning(
            "Partner Center answers, and lists no customer.",
            "Check that the sign-in is that of the partner whose customers it is to serve, and invite the first one.",
        )
    stored = pipeline.journal.partner_customers.reading()
    read_at = None if stored is None else stored.record.read_at
    if stored is None or read_at is None:
        return well("Partner Center answers, and lists customers.")
    number = counted(stored.record.customers, "customer")
    return well(
        f"Partner Center answers, and lists customers; {number} when it was last read, {read_at:%Y-%m-%d %H:%M}."
    )


def service_fault(error: PartnerCenterError) -> Finding:
    """The finding for a failed call or sign-in. Pure."""
    what, cure = _what(error), _cure(error)
    if isinstance(error, Throttled):
        return warning(what, cure)
    if isinstance(error, Unauthorised) and error.status == HTTPStatus.FORBIDDEN:
        return warning(f"The sign-in may not list customers; devices may be registered all the same. {what}", cure)
    return broken(what, cure)


def _what(error: PartnerCenterError) -> str:
    """What happened; the messages of answers end with the cure."""
    what = str(error).rpartition(" - ")[0] or str(error)
    return what if what.endswith(".") else f"{what}."


def _cure(error: PartnerCenterError) -> str:
    what, _, cure = str(error).rpartition(" - ")
    if what:
        return f"{cure[:1].upper()}{cure[1:]}."
    is_sign_in = isinstance(error, Unauthorised)
    return (
        "Do what the message says; docs/runbook.md, 2." if is_sign_in else "Wait and check again; docs/runbook.md, 5."
    )
