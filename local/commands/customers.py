"""`python -m local customers add | list | remove`: names for customers, which drop folders may use."""

import argparse

from rich.table import Table

from local.commands import account
from local.commands.ending import ExitCode, ended, say_aside
from local.commands.showing import console, print_json
from local.following import harmless
from shared.pipeline.composition import Pipeline
from shared.pipeline.human_acts import COMMAND, Subject, note_act
from shared.storage.customers import Customer
from shared.vocabulary import ActKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | list | remove")
    adding = actions.add_parser("add", help="give a customer a name")
    adding.add_argument("name", metavar="NAME", help="the name of the customer's drop folder")
    adding.add_argument("customer_id", metavar="GUID", help="the id of the customer's tenant")
    adding.add_argument("--notes", metavar="TEXT", help="notes about the customer (default: those there are)")
    listing = actions.add_parser("list", help="list the names")
    removing = actions.add_parser("remove", help="remove a name: files dropped under it are rejected from now on")
    removing.add_argument("name", metavar="NAME")
    for action in (adding, listing, removing):
        account.add_arguments(action)


def main(arguments: argparse.Namespace) -> int:
    """Run the action: 0 when it is done."""
    return ended(arguments, lambda: _act(arguments))


def _act(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    pipeline.customers.prepare()
    known = pipeline.customers.named(arguments.name) if arguments.action == "add" else None
    if known is not None and known.customer_id == arguments.customer_id.lower():
        _say_what_changes(arguments, known)
    _show(arguments, _acted(arguments, pipeline))
    return ExitCode.DONE


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


def _acted(arguments: argparse.Namespace, pipeline: Pipeline) -> list[Customer]:
    match arguments.action:
        case "add":
            subject = Subject(arguments.name, arguments.customer_id.lower())
            note_act(pipeline, COMMAND, ActKind.NAME_CUSTOMER, subject)
            notes = _notes(arguments, pipeline.customers.named(arguments.name))
            return [pipeline.customers.add(arguments.name, arguments.customer_id, notes, pipeline.clock())]
        case "remove":
            note_act(pipeline, COMMAND, ActKind.REMOVE_CUSTOMER, Subject(arguments.name))
            return [pipeline.customers.remove(arguments.name, pipeline.clock())]
        case _:
            return list(pipeline.customers.all())


def _show(arguments: argparse.Namespace, customers: list[Customer]) -> None:
    if arguments.json:
        print_json(customers)
        return
    if not customers:
        print("No customer has a name yet: 'python -m local customers add NAME GUID' gives one.")
        return
    table = Table("name", "customer id", "notes", "removed")
    for customer in customers:
        removed = f"{customer.removed_at:%Y-%m-%d %H:%M}" if customer.removed_at else ""
        table.add_row(harmless(customer.name), customer.customer_id, harmless(customer.notes), removed)
    console().print(table)
