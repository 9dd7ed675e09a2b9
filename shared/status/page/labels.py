"""The words, icons and colours with which the page shows states, outcomes and remedies. Pure."""

from dataclasses import dataclass

from shared.reasons import explanation_of
from shared.status.schemas import FileView, StandstillKind, WithdrawalView
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState, WithdrawalResult, WithdrawalState

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

WITHDRAWN = Label("withdrawn", "undo", "duplicate")
BEING_WITHDRAWN = Label("being withdrawn", "undo", "in-progress")
PARTLY_WITHDRAWN = Label("withdrawn in part", "attention", "rejected")
PARTLY_REGISTERED = Label("closed, partly registered", "attention", "rejected")
NONE_REGISTERED = Label("closed, nothing registered", "attention", "failed")
NOTHING_TO_REGISTER = Label("closed, nothing to register", "done", "duplicate")

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
    """The state of a file for people; a closed file looks done only if every device of it is registered."""
    if file.state is not FileState.CLOSED:
        return FILE_STATES[file.state]
    if file.withdrawal is not None:
        return _withdrawal_label(file.withdrawal)
    if file.not_registered > 0:
        return PARTLY_REGISTERED if file.well_registered else NONE_REGISTERED
    if file.is_incomplete:
        return MAY_BE_INCOMPLETE
    return NOTHING_TO_REGISTER if file.counts.total and not file.well_registered else FILE_STATES[FileState.CLOSED]


def _withdrawal_label(withdrawal: WithdrawalView) -> Label:
    if withdrawal.state is WithdrawalState.UNDER_WAY:
        return BEING_WITHDRAWN
    return PARTLY_WITHDRAWN if withdrawal.refused else WITHDRAWN


def outcome_label(name: str) -> str:
    """An outcome, or `open`, for people."""
    return OPEN_ROWS.text if name == OPEN else OUTCOMES[Outcome(name)].text


STANDSTILLS: dict[StandstillKind, str] = {
    StandstillKind.PAUSED: "Sending is paused",
    StandstillKind.SIGN_IN_REFUSED: "Everything stands still: the sign-in to Partner Center is refused",
    StandstillKind.NOT_ALLOWED: "Sending stands still: Partner Center does not allow it",
    StandstillKind.THROTTLED: "Sending waits: Partner Center asked for fewer requests",
    StandstillKind.SERVICE_AWAY: "Partner Center gives no usable answer",
}
"""The titles of what stands still."""

WITHDRAWALS: dict[WithdrawalResult, Label] = {
    WithdrawalResult.WITHDRAWN: Label("withdrawn since", "undo", "duplicate"),
    WithdrawalResult.ALREADY_GONE: Label("withdrawn since: it was gone already", "undo", "duplicate"),
    WithdrawalResult.REFUSED: Label("Partner Center refused to withdraw it", "attention", "rejected"),
}


def note_meaning(name: str) -> str:
    """The sentence of a note on a row; a note that this version of the app does not know is shown as it is."""
    explanation = explanation_of(name)
    return name if explanation is None else explanation.sentence
