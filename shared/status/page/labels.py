"""The words, icons and colours with which the page shows states, outcomes and remedies. Pure."""

from dataclasses import dataclass

from shared.reasons import explanation_of
from shared.status.schemas import FileView
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState

OPEN = "open"
"""Stands in the place of an outcome for rows that have none yet."""


@dataclass(frozen=True, slots=True)
class Label:
    """A value of the vocabulary as people see it. `icon` and `tone` are names in macros.html and in status.css."""

    text: str
    icon: str
    tone: str


OUTCOMES: dict[Outcome, Label] = {
    Outcome.REGISTERED: Label("registered", "registered", "registered"),
    Outcome.ALREADY_REGISTERED: Label("already registered", "already_registered", "already_registered"),
    Outcome.FAILED: Label("failed", "failed", "failed"),
    Outcome.REJECTED: Label("rejected", "rejected", "rejected"),
    Outcome.UNKNOWN: Label("unknown", "unknown", "unknown"),
    Outcome.DUPLICATE: Label("duplicate", "duplicate", "duplicate"),
}
"""In the order in which they are shown: registered, then those that need attention, then duplicates."""

OPEN_ROWS = Label("in progress", "open", "open")

FILE_STATES: dict[FileState, Label] = {
    FileState.RECEIVED: Label("reading", "work", "in-progress"),
    FileState.READ: Label("registering", "work", "in-progress"),
    FileState.CLOSING: Label("writing results", "work", "in-progress"),
    FileState.CLOSED: Label("closed", "done", "registered"),
    FileState.REJECTED: Label("rejected", "rejected", "rejected"),
    FileState.GONE: Label("deleted before it was read", "unknown", "duplicate"),
}

MAY_BE_INCOMPLETE = Label("closed, may be incomplete", "attention", "rejected")

SUBMISSION_STATES: dict[SubmissionState, Label] = {
    SubmissionState.PENDING: Label("to be sent", "open", "open"),
    SubmissionState.ACCEPTED: Label("accepted", "work", "in-progress"),
    SubmissionState.FINISHED: Label("finished", "done", "registered"),
    SubmissionState.REFUSED: Label("refused", "failed", "failed"),
    SubmissionState.SPLIT: Label("split", "duplicate", "duplicate"),
}

REMEDIES: dict[Remedy, Label] = {
    Remedy.FIX: Label("fix", "fix", "rejected"),
    Remedy.SEND_AGAIN: Label("send again", "send", "in-progress"),
    Remedy.ASK: Label("needs someone else", "ask", "unknown"),
    Remedy.NOTHING: Label("nothing", "done", "registered"),
}


def file_label(file: FileView) -> Label:
    """The state of a file for people; a closed file that may hold more devices than its rows does not look done."""
    return MAY_BE_INCOMPLETE if file.state is FileState.CLOSED and file.is_incomplete else FILE_STATES[file.state]


def outcome_label(name: str) -> str:
    """An outcome, or `open`, for people."""
    return OPEN_ROWS.text if name == OPEN else OUTCOMES[Outcome(name)].text


def note_meaning(name: str) -> str:
    """The sentence of a note on a row; a note that this version of the app does not know is shown as it is."""
    explanation = explanation_of(name)
    return name if explanation is None else explanation.sentence
