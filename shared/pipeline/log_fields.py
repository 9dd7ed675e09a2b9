"""The fields of log lines and spans: names and numbers, never a token, a hardware hash or a row."""

from shared.partner_center.errors import PartnerCenterError
from shared.storage.records import DeviceFile, Submission
from shared.storage.wakeups import (
    BlobWakeUp,
    DriftWakeUp,
    FileWakeUp,
    HoldWakeUp,
    InventoryWakeUp,
    NotificationWakeUp,
    ProfilesWakeUp,
    SubmissionsWakeUp,
    SubmissionWakeUp,
    WakeUp,
    WithdrawalWakeUp,
)

Fields = dict[str, object]


def of_file(file: DeviceFile) -> Fields:
    """A device file and its state."""
    return {"file_id": file.file_id, "customer_id": file.customer_id, "file_state": str(file.state)}


def of_submission(submission: Submission) -> Fields:
    """A submission, its state, and the id of its last answer, which Microsoft support asks for."""
    return {
        "file_id": submission.file_id,
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "submission_state": str(submission.state),
        "correlation_id": submission.answer_ids.correlation_id,
    }


def of_step(submission: Submission) -> Fields:
    """The attributes of a submission's span at its start."""
    return {
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "batch_id": submission.batch_id,
        "devices": submission.devices,
        "attempts": submission.attempts,
        "tracking_id": submission.tracking_id,
    }


def of_wake_up(reading_id: str, number: str, sequence: int) -> Fields:
    """The submission that a wake-up names."""
    file_id, _, _ = reading_id.partition(".")
    return {"file_id": file_id, "reading_id": reading_id, "submission": number, "sequence": sequence}


def of_message(wake_up: WakeUp | None) -> Fields:
    """The file, submission, customer or blob that a wake-up names."""
    match wake_up:
        case SubmissionWakeUp(reading_id=reading_id, number=number, sequence=sequence):
            return of_wake_up(reading_id, number, sequence)
        case SubmissionsWakeUp(reading_id=reading_id, due=due):
            return of_wake_up(reading_id, ", ".join(one.number for one in due), max(one.sequence for one in due))
        case (
            FileWakeUp(file_id=file_id)
            | WithdrawalWakeUp(file_id=file_id)
            | NotificationWakeUp(file_id=file_id)
            | HoldWakeUp(file_id=file_id)
        ):
            return {"file_id": file_id}
        case (
            InventoryWakeUp(customer_id=customer_id)
            | ProfilesWakeUp(customer_id=customer_id)
            | DriftWakeUp(customer_id=customer_id)
        ):
            return {"customer_id": customer_id}
        case BlobWakeUp(path=path):
            return {"blob": path}
        case None:
            return {}


def of_error(error: PartnerCenterError) -> Fields:
    """The service's error, with the ids that Microsoft support asks for."""
    return {
        "error": type(error).__name__,
        "status": error.status,
        "code": error.code,
        "correlation_id": error.service_ids.correlation_id,
    }
