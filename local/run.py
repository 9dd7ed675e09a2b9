"""`python -m local run`: the whole product on this machine, from the dropped file to the outcome of every row."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient
from rich.console import Console
from rich.live import Live

from local.app_settings import app_settings
from local.azurite import running_azurite
from local.browser_uploads import allow_uploads_from
from local.commands.ending import ExitCode
from local.commands.showing import WIDTH_OF_FILES, is_well
from local.disk_faults import disk_fault, low_space
from local.dropping import DROP_FOLDER, DropContainer, Dropped, WatchedFolder, refuse_names, samples
from local.following import (
    MOST_ROWS_SHOWN,
    MOST_ROWS_TO_LOOK_AT,
    Follower,
    Progress,
    copy_results,
    name_of,
    next_steps,
    progress_table,
    say,
    show_rows,
    write_results,
)
from local.functions_host.pace import Pace
from local.hosts import HostKind, Hosts, running_hosts
from local.processes import PROJECT, ChildProcess
from local.services import DataFolder, Running, ServiceError, running_partner_center
from local.set_up import ready_toolchain
from shared.pipeline.composition import compose
from shared.settings import settings_from

_THIS_MACHINE = "http://127.0.0.1"
_POLL_SECONDS = 0.5
_WATCH_SECONDS = 1.0
_STILL_SECONDS = 2.0
"""How long a file must be unchanged before it is dropped: copying over a network pauses now and then."""
_NEXT_AFTER_ONE_RUN = (
    "Next: 'python -m local run' (without --once) keeps the page open, with these files, and takes yours from drop/.",
    "docs/first-file.md shows how to get a device file; docs/deploy.md how to send it to Partner Center.",
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `python -m local run`."""

    files: Sequence[Path]
    """Device files to drop; empty for the samples."""
    customer_id: str
    batch_id: str
    once: bool
    """End when every file is closed, instead of watching for more."""
    results: Path | None
    timeout_seconds: float
    instances: int
    host: HostKind
    data: DataFolder
    port: int | None = None
    """Of the status page; None for the usual one."""
    pace: Pace = Pace.QUICK
    """Of the project's own host."""


def run(options: RunOptions) -> int:
    """Run the product; returns the exit code, one of `ExitCode`.

    Raises:
        SettingsError: a setting in the environment is wrong; nothing was started.
        NameRefused: storage does not take the name of a file; nothing was started.
        RecordUnreadable: the record of the files dropped from the watched folder is damaged.
        AzuriteError, ServiceError, HostsError: something the product needs does not run.
    """
    address = os.environ.get("PARTNER_CENTER_URL")
    # A wrong setting is reported before anything starts; storage and address are valid placeholders.
    settings_from(
        app_settings(os.environ, storage="UseDevelopmentStorage=true", partner_center_url=address or _THIS_MACHINE)
    )
    refuse_names(options.files, f"{options.customer_id}/{options.batch_id}")
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    toolchain = ready_toolchain()
    data = options.data
    with ExitStack() as running:
        running.enter_context(data.held())
        azurite = running.enter_context(running_azurite(toolchain, data=data.azurite, log=data.logs / "azurite.log"))
        services = [azurite.process]
        if not address:
            stand_in, address = running.enter_context(running_partner_center(data))
            services.append(stand_in)
        settings = app_settings(os.environ, storage=azurite.connection_string, partner_center_url=address)
        running.enter_context(data.announced(Running(azurite.connection_string, address)))
        hosts = running.enter_context(
            running_hosts(
                toolchain,
                options.host,
                settings,
                number=options.instances,
                logs=data.logs,
                port=options.port,
                pace=options.pace,
            )
        )
        say(console, f"Partner Center: {address}")
        say(console, f"Functions host: {_host_in_words(hosts)}; logs in {_short(data.logs)}")
        if hosts.why_no_core_tools:
            say(console, f"Core Tools are not used: {hosts.why_no_core_tools}")
        follower = Follower(compose(settings_from(settings)))
        session = _Session(console, options, azurite.connection_string, follower, lambda: _check(services, hosts))
        session.drop_given_files()
        hosts.wait_until_ready()
        page = f"{hosts.address}/status"
        allow_uploads_from(page, BlobServiceClient.from_connection_string(azurite.connection_string))
        session.page = page
        say(console, f"Status page: {page}")
        return session.until_closed() if options.once else session.watch(page)


def _host_in_words(hosts: Hosts) -> str:
    instances = "" if len(hosts.processes) == 1 else f"; {len(hosts.processes)} instances"
    return f"{hosts.name}{instances}"


