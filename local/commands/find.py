"""`python -m local find SERIAL`: the rows of all closed files with a serial number, newest first."""

import argparse

from rich.table import Table

from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.showing import console, is_row_well, print_json, show_standstills
from local.following import harmless, outcome_in_words, what_to_do, why
from shared.pipeline.blob_names import SHORT_ID
from shared.status.page.search import devices_of_any_customer
from shared.status.schemas import DevicePage
from shared.vocabulary import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "serial", metavar="SERIAL", help="a serial number or product key; capital and small letters are the same"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Find the rows: 0 if the newest one is registered, 3 if there is none."""
    return ended(arguments, lambda: _find(arguments))


def _find(arguments: argparse.Namespace) -> ExitCode:
    serial_number = arguments.serial.strip()
    if not serial_number:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, "Give a serial number.")
    pipeline = account.open_account(arguments).pipeline
    return show_devices(devices_of_any_customer(pipeline, serial_number), as_json=arguments.json)


def show_devices(found: DevicePage, *, as_json: bool) -> ExitCode:
    """Show the rows with one serial number.

    Raises:
        CommandEnded: there are none.
    """
    if not found.devices:
        still_open = (
            f" {counted(found.files_not_searched, 'file is', 'files are')} still open."
            if found.files_not_searched
            else ""
        )
        raise CommandEnded(
            ExitCode.NOT_FOUND,
            f"No closed file has a row with the serial number or product key {found.serial_number!r}.{still_open}",
        )
    if as_json:
        print_json(found)
    else:
        _show(found)
    return ExitCode.DONE if is_row_well(found.devices[0].outcome) else ExitCode.NOT_ALL_WELL


def _show(found: DevicePage) -> None:
    output = console()
    show_standstills(output, found.stopped)
    table = Table("file id", "received (UTC)", "customer", "batch", "file", "row", "outcome", "why", "what to do")
    for device in found.devices:
        row = device.outcome
        table.add_row(
            device.file_id[:SHORT_ID],
            f"{device.received_at:%Y-%m-%d %H:%M}",
            harmless(device.customer_name or device.customer_id),
            harmless(row.batch_id),
            harmless(device.file_name),
            str(row.row),
            outcome_in_words(row),
            harmless(why(row)),
            harmless(what_to_do(row)),
        )
    output.print(table)
    if found.next is not None:
        print("... and more: the status page has its next page.")
