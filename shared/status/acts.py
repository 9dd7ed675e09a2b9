"""The list of human acts: who asked the app for which change, and when."""

from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.status.names import CustomerNames
from shared.status.paging import ActPosition, cursor, position_in
from shared.status.presenters import page_address, unreadable_views
from shared.status.queries import customer_names
from shared.status.schemas import ActPage, ActView
from shared.storage.acts import position_of
from shared.storage.codec import UnreadableRecord
from shared.storage.records import Act

ACTS_ON_A_PAGE = 100


def acts(pipeline: Pipeline, page: str | None = None) -> ActPage:
    """A page of the acts, newest first. Raises BadCursor."""
    after = None if page is None else position_in(page, ActPosition).row
    unreadable: list[UnreadableRecord] = []
    found = list(islice(pipeline.journal.acts.latest(after, unreadable.append), ACTS_ON_A_PAGE + 1))
    shown, names = found[:ACTS_ON_A_PAGE], customer_names(pipeline)
    return ActPage(
        acts=[act_view(act, names) for act in shown],
        unreadable=unreadable_views(unreadable),
        next=cursor(ActPosition(position_of(shown[-1]))) if len(found) > ACTS_ON_A_PAGE else None,
    )


def act_view(act: Act, names: CustomerNames) -> ActView:
    """An act as people and scripts see it."""
    return ActView(
        asked_at=act.asked_at,
        kind=act.kind,
        who=act.who,
        person_id=act.person_id,
        subject=act.subject,
        customer_id=act.customer_id,
        customer_name=names.name_of(act.customer_id),
        file_id=act.file_id,
        detail=act.detail,
        link=None if act.file_id is None else page_address(act.customer_id, act.file_id),
    )
