"""What a check finds, in four words."""

import pytest

from shared.pipeline.health.finding import Finding, broken, cannot_be_told, not_seen_from_here, warning, well
from shared.vocabulary import CheckState


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (warning("a", "b"), CheckState.WARNING),
        (broken("a", "b"), CheckState.BROKEN),
        (cannot_be_told("a", "b"), CheckState.CANNOT_BE_TOLD),
    ],
)
def test_each_finding_but_a_good_one_has_its_cure(finding: Finding, state: CheckState) -> None:
    assert (finding.state, finding.found, finding.cure) == (state, "a", "b")
    assert well("a") == Finding(CheckState.WELL, "a", "")


def test_what_only_the_app_knows_is_asked_of_the_app() -> None:
    finding = not_seen_from_here("The sign-in")
    assert finding.state is CheckState.CANNOT_BE_TOLD
    assert "doctor --app" in finding.cure
