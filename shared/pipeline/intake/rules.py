"""The rules by which a file is read and its rows find their batch: for intake and for the preview alike. Pure."""

from shared.device_files.batch_names import batch_of_tag
from shared.device_files.rows import Rules
from shared.errors import DeviceDropError
from shared.reasons import INTAKE_REASONS, PATH_FAULTS, IntakeReason, PathFault
from shared.settings import Settings
from shared.vocabulary import FileOrder

MOST_BATCHES = 20
"""Most group tags in a file without a batch folder. A larger number suggests a wrong column."""


class FileRejected(DeviceDropError):
    """The file ends without anything being sent. `detail` is a sentence about this file."""

    def __init__(self, reason: PathFault | IntakeReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        explanation = PATH_FAULTS[self.reason] if isinstance(self.reason, PathFault) else INTAKE_REASONS[self.reason]
        return " ".join(filter(None, (explanation.sentence, self.detail, explanation.what_to_do)))


ANY_BATCH = ""
"""The default batch of a file for removal: the devices of its rows are searched in all batches of the customer."""


def rules_for(
    settings: Settings, customer_id: str | None, batch_id: str | None, order: FileOrder = FileOrder.REGISTER
) -> Rules:
    """The rules for a file of this customer that is received now, in a batch folder or (None) without one."""
    return Rules(
        trust_hash_serial=settings.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=settings.advanced.reject_unknown_checksums,
        oldest_hash_days=settings.advanced.oldest_hash_days,
        batch_by_group_tag=batch_id is None,
        has_default_batch=default_batch_for(settings, order) is not None,
        serial_number_is_enough=order is FileOrder.REMOVE,
        refuse_device_identifiers=settings.refuses_device_identifiers_of(customer_id),
    )


def default_batch_for(settings: Settings, order: FileOrder) -> str | None:
    """The batch of rows that name none, in a file without a batch folder; None if there is none."""
    return settings.default_batch if order is FileOrder.REGISTER else ANY_BATCH


def batch_of_row(group_tag: str, batch_id: str | None, default_batch: str | None) -> str | None:
    """The batch of a row: that of the file's batch folder, else the row's group tag, else the default."""
    return batch_id or batch_of_tag(group_tag) or default_batch


def too_many_batches() -> FileRejected:
    """The rejection of a file whose rows name too many batches."""
    return FileRejected(IntakeReason.TOO_MANY_BATCHES, f"It names more than {MOST_BATCHES}.")
