"""The pictures in the documents, made from what they show. `pytest tests/browser --pictures` makes them anew."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from rich.console import Console

from local import run
from local.hosts import HostKind
from local.services import DataFolder
from local.set_up import WORK
from tests.browser.looking import DARK, DESK, PHONE, looking
from tests.browser.office import Office
from tests.browser.site import PROJECT, Site

LARGEST_PICTURE = 200_000
"""Bytes."""

COLUMNS = 132
TITLE = "python -m local run --once"

DEVICES = """Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model
5CG4210KXP,,,HP,HP EliteBook 840 14 inch G11 Notebook PC
PF5T0QA1,,,LENOVO,21R3001BUK
7CQK2H4,,,Dell Inc.,Latitude 7450
7CQK2H5,,,,
1.23457E+11,,,Dell Inc.,Latitude 7450
PF5T0QA1,,,LENOVO,21R3001BUK
"""

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


def test_the_terminal_has_its_picture_taken(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not request.config.getoption("--pictures"):
        pytest.skip("a whole run; --pictures takes it")
    console = Console(record=True, width=COLUMNS, force_terminal=False, color_system="truecolor")
    monkeypatch.setattr(run, "Console", lambda **_: console)
    devices = tmp_path / "new-starters.csv"
    devices.write_text(DEVICES, encoding="utf-8")
    # Inside the project, or its first lines would name a folder of this machine.
    data = DataFolder(WORK / "pictures")
    shutil.rmtree(data.root, ignore_errors=True)
    options = run.RunOptions(
        files=[devices],
        customer_id="0c39d6d5-c70d-4c55-bc02-f620844f3fd1",
        batch_id="Sales Laptops",
        once=True,
        results=None,
        timeout_seconds=120,
        instances=1,
        host=HostKind.LOCAL,
        data=data,
    )
    try:
        assert run.run(options) == 0
    finally:
        shutil.rmtree(data.root)
    picture = folder / "terminal.svg"
    # Rich names fonts at another host.
    drawn = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", console.export_svg(title=TITLE), flags=re.DOTALL)
    picture.write_text(drawn, encoding="utf-8")
    addresses = re.findall(r"https?://[^/\s\"<]+", picture.read_text(encoding="utf-8"))
    assert {address for address in addresses if "127.0.0.1" not in address} <= {"http://www.w3.org"}
    assert str(tmp_path) not in picture.read_text(encoding="utf-8")
