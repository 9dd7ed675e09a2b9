"""What a log line or a span says beside its sentence: names and numbers, never a token, a hardware hash or a row."""

from shared.partner_center.errors import PartnerCenterError
from shared.storage.records import DeviceFile, Submission

Fields = dict[str, object]


def of_file(file: DeviceFile) -> Fields:
    """Which device file, and how far it is."""
    return {"file_id": file.file_id, "customer_id": file.customer_id, "file_state": str(file.state)}


def of_submission(submission: Submission) -> Fields:
    """Which submission, how far it is, and what the service's support asks for: the id of its last answer."""
    return {
        "file_id": submission.file_id,
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "submission_state": str(submission.state),
        "correlation_id": submission.answer_ids.correlation_id,
    }


def of_step(submission: Submission) -> Fields:
    """What a step begins with that is about a submission."""
    return {
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "batch_id": submission.batch_id,
        "devices": submission.devices,
        "attempts": submission.attempts,
        "tracking_id": submission.tracking_id,
    }


def of_wake_up(reading_id: str, number: str, sequence: int) -> Fields:
    """Which submission a wake-up names."""
    file_id, _, _ = reading_id.partition(".")
    return {"file_id": file_id, "reading_id": reading_id, "submission": number, "sequence": sequence}


def of_error(error: PartnerCenterError) -> Fields:
    """What the service said, and what its support asks for."""
    return {
        "error": type(error).__name__,
        "status": error.status,
        "code": error.code,
        "correlation_id": error.service_ids.correlation_id,
    }
