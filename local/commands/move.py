"""`python -m local move --devices FILE --customer NAME --to BATCH`: moves the devices that a file names to a batch.

The file is dropped into the folder that asks for it; the app deletes each device from the batch that it stands under
and registers it under the new one.
"""

import argparse
from pathlib import Path

from local.arguments import batch, existing_file, positive
from local.commands import account
from local.commands.drop import drop_files
from local.commands.ending import ExitCode, ended
from local.commands.withdraw import confirm, rows_to_act_on
from shared.status.page.summary import MOVING_DOES_NOT
from shared.vocabulary import FileOrder, counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--devices", type=existing_file, required=True, metavar="FILE", help="the device file")
    parser.add_argument("--customer", required=True, metavar="NAME", help="the customer's name, or its tenant's GUID")
    parser.add_argument("--to", type=batch, required=True, dest="batch", metavar="BATCH", help="the batch to move to")
    parser.add_argument(
        "--name", metavar="FILE", help="the file's name, as confirmation (default: a prompt asks for it)"
    )
    parser.add_argument("--wait", action="store_true", help="follow the file until it is closed, and show what failed")
    parser.add_argument(
        "--timeout", type=positive, default=3600, metavar="SECONDS", help="longest --wait (default: %(default)s)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Move the devices: 0 when the file is dropped; with --wait, when every device of it stands under the batch."""
    return ended(arguments, lambda: _move(arguments))


def _move(arguments: argparse.Namespace) -> ExitCode:
    file: Path = arguments.devices
    devices = counted(rows_to_act_on(file, arguments.batch, FileOrder.MOVE), "device")
    does = f"This moves up to {devices} of {arguments.customer} to the batch {arguments.batch}"
    confirm(arguments, file.name, MOVING_DOES_NOT, does)
    arguments.files, arguments.anyway = [file], False
    return drop_files(arguments, FileOrder.MOVE)
