"""`python -m local status [FILE]`: the newest files and their progress, or one file and its history."""

import argparse

from local.arguments import MOST_LISTED, listed
from local.commands import account
from local.commands.ending import ExitCode, ended
from local.commands.find import show_devices
from local.commands.finding import customer_of, find_file_by_any_name, refuse_short
from local.commands.showing import (
    console,
    files_table,
    print_json,
    show_file,
    show_standstills,
    show_unreadable,
)
from shared.pipeline.composition import Pipeline
from shared.status import queries
from shared.status.page.search import devices_of_any_customer
from shared.status.presenters import NO_CUSTOMER_ID
from shared.status.queries import FileFilter, NotFound
from shared.status.schemas import FilePage, FileView, UnreadableView
from shared.vocabulary import FileState

_FILES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "file_id",
        nargs="?",
        metavar="FILE",
        help="the id of a file or its first characters, the file's name, or a serial number (default: list)",
    )
    parser.add_argument("--customer", metavar="NAME", help="only files of this customer, a name or a GUID")
    states = list(map(str, FileState))
    parser.add_argument(
        "--state", choices=states, metavar="STATE", help=f"only files in this state: {', '.join(states)}"
    )
    parser.add_argument(
        "--limit", type=listed, default=_FILES, metavar="N", help="how many files to list (default: %(default)s)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Show the files: 0 when they could be read."""
    return ended(arguments, lambda: _one(arguments) if arguments.file_id else _newest(arguments))


def _one(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    file = find_file_by_any_name(pipeline, arguments.file_id)
    if file is None:
        found = devices_of_any_customer(pipeline, arguments.file_id.strip())
        if found.devices:
            return show_devices(found, as_json=arguments.json)
        refuse_short(arguments.file_id)
        raise NotFound(
            f"No file has the id or the name {arguments.file_id!r}, and no closed file a row with that serial number: "
            "it is mistyped, or the file is past its retention. 'python -m local status' lists the newest files."
        )
    details = queries.file(pipeline, file.customer_id or NO_CUSTOMER_ID, file.file_id)
    if arguments.json:
        print_json(details)
    else:
        show_file(console(), details)
    return ExitCode.DONE


def _newest(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    wanted = FileFilter(
        customer_id=customer_of(pipeline, arguments.customer) if arguments.customer else None,
        state=FileState(arguments.state) if arguments.state else None,
    )
    page = _files(pipeline, wanted, arguments.limit)
    if arguments.json:
        print_json(page)
        return ExitCode.DONE
    output = console()
    show_standstills(output, page.stopped)
    if page.files:
        output.print(files_table(page.files))
    elif not page.unreadable:
        print("There are no such files.")
    show_unreadable(console(), page.unreadable)
    if page.next is not None:
        print(f"There are more files: --limit lists up to {MOST_LISTED:,} of them, the status page all.")
    return ExitCode.DONE


def _files(pipeline: Pipeline, wanted: FileFilter, limit: int) -> FilePage:
    """The newest `limit` files: a page may end before, since it is bounded in time and in files that are examined."""
    files: list[FileView] = []
    unreadable: list[UnreadableView] = []
    following: str | None = None
    while True:
        page = queries.files(pipeline, wanted, following, limit - len(files))
        files += page.files
        unreadable += page.unreadable
        following = page.next
        if following is None or len(files) >= limit:
            return FilePage(stopped=page.stopped, files=files, unreadable=unreadable, next=following)
