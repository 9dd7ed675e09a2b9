"""The pages that people see, as HTML. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from shared.device_files.rows import Column
from shared.device_files.templates import TEMPLATE_WORDS
from shared.pipeline.hold_requests import LONGEST_REASON
from shared.pipeline.intake.uploads import CheckedFile
from shared.pipeline.profiles import LONGEST_PROFILE
from shared.status.authentication import PAGES, Person
from shared.status.http import CURSOR
from shared.status.page import bars, summary
from shared.status.page.labels import FIX_COLUMNS, OPEN, OUTCOMES, outcome_label
from shared.status.page.rendering import rendered
from shared.status.parameters import Yes
from shared.status.presenters import page_address
from shared.status.queries import FILES_ON_A_PAGE, MOST_FILES_ON_A_PAGE
from shared.status.roles import Role, role_to_send
from shared.status.schemas import (
    ActPage,
    DevicePage,
    FileDetails,
    FileNoteView,
    FilePage,
    FileView,
    OutcomePage,
    PassedOverView,
    Standstill,
    StandstillKind,
    UnreadableView,
)
from shared.storage.records import DeviceFile, Upload
from shared.vocabulary import FileOrder, Outcome

LIMITS = (FILES_ON_A_PAGE, 4 * FILES_ON_A_PAGE, MOST_FILES_ON_A_PAGE)
"""The numbers of files that a page of the list can show."""

ROWS = "#rows"

DONE = "done"
"""The parameter that names the change that led to the page of a file."""

MADE = "made"
"""The parameter that names a file made of the file of the page, which the page waits for."""

ACTS = f"{PAGES}/acts"
CUSTOMERS = f"{PAGES}/customers"
DEVICES = f"{PAGES}/devices"
PROFILES = f"{PAGES}/profiles"
HEALTH = f"{PAGES}/health"
DROP = f"{PAGES}/drop"
TEMPLATES = "/api/templates"


@dataclass(frozen=True, slots=True)
class FileListForm:
    """The fields of the form above the list of files; an empty one does not filter."""

    customer: str = ""
    name: str = ""
    attention: str = ""
    state: str = ""
    received_from: str = ""
    received_to: str = ""
    limit: str = ""
    cursor: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether a filter is set."""
        return any((self.customer, self.name, self.attention, self.state, self.received_from, self.received_to))

    @property
    def is_later_page(self) -> bool:
        """Whether newer files are on an earlier page."""
        return bool(self.cursor)

    def address(self, cursor: str | None) -> str:
        """The address of the page with these filters that begins at `cursor`."""
        fields = {
            "customer": self.customer,
            "name": self.name,
            "attention": self.attention,
            "state": self.state,
            "from": self.received_from,
            "to": self.received_to,
            "limit": self.limit,
            CURSOR: cursor,
        }
        return address(PAGES, **fields)


@dataclass(frozen=True, slots=True)
class RowsForm:
    """The filters of the rows of a file; an empty one does not filter."""

    outcome: str = ""
    reason: str = ""
    cursor: str = ""

    @property
    def is_later_page(self) -> bool:
        """Whether earlier rows are on an earlier page."""
        return bool(self.cursor)


class Liveness(StrEnum):
    """Whether a page refreshes itself; status.js knows these values."""

    WORK = "work"
    WAITING = "waiting"
    """Nothing is in progress, but a new file may come."""
    OVER = "over"


class Done(StrEnum):
    """The change that led to this page. It stands in the address, so the page believes it only if the record agrees."""

    SENT_AGAIN = "sent-again"
    FIXED = "fixed"
    ASSIGNED = "assigned"
    ASSIGNING_PROFILE = "assigning-profile"
    WITHDRAWING = "withdrawing"
    HELD = "held"
    GOES_ON = "goes-on"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class AssignForm:
    """The form that sends a file without a customer to one."""

    folder: str | None
    """The folder that names no customer."""
    meant: str
    """The name that was probably meant; empty when none is like it."""
    customers: Sequence[str]


