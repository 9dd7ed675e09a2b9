"""Assigns a profile to the devices of a closed file, on request.

A request changes the file's record; assignments like those that follow submissions do the work (`profile_order`). When
the last of them has ended, the results are written anew.
"""

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import ended_file
from shared.pipeline.human_acts import Asker, note_act, subject_of
from shared.pipeline.lease import FileLease, with_claim
from shared.pipeline.profiles import LONGEST_PROFILE
from shared.pipeline.submissions.profile_order import begin_assignments
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, ProfileOrder, with_sentence
from shared.vocabulary import ActKind, FileOrder, FileState

_TRIES = 5


class NoProfileToAssign(DeviceDropError):
    """The file has no devices to which a profile can be assigned now; the message says why."""


def may_assign(file: DeviceFile) -> bool:
    """Whether a profile can be assigned to devices of the file now."""
    counts = file.closed_counts
    there = 0 if counts is None else counts.registered + counts.already_registered
    is_closed = file.state is FileState.CLOSED and file.order is not FileOrder.REMOVE
    return is_closed and there > 0 and file.withdrawal is None and file.profile_order is None


def assign_profile(pipeline: Pipeline, asker: Asker, customer_id: str, file_id: str, profile: str) -> DeviceFile:
    """Assign a profile, by its name or id, to all registered devices of a closed file; the file as it is then.

    Raises:
        FileUnknown, FileStillOpen: see `ended_file`.
        NoProfileToAssign: nothing of the file is registered, it was withdrawn, or a profile is being assigned.
        Conflict: other workers keep changing the file's record; try again.
    """
    profile = profile.strip()
    if not 0 < len(profile) <= LONGEST_PROFILE:
        raise NoProfileToAssign(f"A profile is named by 1 to {LONGEST_PROFILE} characters.")
    file = _assignable(pipeline, customer_id, file_id).record
    note_act(pipeline, asker, ActKind.ASSIGN_PROFILE, subject_of(file), profile)
    for tries_left in reversed(range(_TRIES)):
        stored = _assignable(pipeline, customer_id, file_id)
        try:
            return _begun(pipeline, stored, profile, asker.name)
        except Conflict:
            if not tries_left:
                raise
    raise AssertionError("every try returns or raises")


def _assignable(pipeline: Pipeline, customer_id: str, file_id: str) -> Stored[DeviceFile]:
    stored = ended_file(pipeline, customer_id, file_id)
    if may_assign(stored.record):
        return stored
    if stored.record.profile_order is not None:
        why = f"the profile {stored.record.profile_order.profile} is being assigned. Wait until that is done"
    elif stored.record.withdrawal is not None:
        why = "it was withdrawn"
    else:
        why = "none of its devices is registered by it"
    raise NoProfileToAssign(f"No profile can be assigned to the devices of {stored.record.name}: {why}.")


def _begun(pipeline: Pipeline, stored: Stored[DeviceFile], profile: str, asked_by: str) -> DeviceFile:
    """Enter it in the index first, so that the sweep finds it; then change the record, then begin. Raises Conflict."""
    file, now = stored.record, pipeline.clock()
    order = ProfileOrder(profile=profile, run=file.profile_runs + 1, asked_at=now, asked_by=asked_by)
    sentence = f"The profile {profile} is assigned to its devices, as {asked_by} asked."
    asked = replace(
        with_claim(pipeline, file),
        profile_order=order,
        profile_runs=order.run,
        changes_since_closed=file.changes_since_closed + 1,
        history=with_sentence(file.history, sentence, now),
    )
    pipeline.journal.files.enter_as_open(file)
    held = FileLease(pipeline, stored)
    held.change(asked)
    begin_assignments(pipeline, held.record, order)
    write_summary(pipeline.journal, pipeline.results, held.record)
    held.free()
    return held.record
