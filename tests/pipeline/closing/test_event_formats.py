"""The contents of an event, a Teams card and a Slack message about a file."""

from dataclasses import replace
from typing import Any

import msgspec

from shared.pipeline.closing.event_formats import (
    LONGEST_LINK,
    card_of,
    event_of,
    event_text,
    file_closed_of,
    slack_message,
    teams_message,
)
from shared.settings import StorageIdentity
from tests.pipeline.world import CUSTOMER, World, numbered, tuples


def _with(world: World, **changes: Any) -> None:
    world.settings = replace(world.settings, **changes)
    world.pipeline = world.pipeline_with()


def test_an_event_leads_to_page_and_results_where_they_have_an_address(world: World) -> None:
    file = world.drop_file(numbered(1), f"{CUSTOMER}/Sales & Co/a b.csv")
    world.run()
    storage = StorageIdentity("https://x.blob.example.com/", "https://x.queue.example.com", "https://x.table", None)
    _with(world, page_url="https://drop.example.com", storage=storage)
    event = event_of(world.file(file), world.settings)
    assert event.source == "https://drop.example.com"
    assert event.data.links.page == f"https://drop.example.com/api/status/{CUSTOMER}/{file}"
    folder = f"https://x.blob.example.com/results/{CUSTOMER}/Sales%20%26%20Co/a%20b.csv/{file}"
    assert (event.data.links.results, event.data.links.summary) == (f"{folder}/results.csv", f"{folder}/summary.json")


def test_an_event_fits_a_queue_message_whatever_people_named(world: World) -> None:
    file = world.drop_file(numbered(1), f"{CUSTOMER}/{'ä' * 450}/{'😀' * 450}.csv")
    world.run()
    assert len(world.events.sent[-1].encode()) * 4 / 3 < 64 * 1024
    assert world.events.of(file)
    rejected = msgspec.structs.replace(world.file(file), reason_text="装" * 50_000)
    assert len(event_text(event_of(rejected, world.settings)).encode()) * 4 / 3 < 64 * 1024


# --- cards

HOSTILE = "[click](https://evil.example.com) <https://evil.example.com|here> & *bold* <!channel>.csv"


def test_a_teams_card_says_what_happened_where_no_markdown_is_read(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1"]), f"{CUSTOMER}/Test/{HOSTILE.replace('/', '')}")
    world.run()
    _with(world, page_url="https://drop.example.com")
    message = teams_message(card_of(file_closed_of(world.file(file), world.settings)))
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
    message = slack_message(card_of(file_closed_of(world.file(file), world.settings)))
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
    told = file_closed_of(world.file(file), world.settings)
    assert len(told.links.results or "") > LONGEST_LINK
    buttons = slack_message(card_of(told))["blocks"][2]["elements"]
    assert [button["text"]["text"] for button in buttons] == ["Open the file's page"]
