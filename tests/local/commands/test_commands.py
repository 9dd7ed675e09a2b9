"""What a person or a script gets from each command, on a real storage."""

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from local.__main__ import _of_venv
from local.commands.ending import ExitCode, ended
from local.commands.withdraw import in_words
from local.dropping import DropContainer, Dropped
from local.partner_center import CUSTOMERS
from local.services import DataFolder, Running
from shared.pipeline.corrections.closed_file import FileStillOpen, FileUnknown
from shared.pipeline.partner_customers import refresh_partner_customers
from shared.settings import STORAGE_CONNECTION
from shared.storage.journal import TableName
from shared.storage.record_table import Conflict
from shared.storage.records import Withdrawal
from shared.storage.tables import Query
from tests.local.commands.conftest import CUSTOMER, REJECTED_ROW, App, Typed
from tests.pipeline.world import HEADER, tuples

Answered = Callable[..., Any]
UNKNOWN_ID = "00000000-0000-5000-8000-000000000000"


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


# --- drop


def test_dropped_and_waited_for_a_good_file_ends_well(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(tuples(["GOOD-1", "GOOD-2"]))
    code, out = typed("drop", tmp_path / "good.csv", "--customer", CUSTOMER, "--batch", "Sales", "--wait")
    assert code == ExitCode.DONE
    assert "2 registered" in out


def test_a_rejected_row_shows_in_the_table_and_in_the_exit_code(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "mixed.csv").write_text(tuples(["MIXED-1"]) + REJECTED_ROW)
    code, out = typed("drop", tmp_path / "mixed.csv", "--customer", CUSTOMER, "--batch", "Sales", "--wait")
    assert code == ExitCode.NOT_ALL_WELL
    assert "SERIAL-ALONE" in out
    assert "MIXED-1" not in out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\x1bb.csv", "a\nb.csv", "a\ufffeb.csv", "a\\b.csv", "a\udce4.csv"])
def test_a_name_that_storage_does_not_take_is_refused_and_nothing_is_dropped(
    name: str, typed: Typed, app: App, tmp_path: Path
) -> None:
    before = [version.path for version in app.pipeline.drop.versions()]
    for file in ("fine.csv", name):
        (tmp_path / file).write_text("1")
    words = (tmp_path / "fine.csv", tmp_path / name, "--customer", CUSTOMER, "--batch", "Sales", "--json")
    code, out = typed("drop", *words)
    assert code == ExitCode.WRONG_ARGUMENTS
    assert "rename it" in json.loads(out)["error"]["message"]
    assert [version.path for version in app.pipeline.drop.versions()] == before


def test_a_file_that_is_none_says_why(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "letter.csv").write_text("Dear all,\r\n")
    code, out = typed("drop", tmp_path / "letter.csv", "--customer", CUSTOMER, "--batch", "Sales", "--wait")
    assert code == ExitCode.NOT_ALL_WELL
    assert "rejected" in out


def test_a_file_of_which_no_row_can_be_sent_is_dropped_only_if_that_is_wanted(
    typed: Typed, answered: Answered, app: App, tmp_path: Path
) -> None:
    (tmp_path / "hopeless.csv").write_text(f"{HEADER}\r\n{REJECTED_ROW}")
    words = ("drop", tmp_path / "hopeless.csv", "--customer", CUSTOMER, "--batch", "Sales")
    code, out = typed(*words)
    assert code == ExitCode.NOT_ALL_WELL
    assert "serial_alone" in out
    assert "hopeless.csv" in answered(*words)["error"]["message"]
    assert not [version for version in app.pipeline.drop.versions() if version.path.endswith("hopeless.csv")]
    assert typed(*words, "--anyway")[0] == ExitCode.DONE
    assert [version for version in app.pipeline.drop.versions() if version.path.endswith("hopeless.csv")]


def test_without_waiting_the_id_of_the_file_is_told(answered: Answered, tmp_path: Path) -> None:
    (tmp_path / "quick.csv").write_text(tuples(["QUICK-1"]))
    (dropped,) = answered("drop", tmp_path / "quick.csv", "--customer", CUSTOMER, "--batch", "Sales")
    assert dropped["path"] == f"{CUSTOMER}/Sales/quick.csv"
    assert re.fullmatch(r"[0-9a-f-]{36}", dropped["file_id"])


def test_time_that_is_up_is_told_apart_from_a_failure(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "slow.csv").write_text(tuples(["SLOW-1"]))
    words = ("drop", tmp_path / "slow.csv", "--customer", CUSTOMER, "--batch", "Sales", "--wait", "--timeout", "0.001")
    assert typed(*words)[0] == ExitCode.TIMED_OUT
    code, out = typed(*words, "--json")
    assert code == ExitCode.TIMED_OUT
    assert len(json.loads(out)) == 1


def test_what_was_dropped_before_storage_failed_is_told(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("first.csv", "second.csv")]
    for file in files:
        file.write_text(tuples([f"{tmp_path.name}-{file.stem}"]))
    real = DropContainer.drop

    def drop(self: DropContainer, file: Path, *rest: Any) -> Dropped:
        if file.name == "second.csv":
            raise ServiceRequestError("No route.")
        return real(self, file, *rest)

    monkeypatch.setattr(DropContainer, "drop", drop)
    code, out = typed("drop", *files, "--customer", CUSTOMER, "--batch", "Sales")
    assert code == ExitCode.NO_STORAGE
    assert "first.csv as file" in out
    assert "second.csv" not in out


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are text")
def test_a_file_whose_name_is_no_text_is_refused(typed: Typed, tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv"))
    file.write_text(tuples(["ODD-1"]))
    assert typed("drop", file, "--customer", CUSTOMER)[0] == ExitCode.WRONG_ARGUMENTS


@pytest.mark.parametrize("batch", ["..", ".", " . ", "a/b"])
def test_a_batch_that_no_folder_can_be_named_after_is_a_wrong_argument(
    typed: Typed, tmp_path: Path, batch: str
) -> None:
    (tmp_path / "file.csv").write_text(tuples(["DOTS-1"]))
    with pytest.raises(SystemExit, match="2"):
        typed("drop", tmp_path / "file.csv", "--customer", CUSTOMER, "--batch", batch)


def test_two_files_of_one_name_are_not_dropped_over_each_other(typed: Typed, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.csv").write_text(tuples(["SAME-1"]))
    files = (tmp_path / "a" / "same.csv", tmp_path / "b" / "same.csv")
    assert typed("drop", *files, "--customer", CUSTOMER)[0] == ExitCode.WRONG_ARGUMENTS


def test_a_customer_nobody_knows_by_name_is_not_dropped_for(typed: Typed, app: App, tmp_path: Path) -> None:
    (tmp_path / "lost.csv").write_text(tuples(["LOST-1"]))
    code, _ = typed("drop", tmp_path / "lost.csv", "--customer", "Nobody Inc")
    assert code == ExitCode.NOT_FOUND
    assert not [version for version in app.pipeline.drop.versions() if version.path.endswith("lost.csv")]


# --- status and outcomes


def test_the_newest_file_comes_first(typed: Typed, answered: Answered, new_file: str) -> None:
    assert answered("status")["files"][0]["file_id"] == new_file
    code, out = typed("status", "--limit", "1")
    assert code == ExitCode.DONE
    assert new_file[:8] in out


def test_one_file_is_found_by_the_beginning_of_its_id(typed: Typed, answered: Answered, closed_file: str) -> None:
    details = answered("status", closed_file[:8])
    assert details["file"]["file_id"] == closed_file
    assert details["file"]["counts"]["registered"] == 2
    code, out = typed("status", closed_file)
    assert code == ExitCode.DONE
    assert "Closed" in out


@pytest.mark.parametrize("command", ["status", "outcomes", "retry", "withdraw", "hold", "go-on", "stop"])
def test_a_file_that_is_not_there_has_an_exit_code_of_its_own(typed: Typed, command: str) -> None:
    assert typed(command, UNKNOWN_ID)[0] == ExitCode.NOT_FOUND


def test_errors_are_json_where_json_was_asked_for(answered: Answered) -> None:
    error = answered("status", UNKNOWN_ID)["error"]
    assert error["code"] == "not_found"
    assert "retention" in error["message"]
    assert "serial number" in error["message"]


def test_a_serial_number_of_blanks_is_a_wrong_argument(typed: Typed) -> None:
    assert typed("find", " ")[0] == ExitCode.WRONG_ARGUMENTS


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        (TableName.FILES_BY_TIME, {"state": "of a later version"}),
        (TableName.DEVICE_FILES, {"state": "of a later version"}),
        (TableName.DEVICE_FILES, {"size": "five"}),
        (TableName.SUBMISSIONS, {"history_json": "["}),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_everything_else_is_shown(
    app: App, typed: Typed, answered: Answered, closed_file: str, table: TableName, damage: dict[str, str]
) -> None:
    rows = app.pipeline.journal._tables[table]
    damaged = [row.values for row in rows.query(Query(equals={"file_id": closed_file}))]
    rows.upsert([{**row, **damage} for row in damaged])
    try:
        code, out = typed("status", "--limit", "1000")
        page = answered("status", "--limit", "1000")
        one, told = typed("status", closed_file)
        month = f"{datetime.now(UTC):%Y-%m}"
        reported = typed("report", "--month", month)[0]
    finally:
        rows.upsert(damaged)
    assert code == ExitCode.DONE
    assert "Traceback" not in out + told
    if table is TableName.FILES_BY_TIME:
        assert closed_file in out
        assert [record["file_id"] for record in page["unreadable"]] == [closed_file]
        assert reported == ExitCode.NOT_ALL_WELL
    else:
        assert one == (ExitCode.DONE if table is TableName.SUBMISSIONS else ExitCode.NOT_ALL_WELL)
        assert "cannot be read" in told or table is TableName.DEVICE_FILES
    assert any(file["file_id"] != closed_file for file in page["files"])


def test_too_short_a_beginning_is_refused(typed: Typed) -> None:
    assert typed("status", "abc")[0] == ExitCode.WRONG_ARGUMENTS


def test_rows_as_json_bear_what_to_do(answered: Answered, closed_file: str) -> None:
    rows = answered("outcomes", closed_file)
    assert [row["outcome"] for row in rows] == ["registered", "registered", "rejected"]
    assert rows[2]["what_to_do"]


def test_failed_rows_alone(typed: Typed, answered: Answered, closed_file: str) -> None:
    assert [row["row"] for row in answered("outcomes", closed_file, "--failed")] == [3]
    code, out = typed("outcomes", closed_file, "--failed")
    assert code == ExitCode.NOT_ALL_WELL
    assert "SERIAL-ALONE" in out


def test_the_rows_of_a_rejected_file_are_none_and_the_reason_is_said(
    typed: Typed, answered: Answered, tmp_path: Path
) -> None:
    (tmp_path / "note.csv").write_text("Dear all,\r\n")
    (view,) = answered("drop", tmp_path / "note.csv", "--customer", CUSTOMER, "--batch", "Sales", "--wait", "--anyway")
    code, out = typed("outcomes", view["file_id"])
    assert code == ExitCode.NOT_ALL_WELL
    assert "(yet)" not in out
    assert out.strip()
    assert answered("outcomes", view["file_id"]) == []


@pytest.mark.parametrize("form", ["--csv", "--to-fix"])
def test_rows_are_written_in_one_form(typed: Typed, closed_file: str, form: str) -> None:
    assert typed("outcomes", closed_file, form, "--json")[0] == ExitCode.WRONG_ARGUMENTS


def test_rows_as_csv_are_those_of_the_results(typed: Typed, app: App, closed_file: str) -> None:
    code, out = typed("outcomes", closed_file, "--csv")
    name = next(
        version.path
        for version in app.pipeline.results.versions()
        if version.path.endswith(f"{closed_file}/results.csv")
    )
    results = app.pipeline.results.read(name)
    assert code == ExitCode.NOT_ALL_WELL
    assert results is not None
    assert out == results.decode()


def test_rows_to_fix_are_a_file_to_be_dropped_again(typed: Typed, closed_file: str) -> None:
    code, out = typed("outcomes", closed_file, "--to-fix")
    (row,) = _table(out.removeprefix("\ufeff"))
    assert code == ExitCode.DONE
    assert list(row) == ["fix_reason", "fix_source", *HEADER.split(","), "what_to_do"]
    assert row["Device Serial Number"] == "SERIAL-ALONE"


# --- retry and withdraw


def test_nothing_to_send_again_says_what_to_do(typed: Typed, closed_file: str) -> None:
    code, out = typed("retry", closed_file)
    assert code == ExitCode.DONE
    assert "--to-fix" in out


def test_a_withdrawal_wants_the_name_of_the_file(typed: Typed, answered: Answered, closed_file: str) -> None:
    assert typed("withdraw", closed_file, "--name", "another.csv")[0] == ExitCode.WRONG_ARGUMENTS
    assert answered("status", closed_file)["withdrawal"] is None


def test_the_devices_of_a_file_are_deleted_when_its_name_confirms_it(
    typed: Typed, answered: Answered, new_file: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(tuples([f"{tmp_path.name}-1", "NOWHERE-1"]))
    asked = ("withdraw", "--devices", file, "--customer", CUSTOMER)
    assert typed(*asked)[0] == ExitCode.WRONG_ARGUMENTS
    (view,) = answered(*asked, "--name", "wrong.csv", "--wait", "--timeout", "60")
    assert (view["order"], view["counts"]["removed"], view["counts"]["not_registered"]) == ("remove", 1, 1)
    assert answered("status", new_file)["withdrawal"] is None
    assert typed("withdraw", new_file, "--devices", file, "--name", "wrong.csv")[0] == ExitCode.WRONG_ARGUMENTS
    assert typed("withdraw", "--name", "wrong.csv")[0] == ExitCode.WRONG_ARGUMENTS


def test_the_devices_of_a_file_are_moved_when_its_name_confirms_it(
    typed: Typed, answered: Answered, new_file: str, tmp_path: Path
) -> None:
    file = tmp_path / "move.csv"
    file.write_text(tuples([f"{tmp_path.name}-1"]))
    asked = ("move", "--devices", file, "--customer", CUSTOMER, "--to", "Front desk")
    assert typed(*asked, "--name", "other.csv")[0] == ExitCode.WRONG_ARGUMENTS
    (view,) = answered(*asked, "--name", "move.csv", "--wait", "--timeout", "60")
    assert (view["order"], view["batch_id"], view["counts"]["registered"]) == ("move", "Front desk", 1)
    (row,) = answered("outcomes", view["file_id"])
    assert row["moved_from"] == "Sales"
    assert answered("status", new_file)["withdrawal"] is None


def test_withdrawn_devices_are_counted(typed: Typed, answered: Answered, new_file: str) -> None:
    name = answered("status", new_file)["file"]["name"]
    code, out = typed("withdraw", new_file, "--name", name, "--wait", "--timeout", "60")
    assert code == ExitCode.DONE
    assert "2 withdrawn" in out


# --- hold, go-on and stop


def test_a_customer_is_held_until_it_goes_on_and_a_file_is_stopped(
    app: App, typed: Typed, answered: Answered, tmp_path: Path
) -> None:
    held = answered("hold", "--customer", CUSTOMER, "--reason", "an audit")
    assert (held["customer_id"], held["hold"], held["is_new"]) == (CUSTOMER, "held", True)
    app.pipeline.cache.gates.forget()  # another process hears of it a second later
    (tmp_path / "held.csv").write_text(tuples(["HELD-1", "HELD-2"]))
    answered("drop", tmp_path / "held.csv", "--customer", CUSTOMER, "--batch", "Held")
    app.sleep(0)
    shown = typed("status", "held.csv")[1]
    assert "Sending is on hold" in shown
    assert "an audit" in shown
    file = answered("status", "held.csv")["file"]["file_id"]
    assert answered("hold", file)["file_id"] == file
    assert "goes on" in typed("go-on", "--customer", CUSTOMER)[1]
    assert "not on hold" in typed("go-on", "--all")[1]
    code, out = typed("stop", file, "--reason", "the wrong batch")
    assert code == ExitCode.DONE
    assert "held.csv is stopped" in out
    assert typed("go-on", file)[0] == ExitCode.NOT_ALL_WELL
    while answered("status", file)["file"]["state"] != "closed":
        app.pipeline.cache.gates.forget()
        app.sleep(0)
    code, out = typed("outcomes", file, "--failed", "--json")
    assert code == ExitCode.NOT_ALL_WELL
    assert [row["outcome"] for row in json.loads(out)] == ["cancelled"] * 2


def test_what_is_held_is_named_once(typed: Typed) -> None:
    for words in ([], ["1a2b3c4d", "--all"]):
        with pytest.raises(SystemExit) as refused:
            typed("hold", *words)
        assert refused.value.code == ExitCode.WRONG_ARGUMENTS


class Terminal:
    """Someone who types one line, or nothing."""

    def __init__(self, line: str = "") -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self, _most: int = -1) -> str:
        return self._line

    def fileno(self) -> int:
        raise OSError


@pytest.mark.parametrize("line", ["", "another.csv\n"])
def test_who_does_not_type_the_name_withdraws_nothing(
    typed: Typed, answered: Answered, closed_file: str, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(line))
    assert typed("withdraw", closed_file)[0] == ExitCode.WRONG_ARGUMENTS
    assert answered("status", closed_file)["withdrawal"] is None


@pytest.mark.parametrize(
    ("words", "said"), [(["withdraw"], "Removing neither unenrols"), (["move", "--to", "Sales"], "it must be reset")]
)
def test_before_devices_of_a_file_are_removed_or_moved_it_is_said_what_that_does_not_do(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    (tmp_path / "devices.csv").write_text(tuples(["A-1"]))
    monkeypatch.setattr(sys, "stdin", Terminal())
    code, out = typed(*words, "--devices", tmp_path / "devices.csv", "--customer", CUSTOMER)
    assert code == ExitCode.WRONG_ARGUMENTS
    assert said in out
    assert "Withdrawing" not in out


def test_devices_to_be_removed_by_their_serial_numbers_alone_are_counted(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "devices.csv").write_text("Device Serial Number\nA-1\nA-2\n")
    monkeypatch.setattr(sys, "stdin", Terminal())
    _, out = typed("withdraw", "--devices", tmp_path / "devices.csv", "--customer", CUSTOMER)
    assert "This deletes up to 2 devices" in out


def test_a_withdrawal_under_way_is_not_said_to_be_over() -> None:
    asked = Withdrawal(
        asked_at=datetime.now(UTC), run=1, sequence=0, due_at=datetime.now(UTC), total=3, withdrawn=1, refused=1
    )
    assert in_words(asked).startswith("The withdrawal is in progress; 2 of 3")


# --- report


@pytest.mark.usefixtures("closed_file")
def test_a_month_is_counted_by_customer_and_batch(typed: Typed, answered: Answered) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    code, out = typed("report", "--month", month)
    sales = next(row for row in _table(out) if row["batch_id"] == "Sales")
    assert code == ExitCode.DONE
    assert sales["customer_id"] == CUSTOMER
    assert int(sales["total"]) == sum(int(sales[name]) for name in list(sales)[6:])
    assert int(sales["registered"]) >= 2
    assert any(line["batch_id"] == "Sales" for line in answered("report", "--month", month))


def test_rows_of_a_file_without_a_batch_are_counted_by_their_group_tags(
    typed: Typed, answered: Answered, tmp_path: Path
) -> None:
    lines = [f"{HEADER},Group Tag", "TAG-1,,,LENOVO,21R3,Kiosk", "TAG-2,,,LENOVO,21R3,Lab", "TAG-3,,,,,Lab", ""]
    (tmp_path / "tags.csv").write_text("\r\n".join(lines))
    typed("drop", tmp_path / "tags.csv", "--customer", CUSTOMER, "--wait")
    report = answered("report", "--month", f"{datetime.now(UTC):%Y-%m}")
    counts = {line["batch_id"]: line["counts"] for line in report if line["customer_id"] == CUSTOMER}
    assert counts["Kiosk"]["registered"] == 1
    assert (counts["Lab"]["registered"], counts["Lab"]["total"]) == (1, 1)
    assert counts[""]["rejected"] == 1


def test_a_month_without_files_is_a_header(typed: Typed) -> None:
    code, out = typed("report", "--month", "2001-02")
    assert (code, len(out.splitlines())) == (ExitCode.DONE, 1)


@pytest.mark.parametrize("month", ["2026-13", "9999-12", "November"])
def test_what_is_no_month_is_a_wrong_argument(typed: Typed, month: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        typed("report", "--month", month)


# --- customers


def test_a_name_is_kept_shown_and_dropped_for(typed: Typed, answered: Answered, tmp_path: Path) -> None:
    assert typed("customers", "add", "Fabrikam", CUSTOMER, "--notes", "the pilot")[0] == ExitCode.DONE
    listed = answered("customers", "list")["customers"]
    assert [name["name"] for one in listed for name in one["names"]] == ["Fabrikam"]
    (tmp_path / "named.csv").write_text(tuples(["NAMED-1"]))
    assert typed("drop", tmp_path / "named.csv", "--customer", "fabrikam", "--batch", "Sales", "--wait")[0] == 0
    assert "Fabrikam" in typed("status")[1]
    assert answered("status")["files"][0]["customer_name"] == "Fabrikam"
    assert typed("customers", "remove", "Fabrikam")[0] == ExitCode.DONE
    assert typed("drop", tmp_path / "named.csv", "--customer", "fabrikam")[0] == ExitCode.NOT_FOUND
    assert "was removed on" in answered("status", "--customer", "fabrikam")["error"]["message"]


def test_a_customer_of_partner_centers_list_needs_no_id(
    app: App, typed: Typed, answered: Answered, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert "not read yet" in answered("customers", "add", "Wingtip Toys")["error"]["message"]
    refresh_partner_customers(app.pipeline)
    wingtip = next(each for each in CUSTOMERS if each.name == "Wingtip Toys")
    assert _of_venv("customers", "add", "wingtip toys") == ExitCode.DONE
    told = capfdbinary.readouterr()
    assert f"'wingtip toys' is Wingtip Toys ({wingtip.domain}, {wingtip.id}) on Partner Center's list." in (
        told.err.decode()
    )
    assert wingtip.id in told.out.decode()
    shown = typed("customers", "list")[1]
    for word in ("wingtip toys", "Contoso", "fabrikam.onmicrosoft.com", "reseller", "has 4 customers"):
        assert word in shown
    assert answered("customers", "add", "Tailspin Toys")["error"]["message"].endswith("would refuse its devices.")
    assert answered("customers", "remove", "wingtip toys")[0]["customer_id"] == wingtip.id
    assert answered("customers", "add", "wingtip toys")[0]["customer_id"] == wingtip.id, "the name is known"
    typed("customers", "remove", "wingtip toys")


def test_check_and_drop_warn_of_a_customer_that_the_list_does_not_have(
    app: App, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "stranger.csv").write_text(tuples(["STRANGER-1"]))
    place = ("--customer", CUSTOMER, "--batch", "Sales")
    refresh_partner_customers(app.pipeline)
    for command in ("check", "drop"):
        assert _of_venv(command, str(tmp_path / "stranger.csv"), *place) == ExitCode.DONE
        told = capfdbinary.readouterr()
        assert "has no customer with this id. A file for this customer is refused if" in told.err.decode()


def test_a_name_is_replaced_by_another(typed: Typed, answered: Answered) -> None:
    typed("customers", "add", "Litware", CUSTOMER, "--notes", "the pilot")
    (renamed,) = answered("customers", "rename", "litware", "Litware Ltd")
    assert (renamed["name"], renamed["customer_id"], renamed["notes"]) == ("Litware Ltd", CUSTOMER, "the pilot")
    assert typed("customers", "rename", "Litware", "Litware Inc")[0] == ExitCode.NOT_FOUND
    assert typed("customers", "rename", "Litware Ltd", "a/b")[0] == ExitCode.NOT_ALL_WELL
    assert typed("customers", "remove", "Litware Ltd")[0] == ExitCode.DONE


def test_a_customer_is_given_a_priority_by_name_or_id(typed: Typed, answered: Answered) -> None:
    typed("customers", "add", "Litware", CUSTOMER)
    assert answered("customers", "priority", "litware", "low")["priority"] == "low"
    assert "of Litware that are received from now on have high priority" in typed(
        "customers", "priority", CUSTOMER, "high"
    )[1].replace("\n", " ")
    assert answered("customers", "list")["customers"][0]["priority"] == "high"
    assert typed("customers", "priority", "Nobody", "low")[0] == ExitCode.NOT_FOUND


def test_a_customer_is_given_a_daily_limit_by_name_or_id(typed: Typed, answered: Answered) -> None:
    typed("customers", "add", "Litware", CUSTOMER)
    assert answered("customers", "limit", "litware", "500")["daily_limit"] == {"devices": 500, "sent_today": 0}
    text = typed("customers", "limit", CUSTOMER, "800")[1].replace("\n", " ")
    assert "Litware has a daily limit of 800 devices (UTC); 0 were newly sent today." in text
    assert answered("customers", "list")["customers"][0]["daily_limit"]["devices"] == 800
    assert typed("customers", "limit", "Litware", "0")[0] == ExitCode.NOT_ALL_WELL
    assert "has no daily limit" in typed("customers", "limit", "Litware", "none")[1]
    assert typed("customers", "limit", "Nobody", "5")[0] == ExitCode.NOT_FOUND


@pytest.mark.parametrize("devices", ["many", "-5", "1.5", "1_000", "٣", "7" * 5_000])
def test_a_daily_limit_that_is_no_number_is_told_as_on_the_page(
    typed: Typed, capfdbinary: pytest.CaptureFixture[bytes], devices: str
) -> None:
    with pytest.raises(SystemExit):
        typed("customers", "limit", "Litware", devices)
    assert (
        "is no number of devices. A daily limit is a number of devices from 1" in capfdbinary.readouterr().err.decode()
    )


def test_a_name_that_cannot_be_is_refused(typed: Typed) -> None:
    assert typed("customers", "add", "a/b", CUSTOMER)[0] == ExitCode.NOT_ALL_WELL


def test_a_name_that_nobody_has_cannot_be_removed(answered: Answered, typed: Typed) -> None:
    assert typed("customers", "remove", "Nobody Inc")[0] == ExitCode.NOT_FOUND
    assert answered("customers", "remove", "Nobody Inc")["error"]["code"] == "not_found"


# --- how commands end


ESCAPES = "dev\x1b[2Jices\r.csv"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileStillOpen(f"File 1 ({ESCAPES}) is not closed yet."), ExitCode.NOT_ALL_WELL),
        (FileUnknown(f"There is no {ESCAPES}."), ExitCode.NOT_FOUND),
        (Conflict(f"{ESCAPES} changes too fast; ask again."), ExitCode.NOT_ALL_WELL),
    ],
)
def test_what_went_wrong_is_one_line_that_no_terminal_runs(
    capsys: pytest.CaptureFixture[str], error: Exception, code: ExitCode
) -> None:
    def work() -> ExitCode:
        raise error

    assert ended(argparse.Namespace(json=False), work) == code
    out, told = capsys.readouterr()
    assert out == ""
    assert "\x1b" not in told
    assert "\r" not in told
    assert r"dev\x1b[2Jices" in told


def _process(*words: str) -> "subprocess.Popen[bytes]":
    run = "import sys; from local.__main__ import _of_venv; sys.exit(_of_venv(*sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", run, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_command_says_nothing_beside_its_answer(new_file: str, tmp_path: Path) -> None:
    with _process("withdraw", new_file, "--name", f"{tmp_path.name}.csv") as process:
        out, told = process.communicate()
    assert b"withdrawn" in out
    assert told == b""


@pytest.mark.parametrize("form", ["--csv", "--json", "--failed"])
def test_whoever_stops_reading_gets_no_complaint(
    closed_file: str, form: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        assert _of_venv("outcomes", closed_file, form) == ExitCode.CUT_SHORT
    assert capfd.readouterr().err == ""


def test_json_reads_the_same_in_the_code_page_of_every_console(
    answered: Answered, typed: Typed, tmp_path: Path
) -> None:
    name = "Geräte 装置.csv"
    (tmp_path / name).write_text(tuples([f"{tmp_path.name}-1"]))
    (view,) = answered("drop", tmp_path / name, "--customer", CUSTOMER, "--batch", "Sales", "--wait")
    out = typed("status", view["file_id"], "--json")[1]
    assert out.isascii()
    assert json.loads(out)["file"]["name"] == name


# --- which storage


def test_without_any_storage_it_says_how_to_get_one(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(STORAGE_CONNECTION)
    assert typed("status", "--data", tmp_path)[0] == ExitCode.NO_STORAGE


def test_the_storage_of_a_run_on_this_machine_is_found(
    typed: Typed, app: App, closed_file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = app.pipeline.settings.storage
    monkeypatch.delenv(STORAGE_CONNECTION)
    with DataFolder(tmp_path).announced(Running(settings.value)):  # type: ignore[union-attr]
        assert typed("status", closed_file, "--data", tmp_path)[0] == ExitCode.DONE
    assert typed("status", closed_file, "--data", tmp_path)[0] == ExitCode.NO_STORAGE


def test_what_is_no_account_is_refused(typed: Typed) -> None:
    assert typed("status", "--storage", "not an account")[0] == ExitCode.WRONG_ARGUMENTS


def test_storage_that_does_not_answer_says_so(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints = ";".join(f"{kind}Endpoint=http://127.0.0.1:9/a" for kind in ("Blob", "Queue", "Table"))
    monkeypatch.setenv(STORAGE_CONNECTION, f"AccountName=a;AccountKey=YQ==;{endpoints}")
    assert typed("status")[0] == ExitCode.NO_STORAGE


def test_a_refused_request_says_that_a_name_may_be_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> ExitCode:
        refused = HttpResponseError("The request URI is invalid.\nErrorCode:InvalidUri")
        refused.status_code = 400
        raise refused

    assert ended(argparse.Namespace(json=False), work) == ExitCode.NO_STORAGE
    told = capsys.readouterr().err
    assert "rename the file. The request URI is invalid." in told
    assert told.count("\n") == 1


def test_check_for_a_customer_that_is_not_known_says_which_was_meant(typed: Typed, tmp_path: Path) -> None:
    typed("customers", "add", "Checkoso", CUSTOMER)
    (tmp_path / "a.csv").write_text(tuples(["CHECK-1"]))
    assert typed("check", tmp_path / "a.csv", "--customer", "checkoso", "--batch", "Sales")[0] == 0
    code, told = typed("check", tmp_path / "a.csv", "--customer", "Chekoso", "--batch", "Sales", "--json")
    assert code == 3
    assert "There is no customer named 'Chekoso'. Did you mean 'Checkoso'?" in json.loads(told)["error"]["message"]