@dataclass(frozen=True, slots=True)
class FixLine:
    """A row to fix: its cells as a person last left them, and why it was not registered."""

    number: int
    source: str
    cells: Mapping[Column, str]
    at_fault: Sequence[Column]
    can_be_edited: bool
    has_hash: bool
    without_hash: bool
    left_out: bool
    reason: str
    fault: str | None
    """Why it would be rejected again as it was edited."""


@dataclass(frozen=True, slots=True)
class FixForm:
    """The grid of rows to fix."""

    columns: Sequence[Column]
    for_all: Mapping[Column, str]
    lines: Sequence[FixLine]
    rows: int
    """The rows to fix of the file that were not sent before; a page shows some of them."""
    sent: int
    """The rows that were changed here and sent before."""
    fixes: int
    """The files that have them."""
    fault: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One line in the table of outcomes by reason."""

    outcome: Outcome
    code: str
    meaning: str
    rows: int
    segments: list[bars.Segment]
    link: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A filter above the rows; the one without an outcome shows all rows."""

    outcome: str
    label: str
    rows: int
    link: str
    is_current: bool


def address(path: str, **parameters: str | None) -> str:
    """`path` with the parameters that are not empty."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def address_when_done(file: DeviceFile, done: Done, made: str | None = None) -> str:
    """The address of the page of a file that says what was just done, and that waits for the file `made` of it."""
    return address(page_address(file.customer_id, file.file_id), **{DONE: done, MADE: made})


def files_page(
    found: FilePage,
    form: FileListForm,
    person: Person,
    customers: Sequence[str] = (),
    fault: str | None = None,
    urgent: FilePage | None = None,
) -> str:
    """The list of files. `customers` are the names that the filter suggests; `fault` says why it was refused.

    `urgent`, on the first page, are the newest of all files that somebody must look at.
    """
    return rendered(
        "files.html",
        of_every_page(person, found.stopped, PAGES)
        | {
            "sections": _sections(found, form, urgent),
            "today": found.today,
            "drift": found.drift,
            "unreadable": _unreadable(found, urgent),
            "form": form,
            "customers": customers,
            "fault": fault,
            "limits": LIMITS,
            "liveness": _liveness_of_list(found, form),
            "announcement": summary.announcement_of_list(found.files),
            "next": form.address(found.next) if found.next else None,
            "links": {"files": PAGES, "drop": DROP, "here": form.address(form.cursor), "first": form.address(None)},
        },
    )


def file_page(
    details: FileDetails,
    rows: OutcomePage,
    form: RowsForm,
    person: Person,
    *,
    done: Done | None = None,
    unreceived: Collection[str] = (),
    assign: AssignForm | None = None,
) -> str:
    """The page of one file, with some of its rows.

    `unreceived` are the files made of it that have not been received yet: the page waits for them.
    """
    file = details.file
    here = file.links.page
    return rendered(
        "file.html",
        of_every_page(person, details.stopped)
        | parts_of_file(details)
        | {
            "announcement": summary.announcement(details),
            "notice": _notice(details, done, is_received=not unreceived),
            "liveness": Liveness.WORK if summary.is_in_progress(details) or unreceived else Liveness.OVER,
            "may_send_rows": person.role >= role_to_send(file.order),
            "may_withdraw": summary.may_withdraw(details),
            "may_assign_profile": summary.may_assign_profile(details),
            "longest_profile": LONGEST_PROFILE,
            "hold": summary.hold_of(details),
            "can_be_held": summary.can_be_held(details),
            "longest_reason": LONGEST_REASON,
            "assign": assign,
            "has_rows": bool(file.counts.total) or not file.is_final,
            "tabs": _tabs(file, form),
            "form": form,
            "rows": rows.outcomes,
            "next": _rows_address(here, form.outcome, form.reason, rows.next) if rows.next else None,
            "links": {
                "files": PAGES,
                "here": _rows_address(here, form.outcome, form.reason, form.cursor).removesuffix(ROWS),
                "customer": address(PAGES, customer=file.customer_id),
                "parent": _sibling(file, file.parent_file_id),
                "again": _sibling(file, details.retry_file_id) if details.retry_file_id not in unreceived else None,
                "fixes": [_sibling(file, fix) for fix in details.fix_file_ids],
                "results": f"{here}/results.csv" if file.links.results_csv else None,
                "results_workbook": f"{here}/results.xlsx" if file.links.results_xlsx else None,
                "to_fix": f"{here}/to_fix.csv" if file.links.to_fix_csv else None,
                "to_fix_workbook": f"{here}/to_fix.xlsx" if file.links.to_fix_xlsx else None,
                "withdrawals": f"{here}/withdrawals.csv" if file.links.withdrawals_csv else None,
                "report": f"{here}/report.html" if file.links.report_html else None,
                "assign": f"{here}/assign",
                "assigned": _assigned(file) if file.assigned_file_id not in unreceived else None,
                "fix": f"{here}/fix",
                "retry": f"{here}/retry",
                "hold": f"{here}/hold",
                "go_on": f"{here}/go_on",
                "stop": f"{here}/stop",
                "withdraw": f"{here}/withdraw",
                "assign_profile": f"{here}/profile",
                "profiles": address(PROFILES, customer=file.customer_id) if file.customer_id else None,
                "all_rows": here + ROWS,
                "first_rows": _rows_address(here, form.outcome, form.reason, None),
                "outcomes": {name: _rows_address(here, name, None, None) for name in OUTCOMES},
            },
        },
    )


def device_page(found: DevicePage, person: Person, *, is_later_page: bool = False) -> str:
    """The rows with one serial number; newer ones may stand on an earlier page."""
    return rendered(
        "serial.html",
        of_every_page(person, found.stopped)
        | {
            "serial": found.serial_number,
            "devices": found.devices,
            "files_not_searched": found.files_not_searched,
            "unreadable": found.unreadable,
            "next": address(PAGES, **{"serial": found.serial_number, CURSOR: found.next}) if found.next else None,
            "links": {
                "files": PAGES,
                "first": address(PAGES, serial=found.serial_number) if is_later_page else None,
            },
        },
    )


def acts_page(found: ActPage, person: Person, *, is_later_page: bool = False) -> str:
    """What people and scripts asked the app to do."""
    return rendered(
        "acts.html",
        of_every_page(person, place=ACTS)
        | {
            "acts": found.acts,
            "unreadable": found.unreadable,
            "next": address(ACTS, **{CURSOR: found.next}) if found.next else None,
            "links": {"files": PAGES, "first": ACTS if is_later_page else None},
        },
    )


def fix_page(details: FileDetails, form: FixForm, person: Person) -> str:
    """The grid in which a person fixes rows."""
    here = f"{details.file.links.page}/fix"
    return rendered(
        "fix.html",
        of_every_page(person, details.stopped)
        | {
            "file": details.file,
            "form": form,
            "columns": [(column, column.name.lower(), FIX_COLUMNS[column]) for column in form.columns],
            "fixes": len(details.fix_file_ids),
            "next": address(here, **{CURSOR: form.next}) if form.next else None,
            "links": {"files": PAGES, "fix": here, "to_fix": f"{details.file.links.page}/to_fix.csv"},
        },
    )


@dataclass(frozen=True, slots=True)
class DropForm:
    """The form in which a person chooses files."""

    customer: str
    batch: str
    order: str
    customers: Sequence[str]
    batches: Sequence[tuple[str, str]]
    """Known batches, each with its customer as people know it."""
    largest_form: int
    """Bytes that the form takes."""
    largest_file: int
    """Bytes of a file that a browser uploads to storage."""
    most_files: int
    fault: str | None = None
    at_fault: str | None = None
    """The field that is at fault."""


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """One chosen file on the page of its check."""

    file: CheckedFile
    notes: Sequence[FileNoteView]
    passed_over: Sequence[PassedOverView]
    link: str | None
    """Its page, once it was sent and received."""
    earlier_link: str | None
    fault: str | None
    """Why it was not sent just now."""


def drop_page(form: DropForm, person: Person) -> str:
    """The form in which a person chooses files, a customer and a batch."""
    templates = [(f"{TEMPLATES}/{name}", text) for name, text in TEMPLATE_WORDS.items()]
    links = {"files": PAGES, "drop": DROP, "uploads": f"{DROP}/uploads"}
    return rendered(
        "drop.html", of_every_page(person, place=DROP) | {"form": form, "templates": templates, "links": links}
    )


def check_page(upload: Upload, parts: Sequence[CheckedPart], customer_name: str | None, person: Person) -> str:
    """What would happen to chosen files, and what became of those that were sent."""
    is_awaited = any(part.file.file.sent_at is not None and part.link is None for part in parts)
    return rendered(
        "check.html",
        of_every_page(person, place=DROP)
        | {
            "upload": upload,
            "parts": parts,
            "customer_name": customer_name,
            "can_send": any(part.file.can_be_sent for part in parts),
            "devices": sum(
                part.file.preview.sends for part in parts if part.file.can_be_sent and part.file.preview is not None
            ),
            "is_cut_short": any(part.file.preview is not None and part.file.preview.is_cut_short for part in parts),
            "are_left": any(part.file.file.sent_at is None for part in parts),
            "liveness": Liveness.WORK if is_awaited else Liveness.OVER,
            "links": {
                "files": PAGES,
                "here": address_of_upload(upload.upload_id),
                "drop": address(
                    DROP,
                    customer=customer_name or upload.customer_id,
                    batch=upload.batch_id,
                    order=None if upload.order is FileOrder.REGISTER else upload.order,
                ),
                "send": f"{DROP}/send",
                "discard": f"{DROP}/discard",
            },
        },
    )


def address_of_upload(upload_id: str) -> str:
    """The address of the check of chosen files."""
    return address(DROP, upload=upload_id)


def withdraw_page(details: FileDetails, person: Person, fault: str | None = None) -> str:
    """The form that confirms a withdrawal; `fault` says what was wrong with the last try."""
    file = details.file
    return rendered(
        "withdraw.html",
        of_every_page(person, details.stopped)
        | {
            "file": file,
            "devices": summary.devices_to_withdraw(details),
            "fault": fault,
            "links": {"files": PAGES, "withdraw": f"{file.links.page}/withdraw"},
        },
    )


def message_page(
    headline: str,
    text: str,
    correlation_id: str,
    back: str,
    back_text: str,
) -> str:
    """A page with one message: what happened and what to do."""
    return rendered(
        "message.html",
        of_every_page(Person())
        | {
            "headline": headline,
            "text": text,
            "back": back,
            "back_text": back_text,
            "correlation_id": correlation_id,
            "links": {"files": PAGES},
        },
    )


def of_every_page(person: Person, stopped: Sequence[Standstill] = (), place: str | None = None) -> dict[str, Any]:
    """The values of every page.

    `place` is the address in the navigation under which the page stands; None for a page below one of these.
    """
    return {
        "place": place,
        "stopped": stopped,
        "person": person.name,
        "may_send": person.role >= Role.SEND,
        "may_manage": person.role >= Role.MANAGE,
        "navigation": [(word, place) for word, place, role in _NAVIGATION if person.role >= role],
        "liveness": Liveness.OVER,
        "serial": None,
    }


_NAVIGATION = (
    ("Files", PAGES, Role.SEE),
    ("Drop files", DROP, Role.SEND),
    ("Customers", CUSTOMERS, Role.SEE),
    ("Activity", ACTS, Role.SEE),
    ("Health", HEALTH, Role.MANAGE),
)
"""The words and addresses of the links at the top of every page, and the role that each takes."""


def _rows_address(page: str, outcome: str | None, reason: str | None, cursor: str | None) -> str:
    return address(page, **{"outcome": outcome, "reason": reason, CURSOR: cursor}) + ROWS


def _liveness_of_list(found: FilePage, form: FileListForm) -> Liveness:
    if any(not file.is_final for file in found.files):
        return Liveness.WORK
    return Liveness.OVER if form.is_later_page else Liveness.WAITING


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the list of files."""

    anchor: str
    title: str
    files: Sequence[FileView]
    more: str | None = None
    """The address of the files that somebody must look at and that are not shown."""


