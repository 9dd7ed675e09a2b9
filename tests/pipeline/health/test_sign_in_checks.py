"""What is found of tokens, of their second factor, and of Partner Center's answers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault
from shared.partner_center.errors import (
    NeverSent,
    PartnerCenterError,
    Unauthorised,
    error_from_response,
)
from shared.partner_center.sign_in.claims import TokenClaims
from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.health.sign_in_checks import (
    customers,
    second_factor,
    second_factor_finding,
    service_fault,
    sign_in,
    token_finding,
)
from shared.pipeline.partner_customers import refresh_partner_customers
from shared.settings import AppUserSettings, ClientSecretSettings, SignInSettings, StaticTokenSettings
from shared.vocabulary import CheckState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import START, World

TENANT, CLIENT = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1", "9d43c1a2-6b41-4e7c-8a57-1f2f3a4b5c6d"
APP = ClientSecretSettings(TENANT, CLIENT, "secret")
USER = AppUserSettings(APP, "https://vault.vault.azure.net/secrets/token", None)
GOOD = TokenClaims(
    audience="https://api.partnercenter.microsoft.com",
    tenant_id=TENANT,
    client_id=CLIENT,
    scopes=("user_impersonation",),
    methods=("pwd", "mfa"),
    expires_at=START + timedelta(hours=1),
)


class NoToken:
    """A sign-in that gives none."""

    def __init__(self, error: PartnerCenterError) -> None:
        self._error = error

    def token(self) -> str:
        raise self._error

    def renew(self) -> None:
        raise AssertionError


def test_a_good_token_is_told_with_its_roles_its_methods_and_its_end() -> None:
    finding = token_finding(USER, GOOD, START)
    assert finding.state is CheckState.WELL
    for word in ("app and user, client secret", "roles: none", "permissions: user_impersonation", "amr: pwd, mfa"):
        assert word in finding.found


@pytest.mark.parametrize(
    ("claims", "found", "cure"),
    [
        (replace(GOOD, audience="https://graph.windows.net"), "code 900420", "audience"),
        (replace(GOOD, tenant_id=CLIENT), f"in the tenant {CLIENT}", "PARTNER_CENTER_TENANT_ID"),
        (replace(GOOD, expires_at=START), "expired", "clock"),
        (replace(GOOD, scopes=()), "lacks the permission user_impersonation", "register.py"),
    ],
)
def test_a_token_that_partner_center_would_refuse_is_broken(claims: TokenClaims, found: str, cure: str) -> None:
    finding = token_finding(USER, claims, START)
    assert finding.state is CheckState.BROKEN
    assert found in finding.found
    assert cure in finding.cure


@pytest.mark.parametrize(
    ("settings", "claims"),
    [
        (StaticTokenSettings("x"), None),
        (APP, None),
        (APP, replace(GOOD, scopes=(), methods=None, roles=("partner_read",))),
        (APP, replace(GOOD, audience="https://api.partnercenter.microsoft.com/")),
        (USER, replace(GOOD, audience="fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd")),
    ],
)
def test_other_tokens_are_well(settings: SignInSettings, claims: TokenClaims | None) -> None:
    assert token_finding(settings, claims, START).state is CheckState.WELL


def test_a_sign_in_without_a_token_is_broken_with_the_sign_ins_own_words(world: World) -> None:
    error = Unauthorised("Signing in to Partner Center failed with AADSTS50076: a second factor is required")
    pipeline = replace(world.pipeline, sign_in=NoToken(error))
    finding = sign_in(CheckedApp(pipeline))
    assert finding.state is CheckState.BROKEN
    assert "AADSTS50076" in finding.found
    assert second_factor(CheckedApp(pipeline)).state is CheckState.CANNOT_BE_TOLD


MISSING_FACTOR = error_from_response(401, {}, b'{"code": "900421", "description": "MFA required."}', START)


@pytest.mark.parametrize(
    ("settings", "claims", "said", "state"),
    [
        (USER, GOOD, True, CheckState.WELL),
        (USER, GOOD, None, CheckState.WELL),
        (APP, None, None, CheckState.WELL),
        (APP, None, False, CheckState.BROKEN),
        (USER, GOOD, False, CheckState.BROKEN),
        (USER, replace(GOOD, methods=("pwd",)), None, CheckState.BROKEN),
        (USER, replace(GOOD, methods=("pwd",)), True, CheckState.WELL),
        (USER, replace(GOOD, methods=None), None, CheckState.CANNOT_BE_TOLD),
        (USER, None, None, CheckState.CANNOT_BE_TOLD),
        (USER, GOOD, MISSING_FACTOR, CheckState.BROKEN),
        (USER, GOOD, NeverSent("no route"), CheckState.CANNOT_BE_TOLD),
    ],
)
def test_the_word_of_partner_center_counts_before_that_of_the_token(
    settings: SignInSettings, claims: TokenClaims | None, said: bool | PartnerCenterError | None, state: CheckState
) -> None:
    assert second_factor_finding(settings, claims, said).state is state


def test_code_900421_ends_with_a_new_sign_in_as_its_cure() -> None:
    finding = second_factor_finding(USER, GOOD, MISSING_FACTOR)
    assert "900421" in finding.found
    assert "python -m local sign-in" in finding.cure


@pytest.mark.parametrize(
    ("error", "state", "cure"),
    [
        (error_from_response(401, {}, b'{"code": 900420}', START), CheckState.BROKEN, "audience"),
        (error_from_response(401, {}, b'{"code": 400}', START), CheckState.BROKEN, "App management"),
        (error_from_response(403, {}, b'{"code": 1002}', START), CheckState.WARNING, "Admin agent"),
        (error_from_response(404, {}, b'{"code": 3000}', START), CheckState.BROKEN, "tenant"),
        (error_from_response(429, {}, b"", START), CheckState.WARNING, "Nothing to do"),
        (error_from_response(503, {}, b"", START), CheckState.BROKEN, "tried again"),
        (NeverSent("Partner Center could not be reached"), CheckState.BROKEN, "docs/runbook.md, 5"),
        (Unauthorised("There is no refresh token"), CheckState.BROKEN, "docs/runbook.md, 2"),
    ],
)
def test_each_answer_of_partner_center_has_its_cure(error: PartnerCenterError, state: CheckState, cure: str) -> None:
    finding = service_fault(error)
    assert finding.state is state
    assert cure in finding.cure
    assert finding.found.endswith(".")


def test_the_customers_are_asked_for_with_one_request(world: World) -> None:
    assert customers(CheckedApp(world.pipeline)).found == "Partner Center answers, and lists customers."
    assert world.service.report()["received"]["customers"] == 1
    refresh_partner_customers(world.pipeline)
    assert "4 customers when it was last read" in customers(CheckedApp(world.pipeline)).found


def test_a_service_that_lists_no_customer_or_refuses_is_told(make_world: MakeWorld) -> None:
    nobody = make_world(Behaviour(customers=[]))
    assert customers(CheckedApp(nobody.pipeline)).state is CheckState.WARNING
    nobody.service.script(Fault.UNAUTHORISED)
    assert customers(CheckedApp(nobody.pipeline)).state is CheckState.BROKEN


def test_the_stand_in_says_that_the_second_factor_is_there(world: World) -> None:
    assert "meets its requirement" in second_factor(CheckedApp(world.pipeline)).found


def test_without_the_apps_settings_its_sign_in_is_not_tried(world: World) -> None:
    app = CheckedApp(world.pipeline, knows_settings=False)
    assert {check(app).state for check in (sign_in, second_factor, customers)} == {CheckState.CANNOT_BE_TOLD}
    assert world.service.report()["received"]["customers"] == 0
