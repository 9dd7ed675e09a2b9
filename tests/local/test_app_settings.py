"""The settings a local run gives to its functions hosts."""

import json

import pytest

from local.app_settings import app_settings
from local.processes import PROJECT
from local.services import PARTNER_CENTER_PORT
from shared.settings import BlobTriggerSource, StaticTokenSettings, settings_from

STAND_IN = "http://127.0.0.1:7077"
REAL = "https://api.partnercenter.example"


def made(environment: dict[str, str], url: str = STAND_IN) -> dict[str, str]:
    return app_settings(environment, storage="UseDevelopmentStorage=true", partner_center_url=url)


def test_an_empty_environment_makes_settings_the_app_accepts() -> None:
    settings = settings_from(made({}))
    assert settings.blob_trigger_source is BlobTriggerSource.CONTAINER_SCAN
    assert isinstance(settings.sign_in, StaticTokenSettings)
    assert (settings.advanced.poll_first_delay.total_seconds(), settings.advanced.poll_max_delay.total_seconds()) == (
        1,
        2,
    )


def test_other_settings_are_passed_on() -> None:
    assert made({"DEVICES_PER_SUBMISSION": "7"})["DEVICES_PER_SUBMISSION"] == "7"


def test_storage_is_always_this_machines_own() -> None:
    assert (
        made({"DeviceStorage": "DefaultEndpointsProtocol=https;..."})["DeviceStorage"] == "UseDevelopmentStorage=true"
    )


@pytest.mark.parametrize(
    ("environment", "url", "token"),
    [
        ({}, STAND_IN, "local"),
        ({"PARTNER_CENTER_TOKEN": "mine"}, STAND_IN, "mine"),
        ({"PARTNER_CENTER_CLIENT_SECRET": "secret"}, STAND_IN, None),
        ({}, REAL, None),
    ],
)
def test_a_fixed_token_is_given_to_this_machine_alone(environment: dict[str, str], url: str, token: str | None) -> None:
    assert made(environment, url).get("PARTNER_CENTER_TOKEN") == token


@pytest.mark.parametrize(
    ("environment", "first", "most"),
    [
        ({"POLL_FIRST_DELAY_SECONDS": "5"}, 5, 5),
        ({"POLL_MAX_DELAY_SECONDS": "0.5"}, 0.5, 0.5),
        ({"POLL_FIRST_DELAY_SECONDS": "0.2"}, 0.2, 2),
        ({"POLL_FIRST_DELAY_SECONDS": "3", "POLL_MAX_DELAY_SECONDS": "4"}, 3, 4),
    ],
)
def test_one_poll_delay_set_alone_is_no_error(environment: dict[str, str], first: float, most: float) -> None:
    settings = settings_from(made(environment))
    assert (settings.advanced.poll_first_delay.total_seconds(), settings.advanced.poll_max_delay.total_seconds()) == (
        first,
        most,
    )


def test_the_sample_settings_are_accepted_and_point_at_the_local_services() -> None:
    values = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    settings = settings_from(values)
    assert settings.partner_center_url == f"http://127.0.0.1:{PARTNER_CENTER_PORT}"
    assert values.keys() == made({}).keys()
