"""Notifications as CloudEvents messages, and the same as cards for Teams or Slack; that of a file that has ended. Pure.

Sources: CloudEvents 1.0.2, JSON event format; Microsoft Teams, "Create incoming webhooks with Workflows" and Adaptive
Cards 1.4; Slack, "Sending messages using incoming webhooks" and Block Kit. Names chosen by people (files, batches)
appear only in fields where no markup is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid5

import msgspec

from shared.pipeline.blob_names import NO_FOLDER, RESULTS_CONTAINER, customer_folder
from shared.pipeline.closing.registered_later import NOTHING_LATER, RegisteredLater
from shared.pipeline.closing.summary import folder_of, standing_of
from shared.settings import Settings, StorageIdentity, WebhookFormat
from shared.storage.records import Counts, DeviceFile, ProfileCounts, elsewhere_in
from shared.vocabulary import FileOrder, FileState, Outcome, Standing

EVENT_TYPE = "devicedrop.file.closed"
SOURCE = "/device-drop"
"""The source of events if the status page has no address, which otherwise is the source."""

LONGEST_NAME = 256
"""Most characters of a name in an event: a queue message holds 48 KiB of text."""

LONGEST_STORY = 1_000
"""Most characters of the reason why a file was ended, which may quote such names."""

LONGEST_HEADLINE = 150
"""Most characters of a header in Slack."""

LONGEST_LINK = 3_000
"""Most characters of a button's address in Slack, which refuses the whole message if it is longer."""

CONTENT_TYPES = {
    WebhookFormat.CLOUD_EVENTS: "application/cloudevents+json; charset=utf-8",
    WebhookFormat.TEAMS: "application/json; charset=utf-8",
    WebhookFormat.SLACK: "application/json; charset=utf-8",
}
"""Content types of webhook requests; the first is the structured mode (CloudEvents, "HTTP Protocol Binding", 3.2)."""

Message = dict[str, Any]
Facts = Sequence[tuple[str, str]]
"""Texts, each with its name."""

