"""Every promise is kept by services that decide otherwise what Microsoft's pages leave open."""

import pytest

from local.partner_center.profile import Profile
from tests.examples import examples
from tests.simulation.scheduler import play

PROFILES = {
    "the other order, and appending makes batches": Profile(
        create_existing_batch=400, append_to_missing_batch=202, statuses_as_sent=False
    ),
    "known devices and duplicates count as registered": Profile(known_device="", duplicate_device=""),
    "small uploads, other links, request ids forgotten, and creating appends": Profile(
        create_existing_batch=202,
        largest_upload=3,
        too_large_upload=4,
        location="/v1/customers/{customer}/batchJobStatus/{tracking_id}",
        repeated_request_id=True,
        request_id_remembered_seconds=3_600,
        request_id_forgotten_seconds=86_400,
    ),
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_promise_depends_on_an_assumption(profile: Profile) -> None:
    for seed in range(examples(12)):
        assert play(seed, profile).violations == [], seed


def test_a_profile_changes_what_the_service_does() -> None:
    """Without this, a profile that is not passed on would pass unnoticed."""
    small = Profile(largest_upload=1, too_large_upload=2)
    sizes = [
        len(upload.attempt.sent)
        for seed in range(4)
        for upload in play(seed, small).service.uploads
        if upload.tracking_id
    ]
    assert sizes
    assert set(sizes) == {1}
