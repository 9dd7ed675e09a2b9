"""`python -m local profiles --customer NAME`: the profiles of a customer, and the defaults for its batches.

The app lists them: this command asks for that, waits for it, and shows what is kept.
"""

import argparse
import time

from rich.table import Table

from local.arguments import batch, positive
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import customer_of
from local.commands.showing import console, print_json
from local.following import harmless, say
from shared.pipeline.composition import Pipeline
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.profiles import ProfileRefused, ask_for_profiles, set_default_profile
from shared.status.profiles import profiles_view
from shared.status.schemas import CustomerProfiles
from shared.storage.customers import ProfileList

_POLL_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--customer", metavar="NAME", required=True, help="a name of the customer, or its id")
    parser.add_argument(
        "--batch", type=batch, metavar="NAME", help="the batch whose default is set (default: all other batches)"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--default", metavar="PROFILE", help="give this profile to devices whose rows name none, from now on"
    )
    change.add_argument("--no-default", action="store_true", help="give such devices no profile, from now on")
    parser.add_argument(
        "--timeout",
        type=positive,
        default=60,
        metavar="SECONDS",
        help="longest wait for the list (default: %(default)s)",
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Show the profiles: 0 when Partner Center listed them."""
    return ended(arguments, lambda: _profiles(arguments))


def _profiles(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    pipeline.customers.prepare()
    customer_id = customer_of(pipeline, arguments.customer)
    if arguments.default is not None or arguments.no_default:
        try:
            set_default_profile(pipeline, COMMAND, customer_id, arguments.batch or "", arguments.default or "")
        except ProfileRefused as refused:
            raise CommandEnded(ExitCode.WRONG_ARGUMENTS, str(refused)) from refused
    listed = _listed(pipeline, customer_id, arguments.timeout)
    view = profiles_view(pipeline, listed)
    if arguments.json:
        print_json(view)
    else:
        _show(view)
    return ExitCode.DONE if listed.read_at is not None and not listed.is_in_progress else ExitCode.NOT_ALL_WELL


def _listed(pipeline: Pipeline, customer_id: str, seconds: float) -> ProfileList:
    """The profiles that the app lists now, or as they were last listed if it does not answer in time."""
    listed = ask_for_profiles(pipeline, customer_id)
    until = time.monotonic() + seconds
    while listed.is_in_progress and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        stored = pipeline.customers.profile_list(customer_id)
        listed = listed if stored is None else stored.record
    return listed


def _show(view: CustomerProfiles) -> None:
    output = console()
    if view.profiles:
        table = Table("profile", "id", "devices", "settings")
        for profile in view.profiles:
            devices = "" if profile.devices is None else str(profile.devices)
            table.add_row(harmless(profile.name), harmless(profile.id), devices, harmless(", ".join(profile.settings)))
        output.print(table)
    for default in view.defaults:
        where = f"batch {default.batch_id}" if default.batch_id else "all other batches"
        say(output, f"Default of {where}: {default.profile}")
        if default.fault:
            say(output, default.fault, "yellow")
    say(output, view.sentence)
