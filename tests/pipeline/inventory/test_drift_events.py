"""The event of drift, its cards, and the webhook that is notified once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from shared.pipeline.closing.event_formats import event_text, webhook_body
from shared.pipeline.inventory.drift_events import (
    DEVICES_IN_AN_EVENT,
    MOST_ATTEMPTS,
    drift_card,
    drift_event,
    notify_of_drift,
)
from shared.settings import WebhookFormat
from shared.storage.inventories import CustomerInventory, Drift, DriftKind
from shared.storage.wakeups import DriftWakeUp
from shared.webhooks import WebhookFailed, WebhookRefused
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, START, World

DELETED = Drift(
    customer_id=CUSTOMER,
    drift_id="1",
    kind=DriftKind.DELETED,
    batch_id="Sales <!channel> *x*",
    serial_number="SN-1",
    who="anna@example.com",
    since=START,
    seen_at=START + timedelta(hours=20),
)
MOVED = replace(DELETED, drift_id="2", kind=DriftKind.MOVED, new_batch_id="Portal", serial_number="SN-2")


class Hook:
    """A webhook that fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.bodies = list(failures), list[bytes]()

    def post(self, body: bytes, _content_type: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.bodies.append(body)


def notified(make_world: MakeWorld, hook: Hook) -> World:
    """A world with that webhook, of which a customer's devices drifted."""
    world = make_world(Behaviour(), NOTIFY_WEBHOOK_URL="https://hooks.example.com/x")
    world.webhook = hook
    world.pipeline = world.pipeline_with()
    world.journal.inventories.change(None, CustomerInventory(customer_id=CUSTOMER, asked_at=START))
    world.journal.inventories.enter_drift([DELETED, MOVED])
    world.wakeups.send(DriftWakeUp(customer_id=CUSTOMER))
    return world


def test_an_event_names_the_first_devices_and_counts_all(world: World) -> None:
    many = [replace(DELETED, drift_id=str(number), serial_number="S" * 256) for number in range(5_000)]
    event = drift_event(CUSTOMER, [*many, MOVED], world.settings)
    assert (event.data.deleted, event.data.moved, event.data.registered) == (5_000, 1, 0)
    assert len(event.data.devices) == DEVICES_IN_AN_EVENT
    assert len(event_text(event).encode()) * 4 / 3 < 64 * 1024
    assert event.id == drift_event(CUSTOMER, [MOVED, *reversed(many)], world.settings).id


@pytest.mark.parametrize("form", list(WebhookFormat))
def test_each_format_says_what_happened_without_markup(world: World, form: WebhookFormat) -> None:
    event = drift_event(CUSTOMER, [DELETED, MOVED], world.settings)
    message: dict[str, Any] = json.loads(webhook_body(event, drift_card(event.data), form))
    text = json.dumps(message)
    assert "SN-1" in text
    if form is WebhookFormat.CLOUD_EVENTS:
        assert message["type"] == "devicedrop.devices.drifted"
    else:
        assert "2 registered devices changed by somebody else" in text
        assert "Deleted elsewhere" in text
        assert "<!channel>" not in text


def test_the_webhook_is_notified_once(make_world: MakeWorld) -> None:
    hook = Hook()
    world = notified(make_world, hook)
    world.run()
    world.wakeups.send(DriftWakeUp(customer_id=CUSTOMER))
    world.run()
    assert len(hook.bodies) == 1


def test_a_webhook_that_fails_is_tried_again(make_world: MakeWorld) -> None:
    hook = Hook(WebhookFailed("503"), WebhookFailed("503"))
    notified(make_world, hook).run()
    assert len(hook.bodies) == 1


def test_a_webhook_that_refuses_or_never_answers_is_given_up_with_what_to_do(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    for hook in (Hook(WebhookRefused("400")), Hook(*[WebhookFailed("503")] * (MOST_ATTEMPTS + 5))):
        world = notified(make_world, hook)
        world.run()
        assert hook.bodies == []
        assert world.wakeups.waiting == []
        assert "Check the setting NOTIFY_WEBHOOK_URL" in caplog.text
        caplog.clear()


def test_without_a_webhook_or_drift_nothing_is_sent(world: World) -> None:
    notify_of_drift(world.pipeline, DriftWakeUp(customer_id=CUSTOMER))
    assert world.wakeups.waiting == []
