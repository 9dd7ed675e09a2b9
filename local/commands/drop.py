"""`python -m local drop FILE ... --customer NAME`: uploads device files, and follows them until they are closed."""

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from local.arguments import batch, existing_file, positive
from local.check import destination_of, preview_of, show, warn_of_stranger
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended, say_aside
from local.commands.finding import customer_of
from local.commands.showing import console, is_well, print_json
from local.dropping import DropContainer, Dropped, NameRefused, refuse_names
from local.following import (
    MOST_ROWS_TO_LOOK_AT,
    Follower,
    harmless,
    name_of,
    next_steps,
    progress_table,
    say,
    show_rows,
)
from local.following import Progress as FileProgress
from shared.pipeline.intake.preview import Destination
from shared.vocabulary import FileOrder

_POLL_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("files", nargs="+", type=existing_file, metavar="FILE", help="device files")
    parser.add_argument("--customer", required=True, metavar="NAME", help="the customer's name, or its tenant's GUID")
    parser.add_argument("--batch", type=batch, metavar="NAME", help="device batch (default: each row's group tag)")
    parser.add_argument("--anyway", action="store_true", help="drop files too of which no row can be sent")
    parser.add_argument(
        "--wait", action="store_true", help="follow the files until they are closed, and show what failed"
    )
    parser.add_argument(
        "--timeout", type=positive, default=3600, metavar="SECONDS", help="longest --wait (default: %(default)s)"
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Drop the files: 0 when they are in storage; with --wait, when every row of them is registered."""
    return ended(arguments, lambda: drop_files(arguments, FileOrder.REGISTER))


def drop_files(arguments: argparse.Namespace, order: FileOrder) -> ExitCode:
    """Drop the files of `arguments`, which have those of this command, into the folder of their order.

    Raises:
        CommandEnded: nothing was dropped.
    """
    opened = account.open_account(arguments)
    customer_id = customer_of(opened.pipeline, arguments.customer)
    warn_of_stranger(opened.pipeline, customer_id)
    folder = "/".join(filter(None, (order.folder, customer_id, arguments.batch)))
    _refuse_names(arguments, folder)
    if not arguments.anyway:
        destination = destination_of(opened.pipeline, customer_id, arguments.batch, order, may_have_default_batch=True)
        _refuse_what_sends_nothing(arguments, destination)
    dropped = _upload(arguments, DropContainer(opened.blobs), folder)
    if not arguments.wait:
        if arguments.json:
            print_json([{"file_id": one.file_id, "path": one.path} for one in dropped])
        return ExitCode.DONE
    follower = Follower(opened.pipeline)
    progresses = _followed(arguments, follower, dropped)
    if arguments.json:
        print_json([progress.view for progress in progresses])
    else:
        _show(follower, progresses)
    if not all(progress.is_final for progress in progresses):
        # The answer is already written; with --json it must stay the only document.
        say_aside(
            f"Not closed within {arguments.timeout:g} seconds; the app continues. 'python -m local status' shows the "
            "progress."
        )
        return ExitCode.TIMED_OUT
    all_well = all(progress.view is not None and is_well(progress.view) for progress in progresses)
    return ExitCode.DONE if all_well else ExitCode.NOT_ALL_WELL


def _refuse_names(arguments: argparse.Namespace, folder: str) -> None:
    names = [file.name for file in arguments.files]
    if len(set(names)) < len(names):
        raise CommandEnded(
            ExitCode.WRONG_ARGUMENTS,
            "Two files have the same name, and the second would replace the first: drop them one after the other.",
        )
    try:
        refuse_names(arguments.files, folder)
    except NameRefused as error:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, str(error)) from error


def _upload(arguments: argparse.Namespace, container: DropContainer, folder: str) -> list[Dropped]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    dropped: list[Dropped] = []
    output = console()
    with Progress(*columns, console=output, transient=True, disable=arguments.json) as progress:
        for file in arguments.files:
            dropped.append(_upload_one(progress, container, file, f"{folder}/{file.name}"))
            if not arguments.json:
                say(output, f"Dropped {dropped[-1].path} as file {dropped[-1].file_id}")
    return dropped


def _refuse_what_sends_nothing(arguments: argparse.Namespace, destination: Destination) -> None:
    """Refuse files of which not one row can be sent, and show why."""
    now = datetime.now(UTC)
    hopeless = [file for file in arguments.files if not preview_of(file, destination, now).sends]
    if not hopeless:
        return
    if not arguments.json:
        for file in hopeless:
            show(file, destination)
    names = ", ".join(repr(file.name) for file in hopeless)
    raise CommandEnded(
        ExitCode.NOT_ALL_WELL,
        f"Nothing was dropped: no row of {names} can be sent ('python -m local check' shows why). Fix the rows, or "
        "drop it all the same with --anyway.",
    )


def _upload_one(progress: Progress, container: DropContainer, file: Path, path: str) -> Dropped:
    task = progress.add_task(harmless(file.name).plain, total=file.stat().st_size)

    def uploaded(sent: int, _total: int | None) -> None:
        progress.update(task, completed=sent)

    return container.drop(file, path, uploaded)


def _followed(arguments: argparse.Namespace, follower: Follower, dropped: Sequence[Dropped]) -> list[FileProgress]:
    """The progress of each file when all are final or the time is up."""
    deadline = time.monotonic() + arguments.timeout
    progresses = [FileProgress(one, None) for one in dropped]
    output = console()
    with Live(console=output, auto_refresh=False, transient=True) as live:
        while True:
            progresses = [one if one.is_final else follower.poll(one.dropped) for one in progresses]
            if all(one.is_final for one in progresses) or time.monotonic() >= deadline:
                return progresses
            if not arguments.json:
                live.update(progress_table(progresses), refresh=output.is_terminal)
            time.sleep(_POLL_SECONDS)


def _show(follower: Follower, progresses: Sequence[FileProgress]) -> None:
    output = console()
    for progress in progresses:
        show_rows(output, name_of(progress.dropped), follower.rows_to_look_at(progress, MOST_ROWS_TO_LOOK_AT))
    output.print(progress_table(progresses))
    for sentence in next_steps(progresses):
        say(output, sentence)
