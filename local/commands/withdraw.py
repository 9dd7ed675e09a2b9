"""`python -m local withdraw FILE_ID`: deletes the devices that a file newly registered.

It undoes a file that was dropped under the wrong customer. The app deletes the devices; this command requests the
withdrawal and follows it.
"""

import argparse
import sys
import time
from contextlib import suppress

from local.arguments import positive
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import find_file
from local.commands.retry import NO_CUSTOMER_ID
from local.commands.showing import console, print_json
from local.following import harmless, say
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.human_acts import COMMAND, note_act, subject_of
from shared.status.page.summary import WITHDRAWING_DOES_NOT
from shared.storage.records import DeviceFile, Withdrawal
from shared.vocabulary import ActKind

_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    parser.add_argument(
        "--name", metavar="FILE", help="the file's name, as confirmation (default: a prompt asks for it)"
    )
    parser.add_argument("--wait", action="store_true", help="wait until every device is withdrawn or refused")
    parser.add_argument(
        "--timeout", type=positive, default=3600, metavar="SECONDS", help="longest --wait (default: %(default)s)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Withdraw: 0 when the withdrawal is requested; with --wait, when no device was refused."""
    return ended(arguments, lambda: _withdraw(arguments))


def _withdraw(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    if file.customer_id is None:
        raise CommandEnded(ExitCode.NOT_ALL_WELL, NO_CUSTOMER_ID)
    _confirm(arguments, file)
    note_act(pipeline, COMMAND, ActKind.WITHDRAW, subject_of(file))
    asked = withdraw(pipeline, file.customer_id, file.file_id)
    withdrawal = asked.withdrawal
    if withdrawal is not None and arguments.wait:
        withdrawal = _ended(pipeline, file, arguments.timeout)
    if arguments.json:
        print_json(withdrawal)
    else:
        say(console(), in_words(withdrawal))
        if withdrawal is not None:
            say(console(), WITHDRAWING_DOES_NOT)
    return ExitCode.NOT_ALL_WELL if withdrawal is not None and withdrawal.refused else ExitCode.DONE


def _confirm(arguments: argparse.Namespace, file: DeviceFile) -> None:
    name = arguments.name
    if name is None and sys.stdin.isatty() and not arguments.json:
        shown = harmless(file.name).plain
        with suppress(EOFError):
            print(WITHDRAWING_DOES_NOT)
            name = input(f"This deletes the devices that {shown} newly registered. Type its name to continue: ")
    if name != file.name:
        raise CommandEnded(
            ExitCode.WRONG_ARGUMENTS, f"Nothing was withdrawn: confirm with the file's name, --name {file.name!r}."
        )


def _ended(pipeline: Pipeline, file: DeviceFile, timeout: float) -> Withdrawal:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        stored = pipeline.journal.files.get(file.customer_id, file.file_id)
        if stored is not None and stored.record.withdrawal is not None and not stored.record.withdrawal.is_under_way:
            return stored.record.withdrawal
        time.sleep(_POLL_SECONDS)
    raise CommandEnded(
        ExitCode.TIMED_OUT, f"Not finished within {timeout:g} seconds; the withdrawal continues ('status' shows it)."
    )


def in_words(withdrawal: Withdrawal | None) -> str:
    """A withdrawal in words."""
    if withdrawal is None:
        return "This file registered no device, so there is nothing to withdraw."
    done = (
        f"{withdrawal.done} of {withdrawal.total} devices done: {withdrawal.withdrawn} withdrawn, "
        f"{withdrawal.already_gone} were gone already, {withdrawal.refused} refused."
    )
    if withdrawal.is_under_way:
        return f"The withdrawal is in progress; {done}"
    if withdrawal.refused:
        return f"{done} withdrawals.csv in the results says why; run the command again to retry those."
    return done
