"""Deletes devices one by one, for withdrawals and removals alike.

Before a device's deletion is sent, its request is journaled; after the answer, its result. If the owner dies in
between, the next owner repeats the request under the same id; if the device is then missing, it counts as deleted by
the first request.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from itertools import takewhile

from msgspec.structs import replace

from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.service import Service
from shared.pipeline.submissions.circuit_breaker import Admission
from shared.pipeline.submissions.deletion_decisions import (
    begun,
    deleted,
    is_done,
    is_verdict,
    may_be_ours,
    refused,
    unanswered,
)
from shared.storage.record_table import Stored
from shared.storage.records import DeviceWithdrawal
from shared.storage.withdrawals import Withdrawals
from shared.vocabulary import WithdrawalResult

DEVICES_IN_A_STEP = 300
"""Most deletions in one step."""

LONGEST_STEP = timedelta(minutes=5)
"""The time after which no further deletion is started: a function may take thirty minutes, and a deletion three."""

MOST_SET_ASIDE = 3
"""So many devices in a row are forbidden before the account is taken for the cause, and the step ends."""

BEGUN_AT_ONCE = 50
"""Devices whose requests are journaled together before the first is sent."""

SHARE_OF_A_CLAIM_FOR_A_CALL = 0.95
"""A request is sent only while this share of the claim is left: the longest request takes a little less."""

Known = Stored[DeviceWithdrawal]
"""The record of a device's deletion. It is written only if unchanged since it was read, so that an owner that was
taken over undoes nothing."""


@dataclass(frozen=True, slots=True)
class DeviceDecided:
    """The state of a device after its deletion was sent, beside the error that led to it."""

    device: DeviceWithdrawal
    """Has no result if the answer was not a verdict."""
    forbidden: int
    """The number of consecutive steps that a 403 ended, if this one does."""
    error: PartnerCenterError | None = None


@dataclass(slots=True)
class Progress:
    """The progress of the deletions of a step."""

    forbidden: int
    """Consecutive steps that a 403 ended."""
    has_deleted: bool = False
    """Whether a device was deleted in this step: so the account may delete."""
    done: list[DeviceWithdrawal] = field(default_factory=list)
    """The devices whose result is known, in order and without a gap."""
    error: PartnerCenterError | None = None
    """The error that ended the step because it is not a verdict."""

    def end_by(self, decided: DeviceDecided) -> None:
        """End the step by an answer that is not a verdict."""
        self.forbidden, self.error = decided.forbidden, decided.error


@dataclass(frozen=True, slots=True)
class Deletion:
    """Deletes the devices of one piece of work that its owner has claimed."""

    service: Service
    """Its `keep_claim` is called before each effect, so that the claim outlasts it. Raises Conflict."""
    withdrawals: Withdrawals
    customer_id: str
    run: int
    admitted: Admission
    is_long: Callable[[], bool]
    """Whether the step has taken long enough."""
    spelling_of: Callable[[str], str] = str
    """A batch in the service's spelling."""

    def delete_all(self, devices: Sequence[Known], forbidden: int) -> Progress:
        """Delete the devices that remain of these, until an answer is not a verdict or the step has taken long enough.

        `forbidden` steps before were ended by a 403.
        """
        progress = Progress(forbidden)
        for start in range(0, len(devices), BEGUN_AT_ONCE):
            self._delete_group(devices[start : start + BEGUN_AT_ONCE], progress)
            if progress.error is not None or self.is_long():
                break
        return progress

    def _delete_group(self, devices: Sequence[Known], progress: Progress) -> None:
        """Journal the requests of `devices`, send them one by one, write the results."""
        repeated = {known.record.row for known in devices if may_be_ours(known.record)}
        begun_ones = self._begun([known for known in devices if not is_done(known.record, self.run)])
        ended = {known.record.row: known.record for known in devices if is_done(known.record, self.run)}
        group = _Group(begun_ones, repeated, ended)
        self._send_all(group, progress)
        if progress.error is None:
            self._send_forbidden_again(group, progress)
        with self.admitted.keeping_pause(progress.error):
            self._write_results(group)
        rows = (known.record.row for known in devices)
        progress.done += (ended[row] for row in takewhile(ended.__contains__, rows))

    def _send_all(self, group: "_Group", progress: Progress) -> None:
        """Send the requests, until an answer is not a verdict, or several devices in a row are forbidden."""
        in_a_row = 0
        for known in group.begun:
            if self.is_long():
                return
            decided = self._send(known, group, progress)
            in_a_row = in_a_row + 1 if _is_forbidden(decided) else 0
            if decided.device.result is None and in_a_row in (0, MOST_SET_ASIDE):
                progress.end_by(decided)
                return

    def _send_forbidden_again(self, group: "_Group", progress: Progress) -> None:
        """Send forbidden deletions again, if others succeeded in this step: then a 403 is about the device alone."""
        for known in [known for known in group.begun if known.record.row in group.failed]:
            if not progress.has_deleted:
                progress.end_by(group.failed[known.record.row])
                return
            if self.is_long():
                return
            decided = self._send(known, group, progress)
            if _is_forbidden(decided) and decided.error is not None:
                is_repeated = known.record.row in group.repeated
                device = refused(known.record, decided.error, self.service.clock(), repeated=is_repeated)
                group.note(DeviceDecided(device, 0))
            elif decided.device.result is None:
                progress.end_by(decided)
                return

    def _send(self, known: Known, group: "_Group", progress: Progress) -> DeviceDecided:
        """Send the request of one device, and note what its answer decides."""
        self.service.keep_claim()
        device = known.record
        decided = delete(
            self.service,
            self.customer_id,
            self.spelling_of(device.batch_id),
            device,
            repeated=device.row in group.repeated,
            forbidden=progress.forbidden,
        )
        group.note(decided)
        progress.has_deleted |= decided.device.result is WithdrawalResult.WITHDRAWN
        if decided.device.result is not None:
            progress.forbidden = decided.forbidden
            if not decided.forbidden:
                self.admitted.note(None)
        return decided

    def _begun(self, group: Sequence[Known]) -> list[Known]:
        """Journal the requests that are about to be sent."""
        self.service.keep_claim()
        return self.withdrawals.change_devices(
            known.holding(begun(known.record, self.run, self.service.new_id())) for known in group
        )

    def _write_results(self, group: "_Group") -> None:
        """Write the results, the state of devices whose requests failed, and that the other requests were not sent.

        A request that was to be repeated but was not sent stays journaled: an earlier owner may have sent it.
        """
        answered = {**group.ended, **{row: decided.device for row, decided in group.failed.items()}}
        results = [known.holding(answered[known.record.row]) for known in group.begun if known.record.row in answered]
        unsent = [
            known.holding(replace(known.record, request_id=""))
            for known in group.begun
            if known.record.row not in answered and known.record.row not in group.repeated
        ]
        self.service.keep_claim()
        self.withdrawals.change_devices([*results, *unsent])


