"""The Azure clients of the sign-in: each of their exchanges can be ended, and an identity's assertion is for Entra."""

import contextlib

import pytest
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import HttpRequest

from shared.bounded_exchange import bounded_exchange
from shared.partner_center.sign_in.azure_clients import TOKEN_EXCHANGE_SCOPE, assertion_of, client_options
from tests.dribbling_server import DribblingAnswer, DribblingServer


@pytest.mark.parametrize("answer", DribblingAnswer)
def test_a_client_with_these_options_ends_at_the_deadline_of_its_exchange(answer: DribblingAnswer) -> None:
    transport = client_options()["transport"]
    with DribblingServer(answer) as slow, bounded_exchange(0.2) as exchange:
        with contextlib.suppress(AzureError):
            transport.send(HttpRequest("GET", slow.url))
        assert exchange.is_over


def test_no_two_clients_share_a_transport() -> None:
    assert client_options()["transport"] is not client_options()["transport"]


def test_the_assertion_of_an_identity_is_new_each_time_and_for_the_exchange_of_tokens(identity: list[str]) -> None:
    assertion = assertion_of("the identity")
    assert identity == ["the identity"], "nothing is requested before the assertion is needed"
    assert assertion() == "an assertion of the identity"
    assertion()
    assert identity[1:] == [TOKEN_EXCHANGE_SCOPE] * 2
