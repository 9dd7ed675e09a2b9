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
from datetime import UTC, datetime, timedelta
from typing import Self

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.blob import BlobServiceClient

from local.functions_host.app import HostedFunction, TimerTrigger
from local.functions_host.converting import argument
from local.functions_host.invoking import Invoker
from local.functions_host.leases import HOST_CONTAINER, Singleton
from local.functions_host.schedule import Schedule

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


_NEVER = "0001-01-01T00:00:00+00:00"
"""The last time of a timer that has never run, as the timer extension keeps it."""
_SHORTEST_KEPT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Times:
    """When a timer last ran (None: never), is next due, and was last recorded, in UTC."""

    last: datetime | None
    due: datetime
    updated: datetime

    def to_json(self) -> str:
        """As the timer extension keeps it."""
        last = self.last.isoformat() if self.last else _NEVER
        return json.dumps({"Last": last, "Next": self.due.isoformat(), "LastUpdated": self.updated.isoformat()})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The reverse of `to_json`."""
        content = json.loads(text)
        last, due, updated = (datetime.fromisoformat(content[name]) for name in ("Last", "Next", "LastUpdated"))
        return cls(None if last.year == 1 else last, due, updated)


def reckoned(times: Times, schedule: Schedule, now: datetime) -> Times:
    """The times of a record under `schedule`: if it was made under another one, the timer begins anew."""
    expected = schedule.next_after(times.last or times.updated)
    if expected == times.due:
        return times
    return Times(None, schedule.next_after(now) if expected < now else expected, now)


def is_kept(schedule: Schedule, now: datetime) -> bool:
    """Whether the times of a timer are recorded: not those of a schedule of less than a minute."""
    first = schedule.next_after(now)
    return schedule.next_after(first) - first >= _SHORTEST_KEPT


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
            self._times = Times(times.last, upcoming, times.updated)
            return upcoming
        return times.due

    def _take_over(self) -> None:
        now, schedule = self._clock(), self._trigger.schedule
        times = Times(None, schedule.next_after(now), now)
        is_new = False
        if is_kept(schedule, now):
            try:
                kept = Times.from_json(self._record.download_blob().readall())
            except ResourceNotFoundError:
                is_new = True
            else:
                times = reckoned(kept, schedule, now)
                is_new = times is not kept
        self._times = times
        if is_new:
            self._keep(times)
        elif now >= times.due:
            self._fire(times, past_due=True)

    def _fire(self, times: Times, *, past_due: bool) -> None:
        began = self._clock()
        request = {"IsPastDue": past_due, "Schedule": {}, "ScheduleStatus": json.loads(times.to_json())}
        timer = argument("timerTrigger", Datum(json.dumps(request), "json"), {})
        running = self._invoker.start(self._function, timer, f"timer{', past due' if past_due else ''}")
        while not wait_for([running], timeout=_POLL_SECONDS).done:
            self._singleton.is_mine()
        self._times = Times(began, self._trigger.schedule.next_after(began), began)
        self._keep(self._times)

    def _keep(self, times: Times) -> None:
        if is_kept(self._trigger.schedule, times.updated):
            self._record.upload_blob(times.to_json(), overwrite=True)
