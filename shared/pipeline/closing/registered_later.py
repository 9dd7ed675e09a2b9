"""The rows of a file whose devices later files registered: those that send its rows again, as they were or fixed."""

from dataclasses import dataclass

from shared.storage.codec import UnreadableRecord
from shared.storage.files import Files
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile, FileListing, elsewhere_in

GENERATIONS = 2
"""How far files that were made of rows of others are followed: fixed rows may have to be fixed once more. Each further
generation may take as many reads as the page makes files of the rows of one."""


@dataclass(frozen=True, slots=True)
class RegisteredLater:
    """The rows of a file whose devices later files registered, and were not withdrawn since."""

    sent_again: int = 0
    fixed: int = 0
    newly: int = 0
    """Of both, the devices that the service took from us for the first time: nowhere else they count so."""

    @property
    def all(self) -> int:
        """Rows that were sent again, or fixed."""
        return self.sent_again + self.fixed


NOTHING_LATER = RegisteredLater()


def registered_later(files: Files, file: DeviceFile | FileListing, generations: int = GENERATIONS) -> RegisteredLater:
    """The rows of `file` that the files made of them registered.

    The same rows may have been fixed in several files: each device counts in the file that newly registered it;
    devices that were registered before count once, as in the file that has most of them.
    """
    if not generations:
        return NOTHING_LATER
    again, again_newly = _registered_by(files, file.customer_id, file.retry, generations)
    fixes = [_registered_by(files, file.customer_id, child, generations) for child in file.fixes]
    newly = min(sum(newly for _, newly in fixes), file.rows_to_fix)
    fixed = min(max((newly, *(well for well, _ in fixes))), file.rows_to_fix)
    return RegisteredLater(again, fixed, again_newly + newly)


def _registered_by(files: Files, customer_id: str | None, file_id: str | None, generations: int) -> tuple[int, int]:
    """The devices that a file, or those made of its rows, have registered: all, and those newly."""
    if file_id is None:
        return 0, 0
    try:
        stored = files.get(customer_id, file_id)
    except UnreadableRecord as unreadable:
        log_unreadable(unreadable)
        return 0, 0
    counts = None if stored is None else stored.record.closed_counts
    if stored is None or counts is None:
        return 0, 0
    withdrawal = stored.record.withdrawal
    newly = counts.registered - (0 if withdrawal is None else withdrawal.withdrawn + withdrawal.already_gone)
    later = registered_later(files, stored.record, generations - 1)
    removed = counts.removed + counts.not_registered
    well = newly + removed + counts.already_registered - elsewhere_in(stored.record.reasons)
    return well + later.all, newly + later.newly
