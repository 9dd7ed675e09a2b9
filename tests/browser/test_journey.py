"""One journey over everything real: storage, functions host, service, and a browser that is never reloaded by hand.

A junior administrator, who knows Excel and no terminal: names a customer, drops three files, reads what would happen,
sends, fixes two rows, finds a device and withdraws a file that belonged to somebody else.
"""

import re
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from playwright.sync_api import Browser, Page, expect

from local.browser_uploads import allow_uploads_from
from local.partner_center import Behaviour, PartnerCenterStandIn
from tests.browser.looking import DESK, faults_for_assistive_technology, looking
from tests.whole_way.stack import CUSTOMER, HEADER, Stack, running_stack

pytestmark = pytest.mark.takes_long

TAGGED = f"{HEADER},Group Tag"
GOOD, DAMAGED, TAGLESS = "good.csv", "from excel.csv", "no tag.csv"
FILES = {
    GOOD: ["GOOD-01,,,LENOVO,21R3001BUK,Sales", "GOOD-02,,,LENOVO,21R3001BUK,Sales"],
    DAMAGED: ["EXCEL-01,,,LENOVO,21R3001BUK,Sales", "1.23457E+14,,,LENOVO,21R3001BUK,Sales"],
    TAGLESS: ["TAG-01,,,LENOVO,21R3001BUK,Sales", "TAG-02,,,LENOVO,21R3001BUK,"],
}

SLOW = 60_000
"""Milliseconds: hosts that start, a scan for new blobs, and a service that takes its time."""


def test_an_administrator_needs_no_terminal_from_the_first_file_to_the_last(browser: Browser, tmp_path: Path) -> None:
    with (
        PartnerCenterStandIn(Behaviour(delay=2)) as service,
        running_stack(tmp_path, service, hosts=1, settings={"POLL_FIRST_DELAY_SECONDS": "0.5"}) as stack,
        looking(browser, DESK) as (page, seen),
    ):
        stack.wait_until_ready(0)
        allow_uploads_from(_address(stack), BlobServiceClient.from_connection_string(stack.storage))
        page.goto(f"{_address(stack)}/status")
        expect(page.get_by_role("heading", name="No device file has been dropped yet")).to_be_visible()
        _name_customer(page)
        _drop(page, tmp_path)
        _fix(page, DAMAGED, "2.serial_number", "987316540021")
        _fix(page, TAGLESS, "2.group_tag", "Sales")
        _find(page, "987316540021")
        _withdraw(page, GOOD)
        assert seen.complaints == []
        sent = service.report()
        serials = ("GOOD-01", "GOOD-02", "EXCEL-01", "987316540021", "TAG-01", "TAG-02")
        assert sorted(sent["devices"]) == sorted(f"tuple:{serial}|LENOVO|21R3001BUK" for serial in serials)
        assert sent["devicesPostedMoreThanOnce"] == {}


def _go(page: Page, place: str) -> None:
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name=place, exact=True)
    link.click()
    expect(link).to_have_attribute("aria-current", "page")


def _go_to_new_page(page: Page, place: str) -> None:
    _go(page, place)
    page.wait_for_load_state()
    assert faults_for_assistive_technology(page) == []


def _name_customer(page: Page) -> None:
    _go_to_new_page(page, "Customers")
    page.get_by_label("Customer id").fill(CUSTOMER)
    page.get_by_role("button", name="Show its names").click()
    page.get_by_label("Name of the drop folder").fill("Contoso")
    page.get_by_role("button", name="Add the name").click()
    expect(page.locator("#chosen")).to_contain_text("Contoso")


def _drop(page: Page, folder: Path) -> None:
    """Three files at once; nothing is sent before the check was read."""
    paths = []
    for name, rows in FILES.items():
        paths.append(folder / name)
        paths[-1].write_text("\r\n".join([TAGGED, *rows, ""]), encoding="utf-8")
    _go_to_new_page(page, "Drop files")
    page.get_by_label("Customer", exact=True).fill("Contoso")
    page.get_by_label("Device files").set_input_files(paths)
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_role("heading", name="3 files for Contoso")).to_be_visible(timeout=SLOW)
    assert faults_for_assistive_technology(page) == []
    expect(page.get_by_role("region", name=GOOD)).to_contain_text("2 rows would be sent")
    expect(page.get_by_role("region", name=DAMAGED)).to_contain_text("A spreadsheet turned the serial number")
    expect(page.get_by_role("region", name=TAGLESS)).to_contain_text("The row has no group tag")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name=GOOD)).to_contain_text("Sent")


def _fix(page: Page, name: str, cell: str, value: str) -> None:
    """Open a file from the list, fix its second row in the grid, and see that all of it is registered."""
    _go(page, "Files")
    page.get_by_role("link", name=name, exact=True).click(timeout=SLOW)
    expect(page.get_by_role("heading", name="1 of 2 devices is registered; 1 is not")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Fix on this page").click()
    expect(page.locator(f'[name="{cell}"]')).to_be_visible(timeout=SLOW)
    assert faults_for_assistive_technology(page) == []
    page.locator(f'[name="{cell}"]').fill(value)
    page.get_by_role("button", name="Send the changed rows").click()
    expect(page.get_by_role("status").first).to_contain_text("The fixed rows are being sent")
    page.get_by_role("link", name="a new file").click(timeout=SLOW)
    expect(page.get_by_role("heading", name="The device is registered")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="an earlier file").click()
    expect(page.get_by_role("region", name="All 2 devices are registered")).to_be_visible(timeout=SLOW)


def _find(page: Page, serial: str) -> None:
    page.get_by_label("Serial number").fill(serial)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("registered")


def _withdraw(page: Page, name: str) -> None:
    """Withdraw a file, and see it said on its page, in the list, in the search and among the acts."""
    _go(page, "Files")
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_label("To confirm, type the name of the file").fill(name)
    page.get_by_role("button", name="Withdraw 2 devices").click()
    expect(page.locator(".summary")).to_contain_text("2 of 2 devices were removed", timeout=SLOW)
    _go(page, "Files")
    expect(page.get_by_role("row", name=re.compile(re.escape(name)))).to_contain_text("withdrawn")
    page.get_by_label("Serial number").fill("GOOD-01")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_contain_text("withdrawn since")
    _go_to_new_page(page, "Activity")
    for words in ("Withdraw devices", "Send fixed rows", "Send a file", "Name a customer"):
        expect(page.locator("tbody")).to_contain_text(words)


def _address(stack: Stack) -> str:
    found = re.search(r"HTTP functions answer at (http://\S+)", stack.logs)
    assert found is not None, stack.logs[-2000:]
    return found[1]
