"""The profiles of a customer, which are its configuration policies in Partner Center, and the defaults for its batches.

A row names the profile that its device is to have; where it names none, the default of its batch counts, else that of
all batches of the customer.
"""

import logging
from contextlib import suppress
from datetime import timedelta

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.partner_center.errors import PartnerCenterError
from shared.partner_center.models import ConfigurationPolicy
from shared.pipeline.composition import Pipeline
from shared.pipeline.human_acts import Asker, note_act, subject_of_customer
from shared.pipeline.submissions.circuit_breaker import circuit_breaker_of
from shared.pipeline.submissions.profile_assignment import listed_policies
from shared.storage.customers import KeptProfile, ProfileList, checked_id
from shared.storage.record_table import Conflict
from shared.storage.wakeups import ProfilesWakeUp
from shared.vocabulary import ActKind

logger = logging.getLogger(__name__)

OLD = timedelta(minutes=15)
"""A list that is older is asked for again when somebody looks at it."""

MOST_PROFILES = 200
"""Profiles of a customer that are kept for people; an assignment regards all of them."""

WAITS = "Requests to Partner Center about this customer wait at the moment. Ask again later."

LONGEST_PROFILE = 256
"""Characters of a profile's name, as of a cell."""

LONGEST_BATCH = 256


class ProfileRefused(DeviceDropError):
    """The default profile cannot be set so; nothing was changed."""


def profiles_of(pipeline: Pipeline, customer_id: str) -> ProfileList:
    """The profiles of the customer as last listed; the app is asked to list them anew if that is long ago."""
    stored = pipeline.customers.profile_list(customer_id)
    if stored is None or pipeline.clock() - stored.record.asked_at >= OLD:
        return ask_for_profiles(pipeline, customer_id)
    return stored.record


def ask_for_profiles(pipeline: Pipeline, customer_id: str) -> ProfileList:
    """Have the app list the profiles of the customer now: it alone can sign in to Partner Center."""
    now = pipeline.clock()
    stored = pipeline.customers.profile_list(customer_id)
    asked = ProfileList(customer_id=customer_id, asked_at=now) if stored is None else stored.record
    asked = replace(asked, asked_at=now)
    with suppress(Conflict):  # somebody else asked, or the list came, a moment ago
        pipeline.customers.keep_profile_list(stored, asked)
    pipeline.wakeups.send(ProfilesWakeUp(customer_id=customer_id))
    return asked


def list_profiles(pipeline: Pipeline, customer_id: str) -> None:
    """List the profiles of the customer and keep them, or why they could not be listed. Called in the app.

    A failure opens no circuit breaker: an account that may not list profiles may register devices.
    """
    stored = pipeline.customers.profile_list(customer_id)
    known = ProfileList(customer_id=customer_id, asked_at=pipeline.clock()) if stored is None else stored.record
    try:
        if not circuit_breaker_of(pipeline).lets_pass(customer_id):
            listed = replace(known, failed_at=pipeline.clock(), failure=WAITS)
        else:
            policies = listed_policies(pipeline.service, pipeline.cache.policies, customer_id)
            profiles = sorted(map(_kept, filter(_is_profile, policies)), key=lambda each: each.name.casefold())
            listed = replace(known, read_at=pipeline.clock(), failure="", profiles=tuple(profiles[:MOST_PROFILES]))
    except PartnerCenterError as error:
        listed = replace(known, failed_at=pipeline.clock(), failure=str(error))
    try:
        pipeline.customers.keep_profile_list(stored, listed)
    except Conflict:
        logger.info("Another worker listed the profiles meanwhile", extra={"customer_id": customer_id})


def _is_profile(policy: ConfigurationPolicy) -> bool:
    return policy.is_profile


def _kept(policy: ConfigurationPolicy) -> KeptProfile:
    return KeptProfile(
        policy_id=policy.id or "",
        name=policy.name or "",
        description=policy.description or "",
        settings=policy.policy_settings or (),
        devices=policy.count,
    )


def set_default_profile(pipeline: Pipeline, asker: Asker, customer_id: str, batch_id: str, profile: str) -> None:
    """Set the profile of devices whose rows name none, for a batch or (empty) all batches; empty removes it.

    It holds for files that are received from now on. A name that the customer does not have is taken: each row says so.

    Raises:
        CustomerNameRefused: it is no customer id.
        ProfileRefused: the batch or the profile is too long.
    """
    customer_id, batch_id, profile = checked_id(customer_id), batch_id.strip(), profile.strip()
    if len(batch_id) > LONGEST_BATCH or len(profile) > LONGEST_PROFILE:
        raise ProfileRefused(f"A batch and a profile have at most {LONGEST_PROFILE} characters.")
    subject = subject_of_customer(pipeline, customer_id)
    where = f"of batch {batch_id}" if batch_id else "of all batches"
    note_act(pipeline, asker, ActKind.SET_PROFILE, subject, f"{where}: {profile or 'removed'}")
    pipeline.customers.set_default_profile(customer_id, batch_id, profile, pipeline.clock())
