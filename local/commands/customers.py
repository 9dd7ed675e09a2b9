"""`python -m local customers`: names for drop folders, and the priorities and daily limits of customers."""

import argparse

from rich.table import Table

from local.commands import account
from local.commands.ending import ExitCode, ended, say_aside
from local.commands.showing import console, print_json
from local.following import harmless
from shared.pipeline.composition import Pipeline
from shared.pipeline.customer_names import (
    customer_meant,
    listed_as,
    name_customer,
    prioritise_customer,
    remove_name,
    rename_customer,
    shown_customer,
)
from shared.pipeline.hold_requests import LimitRefused, limit_customer, limit_typed
from shared.pipeline.human_acts import COMMAND, subject_of_customer
from shared.status.customers import customer, customers
from shared.status.schemas import CustomerPage
from shared.storage.customers import Customer
from shared.vocabulary import Priority, counted, grouped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="add | list | rename | remove | priority | limit"
    )
    adding = actions.add_parser("add", help="give a customer a name")
    adding.add_argument("name", metavar="NAME", help="the name of the customer's drop folder")
    adding.add_argument(
        "customer_id",
        metavar="GUID",
        nargs="?",
        help="the id of the customer's tenant (default: that of the only customer on Partner Center's list with this "
        "name or domain)",
    )
    adding.add_argument("--notes", metavar="TEXT", help="notes about the customer (default: those there are)")
    listing = actions.add_parser("list", help="list the names, and Partner Center's own list of customers")
    renaming = actions.add_parser("rename", help="give a customer another name in place of one")
    renaming.add_argument("name", metavar="OLD", help="the name, under which files are rejected from now on")
    renaming.add_argument("new_name", metavar="NEW", help="the name that stands for the same customer from now on")
    removing = actions.add_parser("remove", help="remove a name: files dropped under it are rejected from now on")
    removing.add_argument("name", metavar="NAME")
    rating = actions.add_parser("priority", help="say whose submissions wait first when there is a queue")
    rating.add_argument("name", metavar="CUSTOMER", help="a name of the customer, or its id")
    rating.add_argument(
        "priority", type=Priority, choices=list(Priority), help="of the files that are received from now on"
    )
    limiting = actions.add_parser("limit", help="say how many devices of a customer are newly sent on one day (UTC)")
    limiting.add_argument("name", metavar="CUSTOMER", help="a name of the customer, or its id")
    limiting.add_argument("devices", metavar="DEVICES|none", type=_devices, help="the most devices a day, or none")
    for action in (adding, listing, renaming, removing, rating, limiting):
        account.add_arguments(action)


def main(arguments: argparse.Namespace) -> int:
    """Run the action: 0 when it is done."""
    return ended(arguments, lambda: _act(arguments))


def _act(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    pipeline.customers.prepare()
    match arguments.action:
        case "add":
            _show(arguments, _added(arguments, pipeline))
        case "rename":
            _show(arguments, rename_customer(pipeline, COMMAND, arguments.name, arguments.new_name))
        case "remove":
            _show(arguments, remove_name(pipeline, COMMAND, arguments.name))
        case "priority":
            _prioritise(arguments, pipeline)
        case "limit":
            _limit(arguments, pipeline)
        case _:
            _list(arguments, customers(pipeline, limit=None))
    return ExitCode.DONE


def _prioritise(arguments: argparse.Namespace, pipeline: Pipeline) -> None:
    customer_id = customer_meant(pipeline, arguments.name)
    prioritise_customer(pipeline, COMMAND, customer_id, arguments.priority)
    view = customer(pipeline, customer_id)
    if arguments.json:
        print_json(view)
    else:
        name = subject_of_customer(pipeline, customer_id).name
        print(f"Files of {harmless(name)} that are received from now on have {view.priority} priority.")


def _devices(text: str) -> int | None:
    """The argument `DEVICES`; None for no limit."""
    try:
        return None if text.casefold() == "none" else limit_typed(text)
    except LimitRefused as refused:
        raise argparse.ArgumentTypeError(str(refused)) from refused


def _limit(arguments: argparse.Namespace, pipeline: Pipeline) -> None:
    customer_id = customer_meant(pipeline, arguments.name)
    limit_customer(pipeline, COMMAND, customer_id, arguments.devices)
    view, name = customer(pipeline, customer_id), harmless(subject_of_customer(pipeline, customer_id).name)
    if arguments.json:
        print_json(view)
    elif view.daily_limit is None:
        print(f"{name} has no daily limit.")
    else:
        devices, sent = counted(view.daily_limit.devices, "device"), grouped(view.daily_limit.sent_today)
        print(f"{name} has a daily limit of {devices} (UTC); {sent} were newly sent today.")


def _added(arguments: argparse.Namespace, pipeline: Pipeline) -> Customer:
    known = pipeline.customers.named(arguments.name)
    customer_id = _customer_id(arguments, pipeline, known)
    if known is not None and known.customer_id == customer_id.lower():
        _say_what_changes(arguments, known)
    return name_customer(pipeline, COMMAND, arguments.name, customer_id, _notes(arguments, known))


def _customer_id(arguments: argparse.Namespace, pipeline: Pipeline, known: Customer | None) -> str:
    """The id that is given, else that for which the name stands or stood, else that of the listed customer."""
    if arguments.customer_id is not None:
        return str(arguments.customer_id)
    if known is not None:
        return known.customer_id
    listed = listed_as(pipeline, arguments.name)
    say_aside(f"{arguments.name!r} is {shown_customer(listed)} on Partner Center's list.")
    return listed.customer_id


def _say_what_changes(arguments: argparse.Namespace, known: Customer) -> None:
    """Say beside the answer what `add` changes of a name that is there already."""
    since = f"{known.name!r} is the name of this customer since {known.added_at:%Y-%m-%d}"
    if known.removed_at is not None:
        say_aside(f"{since}; it was removed on {known.removed_at:%Y-%m-%d} and is in use again.")
    elif (notes := _notes(arguments, known)) != known.notes:
        say_aside(f"{since}; its notes change from {known.notes!r} to {notes!r}.")
    else:
        say_aside(f"{since}; nothing changes.")


def _notes(arguments: argparse.Namespace, known: Customer | None) -> str:
    """The notes that are given, or else those that are kept."""
    if arguments.notes is not None:
        return str(arguments.notes).strip()
    return "" if known is None else known.notes


def _show(arguments: argparse.Namespace, customer: Customer) -> None:
    """Show the name that was added, renamed or removed."""
    if arguments.json:
        print_json([customer])
        return
    table = Table("name", "customer id", "notes", "removed")
    removed = f"{customer.removed_at:%Y-%m-%d %H:%M}" if customer.removed_at else ""
    table.add_row(harmless(customer.name), customer.customer_id, harmless(customer.notes), removed)
    console().print(table)


def _list(arguments: argparse.Namespace, found: CustomerPage) -> None:
    if arguments.json:
        print_json(found)
        return
    if found.customers:
        table = Table(
            "names", "customer id", "at Partner Center", "domain", "relationship", "priority", "a day", "notes"
        )
        for each in found.customers:
            texts = (each.name, each.domain, each.relationship)
            table.add_row(
                harmless(", ".join(name.name for name in each.names)),
                each.customer_id,
                *(harmless(text or "") for text in texts),
                each.priority,
                grouped(each.daily_limit.devices) if each.daily_limit else "",
                harmless("; ".join(name.notes for name in each.names if name.notes)),
            )
        console().print(table)
    else:
        print("No customer has a name yet: 'python -m local customers add NAME [GUID]' gives one.")
    print(found.reading.sentence)
