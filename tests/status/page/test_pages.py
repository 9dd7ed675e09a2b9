"""The text of the pages, without a browser."""

from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from msgspec.structs import replace

from shared.status.authentication import Person
from shared.status.names import CustomerNames
from shared.status.page import pages, rendering, static_files, summary
from shared.status.page.form_parameters import file_filter, file_limit, file_list_form, outcome_filter, rows_form
from shared.status.presenters import file_links
from shared.status.schemas import (
    FileDetails,
    FilePage,
    FileView,
    OutcomeCounts,
    OutcomePage,
    ReasonCount,
    WithdrawalView,
)
from shared.storage.customers import Customer
from shared.vocabulary import FileState, Outcome, WithdrawalState
from tests.pipeline.world import CUSTOMER

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FILE_ID = "5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51"
WITHDRAWAL = WithdrawalView(
    state=WithdrawalState.FINISHED,
    asked_at=NOW,
    finished_at=NOW,
    total=3,
    withdrawn=1,
    already_gone=1,
    refused=1,
    last_answer=None,
)


def details(state: FileState = FileState.CLOSED, **counts: int) -> FileDetails:
    reasons = [
        ReasonCount(outcome=Outcome(name), reason="", rows=rows)
        for name, rows in counts.items()
        if name in list(Outcome)
    ]
    file = FileView(
        file_id=FILE_ID,
        customer_id=CUSTOMER,
        customer_name=None,
        batch_id="Sales",
        name="devices.csv",
        path=f"{CUSTOMER}/Sales/devices.csv",
        state=state,
        is_final=state.is_final,
        reason=None,
        received_at=NOW,
        closed_at=None,
        size=10,
        counts=OutcomeCounts(total=sum(counts.values()), **counts),
        submissions=2,
        submissions_final=1,
        parent_file_id=None,
        links=file_links(CUSTOMER, FILE_ID, state, None),
    )
    return FileDetails(
        file=file,
        what_happened=None,
        time_line=[],
        submissions=[],
        submissions_left_out=0,
        reasons=reasons,
        retry_file_id=None,
        withdrawal=None,
    )


@pytest.mark.parametrize(
    ("counts", "headline"),
    [
        ({"registered": 1}, "The device is registered"),
        ({"registered": 12}, "All 12 devices are registered"),
        ({"already_registered": 2}, "All 2 devices were already registered"),
        ({"registered": 9, "already_registered": 3}, "All 12 devices are registered, 3 of them from before"),
        ({"registered": 1, "failed": 1}, "1 of 2 devices is registered; 1 is not"),
        ({"registered": 2_000, "rejected": 3, "unknown": 4}, "2,000 of 2,007 devices are registered; 7 are not"),
        ({"duplicate": 2}, "There was nothing to register"),
    ],
)
def test_a_closed_file_says_in_one_line_how_it_ended(counts: dict[str, int], headline: str) -> None:
    assert summary.summarize(details(FileState.CLOSED, **counts)).headline == headline


def test_a_file_at_work_says_how_far_it_is_and_that_nobody_needs_to_do_anything() -> None:
    told = summary.summarize(details(FileState.READ, registered=300, open=700))
    assert told.headline == "300 of 1,000 rows have their outcome"
    assert told.sentences == (
        "1 of 2 submissions to Partner Center are done.",
        "There is nothing to do: it continues by itself.",
    )
    assert summary.summarize(details(FileState.RECEIVED)).headline == "Its rows are being read"


def test_what_can_be_done_is_said_by_kind_of_remedy() -> None:
    found = replace(
        details(registered=1, failed=6),
        reasons=[
            ReasonCount(outcome=Outcome.REJECTED, reason="serial_alone", rows=2),
            ReasonCount(outcome=Outcome.FAILED, reason="808", rows=3),
            ReasonCount(outcome=Outcome.FAILED, reason="StorageError", rows=1),
            ReasonCount(outcome=Outcome.UNKNOWN, reason="no_verdict", rows=4),
        ],
    )
    told = summary.summarize(found)
    assert [todo.title for todo in told.todos] == ["Fix 2 rows.", "Send 5 rows again.", "3 rows need someone else."]
    assert (told.rows_to_fix, told.rows_to_send_again) == (2, 5)


