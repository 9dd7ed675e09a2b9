"""`python -m local stop FILE_ID`: sends nothing more of a file, for good."""

import argparse

from local.commands import account, hold
from local.commands.ending import ExitCode, ended
from local.commands.finding import find_file
from shared.pipeline.hold_requests import stop
from shared.pipeline.human_acts import COMMAND, subject_of
from shared.vocabulary import HoldState


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    hold.add_reason(parser)
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Stop the file: 0 when nothing more of it is sent."""
    return ended(arguments, lambda: _stop(arguments))


def _stop(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    is_new = stop(pipeline, COMMAND, file, arguments.reason)
    stopped = "is stopped" if is_new else "is stopped already"
    text = f"{file.name} {stopped}: its rows that were not sent end as cancelled, the others get their verdict."
    hold.show(arguments, subject_of(file), HoldState.STOPPED, text, is_new=is_new)
    return ExitCode.DONE
