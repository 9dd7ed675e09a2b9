"""The names of the profiles that registered devices have: Partner Center lists a device with their ids alone.

The names are those of the customer's profiles as last listed. An old list is asked for again, within the requests that
readings may send in a day, and only where a device with a profile is shown.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.reading import TRIED_AGAIN
from shared.pipeline.inventory.request_budget import requests_left, spend
from shared.pipeline.profiles import ask_for_profiles
from shared.pipeline.submissions.matching import folded
from shared.storage.customers import ProfileList


class ProfileNames:
    """Looks up names of one customer's profiles. The list is read at the first id."""

    def __init__(self, pipeline: Pipeline, customer_id: str) -> None:
        self._pipeline = pipeline
        self._customer_id = customer_id
        self._names: Mapping[str, str] | None = None
        self._may_ask = True
        self.listed: ProfileList | None = None
        """The list, once an id was looked up; None where nothing was listed or asked for."""

    def of(self, policy_ids: Sequence[str]) -> list[str]:
        """The name of each policy; empty where it is not known."""
        return [self._name_of(policy_id) for policy_id in policy_ids]

    def _name_of(self, policy_id: str) -> str:
        if self._names is None:
            stored = self._pipeline.customers.profile_list(self._customer_id)
            self.listed = None if stored is None else stored.record
            profiles = () if self.listed is None else self.listed.profiles
            self._names = {folded(profile.policy_id): profile.name for profile in profiles}
            self._ask_if_older(self._pipeline.settings.devices_read_again)
        name = self._names.get(folded(policy_id), "")
        if not name:
            self._ask_if_older(TRIED_AGAIN)
        return name

    def _ask_if_older(self, age: timedelta) -> None:
        """Have the profiles listed anew, unless they were asked for a shorter time ago or no request is left today."""
        now = self._pipeline.clock()
        if not self._may_ask or (self.listed is not None and now - self.listed.asked_at < age):
            return
        self._may_ask = False
        if requests_left(self._pipeline) > 0:
            spend(self._pipeline, 1)
            self.listed = ask_for_profiles(self._pipeline, self._customer_id)
