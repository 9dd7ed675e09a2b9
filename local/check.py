"""`python -m local check FILE ...`: what would happen to each row of device files, and why. Nothing is sent."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import structs

from local.arguments import batch, existing_path
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended, say_aside
from local.commands.finding import customer_of
from local.escaping import escaped
from local.hash_contents import DamagedHash, HashContents, decode
from shared.device_files.reading import device_rows, read_device_file
from shared.device_files.rows import CheckedRow, PassedOver, Rules
from shared.device_files.system_files import is_system_file
from shared.pipeline.composition import Pipeline
from shared.pipeline.intake.preview import Destination, Fate, Preview, fate_of, preview
from shared.pipeline.intake.rules import ANY_BATCH
from shared.pipeline.partner_customers import doubt_of
from shared.pipeline.private_copy import rules_of
from shared.reasons import FILE_NOTES, NOTES, PASSED_OVER, REASONS, FileNote
from shared.storage.customers import is_guid
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile
from shared.vocabulary import FileOrder

_CHUNK_BYTES = 1024 * 1024

_NEWEST_FILES = 100
"""Final files among which the newest one to be registered is looked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("files", nargs="+", type=existing_path, metavar="FILE", help="device files, or folders of them")
    parser.add_argument(
        "--json", action="store_true", help="write JSON: one object for each row, then one for each file"
    )
    parser.add_argument("--decode", action="store_true", help="show the contents of the hardware hashes")
    parser.add_argument("--row", type=int, metavar="N", help="show only row N; the total still counts the whole file")
    parser.add_argument(
        "--trust-hash-serial", action="store_true", help="if serial numbers differ, send the one in the hash"
    )
    parser.add_argument(
        "--reject-bad-checksums", action="store_true", help="also reject wrong checksums of little-known tools"
    )
    parser.add_argument("--oldest-hash-days", type=int, metavar="DAYS", help="note hashes that are older")
    parser.add_argument(
        "--no-batch-folder",
        action="store_true",
        help="check files as if directly under a customer, where group tags name the batches and no default is set",
    )
    parser.add_argument(
        "--customer",
        metavar="NAME",
        help="check as if dropped for this customer, by name or GUID; without --batch, group tags name the batches",
    )
    parser.add_argument("--batch", type=batch, metavar="NAME", help="with --customer: the device batch")
    add_order_argument(parser)
    account.add_place_arguments(parser)
    parser.add_argument(
        "--refuse-device-identifiers", action="store_true", help="refuse files of corporate device identifiers"
    )


def add_order_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that says what the file would ask for."""
    parser.add_argument(
        "--for",
        dest="order",
        choices=list(map(str, FileOrder)),
        default=str(FileOrder.REGISTER),
        help="what is to be done with the devices: register, remove or move them (default: %(default)s)",
    )


def order_of(arguments: argparse.Namespace, *, needs_batch: bool) -> FileOrder:
    """What the file would ask for.

    Raises:
        CommandEnded: devices are to be moved and no batch was given.
    """
    order = FileOrder(arguments.order)
    if order is FileOrder.MOVE and needs_batch and arguments.batch is None:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, "--for move needs --batch here: the batch to move the devices to.")
    return order


def main(arguments: argparse.Namespace) -> int:
    """Check the files: 0 when every row would be sent or is another's duplicate, and nothing else may be a device."""
    return ended(arguments, lambda: _checked(arguments))


def _checked(arguments: argparse.Namespace) -> ExitCode:
    destination = _destination(arguments)
    report: _Report = _JsonReport() if arguments.json else _TextReport(destination.order)
    files = [file for path in arguments.files for file in _files_of(path)]
    if not files:
        print("There are no files to check in these folders.")
    results = [_check(file, destination, report, only_row=arguments.row, with_hash=arguments.decode) for file in files]
    return ExitCode.DONE if results and all(results) else ExitCode.NOT_ALL_WELL


