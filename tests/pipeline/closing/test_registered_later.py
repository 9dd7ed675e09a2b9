"""What later files registered of a file's rows, counted by device."""

from shared.pipeline.closing.registered_later import NOTHING_LATER, RegisteredLater, registered_later
from tests.pipeline.world import CUSTOMER, World, tuples


def _later(world: World, identifier: str, generations: int = 2) -> RegisteredLater:
    return registered_later(world.journal.files, world.file(identifier), generations)


def _dropped(world: World, content: str, parent: str | None = None) -> str:
    name = "devices" if parent is None else f"devices - fix of {parent[:8]}"
    identifier = world.drop_file(content, f"{CUSTOMER}/Test/{name}.csv")
    world.run()
    return identifier


def test_a_file_of_which_nothing_was_sent_again_has_nothing_later(world: World) -> None:
    assert _later(world, _dropped(world, tuples(["SN-1", ""]))) == NOTHING_LATER


def test_rows_that_were_fixed_count_as_far_as_their_file_registered_them(world: World) -> None:
    parent = _dropped(world, tuples(["SN-1", "", ""]))
    _dropped(world, tuples(["SN-2", ""]), parent)
    assert _later(world, parent) == RegisteredLater(fixed=1, newly=1)


def test_children_of_children_count_as_many_generations_as_are_followed(world: World) -> None:
    parent = _dropped(world, tuples(["", ""]))
    child = _dropped(world, tuples(["SN-1", ""]), parent)
    _dropped(world, tuples(["SN-2"]), child)
    assert [_later(world, parent, generations).all for generations in (0, 1, 2)] == [0, 1, 2]
