"""Which sign-in the settings describe."""

import pytest

from shared.partner_center.sign_in import AppOnly, BoundedSignIn, SignIn, StaticToken, sign_in_from
from shared.settings import (
    AppUserSettings,
    ClientSecretSettings,
    ManagedIdentitySettings,
    SignInSettings,
    StaticTokenSettings,
)
from tests.partner_center.key_vault import SECRET_URI
from tests.partner_center.sign_in.cloud import WITH_SECRET

ALONE = ClientSecretSettings("tenant", "app", client_secret="a-secret")


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (StaticTokenSettings(token="a-token"), StaticToken),
        (ALONE, BoundedSignIn),
        (ManagedIdentitySettings("tenant", "app", "the identity"), BoundedSignIn),
        (AppUserSettings(WITH_SECRET, SECRET_URI, None), BoundedSignIn),
    ],
)
@pytest.mark.usefixtures("refuse_all_network")
def test_every_sign_in_but_a_fixed_token_has_a_deadline_and_none_fetches_anything_yet(
    settings: SignInSettings, kind: type[SignIn]
) -> None:
    assert type(sign_in_from(settings, 10)) is kind


def test_an_application_alone_signs_in_without_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppOnly, "token", lambda _: "of the app alone")
    assert sign_in_from(ALONE, 10).token() == "of the app alone"
