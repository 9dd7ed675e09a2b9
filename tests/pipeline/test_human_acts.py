"""Who asked for which change."""

from shared.pipeline.human_acts import COMMAND, Subject, note_act, subject_of_customer
from shared.storage.records import Act
from shared.vocabulary import ActKind
from tests.pipeline.world import CUSTOMER, World


def test_an_act_is_kept_with_its_time_and_subject(world: World) -> None:
    note_act(world.pipeline, COMMAND, ActKind.NAME_CUSTOMER, Subject("Contoso", CUSTOMER), "instead of Kontoso")
    (act,) = world.journal.acts.latest()
    assert act == Act(
        act_id=act.act_id,
        asked_at=world.clock(),
        kind=ActKind.NAME_CUSTOMER,
        who="the command line",
        subject="Contoso",
        customer_id=CUSTOMER,
        detail="instead of Kontoso",
    )


def test_a_customer_is_named_by_its_first_name_in_use_or_its_id(world: World) -> None:
    assert subject_of_customer(world.pipeline, CUSTOMER) == Subject(CUSTOMER, CUSTOMER)
    for name in ("Fabrikam", "Contoso", "Adatum"):
        world.customers.add(name, CUSTOMER, "", world.clock())
    world.customers.remove("Adatum", world.clock())
    assert subject_of_customer(world.pipeline, CUSTOMER) == Subject("Contoso", CUSTOMER)
