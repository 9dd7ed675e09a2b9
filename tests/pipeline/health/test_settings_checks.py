"""What is found of the settings and of the versions."""

import pytest

from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.health.settings_checks import settings, settings_finding, versions, versions_finding
from shared.pipeline.hold_requests import EVERYTHING, go_on, hold
from shared.pipeline.human_acts import SCRIPT
from shared.pipeline.settings_summary import settings_summary
from shared.pipeline.submissions.circuit_breaker import circuit_breaker_of
from shared.pipeline.sweep import sweep
from shared.version import VERSION
from shared.vocabulary import CheckState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import World, settings_with


def test_settings_that_the_app_cannot_read_are_broken_with_their_own_words(world: World) -> None:
    finding = settings(CheckedApp(world.pipeline, settings_fault="Setting X: it is missing; set it."))
    assert (finding.state, finding.found) == (CheckState.BROKEN, "Setting X: it is missing; set it.")


@pytest.mark.parametrize(
    ("changed", "state", "word"),
    [
        ({}, CheckState.WELL, "devices go to a stand-in on this machine"),
        ({"PAUSED": "true"}, CheckState.WARNING, "PAUSED"),
        (
            {
                "PARTNER_CENTER_URL": "https://sandbox.example.com",
                "PARTNER_CENTER_TOKEN": "",
                "PARTNER_CENTER_CLIENT_SECRET": "s",
                "PARTNER_CENTER_TENANT_ID": "0c39d6d5-c70d-4c55-bc02-f620844f3fd1",
                "PARTNER_CENTER_CLIENT_ID": "0c39d6d5-c70d-4c55-bc02-f620844f3fd1",
            },
            CheckState.WARNING,
            "PARTNER_CENTER_URL",
        ),
    ],
)
def test_what_keeps_devices_from_partner_center_is_told(changed: dict[str, str], state: CheckState, word: str) -> None:
    finding = settings_finding(settings_summary(settings_with(changed)), "")
    assert finding.state is state
    assert word in finding.found


def test_a_hold_of_everything_is_told_until_it_goes_on(world: World) -> None:
    hold(world.pipeline, SCRIPT, EVERYTHING)
    finding = settings(CheckedApp(world.pipeline))
    assert finding.state is CheckState.WARNING
    assert finding.found.startswith("Everything is on hold since ")
    go_on(world.pipeline, SCRIPT, EVERYTHING)
    assert settings(CheckedApp(world.pipeline)).state is CheckState.WELL


def test_a_pause_of_the_app_is_told_by_a_check_with_other_settings(world: World) -> None:
    breaker = circuit_breaker_of(world.pipeline)
    breaker.note_pause()
    finding = settings(CheckedApp(world.pipeline))
    assert finding.state is CheckState.WARNING
    assert finding.found.startswith("Sending is paused (PAUSED) since ")
    breaker.end_pause()
    assert settings(CheckedApp(world.pipeline)).state is CheckState.WELL


def test_from_storage_alone_the_settings_are_those_of_the_last_sweep(make_world: MakeWorld) -> None:
    world = make_world(PAUSED="true")
    app = CheckedApp(world.pipeline, knows_settings=False)
    assert settings(app).state is CheckState.CANNOT_BE_TOLD
    sweep(world.pipeline)
    assert settings(app).state is CheckState.WARNING
    assert settings(app).found.startswith("At the last sweep, ")


def test_another_version_that_swept_last_is_told(world: World) -> None:
    assert f"Device Drop {VERSION}" in versions(CheckedApp(world.pipeline)).found
    assert "azure-storage-blob 12." in versions_finding("").found
    assert versions_finding(VERSION).state is CheckState.WELL
    finding = versions_finding("0.1.0")
    assert finding.state is CheckState.WARNING
    assert "0.1.0" in finding.found
