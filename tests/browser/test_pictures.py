"""The pictures in the documents, made from what they show. `pytest tests/browser --pictures` makes them anew."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import DARK, DESK, PHONE, looking
from tests.browser.office import Office
from tests.browser.site import PROJECT, Site

LARGEST_PICTURE = 200_000
"""Bytes."""

ROOM: dict[str, Any] = {"viewport": {"width": 1280, "height": 1000}}


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
    ]
    assert all(1_000 < picture.stat().st_size < LARGEST_PICTURE for picture in taken)


def _taken(browser: Browser, look: dict[str, Any], address: str, picture: Path) -> Path:
    with looking(browser, look) as (page, _):
        page.goto(address)
        page.screenshot(path=picture)
    return picture
