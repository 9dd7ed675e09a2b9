"""The sources of tokens: a fixed token in the settings, and a deadline around any other source."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.partner_center.errors import NeverSent, Unauthorised
from shared.partner_center.sign_in import AppUser, BoundedSignIn, StaticToken, sign_in_from
from shared.partner_center.sign_in.exchange import EntraExchange
from shared.partner_center.sign_in.refresh_tokens import KeyVaultRefreshTokens
from shared.settings import (
    StaticTokenSettings,
)
from tests.dribbling_server import DribblingAnswer, DribblingServer
from tests.partner_center.entra import (
    Redirected,
)
from tests.partner_center.key_vault import (
    SECRET_URI,
    Loopback,
    vault_credential,
)
from tests.partner_center.sign_in.cloud import (
    WITH_SECRET,
    Cloud,
)


def test_a_static_token_is_given_as_it_is() -> None:
    sign_in = sign_in_from(StaticTokenSettings(token="a-token"), 10)
    sign_in.renew()
    assert sign_in.token() == "a-token"


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "\xe9"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        StaticToken(token)
    assert not token or token not in str(caught.value)


def test_azure_identity_is_not_imported_for_a_static_token() -> None:
    program = (
        "import sys; from shared.partner_center.sign_in import StaticToken; StaticToken('t').token();"
        " sys.exit('azure.identity' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})


@pytest.mark.parametrize("answer", DribblingAnswer)
def test_a_sign_in_service_or_vault_whose_answer_never_ends_is_left_at_the_deadline(
    cloud: Cloud, answer: DribblingAnswer
) -> None:
    with DribblingServer(answer) as slow:
        slow_vault = KeyVaultRefreshTokens(
            SECRET_URI, vault_credential, transport=Loopback(slow.port), retry_backoff_factor=0.0
        )
        slow_entra = EntraExchange(WITH_SECRET, lambda: Redirected(slow.url))
        for sign_in in (
            AppUser(EntraExchange(WITH_SECRET, cloud.entra.http_client), slow_vault),
            AppUser(slow_entra, KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())),
        ):
            with pytest.raises(NeverSent, match=r"took longer than 0\.3 seconds"):
                BoundedSignIn(sign_in, 0.3).token()


def test_threads_that_wait_for_a_sign_in_share_its_failure(cloud: Cloud) -> None:
    store = KeyVaultRefreshTokens(SECRET_URI, vault_credential, **cloud.vault.client_options())
    threads = 8
    with DribblingServer(DribblingAnswer.SILENCE) as slow, ThreadPoolExecutor(threads) as executor:
        sign_in = BoundedSignIn(AppUser(EntraExchange(WITH_SECRET, lambda: Redirected(slow.url)), store), 0.5)
        together = threading.Barrier(threads)

        def token() -> str:
            together.wait()
            return sign_in.token()

        failures = [future.exception() for future in [executor.submit(token) for _ in range(threads)]]
    assert {type(failure) for failure in failures} == {NeverSent}
    assert slow.connections == 1
