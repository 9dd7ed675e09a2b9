"""The changes that people and scripts can request.

Send rows of a file again, withdraw a file, assign a profile to its devices; hold, go on, stop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from shared.pipeline import hold_requests
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections import assign_profile as profile_request
from shared.pipeline.corrections import withdrawal_request
from shared.pipeline.corrections.assign_profile import NoProfileToAssign
from shared.pipeline.corrections.closed_file import CopyExpired, FileStillOpen, FileUnknown
from shared.pipeline.corrections.retry import Retry, RetryBlocked, RetryLost, retry
from shared.pipeline.corrections.withdrawal_request import WithdrawalAsked
from shared.pipeline.hold_requests import HoldRefused, NothingToHold
from shared.pipeline.human_acts import Asker, Subject, note_act, subject_of
from shared.pipeline.submissions.matching import folded
from shared.status.http import Refusal
from shared.status.schemas import ErrorCode, HoldView, ProfileAnswer
from shared.storage.record_table import Conflict
from shared.storage.records import DeviceFile
from shared.vocabulary import ActKind, HoldState

NO_CUSTOMER = (
    "The path of this file names no customer, so nothing was sent: there is nothing to send again, withdraw or assign."
)
WRONG_NAME = "This is not the name of the file. Type it exactly as it is shown, to confirm which devices are deleted."
CHANGED = (
    "Someone else is changing the file at this moment. Open it again, and repeat the request if it is still needed."
)


def send_again(pipeline: Pipeline, file: DeviceFile, asker: Asker) -> Retry:
    """Send the rows of `file` that failed for a temporary reason again. Raises Refusal."""
    customer_id = _customer_of(file)
    note_act(pipeline, asker, ActKind.SEND_AGAIN, subject_of(file))
    try:
        return retry(pipeline, customer_id, file.file_id)
    except (FileUnknown, FileStillOpen, RetryBlocked, RetryLost) as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except CopyExpired as error:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(error)) from error


def withdraw(pipeline: Pipeline, file: DeviceFile, confirmed_name: str, asker: Asker) -> WithdrawalAsked:
    """Withdraw the devices that `file` newly registered, if its name confirms it. Raises Refusal."""
    if confirmed_name != file.name:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, WRONG_NAME, "name")
    customer_id = _customer_of(file)
    note_act(pipeline, asker, ActKind.WITHDRAW, subject_of(file))
    try:
        return withdrawal_request.withdraw(pipeline, customer_id, file.file_id, asker.name)
    except (FileUnknown, FileStillOpen) as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except Conflict as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, CHANGED) from error


def assign_profile(pipeline: Pipeline, file: DeviceFile, profile: str, asker: Asker) -> ProfileAnswer:
    """Assign a profile to the registered devices of `file`; once, if it is being assigned already. Raises Refusal."""
    customer_id = _customer_of(file)
    present = file.profile_order
    if present is not None and folded(present.profile) == folded(profile):
        return ProfileAnswer(file_id=file.file_id, assigning_profile=present.profile, is_new=False)
    try:
        asked = profile_request.assign_profile(pipeline, asker, customer_id, file.file_id, profile)
    except (NoProfileToAssign, FileUnknown, FileStillOpen) as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except Conflict as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, CHANGED) from error
    ordered = profile.strip() if asked.profile_order is None else asked.profile_order.profile
    return ProfileAnswer(file_id=file.file_id, assigning_profile=ordered, is_new=True)


def stop(pipeline: Pipeline, file: DeviceFile, asker: Asker, why: str = "") -> HoldView:
    """Send nothing more of `file`, for good. Raises Refusal."""
    with _refusals():
        is_new = hold_requests.stop(pipeline, asker, file, why)
    return _hold_view(subject_of(file), HoldState.STOPPED, is_new=is_new)


def hold(pipeline: Pipeline, subject: Subject, asker: Asker, why: str = "") -> HoldView:
    """Send nothing of a file, of a customer, or nothing at all, until somebody lets it go on. Raises Refusal."""
    with _refusals():
        is_new = hold_requests.hold(pipeline, asker, subject, why)
    return _hold_view(subject, HoldState.HELD, is_new=is_new)


def go_on(pipeline: Pipeline, subject: Subject, asker: Asker) -> HoldView:
    """End the hold of a file, a customer, or everything. Raises Refusal."""
    with _refusals():
        is_new = hold_requests.go_on(pipeline, asker, subject)
    return _hold_view(subject, None, is_new=is_new)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (NothingToHold, HoldRefused) as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except Conflict as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, CHANGED) from error


def _hold_view(subject: Subject, state: HoldState | None, *, is_new: bool) -> HoldView:
    return HoldView(customer_id=subject.customer_id, file_id=subject.file_id, hold=state, is_new=is_new)


def _customer_of(file: DeviceFile) -> str:
    if file.customer_id is None:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, NO_CUSTOMER)
    return file.customer_id
