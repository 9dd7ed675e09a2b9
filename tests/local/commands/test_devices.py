"""`devices`: the app reads them, the command waits, shows them and writes them to files."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.commands.ending import ExitCode
from shared.storage.inventories import Drift, DriftKind
from tests.local.commands.conftest import CUSTOMER, App, Typed

OTHER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


@pytest.fixture
def asked(closed_file: str, typed: Typed) -> str:  # noqa: ARG001 - the file whose devices are read
    """What the command shows when the devices were read anew."""
    code, shown = typed("devices", "--customer", CUSTOMER, "--ask")
    assert code == ExitCode.DONE
    return shown


def test_the_devices_are_read_anew_and_shown(asked: str) -> None:
    for words in ("closed-1", "closed-2", "LENOVO 21R3001BUK", "closed.csv, row 1", "All batches were read on"):
        assert words in asked


def test_json_is_that_of_the_page(asked: str, answered: Callable[..., Any]) -> None:
    page = answered("devices", "--customer", CUSTOMER, "--batch", "sales")
    assert {"closed-1", "closed-2"} <= {device["serial_number"] for device in page["devices"]}
    assert page["reading"]["sentence"] in " ".join(asked.split())


def test_they_are_written_as_csv_and_as_a_device_file(asked: str, typed: Typed, tmp_path: Path) -> None:
    assert asked
    for option, first in (("--csv", "batch_id,"), ("--device-file", "Device Serial Number,")):
        path = tmp_path / f"{option}.csv"
        code, shown = typed("devices", "--customer", CUSTOMER, option, path)
        assert (code, shown) == (ExitCode.DONE, "")
        content = path.read_text("utf-8-sig")
        assert content.startswith(first)
        assert "closed-1" in content


def test_a_profile_is_shown_by_its_name_once_the_profiles_are_listed(new_file: str, typed: Typed, app: App) -> None:
    typed("assign-profile", new_file, "Kiosk", "--wait")
    words = ("devices", "--customer", CUSTOMER)
    typed(*words, "--ask")
    app.sleep(0)
    _, shown = typed(*words)
    assert "Kiosk" in shown
    assert "Names of profiles: Partner Center listed them on" in " ".join(shown.split())


def test_what_somebody_else_changed_within_a_week_is_named(asked: str, typed: Typed, app: App) -> None:
    assert "Changed by somebody else" not in asked
    now = app.pipeline.clock()
    for number, days in enumerate([8, *[1] * 12]):
        seen_at = now - timedelta(days=days)
        moved = Drift(
            customer_id=OTHER,
            drift_id=str(number),
            kind=DriftKind.MOVED,
            batch_id="Sales",
            new_batch_id="Lab",
            product_key=f"33-{number}",
            who="anna@example.com",
            since=seen_at,
            seen_at=seen_at,
        )
        app.pipeline.journal.inventories.enter_drift([moved])
    shown = typed("devices", "--customer", OTHER)[1]
    assert "33-5 was moved to another batch (Sales to Lab) by anna@example.com" in shown
    assert "33-0 was" not in shown
    assert "and 2 more" in shown


def test_a_wait_that_is_too_short_says_that_the_reading_goes_on(closed_file: str, typed: Typed) -> None:
    assert closed_file
    code, shown = typed("devices", "--customer", CUSTOMER, "--ask", "--timeout", "1e-9")
    assert (code, shown) == (ExitCode.TIMED_OUT, "")


def test_an_unknown_customer_is_not_found(typed: Typed) -> None:
    assert typed("devices", "--customer", "Nobody")[0] == ExitCode.NOT_FOUND
