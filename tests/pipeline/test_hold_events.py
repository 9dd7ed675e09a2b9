"""A file that the app holds is announced on the queue and to the webhook, and the sweep announces what was not."""

import json
from datetime import timedelta

import pytest

from shared.pipeline.closing.event_formats import webhook_body
from shared.pipeline.hold_events import EVENT_TYPE, hold_card, hold_event
from shared.pipeline.hold_requests import go_on, hold
from shared.pipeline.human_acts import Asker, subject_of
from shared.pipeline.sweep import sweep
from shared.settings import WebhookFormat
from shared.storage.wakeups import HoldWakeUp
from shared.webhooks import WebhookFailed, WebhookRefused
from tests.pipeline.closing.test_notify import _listening as listening
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.test_hold_requests import pass_minutes
from tests.pipeline.world import CUSTOMER, World, tuples

ANNA = Asker("Anna", "a1")
BAD = tuples([f"STANDIN-808-{number}" for number in range(150)])
HOSTILE = f"{CUSTOMER}/Test/[click](https:__evil.example) <!channel>.csv"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(DEVICES_PER_SUBMISSION="100", PAGE_URL="https://drop.example.com")


def held(world: World, file: str) -> list[dict[str, object]]:
    return [event for event in world.events.of(file) if event["type"] == EVENT_TYPE]


def test_a_held_file_is_one_event_with_its_reason(world: World) -> None:
    file = world.drop_file(BAD)
    pass_minutes(world, 60)
    sweep(world.pipeline)
    (event,) = held(world, file)
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["file_id"], data["customer_id"], data["batch_id"], data["file"]) == (
        file,
        CUSTOMER,
        "Test",
        "devices.csv",
    )
    assert "50 of its first 50 devices failed" in data["reason"]
    assert event["time"] == data["held_at"]
    assert event["subject"] == f"{CUSTOMER}/{file}"
    go_on(world.pipeline, ANNA, subject_of(world.file(file)))
    world.run()
    assert len(held(world, file)) == 1, "the app does not hold it again"
    assert [event["data"]["state"] for event in world.events.of(file) if event["type"] != EVENT_TYPE] == ["closed"]


def test_an_event_that_could_not_be_sent_is_sent_by_the_sweep(world: World) -> None:
    file = world.drop_file(BAD)
    world.events.fails = 1
    with pytest.raises(OSError, match="storage does not answer"):
        pass_minutes(world, 60)
    assert held(world, file) == []
    world.clock.now += world.settings.advanced.claim * 2
    for _ in range(2):
        sweep(world.pipeline)
    assert len(held(world, file)) == 1


def test_a_hold_of_a_person_is_no_event(world: World) -> None:
    file = world.drop_file(BAD)
    hold(world.pipeline, ANNA, subject_of(world.file(file)))
    pass_minutes(world, 60)
    sweep(world.pipeline)
    assert held(world, file) == []


@pytest.mark.parametrize("form", WebhookFormat)
def test_the_webhook_is_told_once_in_its_own_format(world: World, form: WebhookFormat) -> None:
    listener = listening(world, told_in=form)
    file = world.drop_file(BAD)
    pass_minutes(world, 60)
    world.wakeups.send(HoldWakeUp(customer_id=CUSTOMER, file_id=file))
    pass_minutes(world, 5)
    (told,) = listener.told
    (stored,) = world.journal.gates.all().values()
    assert stored.record.webhook_told_at is not None
    event = hold_event(world.file(file), stored.record, world.settings)
    assert told == json.loads(webhook_body(event, hold_card(event.data), form))
    assert "50 of its first 50 devices failed" in json.dumps(told)


def test_a_webhook_that_fails_is_told_later_and_one_that_refuses_never(world: World) -> None:
    listener = listening(world, *(WebhookFailed("it answered with 503") for _ in range(3)))
    world.drop_file(BAD)
    pass_minutes(world, 120)
    assert (listener.asked, len(listener.told)) == (4, 1)
    refusing = listening(world, WebhookRefused("it answered with 404"))
    world.drop_file(BAD, f"{CUSTOMER}/Test/other.csv")
    pass_minutes(world, 120)
    assert (refusing.asked, refusing.told) == (1, [])


def test_a_webhook_is_not_told_of_a_file_that_a_person_has_let_go_on_meanwhile(world: World) -> None:
    listener = listening(world, *(WebhookFailed("it answered with 503") for _ in range(50)))
    file = world.drop_file(BAD)
    pass_minutes(world, 10)
    asked = listener.asked
    assert asked
    go_on(world.pipeline, ANNA, subject_of(world.file(file)))
    world.wakeups.send(HoldWakeUp(customer_id=CUSTOMER, file_id=file), timedelta(0))
    world.deliver_next()
    assert listener.asked == asked


@pytest.mark.parametrize("form", [WebhookFormat.TEAMS, WebhookFormat.SLACK])
def test_names_stand_where_no_markup_is_read(world: World, form: WebhookFormat) -> None:
    listener = listening(world, told_in=form)
    world.drop_file(BAD, HOSTILE)
    pass_minutes(world, 60)
    (card,) = listener.told
    if form is WebhookFormat.SLACK:
        assert not {"<", ">"} & set(card["text"])
        assert {block["text"]["type"] for block in card["blocks"] if "text" in block} == {"plain_text"}
    else:
        (attachment,) = card["attachments"]
        assert {part["type"] for part in attachment["content"]["body"]} == {"RichTextBlock"}
