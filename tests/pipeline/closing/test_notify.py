"""Each closed file is announced on the queue and to the webhook, at least once, and no file waits for it."""

import json
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from shared.pipeline.closing.event_formats import (
    EVENT_TYPE,
    card_of,
    file_closed_of,
    slack_message,
    teams_message,
)
from shared.pipeline.closing.notify import LONGEST_TRYING, announce
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.intake.receive import take_up
from shared.pipeline.sweep import sweep
from shared.settings import WebhookFormat, WebhookSettings
from shared.storage.wakeups import NotificationWakeUp, WakeUp
from shared.webhooks import WebhookError, WebhookFailed, WebhookRefused
from tests.pipeline.failing import deliver_until_it_fails, fails
from tests.pipeline.world import CUSTOMER, World, numbered, tuples

PATH = f"{CUSTOMER}/Test/devices.csv"
SECRET_URL = "https://hooks.example.com/services/T000/B000/s3cret-key?sig=s3cret-signature"


def _with(world: World, **changes: Any) -> None:
    world.settings = replace(world.settings, **changes)
    world.pipeline = world.pipeline_with()


# --- the queue


def test_a_closed_file_is_one_event_with_counts(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1", "FINE-1"]))
    world.run()
    (event,) = world.events.of(file)
    assert {name: event[name] for name in ("specversion", "type", "source", "subject", "datacontenttype")} == {
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "source": "/device-drop",
        "subject": f"{CUSTOMER}/{file}",
        "datacontenttype": "application/json",
    }
    UUID(event["id"])
    data = event["data"]
    assert (data["file_id"], data["customer_id"], data["batch_id"], data["file"]) == (
        file,
        CUSTOMER,
        "Test",
        "devices.csv",
    )
    assert data["state"] == "closed"
    assert data["counts"] == world.summary(file)["counts"]
    assert event["time"] == data["closed_at"] == world.summary(file)["closed_at"]
    assert data["links"] == {}


@pytest.mark.parametrize(
    ("path", "content", "state", "reason"),
    [
        (PATH, "no device in here", "rejected", "no_device_rows"),
        ("devices.csv", "anything", "rejected", "no_customer"),
    ],
)
def test_a_file_that_was_rejected_is_told_with_its_reason(
    world: World, path: str, content: str, state: str, reason: str
) -> None:
    file = world.drop_file(content, path)
    (event,) = world.events.of(file)
    assert (event["data"]["state"], event["data"]["reason"]) == (state, reason)
    assert event["data"]["what_happened"]


def test_a_closer_that_dies_before_it_told_is_followed_by_one_who_tells(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.events.fails = 1
    with pytest.raises(OSError, match="storage does not answer"):
        world.run()
    assert world.summary(file)["state"] == "closed"
    assert world.events.of(file) == []
    world.clock.now += world.settings.advanced.claim * 2
    sweep(world.pipeline)
    world.run()
    assert len(world.events.of(file)) == 1
    assert not world.journal.files.is_open(file)


def test_an_event_that_could_not_be_sent_is_sent_at_the_hosts_next_try_and_not_by_the_sweep(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.events.fails = 1
    failed = deliver_until_it_fails(world)
    assert world.events.of(file) == []
    world.clock.now += timedelta(minutes=1)
    world.wakeups.send(failed)
    world.run()
    assert len(world.events.of(file)) == 1
    assert not world.journal.files.is_open(file)


def test_a_wake_up_that_could_not_be_sent_keeps_the_event_for_the_hosts_next_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, send = _listening(world), world.wakeups.send
    file = world.drop_file(numbered(1))

    def sends_no_notification(wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        if isinstance(wake_up, NotificationWakeUp):
            fails()
        send(wake_up, delay)

    with monkeypatch.context() as patched:
        patched.setattr(world.wakeups, "send", sends_no_notification)
        failed = deliver_until_it_fails(world)
    world.wakeups.send(failed)
    world.run()
    assert len(world.events.of(file)) == len(listener.told) == 1


def test_a_rejected_file_whose_event_could_not_be_sent_is_told_of_at_the_hosts_next_try(world: World) -> None:
    world.events.fails = 1
    file = world.put("no device in here")
    with pytest.raises(OSError, match="storage does not answer"):
        world.receive()
    world.receive()
    assert [event["data"]["state"] for event in world.events.of(file)] == ["rejected"]
    world.receive()
    assert len(world.events.of(file)) == 1


def test_an_owner_that_dies_after_it_told_is_followed_by_one_that_repeats_the_same_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.drop_file(numbered(1))
    with monkeypatch.context() as patched:
        patched.setattr(world.journal.files, "enter_by_time", fails)
        failed = deliver_until_it_fails(world)
    for _ in range(3):
        world.wakeups.send(failed)
        world.run()
    first, second = world.events.of(file)
    assert first == second


def test_an_owner_that_dies_after_the_index_says_that_it_told_is_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.drop_file(numbered(1))
    with monkeypatch.context() as patched:
        patched.setattr(world.journal.files, "no_longer_open", fails)
        failed = deliver_until_it_fails(world)
    assert world.journal.files.is_open(file)
    world.wakeups.send(failed)
    world.run()
    assert len(world.events.of(file)) == 1
    assert not world.journal.files.is_open(file)


def test_an_event_that_is_repeated_has_the_same_id_and_says_the_same(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    world.clock.now += timedelta(days=1)
    announce(world.pipeline, world.file(file))
    first, second = world.events.of(file)
    assert first == second


def test_a_doubled_blob_event_long_after_the_end_tells_nobody_again(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    world.clock.now += timedelta(days=1)
    world.receive()
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    take_up(world.pipeline, stored)
    assert len(world.events.of(file)) == 1


# --- the webhook's wake-up


@dataclass(slots=True)
class Listener:
    """A webhook in memory that answers with the given errors in turn, then successfully."""

    answers: list[WebhookError] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    content_type: str = ""

    def post(self, body: bytes, content_type: str) -> None:
        self.asked += 1
        self.content_type = content_type
        if self.answers:
            raise self.answers.pop(0)
        self.told.append(json.loads(body))


def _listening(world: World, *answers: WebhookError, told_in: WebhookFormat = WebhookFormat.CLOUD_EVENTS) -> Listener:
    listener = Listener(list(answers))
    world.webhook = listener
    _with(world, webhook=WebhookSettings(SECRET_URL, told_in))
    return listener


@pytest.mark.parametrize("told_in", WebhookFormat)
def test_a_webhook_is_told_in_its_own_format(world: World, told_in: WebhookFormat) -> None:
    listener = _listening(world, told_in=told_in)
    file = world.drop_file(numbered(2))
    world.run()
    (told,) = listener.told
    match told_in:
        case WebhookFormat.CLOUD_EVENTS:
            assert [told] == world.events.of(file)
            assert listener.content_type == "application/cloudevents+json; charset=utf-8"
        case WebhookFormat.TEAMS:
            assert told == teams_message(card_of(file_closed_of(world.file(file), world.settings)))
        case WebhookFormat.SLACK:
            assert told == slack_message(card_of(file_closed_of(world.file(file), world.settings)))


def test_a_webhook_that_fails_is_told_later_and_no_file_waits_for_it(world: World) -> None:
    listener = _listening(world, *(WebhookFailed("it answered with 503") for _ in range(6)))
    file = world.drop_file(numbered(2))
    world.run()
    assert world.summary(file)["state"] == "closed"
    assert (listener.asked, len(listener.told)) == (7, 1)
    assert len(world.events.of(file)) == 1


def test_a_webhook_that_failed_is_told_once_however_many_wake_ups_ask_for_it(world: World) -> None:
    listener = _listening(world, WebhookFailed("it answered with 503"))
    file = world.drop_file(numbered(1))
    while not listener.asked:
        world.deliver_next()
    # Owners that died announced the file, and so did the owners after them.
    announce(world.pipeline, world.file(file))
    announce(world.pipeline, world.file(file))
    world.run()
    assert (listener.asked, len(listener.told)) == (2, 1)
    assert world.file(file).webhook_told_at is not None


def test_a_process_that_dies_after_the_webhook_was_told_is_followed_by_one_that_repeats_the_same_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = _listening(world)
    file = world.drop_file(numbered(1))
    while not world.events.of(file):
        world.deliver_next()
    with monkeypatch.context() as patched:
        patched.setattr(world.journal.files, "change", fails)
        failed = deliver_until_it_fails(world)
    for _ in range(3):
        world.wakeups.send(failed)
        world.run()
    first, second = listener.told
    assert first == second


def test_that_the_webhook_was_told_is_noted_beside_what_else_is_changed_meanwhile(world: World) -> None:
    listener = _listening(world)
    file = world.drop_file(numbered(1))
    while not world.events.of(file):
        world.deliver_next()

    def while_it_is_told(body: bytes, content_type: str) -> None:
        withdraw(world.pipeline, CUSTOMER, file)
        listener.post(body, content_type)

    world.webhook = SimpleNamespace(post=while_it_is_told)
    world.pipeline = world.pipeline_with()
    world.run()
    noted = world.file(file)
    assert noted.webhook_told_at is not None
    assert noted.withdrawal is not None
    assert noted.withdrawal.withdrawn == 1


def test_a_webhook_is_waited_for_as_long_as_it_asks(world: World) -> None:
    listener = _listening(world, WebhookFailed("it answered with 429", timedelta(minutes=40)))
    world.drop_file(numbered(1))
    while not listener.asked:
        world.deliver_next()
    began = world.clock.now
    world.run()
    assert world.clock.now - began == timedelta(minutes=40)


def test_a_webhook_that_fails_for_a_day_is_given_up_with_what_to_do(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    listener = _listening(world, *(WebhookFailed("it could not be reached") for _ in range(1000)))
    file = world.drop_file(numbered(1))
    with caplog.at_level(logging.INFO):
        world.run()
    closed_at = world.file(file).closed_at
    assert closed_at is not None
    assert LONGEST_TRYING < world.clock.now - closed_at < LONGEST_TRYING + timedelta(hours=1)
    assert 40 < listener.asked < 120
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Check the setting NOTIFY_WEBHOOK_URL" in error.getMessage()
    assert "s3cret" not in caplog.text
    assert "hooks.example.com" not in caplog.text


def test_a_webhook_that_will_not_take_it_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    listener = _listening(world, WebhookRefused("it answered with 404"))
    world.drop_file(numbered(1))
    world.run()
    assert (listener.asked, listener.told) == (1, [])
    assert "it answered with 404" in caplog.text


def test_a_file_that_ended_while_the_app_was_down_for_days_is_told_all_the_same(world: World) -> None:
    listener = _listening(world, WebhookFailed("it answered with 503"))
    file = world.drop_file(numbered(1))
    while not world.events.of(file):
        world.deliver_next()
    world.clock.now += timedelta(days=5)
    world.run()
    assert (listener.asked, len(listener.told)) == (2, 1)


@pytest.mark.parametrize("identifier", ["00000000-0000-5000-8000-000000000000", "open"])
def test_a_wake_up_about_a_file_that_is_unknown_or_open_tells_nothing(world: World, identifier: str) -> None:
    listener = _listening(world)
    file = world.drop_file(numbered(1))
    named = file if identifier == "open" else identifier
    world.wakeups.waiting.clear()
    world.wakeups.send(NotificationWakeUp(customer_id=CUSTOMER, file_id=named))
    world.run()
    assert listener.asked == 0


def test_without_a_webhook_no_wake_up_is_sent_and_one_that_waits_is_dropped(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    assert world.wakeups.waiting == []
    world.wakeups.send(NotificationWakeUp(customer_id=CUSTOMER, file_id=file))
    world.run()
    assert world.wakeups.waiting == []


def test_a_file_without_a_customer_is_told_of_too(world: World) -> None:
    listener = _listening(world)
    world.drop_file("anything", "devices.csv")
    world.run()
    assert [told["data"]["customer_id"] for told in listener.told] == [None]


def test_the_settings_of_the_pipeline_do_not_show_the_webhook(world: World) -> None:
    _listening(world)
    assert "s3cret" not in repr(world.settings)