def _destination(arguments: argparse.Namespace) -> Destination:
    """Where the arguments say that the files would be dropped, with what is known of the app's own settings.

    Raises:
        CommandEnded: there is no such customer, a batch without a customer was given, or no batch to move to.
    """
    order = order_of(arguments, needs_batch=arguments.customer is not None)
    if arguments.customer is None and arguments.batch is not None:
        raise CommandEnded(ExitCode.WRONG_ARGUMENTS, "--batch needs --customer: a batch belongs to a customer.")
    known = _place_without_storage(Rules(batch_by_group_tag=arguments.no_batch_folder), None, order)
    if arguments.customer is not None:
        known = _of_customer(arguments, order)
    rules = replace(
        known.rules,
        trust_hash_serial=known.rules.trust_hash_serial or arguments.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=(
            known.rules.reject_bad_checksum_of_unknown_tools or arguments.reject_bad_checksums
        ),
        oldest_hash_days=arguments.oldest_hash_days or known.rules.oldest_hash_days,
        refuse_device_identifiers=known.rules.refuse_device_identifiers or arguments.refuse_device_identifiers,
    )
    return replace(known, rules=rules)


def _place_without_storage(rules: Rules, batch_id: str | None, order: FileOrder) -> Destination:
    """A drop folder of which nothing is known."""
    if order is FileOrder.REGISTER:
        return Destination(replace(rules, has_default_batch=False), batch_id)
    return destination_of_known_devices(rules, batch_id, order)


def _of_customer(arguments: argparse.Namespace, order: FileOrder) -> Destination:
    """The place of a customer. A GUID needs no storage; where there is some, it tells of the app's settings."""
    try:
        pipeline = account.open_account(arguments).pipeline
    except CommandEnded as ended_early:
        if not is_guid(arguments.customer) or ended_early.code is not ExitCode.NO_STORAGE:
            raise
        rules = Rules(batch_by_group_tag=arguments.batch is None)
        return _place_without_storage(rules, arguments.batch, order)
    customer_id = customer_of(pipeline, arguments.customer)
    warn_of_stranger(pipeline, customer_id)
    return destination_of(pipeline, customer_id, arguments.batch, order)


def warn_of_stranger(pipeline: Pipeline, customer_id: str) -> None:
    """Say beside the answer that Partner Center's list speaks against the customer."""
    if (doubt := doubt_of(pipeline, customer_id)) is not None:
        say_aside(f"{doubt} A file for this customer is refused if Partner Center says so when the file arrives.")


def destination_of(
    pipeline: Pipeline,
    customer_id: str,
    batch_id: str | None,
    order: FileOrder = FileOrder.REGISTER,
    *,
    may_have_default_batch: bool = False,
) -> Destination:
    """A customer's drop folder for files of this order, with the app's settings as far as the journal shows them.

    The app keeps with each file the settings that it was read by: those of the newest file are the app's own, but for
    what is set for single customers, which the newest file of this customer tells. Before the first file,
    `may_have_default_batch` says whether a default batch is assumed. Only files to be registered tell of it.
    """
    newest, of_customer = _newest_file(pipeline), _newest_file(pipeline, customer_id)
    rules = Rules(batch_by_group_tag=batch_id is None, has_default_batch=may_have_default_batch)
    if newest is not None:
        rules = replace(rules_of(newest), batch_by_group_tag=batch_id is None)
    refuses = of_customer is not None and of_customer.refuse_device_identifiers
    rules = replace(rules, refuse_device_identifiers=refuses)
    if order is not FileOrder.REGISTER:
        return destination_of_known_devices(rules, batch_id, order)
    return Destination(rules, batch_id, None if newest is None else newest.default_batch)


def destination_of_known_devices(rules: Rules, batch_id: str | None, order: FileOrder) -> Destination:
    """The drop folder for files that ask to remove or move their devices, which are searched in all batches."""
    rules = replace(rules, has_default_batch=True, serial_number_is_enough=order is FileOrder.REMOVE)
    return Destination(rules, batch_id, ANY_BATCH, order)


def _newest_file(pipeline: Pipeline, customer_id: str | None = None) -> DeviceFile | None:
    """The newest of the last final files that is one to be registered."""
    newest = pipeline.journal.files.final(limit=_NEWEST_FILES, customer_id=customer_id, unreadable=log_unreadable)
    for _, listing in newest:
        if listing.order is FileOrder.REGISTER:
            stored = pipeline.journal.files.get(listing.customer_id, listing.file_id)
            return None if stored is None else stored.record
    return None


