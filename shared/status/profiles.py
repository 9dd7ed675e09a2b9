"""The profiles of a customer, and the defaults for its batches, for people and scripts."""

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.planned_profiles import KnownProfiles
from shared.pipeline.profiles import profiles_of
from shared.reasons import PROFILE_REASONS, ProfileReason
from shared.status.queries import canonical_customer, customer_names
from shared.status.schemas import CustomerProfiles, DefaultProfileView, ProfileView
from shared.storage.customers import KeptProfile, ProfileList


def customer_profiles(pipeline: Pipeline, customer_id: str) -> CustomerProfiles:
    """The profiles of one customer. Raises NotFound when it is no customer id."""
    return profiles_view(pipeline, profiles_of(pipeline, canonical_customer(customer_id)))


def profiles_view(pipeline: Pipeline, listed: ProfileList) -> CustomerProfiles:
    """A list of profiles, and the defaults of its customer."""
    known = KnownProfiles(listed)
    return CustomerProfiles(
        customer_id=listed.customer_id,
        customer_name=customer_names(pipeline).name_of(listed.customer_id),
        read_at=listed.read_at,
        is_in_progress=listed.is_in_progress,
        sentence=sentence_of(listed),
        profiles=list(map(_view, listed.profiles)),
        defaults=[
            DefaultProfileView(
                batch_id=each.batch_id or None,
                profile=each.profile,
                fault=_fault_of_default(known.reason_against(each.profile)),
            )
            for each in pipeline.customers.default_profiles(listed.customer_id)
        ],
    )


def _fault_of_default(reason: ProfileReason | None) -> str:
    return (
        "" if reason is None else f"{PROFILE_REASONS[reason].sentence} Devices get none by this default: set another."
    )


def profiles_read(pipeline: Pipeline, customer_id: str) -> str:
    """When the profiles of the customer were listed, in words; nothing is asked for."""
    stored = pipeline.customers.profile_list(customer_id)
    return "" if stored is None else sentence_of(stored.record)


def sentence_of(listed: ProfileList) -> str:
    """When the profiles were listed, in words."""
    told = []
    if listed.read_at is not None:
        told.append(f"Partner Center listed them on {listed.read_at:%Y-%m-%d %H:%M} UTC.")
    if listed.is_in_progress:
        told.append("They are being listed now.")
    elif listed.failed_at is not None and (listed.read_at is None or listed.failed_at > listed.read_at):
        told.append(f"They could not be listed on {listed.failed_at:%Y-%m-%d %H:%M} UTC: {listed.failure}")
    return " ".join(told)


def _view(profile: KeptProfile) -> ProfileView:
    return ProfileView(
        id=profile.policy_id,
        name=profile.name,
        description=profile.description,
        settings=list(profile.settings),
        devices=profile.devices,
    )
