"""The health of the app, for scripts."""

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.pipeline.composition import Pipeline
from shared.pipeline.health.checks import CHECKS
from shared.pipeline.sweep import sweep
from shared.status import health
from tests.pipeline.world import World
from tests.status.client import Client, Served
from tests.status.conftest import ENVIRONMENT


def test_scripts_get_every_check_with_its_state(client: Client, world: World) -> None:
    sweep(world.pipeline)
    world.probes.waiting["submissions-poison"] = 1
    answer = client.get("/api/health")
    assert (answer.status, answer.json["state"]) == (200, "warning")
    assert [check["name"] for check in answer.json["checks"]] == [check.name for check in CHECKS]
    (poison,) = (check for check in answer.json["checks"] if check["state"] != "well")
    assert (poison["name"], poison["state"]) == ("poison_queues", "warning")
    assert poison["cure"]
    assert client.get("/api/health?x=1").status == 400


def refused() -> Pipeline:
    """Opening an app that cannot make its tables, because storage refuses it."""
    raise ServiceRequestError("nothing listens")


def test_an_app_that_cannot_use_its_storage_still_says_how_it_is(
    served: Served, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.app, "pipeline", refused)
    monkeypatch.setattr(health, "_unprepared", lambda: world.pipeline)
    client = Client(served.port)
    assert client.get("/api/files").status == 503
    assert len(client.get("/api/health").json["checks"]) == len(CHECKS)
    assert "Sweep" in client.get("/api/status/health").body.decode()


def test_without_the_apps_own_pipeline_one_is_made_of_its_settings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (ENVIRONMENT | {"PAUSED": "true"}).items():
        monkeypatch.setenv(name, value)
    assert health.app_to_check(refused).pipeline.settings.paused
    assert health.app_to_check(lambda: world.pipeline).pipeline is world.pipeline
