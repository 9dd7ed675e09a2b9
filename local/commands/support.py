"""`python -m local support FILE_ID`: writes one redacted archive about a file, for people who help."""

import argparse
from itertools import islice
from pathlib import Path

from local.commands import account
from local.commands.ending import ExitCode, ended
from local.commands.finding import find_file
from local.commands.showing import is_row_well, print_json
from local.support_bundle import MOST_ROWS, FileRecords, support_bundle
from shared.pipeline.composition import Pipeline
from shared.pipeline.health.checks import check_health
from shared.pipeline.health.finding import CheckedApp
from shared.pipeline.sweep_record import last_sweep
from shared.status.health import check_views
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile

ROWS_SEARCHED = 100_000
"""Rows of a file that are searched for those that need attention."""

ACTS_SEARCHED = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    parser.add_argument(
        "--output", type=Path, metavar="ZIP", help="the archive to write (default: support-FILE_ID.zip in this folder)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the archive: 0 when it is written."""
    return ended(arguments, lambda: _write(arguments))


def _write(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    path: Path = arguments.output or Path(f"support-{file.file_id}.zip")
    path.write_bytes(support_bundle(records_of(pipeline, file, account.app_to_check(arguments))))
    if arguments.json:
        print_json({"path": str(path)})
    else:
        print(
            f"{path} is written. It holds no hash, token, key, serial number or name; its README.txt says what it has."
        )
    return ExitCode.DONE


def records_of(pipeline: Pipeline, file: DeviceFile, app: CheckedApp) -> FileRecords:
    """What the journal has of the file. Records that this version cannot read are left out."""
    journal = pipeline.journal
    rows = islice(journal.outcomes.of_rows(file.reading_id, 1, ROWS_SEARCHED), ROWS_SEARCHED)
    acts = islice(journal.acts.latest(unreadable=log_unreadable), ACTS_SEARCHED)
    return FileRecords(
        file=file,
        submissions=[stored.record for stored in journal.submissions.of_reading(file.reading_id, log_unreadable)],
        rows=list(islice((row for row in rows if not is_row_well(row)), MOST_ROWS)),
        acts=[act for act in acts if act.file_id == file.file_id],
        standstills=[stored.record for stored in journal.gates.all().values()],
        sweep=last_sweep(pipeline.private),
        health=check_views(check_health(app)),
    )
