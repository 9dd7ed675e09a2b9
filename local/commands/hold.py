"""`python -m local hold`: sends nothing of a file, of a customer, or nothing at all, until `go-on`."""

import argparse

from local.commands import account
from local.commands.ending import ExitCode, ended
from local.commands.finding import customer_of, find_file
from local.commands.showing import console, print_json
from local.following import say
from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_requests import EVERYTHING, hold
from shared.pipeline.human_acts import COMMAND, Subject, subject_of, subject_of_customer
from shared.status.schemas import HoldView
from shared.vocabulary import HoldState


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_subject(parser)
    add_reason(parser)
    account.add_arguments(parser)


def add_subject(parser: argparse.ArgumentParser) -> None:
    """The arguments that name a file, a customer, or everything."""
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("file_id", metavar="FILE_ID", nargs="?", help="the id of a file, or its first characters")
    subject.add_argument("--customer", metavar="NAME", help="every file of this customer: its name, or its GUID")
    subject.add_argument("--all", action="store_true", help="everything, for all customers")


def add_reason(parser: argparse.ArgumentParser) -> None:
    """The argument that says why."""
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for other people (200 characters)")


def main(arguments: argparse.Namespace) -> int:
    """Hold: 0 when nothing more is sent."""
    return ended(arguments, lambda: _hold(arguments))


def _hold(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    subject = subject_in(pipeline, arguments)
    is_new = hold(pipeline, COMMAND, subject, arguments.reason)
    already = "" if is_new else " already"
    text = f"Sending of {subject.name} is on hold{already}. 'python -m local go-on' with the same words ends that."
    show(arguments, subject, HoldState.HELD, text, is_new=is_new)
    return ExitCode.DONE


def subject_in(pipeline: Pipeline, arguments: argparse.Namespace) -> Subject:
    """What the arguments name: a file, a customer, or everything."""
    if arguments.all:
        return EVERYTHING
    if arguments.customer is not None:
        return subject_of_customer(pipeline, customer_of(pipeline, arguments.customer))
    return subject_of(find_file(pipeline, arguments.file_id))


def show(arguments: argparse.Namespace, subject: Subject, state: HoldState | None, text: str, *, is_new: bool) -> None:
    """Show what holds now: `text` for people."""
    if arguments.json:
        print_json(HoldView(customer_id=subject.customer_id, file_id=subject.file_id, hold=state, is_new=is_new))
    else:
        say(console(), text)