def _sections(found: FilePage, form: FileListForm, urgent: FilePage | None) -> list[Section]:
    """The files that somebody must look at, of the whole list, then the others; each newest first, none of them empty.

    A later page has no part of its own for them: they stand on the first page.
    """
    if form.is_later_page and not form.attention:
        return [Section("others", "Older files", found.files)] if found.files else []
    first = found if urgent is None else urgent
    to_look_at = [file for file in first.files if file.needs_attention]
    more = None if urgent is None or urgent.next is None else replace(form, attention=Yes.YES).address(urgent.next)
    title = "Needs attention" if to_look_at else "Of the newest files none needs attention"
    is_calm = not (to_look_at or form.is_narrow or more or found.drift)
    others = "Nothing needs attention" if is_calm else "In progress and done"
    sections = [
        Section("urgent", title, to_look_at, more),
        Section("others", others, [file for file in found.files if not file.needs_attention]),
    ]
    return [section for section in sections if section.files or section.more]


def _unreadable(found: FilePage, urgent: FilePage | None) -> list[UnreadableView]:
    """The records that cannot be read, each once."""
    further = () if urgent is None else urgent.unreadable
    return [*found.unreadable, *(record for record in further if record not in found.unreadable)]


def _notice(details: FileDetails, done: Done | None, *, is_received: bool) -> str | None:
    """What was just done, as far as it is so: an address may be opened again later, or written by hand.

    `is_received`: whether the files made of this one were all received.
    """
    when = "a new file" if is_received else "a new file, which is received within a minute"
    if done is Done.SENT_AGAIN and details.retry_file_id is not None:
        return f"The rows {'were' if is_received else 'are being'} sent again as {when}."
    if done is Done.ASSIGNED and details.file.assigned_file_id is not None:
        return f"The file {'was' if is_received else 'is being'} sent to the customer, as {when}."
    if done is Done.FIXED and (details.fix_file_ids or not is_received):
        return f"The fixed rows {'were' if is_received else 'are being'} sent as {when}."
    if done is Done.HELD and summary.hold_of(details) is StandstillKind.HELD:
        return "Nothing more of the file is sent until somebody lets it go on."
    if done is Done.GOES_ON and summary.hold_of(details) is None:
        return "The file goes on."
    if done is Done.STOPPED and summary.hold_of(details) is StandstillKind.STOPPED:
        return "The file is stopped: nothing more of it is sent."
    if done is Done.ASSIGNING_PROFILE and details.assigning_profile is not None:
        return "The profile is being assigned; this page shows when that is done."
    if done is Done.WITHDRAWING and details.withdrawal is not None:
        return "The devices are being deregistered, one after another."
    return None


