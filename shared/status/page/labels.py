"""The words, icons and tones in which the page speaks of files and rows. Pure."""

from dataclasses import dataclass

from shared.reasons import explanation_of
from shared.status.schemas import FileView
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState

OPEN = "open"
"""Stands beside the outcomes for rows that have none yet."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the vocabulary as people see it. `icon` and `tone` are names in the templates and in status.css."""

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
"""In the order in which they are shown: the good ones, the ones that ask for something, the rest."""

OPEN_ROWS = Word("at work", "open", "open")

FILE_STATES: dict[FileState, Word] = {
    FileState.RECEIVED: Word("reading", "work", "at-work"),
    FileState.READ: Word("registering", "work", "at-work"),
    FileState.CLOSING: Word("writing results", "work", "at-work"),
    FileState.CLOSED: Word("closed", "done", "registered"),
    FileState.REJECTED: Word("rejected", "rejected", "rejected"),
    FileState.GONE: Word("gone", "unknown", "duplicate"),
}

MAY_BE_INCOMPLETE = Word("closed, may be incomplete", "attention", "rejected")

SUBMISSION_STATES: dict[SubmissionState, Word] = {
    SubmissionState.PENDING: Word("to be sent", "open", "open"),
    SubmissionState.ACCEPTED: Word("accepted", "work", "at-work"),
    SubmissionState.FINISHED: Word("finished", "done", "registered"),
    SubmissionState.REFUSED: Word("refused", "failed", "failed"),
    SubmissionState.SPLIT: Word("split", "duplicate", "duplicate"),
}

REMEDIES: dict[Remedy, Word] = {
    Remedy.FIX: Word("fix", "fix", "rejected"),
    Remedy.SEND_AGAIN: Word("send again", "send", "at-work"),
    Remedy.ASK: Word("ask", "ask", "unknown"),
    Remedy.NOTHING: Word("nothing", "done", "registered"),
}


def file_word(file: FileView) -> Word:
    """The state of a file for people; one that may hold more devices than its rows does not look done."""
    return MAY_BE_INCOMPLETE if file.state is FileState.CLOSED and file.is_incomplete else FILE_STATES[file.state]


def outcome_label(name: str) -> str:
    """An outcome, or `open`, for people."""
    return OPEN_ROWS.label if name == OPEN else OUTCOMES[Outcome(name)].label


def note_meaning(name: str) -> str:
    """A note on a row for people; a note of another version of the app stands as it is."""
    explanation = explanation_of(name)
    return name if explanation is None else explanation.sentence
