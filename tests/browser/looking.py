"""How a person looks at the page: by eye or by ear, with or without a mouse, on a desk or on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

MOST_MILLISECONDS = 60_000
"""That a test waits for what it expects on a page."""

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
DARK: dict[str, Any] = DESK | {"color_scheme": "dark"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
NARROW: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
"""A desk's window at 400 % (WCAG 2.2, 1.4.10)."""
ZOOMED: dict[str, Any] = {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}
"""A desk's window at 200 %."""
WITHOUT_SCRIPTS: dict[str, Any] = DESK | {"java_script_enabled": False}

_LOOKS: dict[str, Any] = {"timezone_id": "Europe/Berlin", "locale": "en-GB", "reduced_motion": "reduce"}


@dataclass(slots=True)
class Seen:
    """What the browser complained about, and whom it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@contextmanager
def looking(browser: Browser, look: dict[str, Any]) -> Iterator[tuple[Page, Seen]]:
    """A page in a browser of its own that looks so; what went wrong in it is noted."""
    context = browser.new_context(**(_LOOKS | look))
    context.set_default_timeout(MOST_MILLISECONDS)
    page, seen = context.new_page(), Seen()
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.hosts.add(urlsplit(request.url).netloc))
    page.on("dialog", lambda dialog: seen.complaints.append(f"a dialog: {dialog.message}"))
    try:
        yield page, seen
    finally:
        context.close()


def faults_for_assistive_technology(page: Page, *rules: str) -> list[str]:
    """What axe finds, by these of its rules or by all: rule and element."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, options=options).response
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


def overflow(page: Page) -> int:
    """Pixels by which the page, with its style sheet, is wider than its window."""
    page.wait_for_load_state()
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels
