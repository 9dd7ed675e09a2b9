"""Details of a file for the tests of pages and summaries."""

from datetime import UTC, datetime

from shared.status.presenters import file_links
from shared.status.schemas import (
    FileDetails,
    FileView,
    OutcomeCounts,
    ReasonCount,
)
from shared.vocabulary import FileState, Outcome
from tests.pipeline.world import CUSTOMER

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

FILE_ID = "5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51"


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