def _check(services: Sequence[ChildProcess], hosts: Hosts) -> None:
    hosts.check()
    for process in services:
        if process.exit_code is not None:
            raise ServiceError(f"{process.name} ended. It wrote:\n{process.last_output()}")


class _Session:
    """One run: the dropped files and their progress."""

    def __init__(
        self, console: Console, options: RunOptions, storage: str, follower: Follower, check: Callable[[], None]
    ) -> None:
        self._console = console
        self._options = options
        self._storage = storage
        self._check = check
        self._container = DropContainer(BlobServiceClient.from_connection_string(storage))
        self._follower = follower
        self._progress: dict[Dropped, Progress] = {}
        """Every file of this run whose result has not been shown."""
        self._stays: set[str] = set()
        """Files of the watched folder that could not be moved in this run."""
        self._is_record_fault_told = False
        self._is_low_space_told = False
        self.page: str | None = None
        """Where the status page is, once it is there."""

    def drop_given_files(self) -> None:
        self._container.prepare()
        for file in self._options.files or samples():
            self._drop(file, f"{self._options.customer_id}/{self._options.batch_id}/{file.name}")

    def until_closed(self) -> int:
        """Follow the dropped files until each is final or time is up."""
        deadline = time.monotonic() + self._options.timeout_seconds
        with self._live() as live:
            while not all(progress.is_final for progress in self._progress.values()) and time.monotonic() < deadline:
                self._poll()
                self._show(live)
                time.sleep(_POLL_SECONDS)
        ended = list(self._progress.values())
        self._show_end(ended)
        faults = [fault for progress in ended if (fault := _fault(progress, self._options))]
        for fault in faults:
            say(self._console, fault, "red")
        for sentence in _NEXT_AFTER_ONE_RUN:
            say(self._console, sentence)
        if not all(progress.is_final for progress in ended):
            return ExitCode.TIMED_OUT
        # Some rows of the samples are wrong on purpose.
        is_all_well = all(
            progress.is_closed if not self._options.files else progress.view is not None and is_well(progress.view)
            for progress in ended
        )
        return ExitCode.DONE if is_all_well else ExitCode.NOT_ALL_WELL

    def watch(self, page: str) -> NoReturn:
        """Follow the dropped files, and drop files that appear in the folder, until Ctrl-C."""
        folder = WatchedFolder(DROP_FOLDER, self._options.data.dropped, still_seconds=_STILL_SECONDS)
        self._make_own_folder()
        is_next_told = False
        self._forget_lost_files(folder)
        next_scan = 0.0
        with self._live() as live:
            while True:
                if time.monotonic() >= next_scan:
                    self._drop_new_files(folder)
                    next_scan = time.monotonic() + _WATCH_SECONDS
                self._poll()
                self._show_end([progress for progress in self._progress.values() if progress.is_final])
                self._put_away_ended(folder)
                if not self._progress and not is_next_told:
                    is_next_told = True
                    self._say_what_is_next(page)
                self._show(live)
                time.sleep(_POLL_SECONDS)

    def _say_what_is_next(self, page: str) -> None:
        folder = _short(self._own_folder)
        say(self._console, f"Next: open {page} in a browser, and put a device file of your own into {folder}/")
        say(self._console, "(the first folder is the customer, the second the device batch). Press Ctrl-C to stop.")

    @property
    def _own_folder(self) -> Path:
        """The folder for files of this customer and batch."""
        return DROP_FOLDER / self._options.customer_id / self._options.batch_id

    def _make_own_folder(self) -> None:
        # A batch may have a name that this file system does not take; its files are then given to `run`.
        with suppress(OSError):
            self._own_folder.mkdir(parents=True, exist_ok=True)

    def _forget_lost_files(self, folder: WatchedFolder) -> None:
        """Let the folder drop files again that storage has lost, as when it was killed right after taking them."""
        for dropped in folder.remembered():
            if not self._container.holds(dropped) and not self._follower.knows(dropped):
                folder.forget(dropped.path)
                say(self._console, f"{dropped.path} is dropped again: storage has lost it.", "yellow")

    def _drop_new_files(self, folder: WatchedFolder) -> None:
        for path, file in folder.whole_files().items():
            try:
                dropped = self._drop(file, path)
            except (OSError, AzureError) as error:
                if folder.put_off(path):
                    say(self._console, f"{file} cannot be {_what_failed(error)}; it will be tried again.")
                continue
            self._remember(folder, dropped)
        for path, reason in folder.late_files().items():
            say(self._console, f"{path} is not dropped yet: {reason}. It will be checked again.", "yellow")

    def _remember(self, folder: WatchedFolder, dropped: Dropped) -> None:
        try:
            folder.remember(dropped.path, dropped.etag)
        except OSError as error:
            if not self._is_record_fault_told:
                again = "After the next start, the files in the folder are dropped again."
                say(self._console, f"{disk_fault(error) or error} {again}", "yellow")
            self._is_record_fault_told = True

    def _put_away_ended(self, folder: WatchedFolder) -> None:
        """Move files that have ended out of the watched folder, their results beside them: those of earlier runs too.

        The results are written first and the record is changed last, so that after a crash it is done once more.
        """
        for dropped in folder.still_there():
            if dropped in self._progress or dropped.path in self._stays:
                continue
            progress = self._follower.poll(dropped)
            if not progress.is_final or not self._follower.knows(dropped):
                continue
            place = folder.place_when_done(dropped.path)
            try:
                for name, content in self._follower.results(progress):
                    write_results(place.with_name(f"{place.name}.results"), name, content)
                is_away = folder.put_away(dropped.path, place)
            except OSError as error:
                self._stays.add(dropped.path)
                say(self._console, f"{dropped.path} stays where it is: {disk_fault(error) or error}", "yellow")
            else:
                if is_away:
                    say(self._console, f"Moved {dropped.path} to {_short(place)}; its results are beside it.")

    def _drop(self, file: Path, path: str) -> Dropped:
        dropped = self._container.drop(file, path)
        self._progress[dropped] = Progress(dropped, None)
        say(self._console, f"Dropped {path}")
        return dropped

    def _poll(self) -> None:
        self._check()
        self._warn_of_low_space()
        for dropped, before in self._progress.items():
            if before.is_final:
                continue
            now = self._progress[dropped] = self._follower.poll(dropped)
            if now.sentence != before.sentence and not self._console.is_terminal:
                say(self._console, f"{dropped.path}: {now.sentence}")

    def _warn_of_low_space(self) -> None:
        """Say once that the disk is nearly full; again after there was space."""
        fault = low_space(self._options.data.root)
        if fault is not None and not self._is_low_space_told:
            say(self._console, fault, "red")
        self._is_low_space_told = fault is not None

    def _live(self) -> Live:
        return Live(console=self._console, auto_refresh=False, transient=True)

    def _show(self, live: Live) -> None:
        live.update(
            progress_table(self._progress.values()) if self._progress else "", refresh=self._console.is_terminal
        )

    def _show_end(self, ended: Sequence[Progress]) -> None:
        if not ended:
            return
        for progress in ended:
            is_small = progress.counts.total <= MOST_ROWS_SHOWN
            rows = (
                self._follower.rows(progress, MOST_ROWS_SHOWN)
                if is_small
                else self._follower.rows_to_look_at(progress, MOST_ROWS_TO_LOOK_AT)
            )
            show_rows(self._console, name_of(progress.dropped), rows)
            del self._progress[progress.dropped]
        self._console.print(progress_table(ended))
        # With --once storage and page end here: the sentences at the end say how to come back to these files.
        for sentence in () if self._options.once else next_steps(ended, self.page):
            say(self._console, sentence)
        if self._options.results:
            self._copy_results(self._options.results, ended)

    def _copy_results(self, folder: Path, ended: Sequence[Progress]) -> None:
        def is_too_long(name: str) -> None:
            say(self._console, f"{name} is not copied: its name is too long for this file system.", "yellow")

        try:
            copied = copy_results(self._storage, folder, is_too_long)
            copied += sum(
                write_results(folder, path, content)
                for progress in ended
                for path, content in self._follower.corrections(progress)
            )
        except OSError as error:
            if (fault := disk_fault(error)) is None:
                raise
            say(self._console, f"The results are not copied. {fault}", "red")
        else:
            say(self._console, f"Copied {copied} files to {folder}")


def _what_failed(error: OSError | AzureError) -> str:
    if isinstance(error, AzureError):
        return f"dropped (storage answers: {str(error).partition(chr(10))[0]})"
    return f"read ({error})"


def _fault(progress: Progress, options: RunOptions) -> str | None:
    """Why a dropped file was not closed; None when it was."""
    if progress.is_closed:
        return None
    if progress.is_final:
        return f"{progress.dropped.path} was not registered; its state is above."
    return (
        f"{progress.dropped.path} was not closed within {options.timeout_seconds:g} seconds ({progress.sentence}). "
        f"Give it more time with --timeout, or see the logs in {_short(options.data.logs)}."
    )


def _short(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else str(path)
