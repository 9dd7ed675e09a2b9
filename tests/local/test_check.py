"""`python -m local check`: what a person and a script see."""

import argparse
import json
import os
from pathlib import Path

import pytest

from local import check
from local.commands.ending import ExitCode
from shared.pipeline.intake.preview import destination_for
from shared.pipeline.intake.rules import rules_for
from shared.reasons import NOTES, Note
from shared.vocabulary import FileOrder
from tests.device_files.cases import HEADER, HP_ROW, LENOVO_ROW
from tests.device_files.given import HASHES, SAMPLES
from tests.pipeline.conftest import MakeWorld, make_world
from tests.pipeline.world import CUSTOMER, numbered

__all__ = ["make_world"]

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"

HASH_BEGIN = HASHES["5ES8901IC4"][:30]


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return check.main(parser.parse_args(list(map(str, arguments))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    good = tmp_path / "good.csv"
    good.write_text(f"{HEADER},Group Tag\r\n{HP_ROW},Kiosk\r\n{LENOVO_ROW},\r\n{HP_ROW},Kiosk\r\n", newline="")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bad.csv").write_text(f"{HEADER}\r\nWRONG,,{HASHES['5ES8901IC4']}\r\n", newline="")
    (tmp_path / ".hidden").write_text("no device file")
    return tmp_path


def test_a_file_whose_rows_would_be_sent_ends_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "good.csv") == 0
    shown = capsys.readouterr().out
    assert "row 1      send" in shown
    assert "5ES8901IC4 | HP | HP EliteBook 840 G8 Notebook PC  [Kiosk]  (line 2)" in shown
    assert "duplicate of row 1" in shown
    assert "3 rows: 2 send, 0 rejected, 1 duplicate" in shown
    assert HASH_BEGIN not in shown


def test_a_rejected_row_ends_with_1_and_is_told_with_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder / "more" / "bad.csv") == 1
    shown = capsys.readouterr().out
    assert "serial_mismatch: The serial number in the row is not the one inside the hardware hash." in shown
    assert "1 row: 0 send, 1 rejected, 0 duplicate" in shown


def test_a_note_on_rows_that_asks_for_something_is_told_with_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = f"{HEADER},Group Tag\r\n{HP_ROW},K?ln\r\n{LENOVO_ROW},\r\n"
    (folder / "noted.csv").write_text(rows, newline="")
    assert run(folder / "noted.csv") == 0
    assert f"1 row noted, tag_not_certain: {NOTES[Note.TAG_NOT_CERTAIN].what_to_do}" in capsys.readouterr().out


def test_a_setting_changes_what_would_happen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--trust-hash-serial", folder / "more" / "bad.csv") == 0
    assert "note serial_of_hash_trusted" in capsys.readouterr().out


def test_a_folder_is_all_its_files_but_hidden_ones(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 1
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.endswith(".csv")] == [
        str(folder / "good.csv"),
        str(folder / "more" / "bad.csv"),
    ]


def test_a_file_that_cannot_be_read_ends_with_1_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    assert run(tmp_path / "a.pdf") == 1
    assert "rejected as a whole (unknown_format): a.pdf: The file is of a kind" in capsys.readouterr().out


def test_an_empty_folder_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "no files to check" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_a_wrong_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(tmp_path / "none.csv")
    assert raised.value.code == 2
    assert "there is no file or folder" in capsys.readouterr().err


def test_json_has_an_object_for_each_row_and_one_for_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", folder) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row.get("outcome") for row in told] == ["send", "send", "duplicate", None, "rejected", None]
    assert told[2]["duplicate_of"] == 1
    assert (told[3]["total"], told[3]["send"], told[3]["rejected"], told[3]["duplicate"], told[3]["error"]) == (
        3,
        2,
        0,
        1,
        None,
    )
    assert told[4]["reason"] == "serial_mismatch"
    assert told[4]["what_to_do"].startswith("Find out which device")
    assert "hardware_hash" not in told[0]


def test_the_contents_of_a_hash_are_shown_of_rejected_rows_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--decode", folder / "more" / "bad.csv") == 1
    shown = capsys.readouterr().out
    assert "serial_number              5ES8901IC4" in shown
    assert "utc_offset                 -05:00" in shown
    assert "2026-02-26 19:21:02+00:00" in shown


