"""`plan`: of each row of a file whether its device is registered already, and where."""

import json
from pathlib import Path

import pytest

from local.commands.ending import ExitCode
from tests.local.commands.conftest import CUSTOMER, Typed
from tests.pipeline.world import tuples


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of a device that is registered under the batch Sales, and of a new one."""
    path = tmp_path / "planned.csv"
    path.write_text(tuples(["closed-1", "PLANNED-NEW"]))
    return path


def test_each_row_says_where_its_device_is_registered(closed_file: str, typed: Typed, file: Path) -> None:
    assert closed_file
    code, shown = typed("plan", file, "--customer", CUSTOMER, "--batch", "Sales", "--ask")
    assert code == ExitCode.DONE
    assert "2 rows: 1 new, 1 in this batch" in shown
    assert "All batches were read on" in shown
    _, shown = typed("plan", file, "--customer", CUSTOMER, "--batch", "Other")
    assert "in batch Sales" in shown


def test_json_has_a_line_for_each_row_and_one_for_the_file(closed_file: str, typed: Typed, file: Path) -> None:
    assert closed_file
    _, shown = typed("plan", file, "--customer", CUSTOMER, "--batch", "Sales", "--json")
    *rows, total = map(json.loads, shown.splitlines())
    assert [row["serial_number"] for row in rows] == ["closed-1", "PLANNED-NEW"]
    assert rows[0]["place"] == "in_this_batch"
    assert sum(number for name, number in total.items() if name not in ("file", "profiles")) == 2
    assert (rows[0]["profile"], total["profiles"]) == (None, {})


def test_a_wished_profile_says_what_would_come_of_it(closed_file: str, typed: Typed, tmp_path: Path) -> None:
    assert closed_file
    wishing = tmp_path / "wishing.csv"
    header, *lines = tuples(["closed-1", "PLANNED-NEW"]).strip().splitlines()
    wishing.write_text("\n".join([f"{header},Profile", f"{lines[0]},Kiosk", f"{lines[1]},Nobody's", ""]))
    words = ("plan", wishing, "--customer", CUSTOMER, "--batch", "Sales")
    typed(*words, "--ask")
    typed("profiles", "--customer", CUSTOMER)
    code, shown = typed(*words)
    assert code == ExitCode.NOT_ALL_WELL, "a profile is missing"
    assert "profile Kiosk: gets it" in shown
    assert "Wished profiles: gets it: 1, no such profile: 1. Partner Center listed them on" in shown
    code, shown = typed(*words, "--json")
    *rows, total = map(json.loads, shown.splitlines())
    assert [row["profile_fate"] for row in rows] == ["gets_it", "no_such_profile"]
    assert (rows[0]["profile"], rows[0]["profile_from"]) == ("Kiosk", "row")
    assert total["profiles"] == {"gets_it": 1, "no_such_profile": 1}
    _, shown = typed("plan", wishing, "--customer", CUSTOMER, "--batch", "Other")
    assert "profile Kiosk: cannot be told (The device stays in its batch" in shown


def test_a_file_that_cannot_be_read_is_told(closed_file: str, typed: Typed, tmp_path: Path) -> None:
    assert closed_file
    letter = tmp_path / "letter.csv"
    letter.write_text("no device file")
    code, shown = typed("plan", letter, "--customer", CUSTOMER)
    assert code == ExitCode.NOT_ALL_WELL
    assert "rejected as a whole" in shown
    code, shown = typed("plan", letter, "--customer", CUSTOMER, "--json")
    assert json.loads(shown)["error"]
