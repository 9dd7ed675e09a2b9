"""Timer triggers: one instance among all keeps the schedule, and missed times are made up for once.

The last and next times are kept in the host's storage, so that a start after a missed time begins with one run marked
`past_due`. A run that outlasts the next time is followed by one run at once, not by one for each time it overran.
"""

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.blob import BlobServiceClient

from local.functions_host.app import HostedFunction, TimerTrigger
from local.functions_host.converting import argument
from local.functions_host.invoking import Invoker
from local.functions_host.leases import HOST_CONTAINER, Singleton

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Times:
    """When a timer last ran (None: never) and is next due, in UTC."""

    last: datetime | None
    due: datetime

    def to_json(self) -> str:
        """As the timer extension keeps it."""
        last = self.last.isoformat() if self.last else None
        return json.dumps({"Last": last, "Next": self.due.isoformat(), "LastUpdated": last})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The reverse of `to_json`."""
        content = json.loads(text)
        last = datetime.fromisoformat(content["Last"]) if content["Last"] else None
        return cls(last, datetime.fromisoformat(content["Next"]))


class TimerListener:
    """Runs one timer function at its times while no other instance does; `run` is its thread."""

    def __init__(
        self,
        *,
        function: HostedFunction,
        trigger: TimerTrigger,
        host_storage: BlobServiceClient,
        host_id: str,
        invoker: Invoker,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._invoker = invoker
        self._clock = clock
        self._record = host_storage.get_blob_client(HOST_CONTAINER, f"timers/{host_id}/{function.function_id}/status")
        self._singleton = Singleton(host_storage, host_id, f"{function.function_id}.Listener")
        self._times: Times | None = None
        """None while another instance has the timer."""

    def run(self, stopping: threading.Event) -> None:
        """Keep the schedule until `stopping` is set."""
        while not stopping.wait(_POLL_SECONDS):
            try:
                self._poll()
            except AzureError as error:
                logger.warning("The schedule of %s cannot be kept; trying again: %s", self._function.name, error)
        self._singleton.release()

    def _poll(self) -> None:
        if not self._singleton.is_mine():
            self._times = None
            return
        if self._times is None:
            self._take_over()
        elif self._clock() >= self._due(self._times):
            self._fire(self._times, past_due=False)

    def _due(self, times: Times) -> datetime:
        """When the timer is due: no later than the schedule's next time, even if the clock was set back."""
        upcoming = self._trigger.schedule.next_after(self._clock())
        if upcoming < times.due:
            self._times = Times(times.last, upcoming)
            return upcoming
        return times.due

    def _take_over(self) -> None:
        try:
            times = Times.from_json(self._record.download_blob().readall())
        except ResourceNotFoundError:
            times = Times(None, self._trigger.schedule.next_after(self._clock()))
            self._keep(times)
        self._times = times
        if self._clock() >= times.due:
            self._fire(times, past_due=True)

    def _fire(self, times: Times, *, past_due: bool) -> None:
        began = self._clock()
        request = {"IsPastDue": past_due, "Schedule": {}, "ScheduleStatus": json.loads(times.to_json())}
        timer = argument("timerTrigger", Datum(json.dumps(request), "json"), {})
        running = self._invoker.start(self._function, timer, f"timer{', past due' if past_due else ''}")
        while not wait_for([running], timeout=_POLL_SECONDS).done:
            self._singleton.is_mine()
        self._times = Times(began, self._trigger.schedule.next_after(began))
        self._keep(self._times)

    def _keep(self, times: Times) -> None:
        self._record.upload_blob(times.to_json(), overwrite=True)
