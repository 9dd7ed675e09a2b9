"""`python -m local devices --customer NAME`: the registered devices of a customer, as last read from Partner Center.

The app reads them: this command asks for a reading, waits for it, and shows what is kept.
"""

import argparse
import time
from datetime import datetime
from pathlib import Path

from rich.table import Table

from local.arguments import batch, positive
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended, say_aside
from local.commands.finding import customer_of
from local.commands.showing import console, print_json
from local.following import harmless, say
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.drift_events import DRIFT_WORDS
from shared.pipeline.inventory.listing import devices_csv
from shared.pipeline.inventory.reading import ask_for_devices
from shared.status.registered_devices import (
    MOST_REGISTERED_ON_A_PAGE,
    NOTICED_FOR,
    inventory_view,
    not_watched,
    registered_devices,
)
from shared.status.schemas import DriftView, RegisteredDevicePage
from shared.vocabulary import counted

LEFT_OUT = (
    "Devices of which Partner Center lists neither a product key nor serial number, maker and model are left out: no "
    "file can name them without their hash."
)

_POLL_SECONDS = 1.0
_DRIFT_SHOWN = 10
"""Devices that somebody else changed lately and that are named one by one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--customer", metavar="NAME", required=True, help="a name of the customer, or its id")
    parser.add_argument("--batch", type=batch, metavar="NAME", help="only devices of this batch")
    add_ask_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", type=Path, metavar="FILE", help="write all of them to this file, as CSV")
    form.add_argument(
        "--device-file",
        type=Path,
        metavar="FILE",
        help="write all of them to this file, as a device file without hashes",
    )
    account.add_arguments(parser)


def add_ask_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that may have the devices read anew."""
    parser.add_argument("--ask", action="store_true", help="have the app read them anew, and wait for that")
    parser.add_argument(
        "--timeout", type=positive, default=600, metavar="SECONDS", help="longest wait (default: %(default)s)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Show the devices: 0 when the last reading came to its end."""
    return ended(arguments, lambda: _devices(arguments))


def _devices(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    customer_id = customer_of(pipeline, arguments.customer)
    if arguments.ask:
        read_anew(pipeline, customer_id, arguments.timeout)
    found = registered_devices(pipeline, customer_id, arguments.batch, limit=MOST_REGISTERED_ON_A_PAGE)
    path: Path | None = arguments.csv or arguments.device_file
    if path is not None:
        pieces = devices_csv(pipeline, customer_id, arguments.batch, as_device_file=arguments.device_file is not None)
        with path.open("wb") as file:
            file.writelines(pieces)
        left_out = "" if arguments.device_file is None else f" {LEFT_OUT}"
        say_aside(f"{counted(found.total, 'device')} as last read: {path}. {found.reading.sentence}{left_out}")
    elif arguments.json:
        print_json(found)
    else:
        _show(found, pipeline.clock())
    is_well = found.reading.read_at is not None and not any(batch.sentence for batch in found.batches)
    return ExitCode.DONE if is_well else ExitCode.NOT_ALL_WELL


def read_anew(pipeline: Pipeline, customer_id: str, timeout: float) -> None:
    """Have the app read the customer's devices, and wait until it has.

    Raises:
        CommandEnded: it did not in time, or gave the reading up.
    """
    asked = ask_for_devices(pipeline, customer_id)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        stored = pipeline.journal.inventories.get(customer_id)
        if stored is not None and not stored.record.is_in_progress:
            reading = stored.record
            if reading.failed_at is not None and reading.failed_at >= asked.asked_at:
                raise CommandEnded(ExitCode.NOT_ALL_WELL, inventory_view(reading).sentence)
            return
        time.sleep(_POLL_SECONDS)
    stored = pipeline.journal.inventories.get(customer_id)
    sentence = inventory_view(None if stored is None else stored.record).sentence
    raise CommandEnded(ExitCode.TIMED_OUT, f"Not read within {timeout:g} seconds; the reading goes on. {sentence}")


def _show(found: RegisteredDevicePage, now: datetime) -> None:
    output = console()
    table = Table(
        "batch", "serial number or key", "maker and model", "uploaded (UTC)", "by", "profile", "allowed", "our file"
    )
    for device in found.devices:
        registered_by = device.registered_by
        table.add_row(
            harmless(device.batch_id),
            harmless(device.serial_number or device.product_key),
            harmless(f"{device.manufacturer} {device.model}".strip()),
            f"{device.uploaded_at:%Y-%m-%d %H:%M}" if device.uploaded_at else "",
            harmless(device.uploaded_by),
            harmless("; ".join(name or id_ for name, id_ in zip(device.profile_names, device.profiles, strict=True))),
            harmless(" ".join(device.allowed_operations)),
            harmless(f"{registered_by.file_name}, row {registered_by.row}" if registered_by else ""),
        )
    if found.devices:
        output.print(table)
    for batch_read in found.batches:
        if batch_read.sentence:
            say(output, f"{batch_read.batch_id}: {batch_read.sentence}", "yellow")
    more = found.total - len(found.devices)
    if more > 0:
        print(f"... and {more} more: --csv FILE writes them all.")
    say(output, f"{counted(found.total, 'device')} in {counted(len(found.batches), 'batch', 'batches')}.")
    say(output, found.reading.sentence)
    if unwatched := not_watched(found):
        say(output, unwatched)
    lately = [one for one in found.drift if now - one.seen_at < NOTICED_FOR]
    for one in lately[:_DRIFT_SHOWN]:
        say(output, _drift(one), "yellow")
    if len(lately) > _DRIFT_SHOWN:
        say(output, f"... and {len(lately) - _DRIFT_SHOWN} more that somebody else changed: --json has them.", "yellow")
    if found.profile_names is not None:
        say(output, f"Names of profiles: {found.profile_names.sentence}")


def _drift(one: DriftView) -> str:
    """What somebody else did with a device, as a sentence."""
    device = " ".join(filter(None, (one.serial_number or one.product_key, one.manufacturer, one.model)))
    where = f"{one.batch_id} to {one.new_batch_id}" if one.new_batch_id else one.batch_id
    by = f" by {one.who}" if one.who else ""
    return f"Changed by somebody else: {device} was {DRIFT_WORDS[one.kind]} ({where}){by}, seen {one.seen_at:%Y-%m-%d}."
