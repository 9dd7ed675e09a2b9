"""One unreadable row in any table: every other file is listed, found, swept and closed, and the row is named."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from random import Random

import pytest

from local.commands.finding import find_file
from local.commands.report import monthly
from local.in_memory_storage import InMemoryTable
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.human_acts import UNSIGNED, Subject, note_act
from shared.pipeline.intake import uploads
from shared.pipeline.intake.senders import sender_metadata
from shared.pipeline.intake.uploads import ChosenFile
from shared.pipeline.sweep import sweep
from shared.status.queries import canonical
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal, TableName
from shared.storage.partner_customers import ListReading, PartnerCustomer
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Entity, Query
from shared.vocabulary import ActKind
from tests.pipeline.world import CUSTOMER, START, World, numbered
from tests.status.client import Client
from tests.storage.hostile_rows import damaged

SERIAL = "SN-00001"
DAMAGES = 5
"""Damages of the rows of one table in an ordinary run; a campaign has all of them."""


class Journaled:
    """A world with files in several states, whose tables can be damaged and restored."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tables = {name: InMemoryTable() for name in TableName}
        world.journal = Journal(self.tables.__getitem__)
        world.pipeline = world.pipeline_with()
        self.closed = [world.drop_file(numbered(2), f"{CUSTOMER}/Test/closed-{number}.csv") for number in range(2)]
        world.drop_file("Dear all,\r\n", f"{CUSTOMER}/Test/letter.csv")
        world.run()
        self._people_and_customers()
        self.open = [world.drop_file(numbered(4), f"{CUSTOMER}/Test/open-{number}.csv") for number in range(2)]
        self._rows = {name: [row.values for row in table.query(Query())] for name, table in self.tables.items()}
        self._waiting = list(world.wakeups.waiting)
        self._now = world.clock.now

    def _people_and_customers(self) -> None:
        """What people did, and the customers that Partner Center lists."""
        now = self.world.clock()
        self.world.journal.partner_customers.replace_all([PartnerCustomer(customer_id=CUSTOMER, name="Contoso")])
        self.world.journal.partner_customers.change_reading(None, ListReading(due_at=now, read_at=now, customers=1))
        upload = uploads.new_upload(self.world.pipeline, CUSTOMER, "Test", [ChosenFile("a.csv", 3)], "Ada")
        uploads.stage(self.world.pipeline, upload, [b"a\r\n"])
        sender_metadata(self.world.pipeline, "Ada")
        note_act(self.world.pipeline, UNSIGNED, ActKind.SEND, Subject("a.csv", CUSTOMER))

    def rows(self, name: TableName) -> list[Entity]:
        return self._rows[name]

    def restore(self) -> None:
        for name, table in self.tables.items():
            table.delete([(str(row.values[PARTITION_KEY]), str(row.values[ROW_KEY])) for row in table.query(Query())])
            table.upsert(self._rows[name])
        self.world.wakeups.waiting[:] = self._waiting
        self.world.clock.now = self._now
        self.world.pipeline = self.world.pipeline_with()

    @property
    def files(self) -> list[str]:
        return [*self.closed, *self.open]


@pytest.fixture
def journaled(world: World, caplog: pytest.LogCaptureFixture) -> Journaled:
    caplog.set_level(logging.CRITICAL)
    return Journaled(world)


def _all_pages(client: Client, address: str, what: str) -> Iterator[tuple[str | None, str]]:
    """Each item and unreadable record of every page: its file and, of a record, its message."""
    following = ""
    for _ in range(100):
        answer = client.get(address + following)
        assert answer.status == 200, answer.body
        for item in answer.json[what]:
            yield item["file_id"], ""
        for record in answer.json["unreadable"]:
            yield record["file_id"], record["message"]
        if answer.json["next"] is None:
            return
        following = f"{'&' if '?' in address else '?'}next={answer.json['next']}"
    raise AssertionError("the pages have no end")


