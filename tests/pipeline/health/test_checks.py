"""All checks of a healthy and of an unhealthy app, done side by side and within a time."""

import threading

import pytest
from azure.core.exceptions import ServiceRequestError

from local.partner_center import Fault
from shared.pipeline.health import checks
from shared.pipeline.health.checks import CHECKS, Check, CheckResult, check_health, worst_of
from shared.pipeline.health.finding import CheckedApp, Finding, broken, cannot_be_told, warning, well
from shared.pipeline.sweep import sweep
from shared.pipeline.sweep_record import LAST_SWEEP
from shared.vocabulary import CheckState
from tests.pipeline.world import World


def found(results: list[CheckResult]) -> dict[str, CheckState]:
    return {result.name: result.finding.state for result in results}


def test_a_healthy_app_is_well_in_all_thirteen_checks(world: World) -> None:
    sweep(world.pipeline)
    results = check_health(CheckedApp(world.pipeline))
    assert len(results) == 13
    assert {result.finding for result in results if result.finding.state is not CheckState.WELL} == set()
    assert worst_of(results) is CheckState.WELL


def test_every_finding_that_is_not_well_says_what_to_do(world: World) -> None:
    world.probes.faults = {
        name: ServiceRequestError("nothing listens") for name in ("device-files", "Gates", "submissions")
    }
    world.service.script(Fault.UNAUTHORISED, 5)
    results = check_health(CheckedApp(world.pipeline))
    unwell = {result.name: result.finding for result in results if result.finding.state is not CheckState.WELL}
    assert {"containers", "queues", "tables", "clock", "customers"} <= unwell.keys()
    assert [name for name, finding in unwell.items() if not finding.cure or not finding.found] == []
    assert found(results)["versions"] is CheckState.WELL
    assert worst_of(results) is CheckState.BROKEN


def test_what_cannot_be_read_for_a_check_is_left_to_the_checks_of_storage(world: World) -> None:
    def unreadable(_: CheckedApp) -> Finding:
        raise ServiceRequestError("nothing listens")

    (result,) = check_health(CheckedApp(world.pipeline), [Check("one", "One", unreadable)])
    assert result.finding.state is CheckState.CANNOT_BE_TOLD
    assert "checks of storage" in result.finding.cure


def test_a_check_that_hangs_or_fails_hides_no_other(world: World) -> None:
    ends = threading.Event()

    def hangs(_: CheckedApp) -> Finding:
        ends.wait()
        return well("late")

    def fails(_: CheckedApp) -> Finding:
        raise KeyError("x")

    checks = [
        Check("hangs", "Hangs", hangs),
        Check("fails", "Fails", fails),
        Check("well", "Well", lambda _: well(".")),
    ]
    results = check_health(CheckedApp(world.pipeline), checks, seconds=0.2)
    ends.set()
    assert [result.name for result in results] == ["hangs", "fails", "well"]
    assert list(found(results).values()) == [CheckState.CANNOT_BE_TOLD, CheckState.CANNOT_BE_TOLD, CheckState.WELL]
    assert "no answer within 0.2 seconds" in results[0].finding.found
    assert "KeyError" in results[1].finding.found


def test_checks_that_hang_are_not_asked_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_places", threading.BoundedSemaphore(1))
    ends, asked = threading.Event(), []

    def hangs(_: CheckedApp) -> Finding:
        asked.append(1)
        ends.wait()
        return well("late")

    for _ in range(3):
        (result,) = check_health(CheckedApp(world.pipeline), [Check("hangs", "Hangs", hangs)], seconds=0.1)
        assert result.finding.state is CheckState.CANNOT_BE_TOLD
    ends.set()
    assert len(asked) == 1


def test_the_worst_check_is_the_state_of_the_app() -> None:
    findings = [well("."), warning(".", "."), cannot_be_told(".", "."), broken(".", ".")]
    for number in range(1, len(findings) + 1):
        results = [CheckResult("name", "title", finding, 0.0) for finding in findings[:number]]
        assert worst_of(results) is findings[number - 1].state


def test_a_check_leaves_storage_as_it_was(world: World) -> None:
    sweep(world.pipeline)
    before = [list(container.versions()) for container in (world.drop, world.private, world.results, world.staging)]
    check_health(CheckedApp(world.pipeline))
    after = [list(container.versions()) for container in (world.drop, world.private, world.results, world.staging)]
    assert before == after
    assert [version.path for version in after[1]] == [
        path for path in sorted(version.path for version in after[1]) if path.startswith("sweep/")
    ]
    assert LAST_SWEEP in {version.path for version in after[1]}
    assert world.wakeups.waiting == []


def test_each_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len({check.title for check in CHECKS}) == 13
