"""Whoever wants to know is told that a file has ended: at least once, never blocking, never elsewhere."""

import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.pipeline.closing.event_formats import (
    EVENT_TYPE,
    LONGEST_LINK,
    event_of,
    event_text,
    file_closed_of,
    slack_message,
    teams_message,
)
from shared.pipeline.closing.notify import LONGEST_TRYING, announce
from shared.pipeline.intake.receive import take_up
from shared.pipeline.sweep import sweep
from shared.settings import StorageIdentity, WebhookFormat, WebhookSettings
from shared.storage.records import DeviceFile
from shared.storage.wakeups import NotificationWakeUp
from shared.webhooks import HttpsWebhook, WebhookError, WebhookFailed, WebhookRefused, trusted
from tests.pipeline.https_server import HttpsServer, https_server
from tests.pipeline.world import CUSTOMER, World, numbered, tuples

PATH = f"{CUSTOMER}/Test/devices.csv"
SECRET_URL = "https://hooks.example.com/services/T000/B000/s3cret-key?sig=s3cret-signature"


def _file(world: World, identifier: str, customer: str | None = CUSTOMER) -> DeviceFile:
    stored = world.journal.files.get(customer, identifier)
    assert stored is not None
    return stored.record


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
    world.clock.now += world.settings.claim * 2
    sweep(world.pipeline)
    world.run()
    assert len(world.events.of(file)) == 1
    assert not world.journal.files.is_open(file)


def test_an_event_that_is_repeated_has_the_same_id_and_says_the_same(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    world.clock.now += timedelta(days=1)
    announce(world.pipeline, _file(world, file))
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


def test_an_event_leads_to_page_and_results_where_they_have_an_address(world: World) -> None:
    file = world.drop_file(numbered(1), f"{CUSTOMER}/Sales & Co/a b.csv")
    world.run()
    storage = StorageIdentity("https://x.blob.example.com/", "https://x.queue.example.com", "https://x.table", None)
    _with(world, page_url="https://drop.example.com", storage=storage)
    event = event_of(_file(world, file), world.settings)
    assert event.source == "https://drop.example.com"
    assert event.data.links.page == f"https://drop.example.com/api/status/{CUSTOMER}/{file}"
    folder = f"https://x.blob.example.com/results/{CUSTOMER}/Sales%20%26%20Co/a%20b.csv/{file}"
    assert (event.data.links.results, event.data.links.summary) == (f"{folder}/results.csv", f"{folder}/summary.json")


def test_an_event_fits_a_queue_message_whatever_people_named(world: World) -> None:
    file = world.drop_file(numbered(1), f"{CUSTOMER}/{'ä' * 450}/{'😀' * 450}.csv")
    world.run()
    assert len(world.events.sent[-1].encode()) * 4 / 3 < 64 * 1024
    assert world.events.of(file)
    rejected = msgspec.structs.replace(_file(world, file), reason_text="装" * 50_000)
    assert len(event_text(event_of(rejected, world.settings)).encode()) * 4 / 3 < 64 * 1024


# --- cards

HOSTILE = "[click](https://evil.example.com) <https://evil.example.com|here> & *bold* <!channel>.csv"


def test_a_teams_card_says_what_happened_where_no_markdown_is_read(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1"]), f"{CUSTOMER}/Test/{HOSTILE.replace('/', '')}")
    world.run()
    _with(world, page_url="https://drop.example.com")
    message = teams_message(file_closed_of(_file(world, file), world.settings))
    (attachment,) = message["attachments"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert "2 rows, 1 registered, 1 failed" in card["body"][0]["inlines"][0]["text"]
    assert card["body"][0]["inlines"][0]["color"] == "Warning"
    assert card["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "Open the file's page",
            "url": f"https://drop.example.com/api/status/{CUSTOMER}/{file}",
        }
    ]


def test_a_slack_message_says_what_happened_where_no_markup_is_read(world: World) -> None:
    file = world.drop_file(numbered(2), f"{CUSTOMER}/Test/{HOSTILE.replace('/', '')}")
    world.run()
    _with(world, page_url="https://drop.example.com")
    message = slack_message(file_closed_of(_file(world, file), world.settings))
    header, section, actions = message["blocks"]
    assert header["text"]["type"] == section["text"]["type"] == "plain_text"
    assert len(header["text"]["text"]) <= 150
    assert not {"<", ">"} & set(message["text"])
    assert actions["elements"][0]["url"].startswith("https://drop.example.com/api/status/")


def test_a_link_that_slack_would_refuse_is_left_out(world: World) -> None:
    file = world.drop_file(numbered(1), f"{CUSTOMER}/{'装' * 200}/{'置' * 200}.csv")
    world.run()
    _with(
        world,
        page_url="https://drop.example.com",
        storage=StorageIdentity("https://x.blob.example.com", "https://x.queue.example.com", "https://x.table", None),
    )
    told = file_closed_of(_file(world, file), world.settings)
    assert len(told.links.results or "") > LONGEST_LINK
    buttons = slack_message(told)["blocks"][2]["elements"]
    assert [button["text"]["text"] for button in buttons] == ["Open the file's page"]


# --- the webhook's wake-up


@dataclass(slots=True)
class Listener:
    """A webhook in memory that answers as it is told, at last well."""

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
            assert told == teams_message(file_closed_of(_file(world, file), world.settings))
        case WebhookFormat.SLACK:
            assert told == slack_message(file_closed_of(_file(world, file), world.settings))


def test_a_webhook_that_fails_is_told_later_and_no_file_waits_for_it(world: World) -> None:
    listener = _listening(world, *(WebhookFailed("it answered with 503") for _ in range(6)))
    file = world.drop_file(numbered(2))
    world.run()
    assert world.summary(file)["state"] == "closed"
    assert (listener.asked, len(listener.told)) == (7, 1)
    assert len(world.events.of(file)) == 1


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
    closed_at = _file(world, file).closed_at
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


# --- HTTPS


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with https_server("hooks.example.com") as running:
        yield running


JSON = "application/json; charset=utf-8"


def _webhook(server: HttpsServer, url: str = SECRET_URL, **changes: Any) -> HttpsWebhook:
    """A webhook whose name leads to the server of the test."""
    return HttpsWebhook(
        url.replace(".com/", f".com:{server.port}/"),
        **{
            "is_allowed": lambda address: address.is_loopback,
            "resolve": lambda host, port: ["127.0.0.1"],  # noqa: ARG005
            "trust": server.trust,
            **changes,
        },
    )


def test_a_body_is_posted_under_the_name_that_was_asked_for(server: HttpsServer) -> None:
    server.answers(200)
    _webhook(server).post(b'{"a":1}', JSON)
    (request,) = server.taken()
    assert request.line == "POST /services/T000/B000/s3cret-key?sig=s3cret-signature HTTP/1.1"
    assert request.headers["Host"] == f"hooks.example.com:{server.port}"
    assert request.headers["Content-Type"] == JSON
    assert request.body == b'{"a":1}'
    assert request.server_name == "hooks.example.com"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_answer_that_may_pass_is_a_failure(server: HttpsServer, status: int) -> None:
    server.answers(status, {"Retry-After": "57"})
    with pytest.raises(WebhookFailed, match=f"it answered with {status}") as caught:
        _webhook(server).post(b"{}", JSON)
    assert caught.value.retry_after == timedelta(seconds=57)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 307])
