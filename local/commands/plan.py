"""`python -m local plan FILE --customer NAME`: where the devices of a file are registered already. Nothing is sent."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from local.arguments import batch, existing_file
from local.check import add_order_argument, chunks, destination_of, order_of, preview_of
from local.commands import account
from local.commands.devices import add_ask_arguments, read_anew
from local.commands.ending import ExitCode, ended
from local.commands.finding import customer_of
from local.escaping import escaped
from shared.pipeline.composition import Pipeline
from shared.pipeline.intake.preview import Destination
from shared.pipeline.inventory.plan import Place, Planned, ended_since, planned_rows
from shared.pipeline.inventory.planned_profiles import PlannedProfile, ProfileFate
from shared.pipeline.inventory.reading import keep_fresh
from shared.status.names import CustomerNames
from shared.status.page.labels import PROFILE_FATES, PROFILE_SOURCES, Label, place_headings, places_for
from shared.status.profiles import profiles_read
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
    add_order_argument(parser)
    add_ask_arguments(parser)
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Plan: 0 when it can be told of every row that would be sent where its device stands, and no profile is wrong."""
    return ended(arguments, lambda: _plan(arguments))


def _plan(arguments: argparse.Namespace) -> ExitCode:
    order = order_of(arguments, needs_batch=True)
    pipeline = account.open_account(arguments).pipeline
    customer_id = customer_of(pipeline, arguments.customer)
    if arguments.ask:
        read_anew(pipeline, customer_id, arguments.timeout)
    reading = keep_fresh(pipeline, customer_id)
    destination = destination_of(pipeline, customer_id, arguments.batch, order)
    counts = _shown(pipeline, arguments.file, customer_id, destination, as_json=arguments.json)
    if counts is None:
        return ExitCode.NOT_ALL_WELL
    places, fates = counts.places, counts.profiles
    if arguments.json:
        totals: dict[str, object] = {str(place): places[place] for place in Place}
        print(
            json.dumps({"file": str(arguments.file), **totals, "profiles": {str(fate): fates[fate] for fate in fates}})
        )
    else:
        headings = place_headings(order)
        total = ", ".join(f"{places[place]} {headings[place]}" for place in Place if places[place])
        print(f"{counted(places.total(), 'row')}: {total or 'nothing would be sent'}")
        print(escaped(" ".join(filter(None, (inventory_view(reading).sentence, ended_since(pipeline, customer_id))))))
        if fates:
            total = ", ".join(f"{PROFILE_FATES[fate].text}: {fates[fate]}" for fate in ProfileFate if fates[fate])
            print(escaped(f"Wished profiles: {total}. {profiles_read(pipeline, customer_id)}"))
    is_wrong = places[Place.CANNOT_BE_TOLD] or fates[ProfileFate.NO_SUCH_PROFILE] or fates[ProfileFate.AMBIGUOUS]
    return ExitCode.NOT_ALL_WELL if is_wrong else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Counts:
    """The rows that would be sent, by where their devices stand and by what would come of their profiles."""

    places: Counter[Place] = field(default_factory=Counter)
    profiles: Counter[ProfileFate] = field(default_factory=Counter)


def _shown(
    pipeline: Pipeline, file: Path, customer_id: str, destination: Destination, *, as_json: bool
) -> _Counts | None:
    """Show each row that would be sent, and count them. None when no row of the file can be read."""
    found = preview_of(file, destination, now := pipeline.clock())
    if found.fault is not None:
        fault = {"file": str(file), "error": found.fault.reason, "message": found.fault.sentence}
        print(json.dumps(fault) if as_json else escaped(f"{file} is rejected as a whole: {found.fault.sentence}"))
        return None
    names, counts = customer_names(pipeline), _Counts()
    opened = partial(chunks, file)
    for planned in planned_rows(pipeline, opened, file.name, customer_id, destination, found, now):
        counts.places[planned.place] += 1
        if planned.profile is not None:
            counts.profiles[planned.profile.fate] += 1
        print(_json(planned, file) if as_json else escaped(_line(planned, names, places_for(destination.order))))
    return counts


def _line(planned: Planned, names: CustomerNames, labels: Mapping[Place, Label]) -> str:
    row = planned.row
    where = planned.where
    if planned.place is Place.AT_OTHER_CUSTOMER:
        where = names.name_of(where) or where
    told = " ".join(filter(None, (labels[planned.place].text, where)))
    shown = " | ".join(filter(None, (row.serial_number, row.product_key, row.manufacturer, row.model)))
    why = f"  ({planned.why})" if planned.why else ""
    return f"  row {row.row:<6} {told:<28}  {shown}{why}{_profile(planned.profile)}"


def _profile(profile: PlannedProfile | None) -> str:
    if profile is None:
        return ""
    source = PROFILE_SOURCES[profile.wish.source]
    others = f"; it has {', '.join(profile.others)} now" if profile.others else ""
    told = f"{PROFILE_FATES[profile.fate].text}{others}{profile.why and f' ({profile.why})'}"
    return f"  profile {profile.wish.profile}{source and f' ({source})'}: {told}"


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
            "profile": None if planned.profile is None else planned.profile.wish.profile,
            "profile_from": None if planned.profile is None else str(planned.profile.wish.source),
            "profile_fate": None if planned.profile is None else str(planned.profile.fate),
            "profile_why": None if planned.profile is None else planned.profile.why,
            "other_profiles": None if planned.profile is None else list(planned.profile.others),
        }
    )
