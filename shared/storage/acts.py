"""Human acts: what people and scripts asked the app to do, kept as long as files are."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from shared.storage import keys
from shared.storage.record_table import OnUnreadable, RecordTable, key_of, raise_unreadable
from shared.storage.records import Act
from shared.storage.tables import Query, Table


class Acts:
    """The table of acts. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._acts = RecordTable(table, Act, lambda act: keys.act_key(act.asked_at, act.act_id))

    def note(self, act: Act) -> None:
        """Keep an act."""
        self._acts.upsert([act])

    def latest(self, after: str | None = None, unreadable: OnUnreadable = raise_unreadable) -> Iterator[Act]:
        """The acts, newest first, behind the position `after`."""
        query = Query(partition=keys.ACTS, row_from=None if after is None else after + keys.BEHIND)
        return (stored.record for stored in self._acts.query(query, unreadable))

    def forget_before(self, moment: datetime, most: int) -> int:
        """Delete acts asked before `moment`, at most `most` of them; returns the number of deleted acts."""
        _, first = keys.act_key(moment, "")
        query = Query(partition=keys.ACTS, row_from=first + keys.BEHIND, limit=most)
        old = [key_of(entity) for entity in islice(self._table.query(query), most)]
        self._table.delete(old)
        return len(old)


def position_of(act: Act) -> str:
    """The position of an act among all, to give to `Acts.latest`."""
    return keys.act_key(act.asked_at, act.act_id)[1]
