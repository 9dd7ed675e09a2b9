"""The service level of a device file, as fields of the log lines at its beginning and its end. Pure.

Alerts and the workbook query these lines alone. The line at the end may be repeated, with the same fields, if the owner
of the file dies right after it: queries count each `file_id` once. Both lines say how long the file may take by the
setting of that moment, so that a file that never closes is late too.
"""

from datetime import datetime

from shared.pipeline.log_fields import Fields, of_file
from shared.settings import Settings
from shared.storage.records import DeviceFile
from shared.vocabulary import Outcome


def fields_of_received(file: DeviceFile, settings: Settings) -> Fields:
    """The fields of the line that a file was received."""
    return of_file(file) | {"seconds_allowed": settings.closed_within.total_seconds()}


def fields_of_ended(file: DeviceFile, settings: Settings) -> Fields:
    """The fields of the line that a file has ended: its times, its rows by outcome, and why rows of it failed.

    A field that does not apply is None: nothing was accepted, or no row failed.
    """
    counts = file.closed_counts or file.read_counts
    failures = [tally for tally in file.reasons if tally.is_failure]
    # Tallies stand largest first.
    commonest = failures[0].reason or failures[0].name if failures else None
    return (
        fields_of_received(file, settings)
        | {
            "seconds_to_accepted": _seconds_since_received(file, file.first_accepted_at),
            "seconds_to_closed": _seconds_since_received(file, file.closed_at),
            "rows": counts.total,
        }
        | {str(outcome): getattr(counts, outcome) for outcome in Outcome}
        | {"failed_rows": sum(tally.rows for tally in failures), "reason": file.reason or commonest}
    )


def _seconds_since_received(file: DeviceFile, then: datetime | None) -> float | None:
    return None if then is None else (then - file.received_at).total_seconds()
