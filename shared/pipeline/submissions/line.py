"""The line in which the submissions of a file wait for their first POST. Pure.

Only the first few of a file are woken when it is read; each that is accepted or ends wakes the submission that stands
as many places behind it. If that wake-up is lost, the sweep sends it.
"""

from collections import deque
from dataclasses import dataclass, field

from shared.pipeline.submissions.bad_files import keeps_others_back
from shared.storage.records import Submission
from shared.vocabulary import Priority, SubmissionState

IN_LINE = {Priority.LOW: 4, Priority.NORMAL: 16, Priority.HIGH: 64}
"""Submissions of one file that are under way to their first POST at a time: each that leaves wakes the next one.

So the queue holds few messages of a large file, and others wait behind these alone. Two share a message: a file of
normal priority sends eight requests at a time, as many as one host, and one of high priority keeps four hosts busy."""


def next_in_line(number: str, priority: Priority) -> int | None:
    """The submission that is woken when this one is no longer pending; None for a half. Pure."""
    return int(number) + IN_LINE[priority] if number.isdecimal() else None


@dataclass(slots=True)
class Line:
    """Tells which submissions of a file stand in line behind another one, given all open ones in their order."""

    priority: Priority
    """Of the file."""
    regards_canary: bool = True
    """Whether all others wait behind a canary without a verdict."""
    is_known_good: bool = False
    """Whether the file is of known-good shape."""
    _expected: deque[int] = field(default_factory=deque)
    """The submissions behind the pending ones seen so far, in order."""
    _is_canary_awaited: bool = False

    def holds(self, submission: Submission) -> bool:
        """Whether the submission was never woken, because the submission that will wake it is still pending."""
        is_fresh = submission.state is SubmissionState.PENDING and submission.sequence == 0
        self._is_canary_awaited |= self.regards_canary and keeps_others_back(
            submission, is_known_good=self.is_known_good
        )
        behind = next_in_line(submission.number, self.priority)
        if behind is None:
            return False
        if self._is_canary_awaited and not submission.is_canary:
            return is_fresh
        number = int(submission.number)
        while self._expected and self._expected[0] < number:
            self._expected.popleft()
        is_behind = bool(self._expected) and self._expected[0] == number
        if submission.state is SubmissionState.PENDING:
            self._expected.append(behind)
        return is_behind and is_fresh
