"""How records are shown: counts that add up, a time line in its order, links that lead where they say."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.presenters import Progress, file_links, file_view, reason_counts, submission_view, time_line
from shared.storage.records import Counts, DeviceFile, ReasonTally, Submission
from shared.vocabulary import FileState, Outcome, SubmissionState
from tests.pipeline.world import CUSTOMER, START


def device_file(state: FileState = FileState.READ, **fields: object) -> DeviceFile:
    required = {"file_id": "f", "path": "p", "etag": "e", "name": "n", "size": 1, "received_at": START, "due_at": START}
    return DeviceFile(**(required | {"state": state, "devices_per_submission": 500} | fields))  # type: ignore[arg-type]


def submission(state: SubmissionState, devices: int = 500, **fields: object) -> Submission:
    required = {
        "file_id": "f",
        "reading_id": "f.1",
        "number": "1",
        "customer_id": CUSTOMER,
        "batch_id": "Test",
        "payload": "p",
        "rows": "r",
        "first_row": 1,
        "last_row": devices,
        "payload_digest": "d",
        "due_at": START,
    }
    return Submission(**(required | {"state": state, "devices": devices} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("state", FileState)
def test_while_sending_stands_still_somebody_must_look_at_the_files_that_are_being_sent(state: FileState) -> None:
    file = device_file(state)
    views = [file_view(file, Progress.of(file, []), is_stopped=is_stopped) for is_stopped in (False, True)]
    needs = [view.needs_attention for view in views]
    assert needs == [state is FileState.REJECTED, state in (FileState.REJECTED, FileState.READ)]


def test_an_open_file_counts_what_ended_when_it_was_read_and_what_ended_since() -> None:
    file = device_file(read_counts=Counts(total=1_010, rejected=7, duplicate=3))
    submissions = [
        submission(SubmissionState.SPLIT),
        submission(SubmissionState.FINISHED, 250, counts=Counts(registered=240, failed=10)),
        submission(SubmissionState.REFUSED, 250, counts=Counts(failed=250)),
        submission(SubmissionState.ACCEPTED, 500),
    ]
    view = file_view(file, Progress.of(file, submissions))
    assert (view.submissions, view.submissions_final) == (3, 2)
    counts = view.counts
    assert (counts.registered, counts.failed, counts.rejected, counts.duplicate, counts.open) == (240, 260, 7, 3, 500)
    assert counts.total == 1_010


def test_what_happened_within_one_second_stands_in_the_order_of_the_way() -> None:
    second = START + timedelta(seconds=5)
    file = device_file(
        FileState.CLOSED,
        closed_at=second + timedelta(microseconds=900),
        history=(f"{START:%Y-%m-%d %H:%M:%S} Received.", f"{second:%Y-%m-%d %H:%M:%S} Closed.", "no time at all"),
    )
    finished = submission(
        SubmissionState.FINISHED,
        first_sent_at=START + timedelta(microseconds=3),
        accepted_at=START + timedelta(seconds=1),
        history=(f"{second:%Y-%m-%d %H:%M:%S} All have a verdict.",),
    )
    what = [entry.what.split()[0:4] for entry in time_line(file, [submission_view(finished)])]
    assert what == [
        ["Received."],
        ["Submission", "1", "was", "sent:"],
        ["Submission", "1", "was", "accepted."],
        ["Submission", "1", "ended", "(finished)."],
        ["Closed."],
    ]


def test_a_file_whose_whole_life_lay_in_one_second_was_received_first_and_closed_last() -> None:
    second = f"{START:%Y-%m-%d %H:%M:%S}"
    history = tuple(f"{second} {what}" for what in ("Received.", "Read.", "Closed."))
    file = device_file(FileState.CLOSED, closed_at=START, history=history)
    finished = submission(SubmissionState.FINISHED, first_sent_at=START, history=(f"{second} All are there.",))
    what = [entry.what for entry in time_line(file, [submission_view(finished)])]
    assert (what[:2], what[-1], len(what)) == (["Received.", "Read."], "Closed.", 5)


def test_a_submission_that_is_open_says_when_it_is_polled_next() -> None:
    assert submission_view(submission(SubmissionState.ACCEPTED)).next_poll_at == START
    assert submission_view(submission(SubmissionState.FINISHED)).next_poll_at is None


def test_links_hold_any_name_and_only_what_there_is() -> None:
    still_open = file_links(None, "a/b?c", FileState.READ, "x#y")
    assert still_open.file == "/api/files/_/a%2Fb%3Fc"
    assert still_open.parent == "/api/files/_/x%23y"
    assert still_open.results_csv == "/api/files/_/a%2Fb%3Fc/results.csv", "the rows so far"
    assert still_open.report_html is None
    assert file_links(CUSTOMER, "f", FileState.RECEIVED, None).results_csv is None
    assert file_links(CUSTOMER, "f", FileState.CLOSED, None).results_csv == f"/api/files/{CUSTOMER}/f/results.csv"


@given(st.dictionaries(st.sampled_from(Outcome), st.integers(1, 1_000)), st.data())
def test_reasons_add_up_to_the_counts_whatever_is_known_of_them(ended: dict[Outcome, int], data: st.DataObject) -> None:
    tallies = [
        ReasonTally(outcome=outcome, reason="known", rows=data.draw(st.integers(1, rows)))
        for outcome, rows in ended.items()
        if data.draw(st.booleans())
    ]
    counts = Counts(total=sum(ended.values()), **{str(outcome): rows for outcome, rows in ended.items()})
    file = device_file(FileState.CLOSED, closed_counts=counts)
    shown = reason_counts(tallies, file_view(file, Progress.of(file, [])).counts)
    for outcome in Outcome:
        assert sum(reason.rows for reason in shown if reason.outcome is outcome) == ended.get(outcome, 0)
    assert [reason.rows for reason in shown] == sorted((reason.rows for reason in shown), reverse=True)
