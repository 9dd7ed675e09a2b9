"""The settings of a stand-in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from local.partner_center.faults import Fault


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a stand-in behaves; times are seconds."""

    delay: float = 0.0
    """From the acceptance of an upload to its end: the first half `queued`, the second `processing`."""
    latency: float = 0.0
    """Before every answer."""
    retry_after: float = 1.0
    """What a throttled caller is told to wait, in whole seconds; a fraction is rounded up."""
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Probability of each fault, 0 to 1."""
    seed: int = 0
    unknown_customers: frozenset[str] = frozenset()
    existing_batch_status: HTTPStatus = HTTPStatus.CONFLICT
    """What creating a batch that exists is answered with: not documented, 400 and 409 are likely."""
    token: str | None = None
    """The one bearer token that is taken; None takes any."""
    location: str = "/customers/{customer}/batchJobStatus/{tracking_id}"
    """The link to an upload, as "Create DeviceBatches" examples have it."""
    redirect_to: str = "http://127.0.0.1:9"
    token_in_links: bool = False
    """Whether the continuation token stands in links.next and not at the top of the page."""


WELL_BEHAVED = Behaviour()
"""Without delay and without faults."""
