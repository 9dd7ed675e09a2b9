"""Partner Center for the pipeline: the client, the ids of each call, the clock and the delays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.partner_center.client import CallIds, PartnerCenter
from shared.partner_center.models import Device
from shared.pipeline.backoff import Pace


@dataclass(frozen=True, slots=True)
class Service:
    """The dependencies of a function that calls Partner Center and decides by the answer."""

    partner_center: PartnerCenter
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    pace: Pace
    keep_claim: Callable[[], None] = lambda: None
    """Called again and again by work that may take minutes, such as reading a batch."""

    def call_ids(self, request_id: str | None = None) -> CallIds:
        """The ids of one call; `request_id` is the id of an earlier call that it repeats."""
        return CallIds(request_id=request_id or self.new_id(), correlation_id=self.new_id())

    def batch_devices(self, customer_id: str, batch_id: str) -> Iterator[Device]:
        """The devices of a batch, page by page, while the claim on the work is kept. Raises PartnerCenterError."""
        for device in self.partner_center.batch_devices(customer_id, batch_id, self.call_ids()):
            self.keep_claim()
            yield device
