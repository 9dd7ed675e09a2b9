"""`python -m local check FILE ...`: what would happen to each row of device files, and why. Nothing is sent."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import structs

from local.arguments import batch, existing_path
from local.commands import account
from local.commands.ending import CommandEnded, ExitCode, ended
from local.commands.finding import customer_of
from local.escaping import escaped
from local.hash_contents import DamagedHash, HashContents, decode
from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import device_rows, read_device_file
from shared.device_files.rows import CheckedRow, PassedOver, Rules, batch_of_tag
from shared.device_files.system_files import is_system_file
from shared.reasons import FILE_NOTES, NOTES, PASSED_OVER, REASONS, FileNote, RowReason, UnreadableDeviceFile
from shared.storage.customers import is_guid

_CHUNK_BYTES = 1024 * 1024
_MOST_BATCHES = 20
_OUTCOMES = ("send", "rejected", "duplicate")


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
    account.add_place_arguments(parser)
    parser.add_argument(
        "--refuse-device-identifiers", action="store_true", help="refuse files of corporate device identifiers"
    )


def main(arguments: argparse.Namespace) -> int:
    """Check the files: 0 when every row would be sent or is another's duplicate, and nothing else may be a device."""
    return ended(arguments, lambda: _checked(arguments))


def _checked(arguments: argparse.Namespace) -> ExitCode:
    by_group_tag = arguments.no_batch_folder or _is_by_group_tag(arguments)
    rules = Rules(
        trust_hash_serial=arguments.trust_hash_serial,
        reject_bad_checksum_of_unknown_tools=arguments.reject_bad_checksums,
        oldest_hash_days=arguments.oldest_hash_days,
        batch_by_group_tag=by_group_tag,
        has_default_batch=not by_group_tag,
        refuse_device_identifiers=arguments.refuse_device_identifiers,
    )
    report: _Report = _JsonReport() if arguments.json else _TextReport()
    files = [file for path in arguments.files for file in _files_of(path)]
    if not files:
        print("There are no files to check in these folders.")
    results = [_check(file, rules, report, only_row=arguments.row, with_hash=arguments.decode) for file in files]
    return ExitCode.DONE if results and all(results) else ExitCode.NOT_ALL_WELL


def _is_by_group_tag(arguments: argparse.Namespace) -> bool:
    """Whether the place named by the arguments has no batch folder.

    Raises:
        CommandEnded: there is no such customer, or a batch without a customer was given.
    """
    if arguments.customer is None:
        if arguments.batch is not None:
            raise CommandEnded(ExitCode.WRONG_ARGUMENTS, "--batch needs --customer: a batch belongs to a customer.")
        return False
    if not is_guid(arguments.customer):
        customer_of(account.open_account(arguments).pipeline, arguments.customer)
    return arguments.batch is None


class _Report(Protocol):
    """How rows and totals are shown."""

    def begin(self, file: Path, found: "_Found") -> None: ...

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None: ...

    def end(
        self, file: Path, counts: Counter[str], account: FileAccount, error: UnreadableDeviceFile | None
    ) -> None: ...


def _print(line: str) -> None:
    """Print a line that may have names and cells of a file: control characters are shown as escapes."""
    print(escaped(line))