class _Report(Protocol):
    """How rows and totals are shown."""

    def begin(self, file: Path, found: Preview) -> None: ...

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None: ...

    def end(self, file: Path, found: Preview) -> None: ...


def _print(line: str) -> None:
    """Print a line that may have names and cells of a file: control characters are shown as escapes."""
    print(escaped(line))


class _TextReport:
    """For people."""

    def __init__(self, order: FileOrder) -> None:
        self._file: Path | None = None
        self._words = {fate: str(fate) for fate in Fate}
        if order is not FileOrder.REGISTER:
            self._words[Fate.SEND] = str(order)

    def begin(self, file: Path, found: Preview) -> None:
        """Show each reason and note once, with the number of its rows and what to do, and the batches.

        The rows follow below.
        """
        self._head(file)
        for reason, number in found.reasons.items():
            explanation = REASONS[reason]
            rows = "row" if number == 1 else "rows"
            _print(f"  {number} {rows} rejected, {reason}: {explanation.sentence} {explanation.what_to_do}")
        for note, number in found.notes.items():
            if not NOTES[note].what_to_do.startswith("Nothing."):
                rows = "row" if number == 1 else "rows"
                _print(f"  {number} {rows} noted, {note}: {NOTES[note].what_to_do}")
        if found.nameless:
            _print(f"  {found.nameless_sentence}")
        if found.batches:
            named = ((repr(name) if name else "any", number) for name, number in found.batches.items())
            shown = ", ".join(f"{name} ({number})" for name, number in named)
            _print(f"  batches: {shown}")

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None:
        """Show one line for the row, one for its reason, one for each note, and the hash."""
        self._head(file)
        outcome = fate_of(row)
        shown = " | ".join(filter(None, (row.serial_number, row.product_key, row.manufacturer, row.model)))
        tag = f"  [{row.group_tag}]" if row.group_tag else ""
        of = f" of row {row.duplicate_of}" if row.duplicate_of else ""
        _print(f"  row {row.row:<6} {self._words[outcome] + of:<10}  {shown}{tag}  ({row.source})")
        if row.reason is not None and outcome is Fate.REJECTED:
            _print(f"      {row.reason}")
        for note in row.notes:
            _print(f"      note {note}: {NOTES[note].sentence}")
        for name, value in _fields(contents).items():
            _print(f"      {name:<26} {_as_text(value)}")

    def end(self, file: Path, found: Preview) -> None:
        """Show the total, the notes on the file and the parts in no row; or why the file cannot be read."""
        self._head(file)
        if found.fault is not None:
            _print(f"  rejected as a whole ({found.fault.reason}): {found.fault.sentence}")
            return
        rows = "row" if found.rows == 1 else "rows"
        _print(
            f"  {found.rows} {rows}: " + ", ".join(f"{found.fates.get(fate, 0)} {self._words[fate]}" for fate in Fate)
        )
        for kept in found.passed_over:
            _print(f"  not a row: {PASSED_OVER[kept.kind]} ({kept.count})")
            for place in _places(kept):
                _print(f"      {place}")
        for remark in found.remarks:
            word = "WARNING" if remark.note is FileNote.MAY_HOLD_DEVICES else "note"
            explanation = FILE_NOTES[remark.note]
            detail = f" [{remark.detail}]" if remark.detail else ""
            _print(f"  {word} {remark.note}: {explanation.sentence}{detail}")
            _print(f"      What to do: {explanation.what_to_do}")

    def _head(self, file: Path) -> None:
        if file != self._file:
            _print(str(file))
            self._file = file