def test_one_row_alone_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", "--decode", "--row", 2, SAMPLES / "hardware_hashes_utf16le.csv")
    row, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["row"], row["hash"]["model"], row["hash"]["os_architecture"]) == (2, "VMware20,1", "arm64")
    assert total["total"] == 10


def commented(tmp_path: Path) -> Path:
    file = tmp_path / "a.csv"
    file.write_text(f"# our devices\r\n{HEADER}\r\n{HP_ROW}\r\n# PF3ABCDE is on its way\r\n", newline="")
    return file


def test_what_may_be_a_device_in_no_row_ends_with_1_and_is_told_with_its_place_and_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(commented(tmp_path)) == 1
    shown = capsys.readouterr().out
    assert "1 row: 1 send, 0 rejected, 0 duplicate" in shown
    assert "not a row: comments (2)" in shown
    assert "line 4: # PF3ABCDE" in shown
    assert (
        "WARNING may_hold_devices: Something that looks like a device was passed over and not sent. [line 4]" in shown
    )
    assert "What to do: Look at the places named." in shown


def test_json_tells_of_what_is_in_no_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", commented(tmp_path)) == 1
    _, total = map(json.loads, capsys.readouterr().out.splitlines())
    (kept,) = total["passed_over"]
    assert (total["is_incomplete"], kept["kind"], kept["count"], kept["places"]) == (
        True,
        "comment",
        2,
        ["line 1", "line 4"],
    )
    (note,) = total["notes"]
    assert (note["note"], note["detail"]) == ("may_hold_devices", "line 4")
    assert note["sentence"]
    assert note["what_to_do"]


def test_a_harmless_comment_is_told_of_and_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"# our devices\r\n{HEADER}\r\n{HP_ROW}\r\n", newline="")
    assert run(file) == 0
    shown = capsys.readouterr().out
    assert "not a row: comments (1)" in shown
    assert "WARNING" not in shown


def test_where_a_file_lies_and_what_its_customer_refuses_can_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("LENOVO,21R3001BUK,PF3ABCDE\r\nLENOVO,21R3001BUK,PF3ABCDF\r\n", newline="")
    assert run(file) == 0
    assert "note device_identifiers" in capsys.readouterr().out
    assert run("--refuse-device-identifiers", file) == 1
    assert "rejected as a whole (device_identifiers_refused)" in capsys.readouterr().out
    assert run("--no-batch-folder", file) == 1
    assert "no_batch: The file lies in no batch folder." in capsys.readouterr().out