def _check_what_people_see(journaled: Journaled, client: Client, owner: str | None, key: str) -> None:
    others = {file for file in journaled.files if file != owner}
    for address in (
        "/api/files?limit=1",
        f"/api/files?customer={CUSTOMER}",
        f"/api/files?limit=2&received_from={START:%Y-%m-%dT%H:%M:%SZ}",
    ):
        found = list(_all_pages(client, address, "files"))
        shown = {file for file, message in found if not message}
        assert others <= shown
        is_named = any(owner is None or owner in message or key in message for _, message in found)
        assert owner in {None, *shown} or is_named or "received_from" in address
    for page in ("", "/drop", "/acts", "/customers", f"/customers?customer={CUSTOMER}"):
        assert client.get(f"/api/status{page}").status == 200
    assert client.get(f"/api/status?serial={SERIAL}").status == 200
    for file in others:
        for address in (f"/api/files/{CUSTOMER}/{file}", f"/api/files/{CUSTOMER}/{file}/outcomes"):
            assert client.get(address).status == 200
        assert find_file(journaled.world.pipeline, file[:13]).file_id == file
    if owner is not None:
        answers = [client.get(f"/api/{root}/{CUSTOMER}/{owner}").status for root in ("files", "status")]
        assert set(answers) <= {200, 503}
    rows = {
        file
        for file, message in _all_pages(client, f"/api/devices/{CUSTOMER}?serial={SERIAL}", "devices")
        if not message
    }
    assert others & set(journaled.closed) <= rows
    left_out: list[UnreadableRecord] = []
    monthly(journaled.world.pipeline, START.replace(day=1, hour=0), left_out.append)


def _check_that_the_others_end(journaled: Journaled, owner: str | None) -> None:
    world = journaled.world
    for _ in range(3):
        for _ in range(200):
            with suppress(Exception):  # of the damaged file itself: the host logs it and tries again
                if not world.deliver_next():
                    break
        world.clock.now += world.settings.advanced.claim * 2
        try:
            sweep(world.pipeline)
        except ExceptionGroup as failures:
            assert failures.split(UnreadableRecord)[1] is None, failures  # noqa: PT017 - nothing else failed
    still_open = {file for file in journaled.open if world.journal.files.is_open(file)}
    assert still_open <= {owner}


def _owner(journaled: Journaled, row: Entity) -> str | None:
    """The file that a row is about."""
    key = f"{row[PARTITION_KEY]} {row[ROW_KEY]}"
    return next((file for file in journaled.files if file in key), None)


@pytest.mark.parametrize("name", TableName)
def test_an_unreadable_row_is_named_and_costs_no_other_file_anything(
    journaled: Journaled, client: Client, name: TableName, *, campaign: bool
) -> None:
    assert all(canonical(file) for file in journaled.files)
    cases = [
        (row, what, changed)
        for row in journaled.rows(name)
        for what, changed in damaged(row)
        if name != TableName.OPEN_FILES
        or not what.startswith(("customer_id =", "without customer_id"))  # then it is the entry of another file
    ]
    Random(name).shuffle(cases)
    for row, what, changed in cases if campaign else islice(cases, DAMAGES):
        journaled.tables[name].upsert([changed])
        key = f"{row[PARTITION_KEY]}/{row[ROW_KEY]}"
        try:
            owner = _owner(journaled, row)
            _check_what_people_see(journaled, client, owner, key)
            _check_that_the_others_end(journaled, owner)
        except Exception as failure:
            failure.add_note(f"{name} {key} {what}")
            raise
        journaled.restore()


def test_rows_are_shown_though_the_record_of_their_withdrawal_cannot_be_read(
    journaled: Journaled, client: Client
) -> None:
    file = journaled.closed[0]
    withdraw(journaled.world.pipeline, CUSTOMER, file)
    journaled.world.run()
    table = journaled.tables[TableName.DEVICE_WITHDRAWALS]
    (damage, *_) = [row.values for row in table.query(Query()) if "run" in row.values]
    table.upsert([{**damage, "run": "one"}])
    for address in (f"/api/files/{CUSTOMER}/{file}/outcomes", f"/api/devices/{CUSTOMER}?serial={SERIAL}"):
        assert client.get(address).status == 200
