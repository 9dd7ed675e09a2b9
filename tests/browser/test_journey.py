"""One journey over everything real: storage, functions host, service, and a browser that is never reloaded by hand."""

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from local.partner_center import Behaviour, PartnerCenterStandIn
from tests.browser.looking import DESK, looking
from tests.whole_way.stack import HEADER, Stack, running_stack

NAME = "devices.csv"
FIXED = "devices-fixed.csv"
MAKER_AND_MODEL = "LENOVO,21R3001BUK"
FOREIGN = "STANDIN-808-0001"
"""The stand-in takes it for another tenant's."""

SLOW = 60_000
"""Milliseconds: hosts that start, a scan for new blobs, and a service that takes its time."""


def test_a_file_is_dropped_watched_fixed_and_dropped_again(browser: Browser, tmp_path: Path) -> None:
    with (
        PartnerCenterStandIn(Behaviour(delay=2)) as service,
        running_stack(tmp_path, service, hosts=1, settings={"POLL_FIRST_DELAY_SECONDS": "0.5"}) as stack,
        looking(browser, DESK) as (page, seen),
    ):
        stack.wait_until_ready(0)
        page.goto(f"{_address(stack)}/status")
        expect(page.get_by_role("heading", name="No device file has been dropped yet")).to_be_visible()
        stack.drop(NAME, _devices())
        _watch(page)
        _look_closer(page)
        fixed = _fix(page)
        stack.drop(FIXED, fixed)
        page.get_by_role("link", name="Device files").first.click()
        page.get_by_role("link", name=FIXED).click(timeout=SLOW)
        expect(page.get_by_role("heading", name="All 2 devices are registered")).to_be_visible(timeout=SLOW)
        assert seen.complaints == []
        registered = " ".join(map(str, service.report()["devices"]))
        assert "FIX-01" in registered
        assert "FIX-02" in registered


def _watch(page: Page) -> None:
    """The file appears in the list by itself and is followed to its end."""
    row = page.get_by_role("row", name=re.compile(NAME))
    expect(row).to_be_visible(timeout=SLOW)
    row.get_by_role("link", name=NAME).click()
    expect(page.get_by_role("heading", name="30 of 33 devices are registered; 3 are not")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("region", name="Time line")).to_contain_text("Closed")


def _look_closer(page: Page) -> None:
    """Which devices failed, why, and where one of them was."""
    page.get_by_role("navigation", name="Rows by outcome").get_by_role("link", name="failed").click()
    rows = page.locator(".rows tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("The device is registered for another tenant")
    page.get_by_label("Serial number").fill(FOREIGN.lower())
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("ZtdDeviceAssignedToOtherTenant")
    page.get_by_role("link", name=NAME).click()


def _fix(page: Page) -> str:
    """Download to_fix.csv and do what it says; the file as a spreadsheet saves it."""
    with page.expect_download() as download:
        page.get_by_role("link", name="to_fix.csv").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert header[-1] == "what_to_do"
    assert all(row[-1].startswith("Add manufacturer and model") for row in rows)
    maker, model = header.index("Manufacturer name"), header.index("Device model")
    for row in rows:
        row[maker], row[model] = MAKER_AND_MODEL.split(",")
    fixed = io.StringIO(newline="")
    csv.writer(fixed).writerows([header, *rows])
    return fixed.getvalue()


def _devices() -> str:
    good = [f"GOOD-{number:02d},,,{MAKER_AND_MODEL}" for number in range(30)]
    return "\r\n".join([HEADER, *good, "FIX-01,,,,", "FIX-02,,,,", f"{FOREIGN},,,{MAKER_AND_MODEL}", ""])


def _address(stack: Stack) -> str:
    found = re.search(r"HTTP functions answer at (http://\S+)", stack.logs)
    assert found is not None, stack.logs[-2000:]
    return found[1]
