"""What would come of a wished profile, by the list of profiles and by what is known of the device."""

from datetime import UTC, datetime

import pytest

from shared.pipeline.default_profiles import ProfileSource, ProfileWish
from shared.pipeline.inventory.planned_profiles import (
    ELSEWHERE,
    NOT_LISTED,
    DeviceStanding,
    KnownProfiles,
    PlannedProfile,
    ProfileFate,
)
from shared.pipeline.profiles import MOST_PROFILES
from shared.storage.customers import KeptProfile, ProfileList
from tests.pipeline.world import CUSTOMER

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
KIOSK, LOBBY, TWIN, OTHER_TWIN = (
    KeptProfile(policy_id=f"id-{name}", name=name.rstrip("2")) for name in ("Kiosk", "Lobby", "Twin", "Twin2")
)
LISTED = ProfileList(customer_id=CUSTOMER, asked_at=NOW, read_at=NOW, profiles=(KIOSK, LOBBY, TWIN, OTHER_TWIN))
REGISTERED = DeviceStanding(would_be_registered=True)


def fate(profile: str, device: DeviceStanding = REGISTERED, listed: ProfileList = LISTED) -> ProfileFate:
    return KnownProfiles(listed).planned(ProfileWish(profile, ProfileSource.ROW), device).fate


@pytest.mark.parametrize(
    ("profile", "device", "expected"),
    [
        ("kiosk", REGISTERED, ProfileFate.GETS_IT),
        ("kiosk", DeviceStanding(would_be_registered=True, profiles=("ID-KIOSK",)), ProfileFate.HAS_IT),
        ("id-kiosk", DeviceStanding(would_be_registered=True, profiles=("Kiosk",)), ProfileFate.HAS_IT),
        ("kiosk", DeviceStanding(would_be_registered=True, profiles=("id-Lobby",)), ProfileFate.GETS_IT),
        ("kiosk", DeviceStanding(would_be_registered=None, profiles=("id-Kiosk",)), ProfileFate.HAS_IT),
        ("kiosk", DeviceStanding(would_be_registered=None), ProfileFate.CANNOT_BE_TOLD),
        ("kiosk", DeviceStanding(would_be_registered=False), ProfileFate.GETS_NONE),
        ("Nobody's", DeviceStanding(would_be_registered=False), ProfileFate.NO_SUCH_PROFILE),
        ("Nobody's", DeviceStanding(would_be_registered=True, profiles=("gone",)), ProfileFate.NO_SUCH_PROFILE),
        ("twin", REGISTERED, ProfileFate.AMBIGUOUS),
        ("id-Twin2", REGISTERED, ProfileFate.GETS_IT),
    ],
)
def test_a_wish_and_a_device_have_one_fate(profile: str, device: DeviceStanding, expected: ProfileFate) -> None:
    assert fate(profile, device) is expected


def test_the_other_profiles_of_a_device_are_named_and_what_cannot_be_told_says_why() -> None:
    def planned(profile: str, device: DeviceStanding) -> PlannedProfile:
        return KnownProfiles(LISTED).planned(ProfileWish(profile, ProfileSource.ROW), device)

    has_lobby = ("ID-LOBBY", "of another list")
    there = planned("Kiosk", DeviceStanding(would_be_registered=True, profiles=has_lobby))
    assert (there.fate, there.why, there.others) == (ProfileFate.GETS_IT, "", ("Lobby", "of another list"))
    elsewhere = planned("Kiosk", DeviceStanding(would_be_registered=None, why=ELSEWHERE, profiles=has_lobby))
    assert (elsewhere.fate, elsewhere.why) == (ProfileFate.CANNOT_BE_TOLD, ELSEWHERE)
    assert elsewhere.others == there.others
    assert planned("Lobby", DeviceStanding(would_be_registered=None, why=ELSEWHERE, profiles=has_lobby)).why == ""


def test_before_the_profiles_were_listed_nothing_is_told() -> None:
    known = KnownProfiles(ProfileList(customer_id=CUSTOMER, asked_at=NOW))
    planned = known.planned(ProfileWish("Kiosk", ProfileSource.ROW), REGISTERED)
    assert (planned.fate, planned.why) == (ProfileFate.CANNOT_BE_TOLD, NOT_LISTED)
    elsewhere = known.planned(ProfileWish("Kiosk", ProfileSource.ROW), DeviceStanding(would_be_registered=False))
    assert elsewhere.fate is ProfileFate.GETS_NONE


def test_of_a_list_that_may_be_cut_off_no_profile_is_missed() -> None:
    many = tuple(KeptProfile(policy_id=f"id-{number}", name=f"P{number}") for number in range(MOST_PROFILES))
    full = ProfileList(customer_id=CUSTOMER, asked_at=NOW, read_at=NOW, profiles=many)
    assert fate("Nobody's", listed=full) is ProfileFate.CANNOT_BE_TOLD
    assert fate("P7", listed=full) is ProfileFate.GETS_IT