Data = TypeVar("Data", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Card:
    """A notification for people."""

    title: str
    facts: Facts
    """The lines below the title."""
    buttons: Facts
    """Links, each named by its button."""
    colour: str = "Warning"
    """Of the title in Teams: `Good` or `Warning`."""


class Links(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Addresses of the file's page and results. Both require a sign-in; an unknown address is left out."""

    page: str | None = None
    results: str | None = None
    summary: str | None = None


class FileClosed(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an event: the file and how it ended."""

    file_id: str
    customer_id: str | None
    batch_id: str | None
    file: str
    path: str
    order: FileOrder
    """What is asked for with its devices."""
    state: FileState
    standing: Standing
    """How the file stands, in the words of the status page's list."""
    reason: str | None
    what_happened: str | None
    received_at: datetime
    closed_at: datetime | None
    counts: Counts
    elsewhere: int
    """Of the rows already registered, those whose device does not stand under the batch of the row."""
    is_incomplete: bool
    """Whether the file may hold devices that are in none of its rows."""
    profiles: ProfileCounts | None
    """The rows by profile outcome; None where no row has one."""
    parent_file_id: str | None
    results_folder: str
    """The folder in the container `results`."""
    links: Links


class Event(msgspec.Struct, Generic[Data], frozen=True, kw_only=True):
    """A CloudEvents 1.0 message in structured mode."""

    specversion: str = "1.0"
    id: str
    """Stays the same when the event is repeated."""
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    data: Data


def event_of(file: DeviceFile, settings: Settings, later: RegisteredLater = NOTHING_LATER) -> Event[FileClosed]:
    """The event of a file that has ended; `later` files may have registered rows of it before it ended."""
    return Event(
        id=str(uuid5(UUID(file.file_id), EVENT_TYPE)),
        source=settings.page_url or SOURCE,
        type=EVENT_TYPE,
        subject=f"{file.customer_id or NO_FOLDER}/{file.file_id}",
        time=file.closed_at or file.received_at,
        data=file_closed_of(file, settings, later),
    )


def file_closed_of(file: DeviceFile, settings: Settings, later: RegisteredLater = NOTHING_LATER) -> FileClosed:
    """The data of the file's event."""
    folder = folder_of(file)
    return FileClosed(
        file_id=file.file_id,
        customer_id=file.customer_id,
        batch_id=None if file.batch_id is None else file.batch_id[:LONGEST_NAME],
        file=file.name[:LONGEST_NAME],
        path=file.path,
        order=file.order,
        state=file.state,
        standing=standing_of(file, later),
        reason=file.reason,
        what_happened=file.reason_text[:LONGEST_STORY] if file.reason_text else None,
        received_at=file.received_at,
        closed_at=file.closed_at,
        counts=file.closed_counts or file.read_counts,
        elsewhere=elsewhere_in(file.reasons),
        is_incomplete=file.is_incomplete,
        profiles=file.profiles,
        parent_file_id=file.parent,
        results_folder=folder,
        links=_links(file, folder, settings),
    )


def _links(file: DeviceFile, folder: str, settings: Settings) -> Links:
    page, storage = settings.page_url, settings.storage
    blobs = storage.blob_service_uri.rstrip("/") if isinstance(storage, StorageIdentity) else None
    results = None if blobs is None else f"{blobs}/{RESULTS_CONTAINER}/{quote(folder)}"
    return Links(
        page=None if page is None else f"{page}/api/status/{file.customer_id or NO_FOLDER}/{file.file_id}",
        results=None if results is None else f"{results}/results.csv",
        summary=None if results is None else f"{results}/summary.json",
    )


def event_text(event: Event[Any]) -> str:
    """The event as the text of a queue message."""
    return msgspec.json.encode(event).decode()


def webhook_body(event: Event[Any], card: Card, form: WebhookFormat) -> bytes:
    """The body of a request to a webhook of this format: the event, or the `card` that says the same."""
    match form:
        case WebhookFormat.CLOUD_EVENTS:
            return msgspec.json.encode(event)
        case WebhookFormat.TEAMS:
            return msgspec.json.encode(teams_message(card))
        case WebhookFormat.SLACK:
            return msgspec.json.encode(slack_message(card))


def headline(closed: FileClosed) -> str:
    """One line for the top of a card."""
    if closed.state is FileState.CLOSED:
        asks = "" if closed.order is FileOrder.REGISTER else f"to {closed.order} devices, "
        elsewhere = f" ({closed.elsewhere} of them not under this batch)" if closed.elsewhere else ""
        return f"{closed.file}: {asks}{closed.counts.total} rows, {in_words(closed.counts)}{elsewhere}"
    if closed.state is FileState.REJECTED:
        return f"{closed.file} was rejected"
    return f"{closed.file} was deleted before it was read"


def in_words(counts: Counts) -> str:
    """The outcomes that occur, with their counts."""
    there = [f"{number} {outcome.replace('_', ' ')}" for outcome in Outcome if (number := getattr(counts, outcome))]
    return ", ".join(there) or "none"


_WITHOUT_BATCH = {FileOrder.REGISTER: "by group tag", FileOrder.REMOVE: "by group tag, or any", FileOrder.MOVE: "none"}


def _facts(closed: FileClosed) -> list[tuple[str, str]]:
    """The lines below the headline, each with its name."""
    folder = customer_folder(closed.path)[:LONGEST_NAME]
    is_named = closed.customer_id is not None and folder.lower() != closed.customer_id
    facts = [
        ("Customer", f"{folder} ({closed.customer_id})" if is_named else closed.customer_id or "none"),
        ("Batch", closed.batch_id or _WITHOUT_BATCH[closed.order]),
        ("State", str(closed.standing)),
    ]
    if closed.state is FileState.CLOSED:
        facts.append(("Rows", f"{closed.counts.total}: {in_words(closed.counts)}"))
    if closed.profiles is not None:
        named = ((name, getattr(closed.profiles, name)) for name in ProfileCounts.__struct_fields__)
        facts.append(("Profiles", ", ".join(f"{number} {name}" for name, number in named if number)))
    if closed.is_incomplete:
        facts.append(("Check", "The file may hold devices that were not sent. Its page and summary.json say where."))
    if closed.what_happened:
        facts.append(("What happened", closed.what_happened))
    return facts


def _buttons(closed: FileClosed) -> list[tuple[str, str]]:
    """The links, each with the text of its button."""
    links = (("Open the file's page", closed.links.page), ("Download results.csv", closed.links.results))
    return [(name, url) for name, url in links if url is not None]


def card_of(closed: FileClosed) -> Card:
    """The card of a file that has ended."""
    colour = "Good" if closed.state is FileState.CLOSED and not _needs_someone(closed) else "Warning"
    return Card(headline(closed), _facts(closed), _buttons(closed), colour)


def teams_message(card: Card) -> Message:
    """An Adaptive Card, made of text runs: text blocks and facts would interpret markdown."""
    body: list[Message] = [
        _run(card.title, size="Large", weight="Bolder", color=card.colour),
        *(_run(f"{name}: {value}") for name, value in card.facts),
    ]
    actions = [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in card.buttons]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": card.title,
        "body": body,
        "actions": actions,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **style: str) -> Message:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _needs_someone(closed: FileClosed) -> bool:
    counts = closed.counts
    not_registered = counts.failed + counts.rejected + counts.unknown + counts.cancelled + closed.elsewhere
    not_assigned = 0 if closed.profiles is None else closed.profiles.not_assigned
    return closed.is_incomplete or bool(not_registered or not_assigned)


def slack_message(card: Card) -> Message:
    """Blocks of plain text; `text` is for notifications, where Slack interprets its own markup."""
    lines = "\n".join(f"{name}: {value}" for name, value in card.facts)
    links = [(name, url) for name, url in card.buttons if len(url) <= LONGEST_LINK]
    blocks: list[Message] = [
        {"type": "header", "text": _plain(card.title[:LONGEST_HEADLINE])},
        {"type": "section", "text": _plain(lines)},
    ]
    buttons = [{"type": "button", "text": _plain(name), "url": url} for name, url in links]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": _without_markup(card.title), "blocks": blocks}


def _plain(text: str) -> Message:
    return {"type": "plain_text", "text": text, "emoji": False}


def _without_markup(text: str) -> str:
    """`text` with Slack's three control characters escaped ("Formatting text for app surfaces")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