class _TextReport:
    """For people."""

    def __init__(self) -> None:
        self._file: Path | None = None

    def begin(self, file: Path, found: "_Found") -> None:
        """Show each reason once, with the number of its rows and what to do, and the batches; the rows follow below."""
        self._head(file)
        for reason, number in found.reasons.most_common():
            explanation = REASONS[reason]
            rows = "row" if number == 1 else "rows"
            _print(f"  {number} {rows} rejected, {reason}: {explanation.sentence} {explanation.what_to_do}")
        if found.batches:
            shown = ", ".join(f"{name!r} ({number})" for name, number in found.batches.most_common(_MOST_BATCHES))
            more = ", ..." if len(found.batches) > _MOST_BATCHES else ""
            _print(f"  batches by group tag: {shown}{more}")

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None:
        """Show one line for the row, one for its reason, one for each note, and the hash."""
        self._head(file)
        outcome = _outcome(row)
        shown = " | ".join(filter(None, (row.serial_number, row.product_key, row.manufacturer, row.model)))
        tag = f"  [{row.group_tag}]" if row.group_tag else ""
        of = f" of row {row.duplicate_of}" if row.duplicate_of else ""
        _print(f"  row {row.row:<6} {outcome + of:<10}  {shown}{tag}  ({row.source})")
        if row.reason is not None and outcome == "rejected":
            _print(f"      {row.reason}")
        for note in row.notes:
            _print(f"      note {note}: {NOTES[note].sentence}")
        for name, value in _fields(contents).items():
            _print(f"      {name:<26} {_as_text(value)}")

    def end(self, file: Path, counts: Counter[str], account: FileAccount, error: UnreadableDeviceFile | None) -> None:
        """Show the total, the notes on the file and the parts in no row; or why the file cannot be read."""
        self._head(file)
        if error is not None:
            _print(f"  rejected as a whole ({error.reason}): {error}")
            return
        rows = "row" if counts.total() == 1 else "rows"
        _print(f"  {counts.total()} {rows}: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES))
        for kept in account.passed_over:
            _print(f"  not a row: {PASSED_OVER[kept.kind]} ({kept.count})")
            for place in _places(kept):
                _print(f"      {place}")
        for remark in account.remarks:
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

    def __init__(self) -> None:
        self._found = _Found()

    def begin(self, file: Path, found: "_Found") -> None:
        """Keep the counts for the object of the file."""
        del file
        self._found = found

    def row(self, file: Path, row: CheckedRow, contents: HashContents | None) -> None:
        """Write the row, without its hash unless --decode is given."""
        told = structs.asdict(row)
        del told["device"]
        explanation = REASONS[row.reason] if row.reason is not None else None
        told |= {
            "file": str(file),
            "outcome": _outcome(row),
            "what_to_do": explanation.what_to_do if explanation else None,
            "hash": _fields(contents) or None,
        }
        print(json.dumps(told, default=_as_text))

    def end(self, file: Path, counts: Counter[str], account: FileAccount, error: UnreadableDeviceFile | None) -> None:
        """Write the counts, the parts in no row, and the reason if the file cannot be read."""
        total = {"file": str(file), "total": counts.total(), **{outcome: counts[outcome] for outcome in _OUTCOMES}}
        why = {"error": error.reason if error else None, "message": str(error) if error else None}
        found, self._found = self._found, _Found()
        beside: dict[str, object] = {
            "reasons": found.reasons,
            "batches": found.batches,
            "is_incomplete": _may_hold_more(account),
            "passed_over": [structs.asdict(kept) for kept in account.passed_over],
            "notes": [structs.asdict(remark) | asdict(FILE_NOTES[remark.note]) for remark in account.remarks],
        }
        print(json.dumps(total | beside | why))


def _check(file: Path, rules: Rules, report: _Report, *, only_row: int | None, with_hash: bool) -> bool:
    """Show the outcome of the rows of a file; returns whether nothing would be rejected or may have been missed."""
    now = datetime.now(UTC)
    counts: Counter[str] = Counter()
    account = FileAccount()
    read = partial(read_device_file, partial(_chunks, file), name=file.name, rules=rules, now=now)
    try:
        findings, found = _findings(lambda known: read(findings=known), rules)
        report.begin(file, found)
        hashes = _hashes(file) if with_hash else None
        for row in read(findings=findings, account=account):
            counts[_outcome(row)] += 1
            contents = next(hashes) if hashes is not None else None
            if only_row in (None, row.row):
                report.row(file, row, contents)
    except UnreadableDeviceFile as error:
        report.end(file, counts, account, error)
        return False
    except OSError as error:
        print(f"{file} cannot be read: {error.strerror or error}", file=sys.stderr)
        return False
    report.end(file, counts, account, None)
    return not counts["rejected"] and not _may_hold_more(account)


def sends_nothing(file: Path, rules: Rules) -> bool:
    """Whether not one row of the file would be sent."""
    read = partial(read_device_file, partial(_chunks, file), name=file.name, rules=rules, now=datetime.now(UTC))
    try:
        findings, _ = _findings(lambda known: read(findings=known), rules)
        return all(row.device is None for row in read(findings=findings))
    except UnreadableDeviceFile:
        return True


def show(file: Path, rules: Rules) -> None:
    """Show people what would happen to each row of the file."""
    _check(file, rules, _TextReport(), only_row=None, with_hash=False)


@dataclass(slots=True)
class _Found:
    """The rows of a file, counted."""

    reasons: Counter[RowReason] = field(default_factory=Counter)
    """The rejected rows."""
    batches: Counter[str] = field(default_factory=Counter)
    """The rows that would be sent, by their batch, where group tags name the batches."""

    def add(self, row: CheckedRow, rules: Rules) -> None:
        """Count one row."""
        if _outcome(row) == "rejected" and row.reason is not None:
            self.reasons[row.reason] += 1
        if row.device is not None and rules.batch_by_group_tag and (name := batch_of_tag(row.group_tag)):
            self.batches[name] += 1


def _findings(read: Callable[[Findings | None], Iterator[CheckedRow]], rules: Rules) -> tuple[Findings | None, _Found]:
    """Read to the end without showing anything: a row is shown and counted once its outcome is certain."""
    findings: Findings | None = None
    while True:
        found = _Found()
        try:
            for row in read(findings):
                found.add(row, rules)
        except ReadAgain as again:
            findings = again.findings
        else:
            return findings, found


def _may_hold_more(account: FileAccount) -> bool:
    return any(remark.note is FileNote.MAY_HOLD_DEVICES for remark in account.remarks)


def _places(kept: PassedOver) -> Iterator[str]:
    """The places and first characters of the parts of one kind, as far as they are kept."""
    for place, excerpt in zip(kept.places, kept.excerpts, strict=True):
        yield f"{place}: {excerpt}" if excerpt else place
    if kept.count > len(kept.places):
        yield f"... and {kept.count - len(kept.places)} more"


def _hashes(file: Path) -> Iterator[HashContents | None]:
    """The contents of the hash of each row, including rejected rows."""
    for _, row in device_rows(partial(_chunks, file), name=file.name):
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


def _outcome(row: CheckedRow) -> str:
    if row.device is not None:
        return "send"
    return "duplicate" if row.duplicate_of is not None else "rejected"


def _files_of(path: Path) -> Sequence[Path]:
    """The file itself, or every file of a folder that is neither hidden nor left there by a program or system."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not _is_passed_over(file, path))


def _is_passed_over(file: Path, folder: Path) -> bool:
    is_hidden = file.name.startswith(".")
    return is_hidden or is_system_file(file.relative_to(folder).as_posix(), file.stat().st_size)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
