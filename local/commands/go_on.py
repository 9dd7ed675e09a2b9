"""`python -m local go-on`: ends the hold of a file, of a customer, or of everything."""

import argparse

from local.commands import account, hold
from local.commands.ending import ExitCode, ended
from shared.pipeline.hold_requests import go_on
from shared.pipeline.human_acts import COMMAND


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    hold.add_subject(parser)
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Let it go on: 0 when nothing of it is held by itself."""
    return ended(arguments, lambda: _go_on(arguments))


def _go_on(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    subject = hold.subject_in(pipeline, arguments)
    is_new = go_on(pipeline, COMMAND, subject)
    text = f"Sending of {subject.name} goes on." if is_new else f"Sending of {subject.name} is not on hold."
    hold.show(arguments, subject, None, text, is_new=is_new)
    return ExitCode.DONE
