"""The words, icons and colours with which the page shows states, outcomes and remedies. Pure."""

from dataclasses import dataclass

from shared.reasons import explanation_of
from shared.status.schemas import FileView
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState

OPEN = "open"
"""Stands in the place of an outcome for rows that have none yet."""


@dataclass(frozen=True, slots=True)
class Word:
    """A value of the vocabulary as people see it. `icon` and `tone` are names in macros.html and in status.css."""

    label: str
    icon: str
    tone: str


OUTCOMES: dict[Outcome, Word] = {
    Outcome.REGISTERED: Word("registered", "registered", "registered"),
    Outcome.ALREADY_REGISTERED: Word("already registered", "already_registered", "already_registered"),
    Outcome.FAILED: Word("failed", "failed", "failed"),
    Outcome.REJECTED: Word("rejected", "rejected", "rejected"),
    Outcome.UNKNOWN: Word("unknown", "unknown", "unknown"),
    Outcome.DUPLICATE: Word("duplicate", "duplicate", "duplicate"),
}
"""In the order in which they are shown: registered, then those that need attention, then duplicates."""

OPEN_ROWS = Word("in progress", "open", "open")

FILE_STATES: dict[FileState, Word] = {
    FileState.RECEIVED: Word("reading", "work", "in-progress"),
    FileState.READ: Word("registering", "work", "in-progress"),
    FileState.CLOSING: Word("writing results", "work", "in-progress"),
    FileState.CLOSED: Word("closed", "done", "registered"),
    FileState.REJECTED: Word("rejected", "rejected", "rejected"),
    FileState.GONE: Word("deleted before it was read", "unknown", "duplicate"),
}

MAY_BE_INCOMPLETE = Word("closed, may be incomplete", "attention", "rejected")

SUBMISSION_STATES: dict[SubmissionState, Word] = {
    SubmissionState.PENDING: Word("to be sent", "open", "open"),
    SubmissionState.ACCEPTED: Word("accepted", "work", "in-progress"),
    SubmissionState.FINISHED: Word("finished", "done", "registered"),
    SubmissionState.REFUSED: Word("refused", "failed", "failed"),
    SubmissionState.SPLIT: Word("split", "duplicate", "duplicate"),
}

REMEDIES: dict[Remedy, Word] = {
    Remedy.FIX: Word("fix", "fix", "rejected"),
    Remedy.SEND_AGAIN: Word("send again", "send", "in-progress"),
    Remedy.ASK: Word("needs someone else", "ask", "unknown"),
    Remedy.NOTHING: Word("nothing", "done", "registered"),
}


def file_word(file: FileView) -> Word:
    """The state of a file for people; a closed file that may hold more devices than its rows does not look done."""
    return MAY_BE_INCOMPLETE if file.state is FileState.CLOSED and file.is_incomplete else FILE_STATES[file.state]


def outcome_label(name: str) -> str:
    """An outcome, or `open`, for people."""
    return OPEN_ROWS.label if name == OPEN else OUTCOMES[Outcome(name)].label


def note_meaning(name: str) -> str:
    """The sentence of a note on a row; a note that this version of the app does not know is shown as it is."""
    explanation = explanation_of(name)
    return name if explanation is None else explanation.sentence
