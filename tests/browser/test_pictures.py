"""The pictures in the documents, made from what they show. `pytest tests/browser --pictures` makes them anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page

from tests.browser.looking import DARK, DESK, PHONE, looking
from tests.browser.office import Office
from tests.browser.site import PROJECT, Site
from tests.pipeline.world import CUSTOMER

LARGEST_PICTURE = 200_000
"""Bytes."""

ROOM: dict[str, Any] = {"viewport": {"width": 1280, "height": 1000}}


LOW: dict[str, Any] = {"viewport": {"width": 1280, "height": 760}}


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the pictures go: into the documents, if that is asked for."""
    return PROJECT / "docs" / "pictures" if request.config.getoption("--pictures") else tmp_path


def test_the_page_has_its_pictures_taken(browser: Browser, site: Site, office: Office, folder: Path) -> None:
    closed, under_way = (site.file(file_id, customer) for customer, file_id in (office.closed, office.under_way))
    taken = [
        _taken(browser, DESK, site.files, folder / "list-light.png"),
        _taken(browser, DARK, site.files, folder / "list-dark.png"),
        _taken(browser, DESK | ROOM, closed, folder / "file-light.png"),
        _taken(browser, DARK | ROOM, under_way, folder / "file-dark.png"),
        _taken(browser, PHONE, closed, folder / "file-phone.png"),
        _taken(browser, DESK | LOW, f"{closed}/fix", folder / "fix.png"),
        _taken(browser, DESK | LOW, f"{site.files}/drop", folder / "check.png", _check),
    ]
    assert all(1_000 < picture.stat().st_size < LARGEST_PICTURE for picture in taken)


def _taken(
    browser: Browser,
    look: dict[str, Any],
    address: str,
    picture: Path,
    prepare: Callable[[Page], None] = lambda _: None,
) -> Path:
    with looking(browser, look) as (page, _):
        page.goto(address)
        prepare(page)
        page.screenshot(path=picture)
    return picture


def _check(page: Page) -> None:
    """Choose the list of docs/first-file.md, with a damaged serial number."""
    rows = [
        "Device Serial Number,Manufacturer name,Device model",
        "PF5T0QZ1,LENOVO,21R3001BUK",
        "3.30525E+11,HP,HP EliteBook 840 14 inch G11 Notebook PC",
        "PF5T0QZ1,LENOVO,21R3001BUK",
    ]
    content = "\r\n".join([*rows, ""]).encode()
    page.get_by_label("Customer", exact=True).fill(CUSTOMER)
    page.get_by_label("Batch").fill("Sample")
    chosen: FilePayload = {"name": "my-devices.csv", "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Device files").set_input_files(chosen)
    page.get_by_role("button", name="Check the files").click()
    page.get_by_text("The rejected rows", exact=True).click()
