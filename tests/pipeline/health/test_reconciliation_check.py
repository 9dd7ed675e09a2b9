"""Whether registered devices are seen again within seven days."""

from datetime import timedelta

from local.partner_center import Behaviour
from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.health.reconciliation_check import UnseenCustomer, reconciliation, reconciliation_finding
from shared.pipeline.inventory.reconciliation import reconcile
from shared.pipeline.sweep import sweep
from shared.vocabulary import CheckState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, START, World, numbered


def test_devices_that_were_not_seen_are_a_warning_with_the_customer_their_number_and_what_to_do(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(), RECONCILE="true")
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    world.drop_file(numbered(3))
    world.run()
    finding = reconciliation(CheckedApp(world.pipeline))
    assert (finding.state, "1 customer will be read for the first time" in finding.found) == (CheckState.WELL, True)
    reconcile(world.pipeline)
    world.run()
    assert reconciliation(CheckedApp(world.pipeline)).state is CheckState.WELL
    seen_at = world.clock()
    world.clock.now += timedelta(days=7, seconds=1)
    finding = reconciliation(CheckedApp(world.pipeline))
    assert finding.state is CheckState.WARNING
    assert f"Contoso (3 devices, since {seen_at:%Y-%m-%d %H:%M} UTC)" in finding.found
    assert "RECONCILE_REQUESTS" in finding.cure


def test_without_reconciliation_nothing_is_promised(world: World) -> None:
    world.drop_file(numbered(1))
    world.run()
    world.read_devices()
    world.clock.now += timedelta(days=30)
    assert reconciliation(CheckedApp(world.pipeline)).state is CheckState.WELL


def test_from_storage_alone_the_last_sweep_tells_whether_devices_are_reconciled(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(), RECONCILE="true")
    from_here = CheckedApp(world.pipeline, knows_settings=False)
    assert reconciliation(from_here).state is CheckState.CANNOT_BE_TOLD
    world.read_devices()
    sweep(world.pipeline)
    assert reconciliation(from_here).state is CheckState.WELL
    world.clock.now += timedelta(days=8)
    assert reconciliation(from_here).state is CheckState.WARNING


def test_of_many_customers_some_are_named() -> None:
    named = [UnseenCustomer(f"C{number}", 1200, START) for number in range(5)]
    finding = reconciliation_finding(named, 1005, 0)
    assert "of 1,005 customers" in finding.found
    assert "C4 (1,200 devices, since" in finding.found
    assert finding.found.endswith("1,000 more.")