def test_an_answer_that_says_no_is_a_refusal(server: HttpsServer, status: int) -> None:
    server.answers(status, {"Location": f"https://127.0.0.1:{server.port}/elsewhere"})
    with pytest.raises(WebhookRefused, match=f"{status}"):
        _webhook(server).post(b"{}", JSON)
    assert [request.line.split()[1] for request in server.taken()] == [
        "/services/T000/B000/s3cret-key?sig=s3cret-signature"
    ]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.215.14", "10.0.0.5"], ["::1"], ["169.254.169.254"]])
def test_by_default_nothing_is_sent_to_an_address_that_is_not_public(server: HttpsServer, found: list[str]) -> None:
    webhook = HttpsWebhook(SECRET_URL, resolve=lambda host, port: found, trust=server.trust)  # noqa: ARG005
    server.answers(200)
    with pytest.raises(WebhookRefused, match="not public, and nothing is sent there"):
        webhook.post(b"{}", JSON)
    assert server.taken() == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(server: HttpsServer) -> None:
    server.answers(200)
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:  # noqa: ARG001
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.5"]

    _webhook(server, resolve=rebinding).post(b"{}", JSON)
    assert asked == ["hooks.example.com"]
    assert len(server.taken()) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(server: HttpsServer) -> None:
    server.answers(200)
    # The server listens on the first address of the loopback network alone.
    _webhook(server, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"]).post(b"{}", JSON)  # noqa: ARG005
    assert len(server.taken()) == 1


def test_a_certificate_of_another_name_or_of_nobody_is_not_trusted(server: HttpsServer) -> None:
    server.answers(200)
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        _webhook(server, url="https://other.example.com/x").post(b"{}", JSON)
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        _webhook(server, trust=ssl.create_default_context).post(b"{}", JSON)
    assert server.taken() == []


def test_a_webhook_without_an_answer_is_left_after_a_while(server: HttpsServer) -> None:
    server.answers(200, delay=3)
    with pytest.raises(WebhookFailed, match="could not be reached, or gave no answer"):
        _webhook(server, seconds=0.3).post(b"{}", JSON)
    server.taken()


def test_a_webhook_that_is_reached_too_late_is_not_waited_for(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def slowly(*address: Any) -> socket.socket:
        time.sleep(0.5)
        return connect(*address)

    monkeypatch.setattr(socket, "create_connection", slowly)
    server.answers(200)
    with pytest.raises(WebhookFailed, match="could not be reached, or gave no answer"):
        _webhook(server, seconds=0.1).post(b"{}", JSON)
    assert server.taken() == []


def test_trust_may_be_a_folder_and_one_that_is_not_there_is_a_failure(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.answers(200)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        _webhook(server, trust=trusted).post(b"{}", JSON)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    with pytest.raises(WebhookFailed, match="REQUESTS_CA_BUNDLE names cannot be read"):
        _webhook(server, trust=trusted).post(b"{}", JSON)


def test_a_name_that_is_not_known_is_a_failure(server: HttpsServer) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"no {host} {port}")

    with pytest.raises(WebhookFailed, match="its name is not known to DNS"):
        _webhook(server, resolve=unknown).post(b"{}", JSON)


def test_the_address_of_a_webhook_is_in_no_log_and_no_message(
    server: HttpsServer, caplog: pytest.LogCaptureFixture
) -> None:
    said = []
    with caplog.at_level(logging.DEBUG):
        for status in (200, 404, 503):
            server.answers(status)
            try:
                _webhook(server).post(b"{}", JSON)
            except WebhookError as error:
                said.append(f"{error!r} {error.__cause__!r}")
    assert len(said) == 2
    assert "s3cret" not in caplog.text + "".join(said) + repr(_webhook(server)) + repr(
        WebhookSettings(SECRET_URL, WebhookFormat.TEAMS)
    )
    server.taken()


def test_the_settings_of_the_pipeline_do_not_show_the_webhook(world: World) -> None:
    _listening(world)
    assert "s3cret" not in repr(world.settings)
