"""`python -m local outcomes FILE_ID`: how every row of a file ended, and what to do."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice

from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import find_file
from local.commands.showing import console, is_row_well, print_json_list, write_bytes
from local.following import say, show_rows
from shared.pipeline.closing.csv_output import results_csv
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.to_fix import to_fix_csv
from shared.status import queries
from shared.status.page.summary import withdrawn
from shared.status.presenters import withdrawal_view
from shared.status.schemas import OutcomeView
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import FileState

_ROWS_IN_A_TABLE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    parser.add_argument("--failed", action="store_true", help="leave out rows that are registered or duplicates")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="write CSV, in the format of results.csv")
    form.add_argument(
        "--to-fix", action="store_true", help="write the rows that can be fixed, as a device file to be dropped again"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Show the rows: 0 if no row shown is failed, rejected or unknown, and the whole file was read."""
    return ended(arguments, lambda: _outcomes(arguments))


def _outcomes(arguments: argparse.Namespace) -> ExitCode:
    if arguments.json and (arguments.csv or arguments.to_fix):
        raise CommandEnded(
            ExitCode.WRONG_ARGUMENTS, "Rows are written either as JSON or as CSV: leave out one of the two options."
        )
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    if arguments.to_fix:
        write_bytes(to_fix_csv(pipeline, file))
        return ExitCode.DONE
    seen = _Seen(_rows(pipeline, file, failed=arguments.failed))
    if arguments.csv:
        write_bytes(results_csv(seen, file.delimiter))
    elif arguments.json:
        print_json_list(_views(pipeline, file, seen))
    else:
        _show(pipeline, file, seen)
    was_read = file.state not in (FileState.REJECTED, FileState.GONE) and not file.is_incomplete
    return ExitCode.DONE if was_read and not seen.not_well else ExitCode.NOT_ALL_WELL


class _Seen:
    """Counts the rows that pass through, and those that need attention."""

    def __init__(self, rows: Iterator[DeviceOutcome]) -> None:
        self._rows = rows
        self.number = 0
        self.not_well = 0

    def __iter__(self) -> Iterator[DeviceOutcome]:
        for row in self._rows:
            self.number += 1
            self.not_well += not is_row_well(row)
            yield row


def _rows(pipeline: Pipeline, file: DeviceFile, *, failed: bool) -> Iterator[DeviceOutcome]:
    rows = pipeline.journal.outcomes.of_file(file)
    return (row for row in rows if not failed or not is_row_well(row))


def _views(pipeline: Pipeline, file: DeviceFile, rows: Iterable[DeviceOutcome]) -> Iterator[OutcomeView]:
    """Rows as the status page's JSON has them, some at a time."""
    remaining = iter(rows)
    while some := list(islice(remaining, _ROWS_IN_A_TABLE)):
        yield from queries.outcome_views(pipeline, file, some)


def _show(pipeline: Pipeline, file: DeviceFile, seen: _Seen) -> None:
    rows: list[DeviceOutcome] = []
    for row in seen:
        if len(rows) < _ROWS_IN_A_TABLE:
            rows.append(row)
    shown = list(_views(pipeline, file, rows))
    if file.withdrawal is not None:
        say(console(), f"{withdrawn(withdrawal_view(file.withdrawal))}.", "yellow")
    show_rows(console(), file.name, shown)
    if not shown:
        say(console(), file.reason_text or "There are no such rows (yet).")
    elif seen.number > len(shown):
        print(f"... and {seen.number - len(shown)} more: --csv writes them all.")
