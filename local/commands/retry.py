"""`python -m local retry FILE_ID`: resends the rows of a closed file that can be sent again unchanged."""

import argparse

from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import find_file
from local.commands.showing import console, print_json
from local.following import say
from shared.pipeline.blob_names import SHORT_ID
from shared.pipeline.corrections.retry import retry
from shared.pipeline.human_acts import COMMAND, note_act, subject_of
from shared.vocabulary import ActKind, counted

NO_CUSTOMER_ID = (
    "The path of this file names no customer, so none of it was sent: drop it again in its customer's folder."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Retry the file: 0 when the rows are being sent, or there are none."""
    return ended(arguments, lambda: _retry(arguments))


def _retry(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    if file.customer_id is None:
        raise CommandEnded(ExitCode.NOT_ALL_WELL, NO_CUSTOMER_ID)
    note_act(pipeline, COMMAND, ActKind.SEND_AGAIN, subject_of(file))
    made = retry(pipeline, file.customer_id, file.file_id)
    if arguments.json:
        print_json(made)
    elif made.file_id is None:
        print(
            "No row of this file can be sent again unchanged. "
            f"'python -m local outcomes {file.file_id[:SHORT_ID]} --to-fix' writes those that a person can fix."
        )
    else:
        already = "" if made.is_new else " (this file was already retried)"
        rows = counted(made.rows, "row is", "rows are")
        say(console(), f"{rows} being sent again as file {made.file_id}, {made.path}{already}.")
    return ExitCode.DONE
