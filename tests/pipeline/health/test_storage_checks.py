"""What is found of storage that refuses, lacks something, or does not answer."""

from datetime import timedelta

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError

from shared.pipeline.health.checks import Check, check_health
from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.health.storage_checks import (
    CONTAINERS,
    ROLES,
    TABLES,
    Kind,
    clock,
    clock_finding,
    containers,
    queues,
    storage_fault,
    storage_unread,
    tables,
)
from shared.vocabulary import CheckState
from tests.infra.bicep import bicep_files
from tests.pipeline.world import World


def answered(status: int, code: str) -> HttpResponseError:
    error = HttpResponseError(message="no")
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined]
    return error


REFUSED = ClientAuthenticationError("no token")
MISMATCH = answered(403, "AuthorizationPermissionMismatch")
FIREWALL = answered(403, "AuthorizationFailure")
MISSING = answered(404, "ContainerNotFound")
BUSY = answered(500, "InternalError")
NO_ANSWER = ServiceRequestError("no route")


@pytest.mark.parametrize(
    ("error", "has_key", "found", "cure"),
    [
        (MISMATCH, False, "a right is missing (403 AuthorizationPermissionMismatch)", "Storage Blob Data Contributor"),
        (MISMATCH, True, "does not accept the key", "connection string"),
        (FIREWALL, False, "firewall of storage refuses", "ALLOWED_ADDRESSES"),
        (FIREWALL, True, "does not accept the key", "connection string"),
        (REFUSED, False, "sign-in to storage failed", "az login"),
        (REFUSED, True, "does not accept the key", "connection string"),
        (MISSING, False, "does not exist (404 ContainerNotFound)", "azd provision"),
        (BUSY, False, "refuses the request (500 InternalError)", "service health"),
        (NO_ANSWER, True, "does not answer (ServiceRequestError)", "firewall and DNS"),
    ],
)
def test_each_error_of_storage_has_its_cure(error: AzureError, has_key: bool, found: str, cure: str) -> None:
    finding = storage_fault(Kind.CONTAINER, "results", error, has_key=has_key)
    assert finding.state is CheckState.BROKEN
    assert finding.found.startswith("Container results")
    assert found in finding.found
    assert cure in finding.cure


@pytest.mark.parametrize("name", [*CONTAINERS, *TABLES, "file-events"])
def test_a_refusal_anywhere_is_found(world: World, name: str) -> None:
    world.probes.faults = {name: MISMATCH}
    app = CheckedApp(world.pipeline)
    broken = [check(app) for check in (containers, queues, tables) if check(app).state is CheckState.BROKEN]
    assert broken
    assert all(name in finding.found for finding in broken)


def test_the_containers_queues_and_tables_are_those_of_the_infrastructure() -> None:
    text = bicep_files()["storage.bicep"].text
    assert all(f"'{name}'" in text for name in (*CONTAINERS, *TABLES, "file-events"))
    assert set(ROLES) == set(Kind)


@pytest.mark.parametrize(
    ("seconds", "state", "word"),
    [
        (0, CheckState.WELL, "that of storage"),
        (-5, CheckState.WELL, "that of storage"),
        (6, CheckState.WARNING, "6 s ahead of"),
        (-120, CheckState.WARNING, "120 s behind"),
        (3600, CheckState.BROKEN, "3600 s ahead of"),
    ],
)
def test_a_wrong_clock_is_told_with_its_error(seconds: int, state: CheckState, word: str) -> None:
    finding = clock_finding(timedelta(seconds=seconds))
    assert finding.state is state
    assert word in finding.found


def test_without_storage_the_clock_cannot_be_told(world: World) -> None:
    app = CheckedApp(world.pipeline)
    assert clock(app).state is CheckState.WELL
    world.probes.faults = {"device-files": NO_ANSWER}
    (result,) = check_health(app, [Check("clock", "Clock", clock)])
    assert result.finding == storage_unread(NO_ANSWER)
