"""The parts of every pipeline."""

from datetime import timedelta

import pytest

from shared.pipeline.composition import call_limits


@pytest.mark.parametrize("seconds", [2, 30, 300, 3600])
def test_the_longest_call_ends_within_a_claim(seconds: int) -> None:
    limits = call_limits(timedelta(seconds=seconds))
    assert min(limits.sign_in, limits.connect, limits.exchange) > 0
    assert 2 * limits.sign_in + limits.connect + limits.exchange < seconds
