"""A failed sign-in is reported once and costs only waiting, however many submissions there are."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.partner_center.client import CallIds
from shared.partner_center.errors import error_from_response
from shared.partner_center.models import DeviceBatch
from shared.partner_center.sign_in import AppUser
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from shared.settings import ClientSecretSettings
from tests.partner_center.entra import APP, MFA_MISSING, REVOKED, SECRET, TENANT, Entra
from tests.partner_center.in_process import client_in_process
from tests.partner_center.key_vault import SECRET_URI, KeyVault, vault_credential
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import START, Changed, World, numbered

SUBMISSIONS = 20


@pytest.fixture
def entra() -> Iterator[Entra]:
    with Entra() as entra:
        yield entra


@pytest.fixture
def vault() -> Iterator[KeyVault]:
    with KeyVault(now=START) as vault:
        vault.put("refresh-0", START)
        yield vault


@pytest.fixture
def world(make_world: MakeWorld, entra: Entra, vault: KeyVault) -> World:
    """A world whose client signs in as app and user, with a file of many submissions waiting."""
    world = make_world(DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0")
    app = ClientSecretSettings(TENANT, APP, SECRET)
    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, world.clock, **vault.client_options())
    sign_in = AppUser(EntraExchange(app, entra.http_client), store, world.clock.seconds, world.clock)
    world.meet(client_in_process(world.service.reply, world.clock, sign_in))
    return world


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log lines that alert a person."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("words", "cure"), [(REVOKED, "python -m local sign-in"), (MFA_MISSING, "multi-factor")])
def test_a_refused_sign_in_is_one_alarm_a_handful_of_exchanges_and_no_device_lost(
    world: World, entra: Entra, vault: KeyVault, caplog: pytest.LogCaptureFixture, words: str, cure: str
) -> None:
    entra.refuse = words
    file = world.drop_file(numbered(SUBMISSIONS))
    until = world.clock() + timedelta(hours=6)
    with caplog.at_level(logging.WARNING):
        while world.clock() < until:
            assert world.deliver_next()
    [alarm] = alarms(caplog)
    assert cure in alarm
    assert len(entra.requests) <= SUBMISSIONS  # six hours of probing, not one request for each poll of each submission
    assert sum(world.service.report()["received"].values()) == 0
    entra.refuse = None
    entra.refresh_tokens.add("signed in anew")
    vault.put("signed in anew", world.clock())
    world.run(most=20_000)
    assert world.outcomes(file) == ["registered"] * SUBMISSIONS


def test_a_vault_that_cannot_be_reached_costs_waiting_only(
    world: World, vault: KeyVault, caplog: pytest.LogCaptureFixture
) -> None:
    vault.refuse = 503
    file = world.drop_file(numbered(2))
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            assert world.deliver_next()
        vault.refuse = None
        world.run()
    assert alarms(caplog) == []
    assert world.outcomes(file) == ["registered"] * 2


@pytest.mark.parametrize(
    ("status", "code", "cure"),
    [
        (401, "900421", "second factor"),
        (401, "900420", "audience"),
        (403, "20002", "reseller relationship"),
        (403, "600006", "Admin agent"),
    ],
)
def test_what_partner_center_refuses_everybody_for_is_one_alarm_with_its_cure(
    world: World, caplog: pytest.LogCaptureFixture, status: int, code: str, cure: str
) -> None:
    class Refusing(Changed):
        """A service that accepts the token and refuses the request."""

        def device_batches(self, customer_id: str, ids: CallIds) -> tuple[DeviceBatch, ...]:  # noqa: ARG002
            body = json.dumps({"code": code, "description": "No."}).encode()
            raise error_from_response(status, {}, body, world.clock(), request="GET /deviceBatches")

    well, until = world.partner_center, world.clock() + timedelta(hours=6)
    world.meet(Refusing(well))
    file = world.drop_file(numbered(SUBMISSIONS))
    with caplog.at_level(logging.WARNING):
        while world.clock() < until:
            assert world.deliver_next()
    [alarm] = alarms(caplog)
    assert code in alarm
    assert cure in alarm
    world.meet(well)
    world.run(most=20_000)
    assert world.outcomes(file) == ["registered"] * SUBMISSIONS
