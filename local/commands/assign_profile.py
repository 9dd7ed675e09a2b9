"""`python -m local assign-profile FILE_ID PROFILE`: assigns a profile to the registered devices of a closed file.

The app assigns it; this command requests that and, with --wait, follows it.
"""

import argparse
import time

from local.arguments import positive
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import find_file
from local.commands.retry import NO_CUSTOMER_ID
from local.commands.showing import console, print_json
from local.following import say
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.assign_profile import NoProfileToAssign, assign_profile
from shared.pipeline.human_acts import COMMAND
from shared.storage.records import DeviceFile, ProfileCounts
from shared.vocabulary import counted

_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("file_id", metavar="FILE_ID", help="the id of a file, or its first characters")
    parser.add_argument("profile", metavar="PROFILE", help="the name or id of a profile of the file's customer")
    parser.add_argument("--wait", action="store_true", help="wait until every device has its outcome")
    parser.add_argument(
        "--timeout", type=positive, default=3600, metavar="SECONDS", help="longest --wait (default: %(default)s)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Assign: 0 when the profile is requested; with --wait, when every device got it."""
    return ended(arguments, lambda: _assign(arguments))


def _assign(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file(pipeline, arguments.file_id)
    if file.customer_id is None:
        raise CommandEnded(ExitCode.NOT_ALL_WELL, NO_CUSTOMER_ID)
    try:
        asked = assign_profile(pipeline, COMMAND, file.customer_id, file.file_id, arguments.profile)
    except NoProfileToAssign as error:
        raise CommandEnded(ExitCode.NOT_ALL_WELL, str(error)) from error
    if not arguments.wait:
        if arguments.json:
            print_json(asked.profile_order)
        else:
            say(console(), f"The profile {arguments.profile} is being assigned; 'outcomes' shows how each row ended.")
        return ExitCode.DONE
    counts = _ended(pipeline, asked, arguments.timeout).profiles or ProfileCounts()
    if arguments.json:
        print_json(counts)
    else:
        devices = counted(counts.assigned + counts.not_assigned, "device")
        say(console(), f"{counts.assigned} of {devices} got the profile; 'outcomes' shows how each row ended.")
    return ExitCode.NOT_ALL_WELL if counts.not_assigned else ExitCode.DONE


def _ended(pipeline: Pipeline, file: DeviceFile, timeout: float) -> DeviceFile:
    """The file when the profile is assigned."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        stored = pipeline.journal.files.get(file.customer_id, file.file_id)
        if stored is not None and stored.record.profile_order is None:
            return stored.record
        time.sleep(_POLL_SECONDS)
    raise CommandEnded(ExitCode.TIMED_OUT, f"Not finished within {timeout:g} seconds; assigning it continues.")
