"""What a person reads of a file that waits."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from local.commands.showing import WAITING_SHOWN, files_table, is_well, show_file
from local.partner_center import Fault, StandIn
from shared.pipeline.hold_requests import hold
from shared.pipeline.human_acts import COMMAND, subject_of
from shared.status import queries
from tests.pipeline.world import CUSTOMER, HEADER, Clock, World, numbered


@pytest.fixture
def world() -> Iterator[World]:
    clock = Clock()
    with StandIn(clock=clock.seconds) as service:
        yield World(service, clock, DEVICES_PER_SUBMISSION="1")


def shown(world: World, file_id: str) -> str:
    output = Console(file=io.StringIO(), width=160)
    show_file(output, queries.file(world.pipeline, CUSTOMER, file_id))
    assert isinstance(output.file, io.StringIO)
    return output.file.getvalue()


def test_a_file_that_waits_says_what_for_and_when_it_goes_on(world: World) -> None:
    world.service.script(Fault.FORBIDDEN, 1, None)
    identifier = world.drop_file(numbered(1))
    due = world.submission(identifier).record.due_at
    assert f"{due:%Y-%m-%d %H:%M:%S}  Submission 1 is due. Partner Center answered" in shown(world, identifier)
    assert "give the signed-in identity the Admin agent or Sales agent role" in shown(world, identifier)


def test_what_stands_still_is_named_as_on_the_page(world: World) -> None:
    world.service.script(Fault.FORBIDDEN, 1, None)
    file = world.file(world.drop_file(numbered(1)))
    hold(world.pipeline, COMMAND, subject_of(file))
    told = shown(world, file.file_id)
    assert f"Sending is on hold for a file of {CUSTOMER}, since 2" in told
    (gate,) = world.journal.gates.closed().values()
    again = f"tried again at {gate.record.closed_until:%Y-%m-%d %H:%M} UTC"
    assert f"for {CUSTOMER}, since {gate.record.since:%Y-%m-%d %H:%M} UTC; {again}." in told.replace("\n", " ")


def test_of_many_that_wait_some_are_shown_and_the_rest_counted(world: World) -> None:
    world.service.script(Fault.FORBIDDEN, 1, None)
    identifier = world.drop_file(numbered(WAITING_SHOWN + 3))
    assert shown(world, identifier).count(" is due. ") == WAITING_SHOWN
    assert "... and 3 more waiting submissions" in shown(world, identifier)


def test_a_file_that_may_hold_more_is_not_well_and_says_where(world: World) -> None:
    identifier = world.drop_file(f"{HEADER}\r\nFINE-1,,,LENOVO,M\r\n# PF3ABCDE is on its way\r\n")
    world.run()
    text = shown(world, identifier)
    assert "closed, may be incomplete; 1 registered" in text
    assert "note may_hold_devices: Something that looks like a device was passed over" in text
    assert "passed over: comments (1), such as line 3" in text
    (view,) = queries.files(world.pipeline).files
    assert not is_well(view)
    output = Console(file=io.StringIO(), width=160)
    output.print(files_table([view]))
    assert isinstance(output.file, io.StringIO)
    assert "may be incomplete" in " ".join(output.file.getvalue().split())
    world.drop_file(numbered(1), f"{CUSTOMER}/Test/good.csv")
    world.run()
    assert [is_well(view) for view in queries.files(world.pipeline).files].count(True) == 1


def test_a_closed_file_waits_for_nothing(world: World) -> None:
    identifier = world.drop_file(numbered(1))
    world.run()
    assert " is due. " not in shown(world, identifier)


def test_what_a_file_asks_for_stands_beside_its_batch(world: World) -> None:
    identifier = world.drop_file(numbered(1), f"remove-devices/{CUSTOMER}/a.csv")
    world.run()
    assert f"customer {CUSTOMER}, batch by group tag, or any (to remove)" in shown(world, identifier)
    output = Console(file=io.StringIO(), width=200)
    output.print(files_table(queries.files(world.pipeline).files))
    assert isinstance(output.file, io.StringIO)
    assert "(to remove)" in output.file.getvalue()
