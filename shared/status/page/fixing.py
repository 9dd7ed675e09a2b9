"""The page on which a person fixes rows of a file: a grid of cells, each row with its reason, without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

import azure.functions as func

from shared.device_files.cells import in_one_line
from shared.device_files.rows import Column
from shared.pipeline.blob_names import file_id
from shared.pipeline.corrections import fix_rows
from shared.pipeline.corrections.closed_file import CopyExpired
from shared.pipeline.corrections.fix_rows import Edit, Edits, FixedRow, NotFixableHere, NothingChanged, RowToFix
from shared.pipeline.human_acts import note_act, subject_of
from shared.pipeline.intake.preview import Fate, Preview
from shared.reasons import REASONS, RowReason
from shared.status import queries
from shared.status.authentication import refuse_all_but_own_page, refuse_without
from shared.status.http import Refusal, body_of
from shared.status.page import form_parameters, pages
from shared.status.page.answers import Visit, html_answer, redirect
from shared.status.page.pages import Done, FixForm, FixLine
from shared.status.paging import RowPosition, cursor, position_in
from shared.status.roles import role_to_send
from shared.status.schemas import ErrorCode
from shared.storage.records import DeviceFile
from shared.vocabulary import ActKind, FileState, counted

ROWS_ON_A_PAGE = 50

LARGEST_FORM = 512 * 1024
"""Bytes: a hundred rows of five cells, each as long as a cell may be and half of it escaped."""

_LEFT_OUT, _WITHOUT_HASH, _FOR_ALL = "left_out", "without_hash", "all"

FIXES = "fixes"
"""The field with the number of files with fixed rows that there were when the form was shown."""

ROWS = "rows"
"""The field with the number of rows to fix that there were then."""

_MORE_ROWS = (
    "Nothing was sent: since this page was opened, more rows of the file came to be fixed, and the values for all rows "
    "go into them too. Open the page anew to see them, or send once more as it is."
)

_NOTHING_TO_FIX = "No row of this file is to be fixed."
_ALL_SENT = (
    "All rows to fix of this file were changed here and sent before. Its page names the files that have them: rows of "
    "those that are still wrong are fixed on their pages. Those that were withdrawn are sent again with to_fix.xlsx: "
    "fix them there and drop that file."
)
_STILL_READ = "The rows of this file are still being read. Try again in a moment."


def show_rows(visit: Visit) -> func.HttpResponse:
    """GET status/{customer_id}/{file_id}/fix."""
    file, rows = _rows_of(visit)
    fixes = fix_rows.fixes_of(visit.pipeline, file)
    rows = fix_rows.with_rows_sent(visit.pipeline, rows, fixes)
    if all(row.was_sent for row in rows):
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, _ALL_SENT)
    return html_answer(_page(visit, file, _Grid(rows, len(fixes)), Edits(), {}))


def send_rows(visit: Visit) -> func.HttpResponse:
    """POST status/{customer_id}/{file_id}/fix: send the changed rows, or show why one of them would be rejected."""
    refuse_all_but_own_page(visit.request, visit.pipeline.settings.page_url)
    refuse_without(role_to_send(visit.file.order), visit.person)
    body_of(visit.request, LARGEST_FORM)
    file, rows = _rows_of(visit)
    edits = edits_in(visit.request.form, rows, _columns(file))
    grid, changed = _changed(visit, file, rows, edits)
    if edits.for_all and visit.request.form.get(ROWS, str(len(rows))) != str(len(rows)):
        return html_answer(_page(visit, file, grid, edits, {}, _MORE_ROWS), HTTPStatus.CONFLICT)
    try:
        found = fix_rows.what_would_happen(visit.pipeline, file, changed, visit.pipeline.clock())
        if faults := _faults(changed, found):
            fault = _refused(max(len(faults), found.fates.get(Fate.REJECTED, 0)))
            return html_answer(_page(visit, file, grid, edits, faults, fault), HTTPStatus.BAD_REQUEST)
        if changed:
            note_act(visit.pipeline, visit.asker, ActKind.FIX, subject_of(file), counted(len(changed), "row"))
        path = fix_rows.send_fixed(visit.pipeline, file, changed, visit.person.name)
    except NothingChanged as error:
        return html_answer(_page(visit, file, grid, edits, {}, str(error)), HTTPStatus.BAD_REQUEST)
    except NotFixableHere as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    made = visit.pipeline.drop.version(path)
    return redirect(pages.address_when_done(file, Done.FIXED, file_id(path, made.etag) if made else None))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The rows to fix, and how many files had fixed rows when they were found."""

    rows: Sequence[RowToFix]
    fixes: int


def _changed(
    visit: Visit, file: DeviceFile, rows: Sequence[RowToFix], edits: Edits
) -> tuple[_Grid, Sequence[FixedRow]]:
    """The rows that a form changes.

    They are read first as they were when the form was shown, so that the same form once more is the same file.
    """
    pipeline, fixes = visit.pipeline, fix_rows.fixes_of(visit.pipeline, file)
    text = visit.request.form.get(FIXES, "")
    then = fixes[: int(text)] if text in map(str, range(len(fixes))) else fixes
    marked = fix_rows.with_rows_sent(pipeline, rows, then)
    changed = fix_rows.changed_rows(marked, edits)
    if len(then) < len(fixes) and not fix_rows.is_sent(pipeline, file, changed, fixes):
        marked = fix_rows.with_rows_sent(pipeline, rows, fixes)
        changed = fix_rows.changed_rows(marked, edits)
    return _Grid(marked, len(fixes)), changed