class _JsonReport:
    """For scripts: one object a line."""

    def begin(self, file: Path, found: Preview) -> None:
        """Rows come first, then the object of the file."""

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None:
        """Write the row, without its hash unless --decode is given."""
        told = structs.asdict(row)
        del told["device"]
        explanation = REASONS[row.reason] if row.reason is not None else None
        told |= {
            "file": str(file),
            "outcome": fate_of(row),
            "what_to_do": explanation.what_to_do if explanation else None,
            "hash": _fields(contents) or None,
        }
        print(json.dumps(told, default=_as_text))

    def end(self, file: Path, found: Preview) -> None:
        """Write the counts, the parts in no row, and the reason if the file cannot be read."""
        counts: dict[str, int] = {str(fate): found.fates.get(fate, 0) for fate in Fate}
        total: dict[str, object] = {"file": str(file), "total": found.rows, **counts}
        fault = found.fault
        why = {"error": fault.reason if fault else None, "message": fault.sentence if fault else None}
        beside: dict[str, object] = {
            "reasons": found.reasons,
            "batches": found.batches,
            "nameless": found.nameless,
            "is_incomplete": found.is_incomplete,
            "passed_over": [structs.asdict(kept) for kept in found.passed_over],
            "notes": [structs.asdict(remark) | asdict(FILE_NOTES[remark.note]) for remark in found.remarks],
        }
        print(json.dumps(total | beside | why))


def _check(file: Path, destination: Destination, report: _Report, *, only_row: int | None, with_hash: bool) -> bool:
    """Show the outcome of the rows of a file; returns whether nothing would be rejected or may have been missed."""
    now = datetime.now(UTC)
    try:
        found = preview_of(file, destination, now)
        report.begin(file, found)
        hashes = _hashes(file) if with_hash and found.fault is None else None
        for row in _rows(file, destination, now, found):
            contents = next(hashes) if hashes is not None else None
            if only_row in (None, row.row):
                report.row(file, row, contents)
    except OSError as error:
        print(f"{file} cannot be read: {error.strerror or error}", file=sys.stderr)
        return False
    report.end(file, found)
    is_well = found.fault is None and not found.fates.get(Fate.REJECTED) and not found.nameless
    return is_well and not found.is_incomplete


def preview_of(file: Path, destination: Destination, now: datetime) -> Preview:
    """What would happen to the rows of a file on this machine."""
    return preview(partial(chunks, file), name=file.name, destination=destination, now=now)


def show(file: Path, destination: Destination) -> None:
    """Show people what would happen to each row of the file."""
    _check(file, destination, _TextReport(destination.order), only_row=None, with_hash=False)


def _rows(file: Path, destination: Destination, now: datetime, found: Preview) -> Iterator[CheckedRow]:
    """Each row of a file with its final outcome; none where the file is rejected as a whole."""
    if found.fault is not None:
        return iter(())
    open_file, rules = partial(chunks, file), destination.rules
    return read_device_file(open_file, name=file.name, rules=rules, now=now, findings=found.findings)


def _places(kept: PassedOver) -> Iterator[str]:
    """The places and first characters of the parts of one kind, as far as they are kept."""
    for place, excerpt in zip(kept.places, kept.excerpts, strict=True):
        yield f"{place}: {excerpt}" if excerpt else place
    if kept.count > len(kept.places):
        yield f"... and {kept.count - len(kept.places)} more"


def _hashes(file: Path) -> Iterator[HashContents | None]:
    """The contents of the hash of each row, including rejected rows."""
    for _, row in device_rows(partial(chunks, file), name=file.name):
        try:
            yield decode(row.hardware_hash)
        except DamagedHash:
            yield None


def _fields(contents: HashContents | None) -> dict[str, object]:
    """The fields that a hash contains."""
    return {name: value for name, value in asdict(contents).items() if value not in (None, ())} if contents else {}


def _as_text(value: object) -> str:
    """A value of a hash on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_as_text(part)}" for name, part in value.items())
    if isinstance(value, tuple):
        separator = "; " if isinstance(value[0], dict) else ", "
        return separator.join(map(_as_text, value))
    if isinstance(value, timedelta):
        return str(timezone(value)).removeprefix("UTC") or "+00:00"
    return str(value)


def _files_of(path: Path) -> Sequence[Path]:
    """The file itself, or every file of a folder that is neither hidden nor left there by a program or system."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not _is_passed_over(file, path))


def _is_passed_over(file: Path, folder: Path) -> bool:
    is_hidden = file.name.startswith(".")
    return is_hidden or is_system_file(file.relative_to(folder).as_posix(), file.stat().st_size)


def chunks(file: Path) -> Iterator[bytes]:
    """The content of a file on this machine."""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
