"""`python -m local plan FILE --customer NAME`: where the devices of a file are registered already. Nothing is sent."""

import argparse
import json
from collections import Counter
from functools import partial
from pathlib import Path

from local.arguments import batch, existing_file
from local.check import chunks, destination_of, preview_of
from local.commands import account
from local.commands.devices import add_ask_arguments, read_anew
from local.commands.ending import ExitCode, ended
from local.commands.finding import customer_of
from local.escaping import escaped
from shared.pipeline.composition import Pipeline
from shared.pipeline.intake.preview import Destination
from shared.pipeline.inventory.plan import Place, Planned, planned_rows
from shared.pipeline.inventory.reading import keep_fresh
from shared.status.names import CustomerNames
from shared.status.page.labels import PLACES
from shared.status.queries import customer_names
from shared.status.registered_devices import inventory_view
from shared.vocabulary import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file", type=existing_file, metavar="FILE", help="a device file")
    parser.add_argument("--customer", metavar="NAME", required=True, help="a name of the customer, or its id")
    parser.add_argument(
        "--batch", type=batch, metavar="NAME", help="the device batch; without it, group tags name the batches"
    )
    add_ask_arguments(parser)
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Plan: 0 when of every row that would be sent it can be told where its device stands."""
    return ended(arguments, lambda: _plan(arguments))


def _plan(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    customer_id = customer_of(pipeline, arguments.customer)
    if arguments.ask:
        read_anew(pipeline, customer_id, arguments.timeout)
    reading = keep_fresh(pipeline, customer_id)
    destination = destination_of(pipeline, customer_id, arguments.batch)
    places = _shown(pipeline, arguments.file, customer_id, destination, as_json=arguments.json)
    if places is None:
        return ExitCode.NOT_ALL_WELL
    if arguments.json:
        print(json.dumps({"file": str(arguments.file), **{str(place): places[place] for place in Place}}))
    else:
        total = ", ".join(f"{places[place]} {PLACES[place].text}" for place in Place if places[place])
        print(f"{counted(places.total(), 'row')}: {total or 'nothing would be sent'}")
        print(escaped(inventory_view(reading).sentence))
    return ExitCode.NOT_ALL_WELL if places[Place.CANNOT_BE_TOLD] else ExitCode.DONE


def _shown(
    pipeline: Pipeline, file: Path, customer_id: str, destination: Destination, *, as_json: bool
) -> Counter[Place] | None:
    """Show each row that would be sent; the rows of each place. None when no row of the file can be read."""
    found = preview_of(file, destination, now := pipeline.clock())
    if found.fault is not None:
        fault = {"file": str(file), "error": found.fault.reason, "message": found.fault.sentence}
        print(json.dumps(fault) if as_json else escaped(f"{file} is rejected as a whole: {found.fault.sentence}"))
        return None
    names, places = customer_names(pipeline), Counter[Place]()
    opened = partial(chunks, file)
    for planned in planned_rows(pipeline, opened, file.name, customer_id, destination, found, now):
        places[planned.place] += 1
        print(_json(planned, file) if as_json else escaped(_line(planned, names)))
    return places


def _line(planned: Planned, names: CustomerNames) -> str:
    row = planned.row
    where = planned.where
    if planned.place is Place.AT_OTHER_CUSTOMER:
        where = names.name_of(where) or where
    told = " ".join(filter(None, (PLACES[planned.place].text, where)))
    shown = " | ".join(filter(None, (row.serial_number, row.product_key, row.manufacturer, row.model)))
    return f"  row {row.row:<6} {told:<28}  {shown}{f'  ({planned.why})' if planned.why else ''}"


def _json(planned: Planned, file: Path) -> str:
    row = planned.row
    return json.dumps(
        {
            "file": str(file),
            "row": row.row,
            "source": row.source,
            "serial_number": row.serial_number,
            "product_key": row.product_key,
            "manufacturer": row.manufacturer,
            "model": row.model,
            "batch_id": planned.batch_id,
            "place": str(planned.place),
            "where": planned.where,
            "why": planned.why,
        }
    )
