"""Names, cells and answers made to break a page, shown as what they are."""

import pytest
from playwright.sync_api import Browser, expect

from shared.partner_center.client import CallIds, JobAnswer
from tests.browser.looking import DESK, PHONE, faults_for_assistive_technology, looking, overflow
from tests.browser.site import running_site
from tests.pipeline.world import CUSTOMER, HEADER, Changed

SCRIPT = "<script>document.title='hacked'</script>"
PICTURE = '"><img src=x onerror="document.title=\'hacked\'">'
FORMULA = '=HYPERLINK(""http://127.0.0.1:9"")'
TERMINAL = "\x1b[31mred\x1b]0;hacked\x07"
TURNED = "invoice\u202egpj.exe"
TEMPLATE = "{{ 7*7 }}{% include 'x' %}"
WIDE = "W" * 180

NAME = f"{PICTURE}{TURNED}{TERMINAL}{TEMPLATE} {'long' * 30}.csv"
BATCH = f"{SCRIPT.replace('/', '')}{TURNED}"


class Rude(Changed):
    """A service whose messages are markup."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        from msgspec.structs import replace

        answer = super().batch_job_status(customer_id, tracking_id, ids)
        devices = answer.details.devices_status or ()
        rude = tuple(
            replace(device, status="finished_with_errors", error_code=PICTURE, error_description=SCRIPT)
            for device in devices
        )
        return JobAnswer(replace(answer.details, devices_status=rude), answer.service_ids)


def hostile_file() -> str:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    # A maker that is known keeps a row with several words from being taken for prose.
    rows = [(SCRIPT, "LENOVO", TEMPLATE), (PICTURE, "LENOVO", SCRIPT), (FORMULA, "M", "M"), (TERMINAL, "M", TURNED)]
    rows += [(WIDE, WIDE, WIDE), (TURNED, SCRIPT, ""), ("@SUM(1)", "+1", "-1"), ("\u0645\u0643\u062a\u0628", "M", "M")]
    lines = [",".join((cell(serial), "", "", cell(maker), cell(model))) for serial, maker, model in rows]
    return "\r\n".join([HEADER, *lines, ""])


@pytest.mark.parametrize("look", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_from_a_file_or_the_service_runs_or_breaks_the_page(browser: Browser, look: dict[str, object]) -> None:
    with running_site() as site:
        site.world.meet(Rude(site.world.partner_center))
        site.world.customers.add("Tom & <b>Jerry<b>", CUSTOMER, "", site.world.clock())
        identifier = site.world.drop_file(hostile_file(), f"{CUSTOMER}/{BATCH}/{NAME}")
        site.world.run()
        with looking(browser, look) as (page, seen):
            for address in (
                site.files,
                site.file(identifier, CUSTOMER),
                f"{site.files}?serial={SCRIPT}",
                f"{site.files}?serial={TURNED}",
                f"{site.files}?customer={SCRIPT}",
                f"{site.files}?state={PICTURE}",
                f"{site.file(identifier, CUSTOMER)}?reason={SCRIPT}",
                f"{site.files}/{CUSTOMER}/{SCRIPT.replace('/', '')}",
            ):
                page.goto(address)
                assert faults_for_assistive_technology(page) == [], address
                assert overflow(page) <= 0, address
                assert page.title().endswith(" · Device Drop"), address
                assert page.locator("main img, main script").count() == 0, address
                text = page.inner_text("body")
                assert "\u202e" not in text
                assert "\x1b" not in text
                assert "49" not in page.locator("h1").inner_text()
            page.goto(site.file(identifier, CUSTOMER))
            heading = page.get_by_role("heading", level=1)
            expect(heading).to_contain_text('"><img src=x onerror=')
            expect(heading).to_contain_text("invoice[U+202E]gpj.exe\u241b[31mred\u241b]0;hacked\u2407{{ 7*7 }}")
            expect(page.locator(".rows .serial").first).to_have_text(SCRIPT)
            expect(page.locator(".rows .serial")).to_have_count(8)
            assert [text for text in seen.complaints if "status of 40" not in text] == []
            assert seen.hosts == {site.url.removeprefix("http://")}