def _columns(file: DeviceFile) -> Sequence[Column]:
    """The columns of the grid. In a batch folder the group tag changes nothing."""
    return fix_rows.EDITABLE if file.batch_id is None else fix_rows.EDITABLE[:-1]


def edits_in(form: Mapping[str, str], rows: Sequence[RowToFix], columns: Sequence[Column]) -> Edits:
    """The edits in a form of these columns; a row of which the form has no cell stays as it is. Pure."""
    for_all = {
        column: value for column in fix_rows.FOR_ALL if column in columns and (value := _cell(form, _FOR_ALL, column))
    }
    return Edits({row.outcome.row: _edit(form, row.outcome.row, columns) for row in rows}, for_all)


def _edit(form: Mapping[str, str], number: int, columns: Sequence[Column]) -> Edit:
    cells = {column: _cell(form, number, column) for column in columns}
    return Edit(
        cells={column: cell for column, cell in cells.items() if cell is not None},
        without_hash=field_name(number, _WITHOUT_HASH) in form,
        left_out=field_name(number, _LEFT_OUT) in form,
    )


def _cell(form: Mapping[str, str], row: int | str, column: Column) -> str | None:
    value = form.get(field_name(row, column.name.lower()))
    return None if value is None else in_one_line(value)


def field_name(row: int | str, name: str) -> str:
    """The name of a field of the form: of one row, or of all rows."""
    return f"{row}.{name}"


def _rows_of(visit: Visit) -> tuple[DeviceFile, list[RowToFix]]:
    """The file of the address and its rows to fix. Raises Refusal."""
    file = visit.file
    if file.state is FileState.RECEIVED:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, _STILL_READ)
    try:
        rows = fix_rows.rows_to_fix(visit.pipeline, file)
    except NotFixableHere as error:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, str(error)) from error
    except CopyExpired as error:
        raise Refusal(HTTPStatus.GONE, ErrorCode.GONE, str(error)) from error
    if not rows:
        raise Refusal(HTTPStatus.CONFLICT, ErrorCode.CONFLICT, _NOTHING_TO_FIX)
    return file, rows


def _faults(changed: Sequence[FixedRow], found: Preview) -> dict[int, str]:
    """Why changed rows would be rejected, by the number of the row in its file: of many, of the first ones."""
    if found.fault is not None:
        return {row.original.outcome.row: found.fault.sentence for row in changed}
    reasons = {row.source: row.reason for row in found.rejected if row.reason is not None}
    lines = {row.original.outcome.row: f"line {number}" for number, row in enumerate(changed, 2)}
    # An empty line is no row, and so would be lost without a word.
    why = {
        row.original.outcome.row: RowReason.NO_IDENTITY
        if row.is_empty
        else reasons.get(lines[row.original.outcome.row])
        for row in changed
    }
    return {number: REASONS[reason].text for number, reason in why.items() if reason is not None}


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows that one page shows."""

    rows: Sequence[RowToFix]
    next: str | None


def _part(visit: Visit, rows: Sequence[RowToFix], edits: Edits, faults: Mapping[int, str]) -> _Part:
    """The rows of the page that the address names; after a refusal, those of the form, and others that are at fault."""
    typed = {number for number, edit in edits.by_row.items() if edit != Edit()}
    if again := typed.union(islice(faults, ROWS_ON_A_PAGE)):
        return _Part([row for row in rows if row.outcome.row in again], None)
    page = form_parameters.cursor(visit.request.params)
    after = position_in(page, RowPosition).row if page else 0
    behind = [row for row in rows if row.outcome.row > after and not row.was_sent]
    shown = behind[:ROWS_ON_A_PAGE]
    return _Part(shown, cursor(RowPosition(shown[-1].outcome.row)) if len(behind) > len(shown) > 0 else None)


def _page(
    visit: Visit,
    file: DeviceFile,
    grid: _Grid,
    edits: Edits,
    faults: Mapping[int, str],
    fault: str | None = None,
) -> str:
    part = _part(visit, grid.rows, edits, faults)
    columns = _columns(file)
    form = FixForm(
        columns=columns,
        for_all={column: edits.for_all.get(column, "") for column in fix_rows.FOR_ALL if column in columns},
        lines=[_line(row, edits.by_row.get(row.outcome.row, Edit()), faults) for row in part.rows],
        rows=sum(not row.was_sent for row in grid.rows),
        sent=sum(row.was_sent for row in grid.rows),
        fixes=grid.fixes,
        fault=fault,
        next=part.next,
    )
    return pages.fix_page(queries.details(visit.pipeline, file), form, visit.person)


def _refused(rows: int) -> str:
    them = "it" if rows == 1 else "them"
    return (
        f"Nothing was sent: {counted(rows, 'row')} would be rejected again. Correct {them} below, or leave {them} out."
    )


def _line(row: RowToFix, edit: Edit, faults: Mapping[int, str]) -> FixLine:
    number = row.outcome.row
    return FixLine(
        number=number,
        source=row.outcome.source,
        cells={**row.cells, **edit.cells},
        at_fault=tuple(fix_rows.cells_at_fault(row)),
        can_be_edited=row.has_fields,
        has_hash=bool(row.row.hardware_hash),
        without_hash=edit.without_hash,
        left_out=edit.left_out,
        reason=" ".join(filter(None, (row.outcome.error_description, row.outcome.what_to_do))),
        fault=faults.get(number),
    )