def test_rows_that_were_sent_again_are_not_asked_for_once_more() -> None:
    found = replace(details(registered=1, unknown=4), retry_file_id=FILE_ID)
    assert summary.summarize(found).rows_to_send_again == 0


def test_what_is_said_aloud_changes_at_each_tenth_of_the_way() -> None:
    said = [
        summary.announcement(details(FileState.READ, registered=ended, open=1_000 - ended))
        for ended in range(0, 1_000, 7)
    ]
    assert len(set(said)) == 10
    assert summary.announcement(details(registered=12)) == "All 12 devices are registered."


def test_a_withdrawal_says_how_far_it_is_and_what_was_refused_may_be_tried_again() -> None:
    found = replace(details(registered=3), withdrawal=WITHDRAWAL)
    said = summary.withdrawn(WITHDRAWAL)
    assert said == "The file was withdrawn: 2 of 3 devices deregistered, 1 refused by Partner Center."
    assert summary.may_withdraw(found)
    assert summary.devices_to_withdraw(found) == 1
    assert not summary.is_in_progress(found)
    under_way = replace(found, withdrawal=replace(WITHDRAWAL, state=WithdrawalState.UNDER_WAY))
    assert summary.is_in_progress(under_way)
    assert not summary.may_withdraw(under_way)
    assert not summary.may_withdraw(details(already_registered=3))


@pytest.mark.parametrize(
    ("outcome", "reason"), [(outcome, "") for outcome in Outcome] + [(Outcome.REJECTED, "new_word")]
)
def test_every_reason_is_shown_even_one_that_is_not_known(outcome: Outcome, reason: str) -> None:
    summary.meaning(ReasonCount(outcome=outcome, reason=reason, rows=1))


def test_a_value_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendering.rendered("message.html", {})


def test_every_value_is_escaped_and_made_visible() -> None:
    found = details(registered=1)
    hostile = replace(found, file=replace(found.file, name="<b>&\x1b\u202e"))
    shown = pages.file_page(hostile, OutcomePage(file_id=FILE_ID, outcomes=[], next=None), pages.RowsForm(), Person())
    assert "<h1><bdi>&lt;b&gt;&amp;\u241b[U+202E]</bdi></h1>" in shown
    assert "<b>" not in shown


def test_addresses_of_the_list_keep_its_filters() -> None:
    form = file_list_form({"customer": "Büro & Co", "state": "closed", "from": "2026-11-01", "to": "", "next": "x"})
    shown = pages.files_page(FilePage(files=[], next="a b"), form, Person())
    assert "/api/status?customer=B%C3%BCro+%26+Co&amp;state=closed&amp;from=2026-11-01&amp;next=a+b" in shown
    assert form.is_narrow
    assert form.is_later_page


def test_the_fields_of_the_list_are_the_question_that_is_asked() -> None:
    form = file_list_form({"customer": " contoso ", "state": "read", "from": "2026-11-01", "to": "2026-11-30"})
    contoso = Customer(name="Contoso", customer_id=CUSTOMER, added_at=datetime(2026, 11, 1, tzinfo=UTC))
    wanted = file_filter(form, CustomerNames.of([contoso]))
    assert wanted.customer_id == CUSTOMER
    assert wanted.state is FileState.READ
    assert wanted.received_from == datetime(2026, 11, 1, tzinfo=UTC)
    assert wanted.received_before == datetime(2026, 12, 1, tzinfo=UTC), "the last day counts as well"
    assert file_limit(form) == 50
    assert file_limit(file_list_form({"limit": "1000"})) == 1_000
    assert outcome_filter(rows_form({"outcome": "failed", "reason": "808"})).equals == {
        "outcome": "failed",
        "error_code": "808",
    }


def test_templates_and_static_files_are_part_of_what_is_deployed() -> None:
    ignored = (ROOT / ".funcignore").read_text(encoding="utf-8").split()
    for folder in (static_files.STATIC, rendering.TEMPLATES):
        assert any(folder.iterdir())
        for part in folder.relative_to(ROOT).parts:
            assert not any(fnmatch(part, pattern) for pattern in ignored), part
