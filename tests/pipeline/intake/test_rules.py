"""The rules of intake: from the settings, and how a row finds its batch."""

from dataclasses import replace

import pytest

from shared.pipeline.intake.rules import batch_of_row, rules_for, too_many_batches
from shared.pipeline.private_copy import rules_of
from tests.pipeline.world import CUSTOMER, World, numbered


def test_a_file_is_read_by_the_rules_for_its_place(world: World) -> None:
    settings = replace(world.pipeline.settings, trust_hash_serial=True, default_batch="Spare")
    world.pipeline = replace(world.pipeline, settings=settings)
    file_id = world.drop_file(numbered(1))
    stored = world.pipeline.journal.files.get(CUSTOMER, file_id)
    assert stored is not None
    assert rules_of(stored.record) == rules_for(settings, CUSTOMER, "Test")


@pytest.mark.parametrize(
    ("tag", "folder", "default", "batch"),
    [("Kiosk", "Sales", None, "Sales"), ("Kiosk", None, "Spare", "Kiosk"), ("-", None, "Spare", "Spare")],
)
def test_the_batch_folder_comes_before_the_group_tag_and_the_default_last(
    tag: str, folder: str | None, default: str | None, batch: str
) -> None:
    assert batch_of_row(tag, folder, default) == batch


def test_too_many_batches_say_how_many_are_allowed() -> None:
    assert "more than 20" in str(too_many_batches())
