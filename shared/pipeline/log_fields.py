"""What a log line says beside its sentence: names and numbers, never a token, a hardware hash or a row."""

from shared.partner_center.errors import PartnerCenterError
from shared.storage.records import DeviceFile, Submission

Fields = dict[str, object]


def of_file(file: DeviceFile) -> Fields:
    """Which device file, and how far it is."""
    return {"file_id": file.file_id, "customer_id": file.customer_id, "file_state": str(file.state)}


def of_submission(submission: Submission) -> Fields:
    """Which submission, and how far it is."""
    return {
        "file_id": submission.file_id,
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "submission_state": str(submission.state),
    }


def of_error(error: PartnerCenterError) -> Fields:
    """What the service said, and what its support asks for."""
    return {
        "error": type(error).__name__,
        "status": error.status,
        "code": error.code,
        "correlation_id": error.service_ids.correlation_id,
    }