def test_a_row_is_shown_once_with_its_final_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{HEADER},Manufacturer,Model\r\n5ES8901IC4,,,HP,HP EliteBook 840 G8 Notebook PC\r\n{HP_ROW}\r\n")
    assert run(file) == 0
    shown = capsys.readouterr().out
    assert shown.count("row 1 ") == 1
    assert "duplicate of row 2" in shown


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_and_cells_are_shown_with_escapes_in_place_of_what_a_terminal_would_obey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a\x1b[2J\nb\x9b\u202e\udcff.csv"
    file.write_text(f"{HEADER},Group Tag\r\n{HP_ROW},Ki\x1b[31mosk\u202e\r\nWRONG\x07,,,A\x9bB,C\r\n", newline="")
    run(file)
    shown = capsys.readouterr().out
    assert "a\\x1b[2J\\nb\\x9b\\u202e\\udcff.csv" in shown
    assert all(line.isprintable() for line in shown.splitlines())


# --- for a customer


def tagged(tmp_path: Path, tags: list[str]) -> Path:
    file = tmp_path / "tagged.csv"
    rows = [f"LENOVO,21R3001BUK,PF3AB{number:03},{tag}" for number, tag in enumerate(tags)]
    file.write_text("\r\n".join(["Manufacturer,Model,Serial number,Group Tag", *rows, ""]), newline="")
    return file


def test_for_a_customer_each_row_is_judged_by_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tagged(tmp_path, ["Kiosk", "", "Kiosk", "", "Sales"])
    assert run(file) == 0
    assert run("--customer", CUSTOMER, "--batch", "Sales", file) == 0
    assert "batches: 'Sales' (5)" in capsys.readouterr().out
    assert run("--customer", CUSTOMER, file) == 1
    shown = capsys.readouterr().out
    assert shown.count("no_batch: The file lies in no batch folder.") == 1
    assert "2 rows rejected, no_batch" in shown
    assert "batches: 'Kiosk' (2), 'Sales' (1)" in shown
    assert shown.index("2 rows rejected") < shown.index("row 1 ")
    assert run("--customer", CUSTOMER, "--json", file) == 1
    total = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (total["reasons"], total["batches"]) == ({"no_batch": 2}, {"Kiosk": 2, "Sales": 1})


def test_a_batch_without_a_customer_is_a_wrong_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--batch", "Sales", tagged(tmp_path, ["Kiosk"])) == 2
    assert "--batch needs --customer" in capsys.readouterr().err


def test_each_reason_is_said_once_however_many_rows_have_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "alone.csv"
    file.write_text(f"{HEADER}\r\n" + "".join(f"ALONE-{number},,\r\n" for number in range(30)) + f"{HP_ROW}\r\n")
    assert run(file) == 1
    shown = capsys.readouterr().out
    assert "30 rows rejected, serial_alone" in shown
    assert shown.count("serial_alone: ") == 1
    assert shown.count("serial_alone") == 31


def test_the_settings_of_the_app_are_those_of_its_newest_file(make_world: MakeWorld) -> None:
    world = make_world(DEFAULT_BATCH="Spare", TRUST_HASH_SERIAL="true", REFUSE_DEVICE_IDENTIFIERS=CUSTOMER)
    before = check.destination_of(world.pipeline, CUSTOMER, None)
    assert (before.default_batch, before.rules.has_default_batch) == (None, False)
    assert check.destination_of(world.pipeline, CUSTOMER, None, may_have_default_batch=True).rules.has_default_batch
    world.drop_file(numbered(2))
    world.run()
    known = check.destination_of(world.pipeline, CUSTOMER, None)
    assert known.default_batch == "Spare"
    assert known.rules == rules_for(world.settings, CUSTOMER, None)
    other = check.destination_of(world.pipeline, OTHER_CUSTOMER, "Sales")
    assert not other.rules.refuse_device_identifiers
    assert not other.rules.batch_by_group_tag


def test_a_file_to_be_removed_tells_of_no_default_batch(make_world: MakeWorld) -> None:
    world = make_world()
    world.drop_file(numbered(2))
    world.run()
    world.drop_file(numbered(2), f"remove-devices/{CUSTOMER}/devices.csv")
    world.run()
    known = check.destination_of(world.pipeline, CUSTOMER, None)
    assert (known.default_batch, known.rules.has_default_batch) == (None, False)


def test_a_file_to_be_removed_or_moved_is_checked_by_the_rules_of_such_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "serials.csv"
    file.write_text("Serial number\r\nPF1ABCDE\r\n")
    assert run(file) == 1
    assert "serial_alone" in capsys.readouterr().out
    assert run("--for", "remove", file) == 0
    shown = capsys.readouterr().out
    assert "row 1      remove" in shown
    assert "1 row: 1 remove, 0 rejected, 0 duplicate" in shown
    assert run("--for", "move", file) == 1
    assert "serial_alone" in capsys.readouterr().out
    assert run("--for", "remove", "--customer", CUSTOMER, file) == 0
    assert "batches: any (1)" in capsys.readouterr().out
    assert run("--for", "move", "--customer", CUSTOMER, file) == ExitCode.WRONG_ARGUMENTS
    assert "the batch to move the devices to" in capsys.readouterr().err


def test_a_file_to_be_removed_needs_no_batch(make_world: MakeWorld) -> None:
    world = make_world()
    world.drop_file(numbered(2))
    world.run()
    known = check.destination_of(world.pipeline, CUSTOMER, None, FileOrder.REMOVE)
    assert known == destination_for(world.settings, CUSTOMER, None, FileOrder.REMOVE)
