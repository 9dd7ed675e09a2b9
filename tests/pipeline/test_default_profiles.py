"""Which profile a row wishes for: its own, the default of its batch, or that of all batches."""

import pytest

from shared.pipeline.default_profiles import DefaultProfiles, ProfileSource, ProfileWish
from shared.vocabulary import FileOrder
from tests.pipeline.world import CUSTOMER, World


@pytest.fixture
def defaults(world: World) -> DefaultProfiles:
    for batch, profile in (("", "Standard"), ("Sales", "Kiosk")):
        world.customers.set_default_profile(CUSTOMER, batch, profile, world.clock())
    return DefaultProfiles.of_customer(world.customers, CUSTOMER, FileOrder.REGISTER)


@pytest.mark.parametrize(
    ("profile", "batch", "wish"),
    [
        ("Own", "Sales", ProfileWish("Own", ProfileSource.ROW)),
        ("", "SALES", ProfileWish("Kiosk", ProfileSource.BATCH)),
        ("", "Other", ProfileWish("Standard", ProfileSource.CUSTOMER)),
    ],
)
def test_the_nearest_wish_counts(defaults: DefaultProfiles, profile: str, batch: str, wish: ProfileWish) -> None:
    assert defaults.wish(profile, batch) == wish


def test_devices_that_are_removed_and_files_without_a_customer_have_no_default(
    world: World, defaults: DefaultProfiles
) -> None:
    assert defaults.of_batches
    assert DefaultProfiles.of_customer(world.customers, CUSTOMER, FileOrder.REMOVE).wish("", "Sales") is None
    assert DefaultProfiles.of_customer(world.customers, None, FileOrder.REGISTER).wish("", "Sales") is None
