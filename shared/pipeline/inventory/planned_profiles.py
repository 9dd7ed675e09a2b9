"""What would come of the profile that a row wishes for, by the customer's profiles as last listed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.partner_center.models import ConfigurationPolicy
from shared.pipeline.default_profiles import ProfileWish
from shared.pipeline.profiles import MOST_PROFILES
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


@dataclass(frozen=True, slots=True)
class PlannedProfile:
    """A wished profile, and what would come of it."""

    wish: ProfileWish
    fate: ProfileFate


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """What is known of a device for its profile."""

    would_be_registered: bool | None
    """Whether it would be found registered under the batch of its row; None where that cannot be told."""
    profiles: Sequence[str] = ()
    """The names or ids of the profiles that it has and would keep, as far as known."""


@dataclass(frozen=True, slots=True)
class KnownProfiles:
    """The profiles of a customer as last listed. Each name is looked up once."""

    listed: ProfileList
    _found: dict[str, str | ProfileReason] = field(default_factory=dict)

    def planned(self, wish: ProfileWish, device: DeviceStanding) -> PlannedProfile:
        """The wish, and what would come of it for the device."""
        return PlannedProfile(wish, self._fate(wish.profile, device))

    def _fate(self, profile: str, device: DeviceStanding) -> ProfileFate:
        if self.listed.read_at is None:
            return ProfileFate.CANNOT_BE_TOLD
        policy_id = self._policy_named(profile)
        if policy_id is ProfileReason.PROFILE_AMBIGUOUS:
            return ProfileFate.AMBIGUOUS
        if policy_id is ProfileReason.PROFILE_UNKNOWN:
            is_whole = len(self.listed.profiles) < MOST_PROFILES
            return ProfileFate.NO_SUCH_PROFILE if is_whole else ProfileFate.CANNOT_BE_TOLD
        if device.would_be_registered is False:
            return ProfileFate.GETS_NONE
        if any(self._policy_named(name) == policy_id for name in device.profiles):
            return ProfileFate.HAS_IT
        return ProfileFate.GETS_IT if device.would_be_registered else ProfileFate.CANNOT_BE_TOLD

    def _policy_named(self, profile: str) -> str | ProfileReason:
        if profile not in self._found:
            policies = [ConfigurationPolicy(id=each.policy_id, name=each.name) for each in self.listed.profiles]
            self._found[profile] = policy_named(profile, policies)
        return self._found[profile]
