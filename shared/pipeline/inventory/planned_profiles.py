"""What would come of the profile that a row wishes for, by the customer's profiles as last listed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.partner_center.models import ConfigurationPolicy
from shared.pipeline.default_profiles import ProfileWish
from shared.pipeline.profiles import MOST_PROFILES
from shared.pipeline.submissions.matching import folded
from shared.pipeline.submissions.profile_decisions import policy_named
from shared.reasons import ProfileReason
from shared.storage.customers import ProfileList


class ProfileFate(StrEnum):
    """What would come of a wished profile."""

    HAS_IT = "has_it"
    GETS_IT = "gets_it"
    NO_SUCH_PROFILE = "no_such_profile"
    AMBIGUOUS = "ambiguous"
    """Several profiles of the customer have the name."""
    GETS_NONE = "gets_none"
    """The device would not be registered for the customer."""
    CANNOT_BE_TOLD = "cannot_be_told"


NOT_LISTED = "The profiles of the customer were not listed yet: plan again in a minute."
CUT_OFF = "The customer has more profiles than the app keeps: whether one has this name is known when the file is sent."
PLACE_NOT_KNOWN = "It is not known whether and where the device is registered."
ELSEWHERE = (
    "The device stays in its batch, where it gets the profile only if Partner Center's answer names it. Move it, or "
    "drop its row for that batch."
)


@dataclass(frozen=True, slots=True)
class PlannedProfile:
    """A wished profile, and what would come of it."""

    wish: ProfileWish
    fate: ProfileFate
    why: str = ""
    """Why that cannot be told, and what to do; empty where it can."""
    others: Sequence[str] = ()
    """The names of other profiles that the device has now, as far as known; an id where the name is not."""


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """What is known of a device for its profile."""

    would_be_registered: bool | None
    """Whether it would be found registered under the batch of its row; None where that cannot be told."""
    why: str = ""
    """Why that cannot be told."""
    profiles: Sequence[str] = ()
    """The names or ids of the profiles that it has and would keep, as far as known."""


@dataclass(frozen=True, slots=True)
class KnownProfiles:
    """The profiles of a customer as last listed. Each name is looked up once."""

    listed: ProfileList
    _found: dict[str, str | ProfileReason] = field(default_factory=dict)

    def planned(self, wish: ProfileWish, device: DeviceStanding) -> PlannedProfile:
        """The wish, and what would come of it for the device."""
        if self.listed.read_at is None and device.would_be_registered is False:
            return PlannedProfile(wish, ProfileFate.GETS_NONE)
        if self.listed.read_at is None:
            return PlannedProfile(wish, ProfileFate.CANNOT_BE_TOLD, NOT_LISTED)
        policy_id = self._policy_named(wish.profile)
        others = tuple(self._name_of(name) for name in device.profiles if self._policy_named(name) != policy_id)
        if policy_id is ProfileReason.PROFILE_AMBIGUOUS:
            return PlannedProfile(wish, ProfileFate.AMBIGUOUS, others=others)
        if policy_id is ProfileReason.PROFILE_UNKNOWN:
            if len(self.listed.profiles) >= MOST_PROFILES:
                return PlannedProfile(wish, ProfileFate.CANNOT_BE_TOLD, CUT_OFF)
            return PlannedProfile(wish, ProfileFate.NO_SUCH_PROFILE)
        if device.would_be_registered is False:
            return PlannedProfile(wish, ProfileFate.GETS_NONE)
        if len(others) < len(device.profiles):
            return PlannedProfile(wish, ProfileFate.HAS_IT)
        if device.would_be_registered is None:
            return PlannedProfile(wish, ProfileFate.CANNOT_BE_TOLD, device.why, others)
        return PlannedProfile(wish, ProfileFate.GETS_IT, others=others)

    def reason_against(self, profile: str) -> ProfileReason | None:
        """Why no device would get the profile, as far as the list tells."""
        found = self._policy_named(profile)
        is_whole = self.listed.read_at is not None and len(self.listed.profiles) < MOST_PROFILES
        return found if isinstance(found, ProfileReason) and is_whole else None

    def _name_of(self, profile: str) -> str:
        named = (each.name for each in self.listed.profiles if folded(each.policy_id) == folded(profile))
        return next(named, "") or profile

    def _policy_named(self, profile: str) -> str | ProfileReason:
        if profile not in self._found:
            policies = [ConfigurationPolicy(id=each.policy_id, name=each.name) for each in self.listed.profiles]
            self._found[profile] = policy_named(profile, policies)
        return self._found[profile]
