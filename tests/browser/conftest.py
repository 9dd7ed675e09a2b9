"""One browser for all tests of the page; without one they are left out, and that is said at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from local.chromium import NOT_FOUND, chromium
from tests.browser.looking import MOST_MILLISECONDS
from tests.browser.office import Office, open_office
from tests.browser.site import Site, running_site

HERE = Path(__file__).parent

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It runs as root in containers, and asks nobody for anything."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a browser when there is none."""
    if chromium() is None:
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(pytest.mark.skip(reason="no browser was found on this machine"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly."""
    if chromium() is None:
        terminalreporter.section("no browser", sep="!", yellow=True, bold=True)
        terminalreporter.line(NOT_FOUND, yellow=True, bold=True)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which drives the browser."""
    expect.set_options(timeout=MOST_MILLISECONDS)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The browser of this machine, without a window."""
    program = chromium()
    assert program is not None, "tests that need a browser are left out where there is none"
    running = playwright.chromium.launch(executable_path=program, args=QUIET)
    yield running
    running.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The doors of the app."""
    with running_site(DEVICES_PER_SUBMISSION="200") as running:
        yield running


@pytest.fixture(scope="module")
def office(site: Site) -> Office:
    """An office at work on that site. Tests that change it have a site of their own."""
    return open_office(site)
