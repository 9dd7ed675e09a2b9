"""`python -m local withdraw FILE_ID`: deletes the devices that a file newly registered.

It undoes a file that was dropped under the wrong customer. The app deletes the devices; this command requests the
withdrawal and follows it. With `--devices FILE --customer NAME` it drops a file that lies here as one that asks to
remove its devices.
"""

import argparse
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from local.arguments import batch, existing_file, positive
from local.check import destination_of_known_devices, preview_of
from local.commands import account
from local.commands.drop import drop_files
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import find_file
from local.commands.retry import NO_CUSTOMER_ID
from local.commands.showing import console, print_json
from local.following import harmless, say
from shared.device_files.rows import Rules
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.human_acts import COMMAND, note_act, subject_of
from shared.status.page.summary import MOVED_GO_NOWHERE, REMOVING_DOES_NOT, WITHDRAWING_DOES_NOT
from shared.storage.records import DeviceFile, Withdrawal
from shared.vocabulary import ActKind, FileOrder, counted

_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", nargs="?", help="the id of a file, or its first characters")
    parser.add_argument(
        "--devices", type=existing_file, metavar="FILE", help="instead: a device file that names the devices to delete"
    )
    parser.add_argument("--customer", metavar="NAME", help="with --devices: the customer's name, or its tenant's GUID")
    parser.add_argument(
        "--batch", type=batch, metavar="NAME", help="with --devices: delete from this batch alone (default: any batch)"
    )
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
    if arguments.devices is None:
        return ended(arguments, lambda: _withdraw(arguments))
    return ended(arguments, lambda: _remove(arguments))


def _remove(arguments: argparse.Namespace) -> ExitCode:
    """Drop the file of `--devices` as one that asks to remove its devices."""
    if arguments.file_id is not None or arguments.customer is None:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, f"Nothing was dropped: {_EITHER}.")
    file: Path = arguments.devices
    devices = counted(rows_to_act_on(file, arguments.batch, FileOrder.REMOVE), "device")
    confirm(arguments, file.name, REMOVING_DOES_NOT, f"This deletes up to {devices} of {arguments.customer}")
    arguments.files, arguments.anyway = [file], False
    return drop_files(arguments, FileOrder.REMOVE)


_EITHER = "give either the id of a file, or --devices FILE and --customer NAME"


def _withdraw(arguments: argparse.Namespace) -> ExitCode:
    if arguments.file_id is None or arguments.customer is not None or arguments.batch is not None:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, f"Nothing was withdrawn: {_EITHER}.")
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    if file.customer_id is None:
        raise CommandEnded(ExitCode.NOT_ALL_WELL, NO_CUSTOMER_ID)
    shown = harmless(file.name).plain
    warning = f"{MOVED_GO_NOWHERE} {WITHDRAWING_DOES_NOT}" if file.order is FileOrder.MOVE else WITHDRAWING_DOES_NOT
    confirm(arguments, file.name, warning, f"This deletes the devices that {shown} newly registered")
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
            say(console(), warning)
    return ExitCode.NOT_ALL_WELL if withdrawal is not None and withdrawal.refused else ExitCode.DONE


def rows_to_act_on(file: Path, batch_id: str | None, order: FileOrder) -> int:
    """The rows of a file whose devices would be removed or moved."""
    return preview_of(file, destination_of_known_devices(Rules(), batch_id, order), datetime.now(UTC)).sends


def confirm(arguments: argparse.Namespace, file_name: str, does_not: str, does: str) -> None:
    """Ask for the name of the file unless `--name` gives it, and say what follows and what does not.

    Raises:
        CommandEnded: it is another name.
    """
    name = arguments.name
    if name is None and sys.stdin.isatty() and not arguments.json:
        with suppress(EOFError):
            print(does_not)
            name = input(f"{does}. Type the name of the file to continue: ")
    if name != file_name:
        raise CommandEnded(
            ExitCode.WRONG_ARGUMENTS, f"Nothing was done: confirm with the file's name, --name {file_name!r}."
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