def _sibling(file: FileView, file_id: str | None) -> str | None:
    """The page of another file of the same customer."""
    return None if file_id is None else f"{file.links.page.rpartition('/')[0]}/{quote(file_id, safe='')}"


def _assigned(file: FileView) -> str | None:
    """The page of the file as which it was sent to a customer."""
    return None if file.assigned_file_id is None else page_address(file.assigned_customer_id, file.assigned_file_id)


def _tabs(file: FileView, form: RowsForm) -> list[Tab]:
    ended = [(name, number) for name, number in bars.by_outcome(file.counts) if name != OPEN]
    every = Tab("", "all", sum(number for _, number in ended), file.links.page + ROWS, not form.outcome)
    return [
        every,
        *(
            Tab(
                name,
                outcome_label(name),
                number,
                _rows_address(file.links.page, name, None, None),
                name == form.outcome,
            )
            for name, number in ended
        ),
    ]


def parts_of_file(details: FileDetails) -> dict[str, Any]:
    """The values of file.html that report.html shows too."""
    warnings = summary.warnings(details)
    return {
        "details": details,
        "file": details.file,
        "summary": summary.summarize(details),
        "warnings": warnings,
        "notes": [note for note in details.notes if note not in warnings],
        "reasons": _reason_lines(details),
    }


def _reason_lines(details: FileDetails) -> list[ReasonLine]:
    """The table of outcomes by reason; the longest bar is that of the most rows."""
    most = max((reason.rows for reason in details.reasons), default=0)
    return [
        ReasonLine(
            outcome=reason.outcome,
            code=" ".join(filter(None, (reason.reason, reason.name))),
            meaning=summary.meaning(reason),
            rows=reason.rows,
            segments=[bars.Segment(reason.outcome, 0, bars.share(reason.rows, most))],
            link=_rows_address(details.file.links.page, reason.outcome, reason.reason, None),
        )
        for reason in details.reasons
    ]
