"""How a sent row ended, in the words that people read. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from msgspec.structs import replace

from shared.partner_center.models import Device, DeviceUploadDetails
from shared.partner_center.outcome_codes import explain
from shared.pipeline.matching import SentRow
from shared.storage.records import Counts, DeviceOutcome, ServiceFault, Submission
from shared.vocabulary import Outcome

NO_VERDICT = "no_verdict"
NO_VERDICT_SENTENCE = "Partner Center gave no verdict on this device before the deadline."
NO_VERDICT_CURE = (
    "Look the device up in Partner Center; if it is not there, drop its row again. A device that is there already "
    "comes back as already_registered."
)
FIRST_ANSWER_LOST = "first_answer_lost"
"""Note: the answer to an earlier request with this device was lost; that request may be what registered it."""

READ_BACK = "read_back"
"""Note: the service gave no verdict, but the device was found in the batch."""
READ_BACK_CURE = "Nothing: the service gave no verdict, but the device stands in the batch."

CLOCKS_MAY_DIFFER = timedelta(minutes=5)

REFUSED_CURE = (
    "The service refused the whole request. Mend what its words name and drop the rows again; ask Microsoft's support "
    "with the file's correlation ids if they name nothing."
)


def judged(submission: Submission, row: SentRow, verdict: DeviceUploadDetails) -> DeviceOutcome:
    """The outcome of a row by the service's own final verdict on its device."""
    lost = submission.answer_lost
    explanation = explain(verdict.error_code, verdict.error_description, verdict.state, answer_was_lost=lost)
    notes = [FIRST_ANSWER_LOST] if lost and explanation.verdict is Outcome.ALREADY_REGISTERED else []
    return replace(
        _named(submission, row, explanation.verdict, notes),
        error_code="" if verdict.error_code is None else str(verdict.error_code),
        error_description=verdict.error_description or "",
        what_to_do=explanation.what_to_do,
        device_id=verdict.device_id or "",
    )


def found(submission: Submission, row: SentRow, device: Device) -> DeviceOutcome:
    """The outcome of a row whose device stands in the batch: ours if it came there since we first sent it."""
    first = submission.first_sent_at
    uploaded = device.uploaded_at
    is_ours = first is not None and uploaded is not None and uploaded >= first - CLOCKS_MAY_DIFFER
    outcome = Outcome.REGISTERED if is_ours else Outcome.ALREADY_REGISTERED
    return replace(_named(submission, row, outcome, [READ_BACK]), what_to_do=READ_BACK_CURE, device_id=device.id or "")


def without_verdict(submission: Submission, row: SentRow) -> DeviceOutcome:
    """The outcome of a row on which the service gave no verdict in time."""
    return replace(
        _named(submission, row, Outcome.UNKNOWN),
        error_code=NO_VERDICT,
        error_description=NO_VERDICT_SENTENCE,
        what_to_do=NO_VERDICT_CURE,
    )


def refused(submission: Submission, row: SentRow, fault: ServiceFault) -> DeviceOutcome:
    """The outcome of a row whose whole submission the service refused."""
    return replace(
        _named(submission, row, Outcome.FAILED),
        error_code=fault.code,
        error_description=fault.description,
        what_to_do=REFUSED_CURE,
    )


def _named(submission: Submission, row: SentRow, outcome: Outcome, notes: Sequence[str] = ()) -> DeviceOutcome:
    return DeviceOutcome(
        file_id=submission.file_id,
        row=row.row,
        outcome=outcome,
        source=row.source,
        serial_number=row.serial_number,
        product_key=row.product_key,
        manufacturer=row.manufacturer,
        model=row.model,
        notes=" ".join(filter(None, [row.notes, *notes])),
        batch_id=submission.batch_id,
        submission=submission.number,
        tracking_id=submission.tracking_id or "",
    )


def counted(outcomes: Iterable[DeviceOutcome]) -> Counts:
    """How many ended how; the total is left to the file."""
    numbers = dict.fromkeys(Outcome, 0)
    for written in outcomes:
        numbers[written.outcome] += 1
    return Counts(**{str(outcome): number for outcome, number in numbers.items()})