@dataclass(frozen=True, slots=True)
class _Group:
    """Devices whose requests are journaled together."""

    begun: Sequence[Known]
    repeated: Collection[int]
    """The rows whose requests an earlier owner may have sent."""
    ended: dict[int, DeviceWithdrawal]
    """By row, the devices whose result is known."""
    failed: dict[int, DeviceDecided] = field(default_factory=dict)
    """By row, what became of a request whose answer was not a verdict."""

    def note(self, decided: DeviceDecided) -> None:
        """Keep what an answer decided on a device."""
        row = decided.device.row
        self.failed.pop(row, None)
        if decided.device.result is None:
            self.failed[row] = decided
        else:
            self.ended[row] = decided.device


def _is_forbidden(decided: DeviceDecided) -> bool:
    """Whether the deletion was forbidden, and that is no verdict on the device by itself."""
    return decided.device.result is None and decided.error is not None and decided.error.status == HTTPStatus.FORBIDDEN


def delete(
    service: Service, customer_id: str, batch_id: str, device: DeviceWithdrawal, *, repeated: bool, forbidden: int
) -> DeviceDecided:
    """Send the journaled deletion of a device.

    `repeated`: an earlier request may have deleted it; `forbidden` steps before were ended by a 403.
    """
    ids = service.call_ids(device.request_id)
    try:
        answer = service.partner_center.delete_device(customer_id, batch_id, device.device_id, ids)
    except PartnerCenterError as error:
        in_a_row = forbidden + 1 if error.status == HTTPStatus.FORBIDDEN else 0
        if is_verdict(error, in_a_row):
            return DeviceDecided(refused(device, error, service.clock(), repeated=repeated), in_a_row, error)
        return DeviceDecided(unanswered(device, error, repeated=repeated), in_a_row, error)
    return DeviceDecided(deleted(device, answer, service.clock()), 0)
