"""An app that signs in as a user: its tokens are valid, renewed in time, and a failure is explained."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.partner_center.sign_in.refresh_tokens import RefreshToken
from tests.partner_center.entra import (
    APP,
    REVOKED,
    SECRET,
    access_token,
)
from tests.partner_center.sign_in.cloud import (
    NOW,
    WITH_SECRET,
    Cloud,
    refused,
)


def test_the_refresh_token_in_the_vault_is_exchanged_for_a_token_for_partner_center(cloud: Cloud) -> None:
    assert cloud.sign_in().token() == access_token(1)
    [request] = cloud.entra.requests
    assert request["grant_type"] == "refresh_token"
    assert request["refresh_token"] == "refresh-0"
    assert request["client_id"] == APP
    scopes = set(request["scope"].split())
    assert scopes == {"https://api.partnercenter.microsoft.com/user_impersonation", *_OPENID}


_OPENID = {"openid", "profile", "offline_access"}


def test_a_token_serves_until_five_minutes_before_its_end(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    assert [sign_in.token(), sign_in.token()] == [access_token(1)] * 2
    cloud.clocks.pass_by(3599 - 301)
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(2)
    assert sign_in.token() == access_token(2)


def test_a_short_lived_token_is_renewed_at_half_of_its_life(cloud: Cloud) -> None:
    cloud.entra.lifetime = "100"
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(49)
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(2)
    assert sign_in.token() == access_token(2)


def test_a_token_that_the_service_does_not_take_is_exchanged_anew_but_not_twice_at_once(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    sign_in.renew()
    assert sign_in.token() == access_token(1)
    cloud.clocks.pass_by(60)
    sign_in.renew()
    assert sign_in.token() == access_token(2)


def test_a_token_that_is_over_already_is_exchanged_again(cloud: Cloud) -> None:
    cloud.entra.lifetime = 0
    sign_in = cloud.sign_in()
    assert [sign_in.token(), sign_in.token()] == [access_token(1), access_token(2)]


def test_a_person_who_signs_in_anew_is_noticed_without_a_restart(cloud: Cloud) -> None:
    cloud.entra.refresh_tokens.clear()
    sign_in = cloud.sign_in()
    refused(sign_in)
    cloud.entra.refresh_tokens.add("signed in anew")
    cloud.vault.put("signed in anew", NOW)
    cloud.clocks.pass_by(31)
    assert sign_in.token() == access_token(1)


def test_threads_that_need_a_token_together_exchange_once(cloud: Cloud) -> None:
    cloud.entra.seconds_to_answer = 0.05
    sign_in = cloud.sign_in()
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait()
        return sign_in.token()

    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(ask, range(8)))
    assert tokens == {access_token(1)}
    assert len(cloud.entra.requests) == 1


def test_while_one_thread_renews_the_others_go_on_with_the_token_that_is_still_good(cloud: Cloud) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(3400)
    cloud.entra.seconds_to_answer = 0.5
    renewal = threading.Thread(target=sign_in.token)
    renewal.start()
    while len(cloud.entra.requests) < 2:
        pass
    assert sign_in.token() == access_token(1)
    renewal.join()
    assert sign_in.token() == access_token(2)
    assert len(cloud.entra.requests) == 2


def test_a_refusal_is_asked_for_once_and_not_once_a_submission(cloud: Cloud) -> None:
    cloud.entra.refuse = REVOKED
    sign_in = cloud.sign_in()
    assert len({refused(sign_in) for _ in range(20)}) == 1
    assert len(cloud.entra.requests) == 1
    assert cloud.vault.reads == 1


def test_a_revoked_sign_in_lets_the_token_in_hand_serve_to_its_end(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in = cloud.sign_in()
    sign_in.token()
    cloud.clocks.pass_by(3400)
    cloud.entra.refuse = REVOKED
    assert [sign_in.token(), sign_in.token()] == [access_token(1)] * 2
    assert len(cloud.entra.requests) == 2
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "The next token could not be had; the current one is still good"
    ]
    cloud.clocks.pass_by(200)
    assert "AADSTS50173" in refused(sign_in)


@pytest.mark.parametrize("wrong_by", [timedelta(days=400), timedelta(days=-400), timedelta(hours=2)])
def test_a_wrong_clock_changes_neither_the_token_nor_when_it_is_renewed(cloud: Cloud, wrong_by: timedelta) -> None:
    cloud.clocks.time += wrong_by
    sign_in = cloud.sign_in()
    assert sign_in.token() == access_token(1)
    cloud.clocks.time -= wrong_by
    cloud.clocks.seconds += 3000
    assert sign_in.token() == access_token(1)
    cloud.clocks.seconds += 400
    assert sign_in.token() == access_token(2)


def test_no_token_and_no_secret_is_logged_or_shown(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in = cloud.sign_in()
    cloud.clocks.pass_by(90_000)
    sign_in.token()
    cloud.entra.refuse = REVOKED
    cloud.clocks.pass_by(4000)
    line = refused(sign_in)
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    shown = f"{line} {logged} {sign_in!r} {RefreshToken('refresh-0', NOW)!r} {WITH_SECRET!r}"
    for secret in ("refresh-0", "refresh-1", SECRET, access_token(1), "vault-token"):
        assert secret not in shown
