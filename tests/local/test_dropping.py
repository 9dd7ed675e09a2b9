"""The watched folder: whole files only, each version once."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import dropping
from local.dropping import (
    SECONDS_UNTIL_TOLD,
    Dropped,
    NameRefused,
    RecordUnreadable,
    WaitReason,
    WatchedFolder,
    name_fault,
    refuse_names,
    samples,
)
from tests.local import first_run

PLACE = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1/Batch"


@pytest.fixture
def watched(tmp_path: Path) -> WatchedFolder:
    return WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")


def write(tmp_path: Path, name: str, content: str) -> Path:
    file = tmp_path / "drop" / PLACE / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_a_file_is_told_of_when_it_has_stopped_growing(watched: WatchedFolder, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", "1")
    assert watched.whole_files() == {}
    write(tmp_path, "a.csv", "12")
    assert watched.whole_files() == {}
    assert watched.whole_files() == {f"{PLACE}/a.csv": file}


def test_a_file_is_told_of_until_it_was_dropped_and_again_when_it_changes(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.csv", "1")
    watched.whole_files()
    assert len(watched.whole_files()) == 1
    assert len(watched.whole_files()) == 1
    watched.remember(f"{PLACE}/a.csv")
    assert watched.whole_files() == {}
    os.utime(file, (1, 1))
    watched.whole_files()
    assert len(watched.whole_files()) == 1


def test_what_was_dropped_is_remembered_by_the_next_run(watched: WatchedFolder, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    watched.whole_files()
    watched.whole_files()
    watched.remember(f"{PLACE}/a.csv")
    again = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")
    again.whole_files()
    assert again.whole_files() == {}


def _dropped(watched: WatchedFolder, path: str) -> None:
    for _ in range(2):
        watched.whole_files()
    watched.remember(path)


def test_a_file_that_has_ended_is_moved_and_not_dropped_again_by_a_new_storage(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    path = f"{PLACE}/a.csv"
    places = []
    for content in ("1", "2", "3"):
        write(tmp_path, "a.csv", content)
        _dropped(watched, path)
        places.append(watched.place_when_done(path))
        assert watched.put_away(path, places[-1])
    assert [place.relative_to(tmp_path / "drop" / ".done" / PLACE).name for place in places] == [
        "a.csv",
        "a (2).csv",
        "a (3).csv",
    ]
    assert [place.read_text() for place in places] == ["1", "2", "3"]
    assert watched.still_there() == watched.remembered() == []
    (tmp_path / "dropped.json").unlink()
    again = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")
    assert [again.whole_files() for _ in range(3)] == [{}, {}, {}]


def test_a_file_that_was_changed_since_it_was_dropped_stays_and_is_dropped_again(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    path = f"{PLACE}/a.csv"
    write(tmp_path, "a.csv", "1")
    _dropped(watched, path)
    assert [dropped.path for dropped in watched.still_there()] == [path]
    write(tmp_path, "a.csv", "12")
    assert watched.still_there() == []
    assert not watched.put_away(path, watched.place_when_done(path))
    watched.whole_files()
    assert list(watched.whole_files()) == [path]


@dataclass(slots=True)
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patient(tmp_path: Path, clock: Clock) -> WatchedFolder:
    return WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json", clock, still_seconds=2)


def names(found: dict[str, Path]) -> list[str]:
    return [file.name for file in found.values()]


def after(seconds: float, clock: Clock, folder: WatchedFolder) -> list[str]:
    clock.now += seconds
    return names(folder.whole_files())


def test_a_file_is_whole_when_it_was_still_for_some_time(patient: WatchedFolder, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    assert [after(seconds, clock, patient) for seconds in (0, 1)] == [[], []]
    file = write(tmp_path, "a.csv", "12")
    assert [after(seconds, clock, patient) for seconds in (1, 1.9)] == [[], []]
    os.utime(file, (1, 1))
    assert [after(seconds, clock, patient) for seconds in (0.1, 1.9, 0.1)] == [[], [], ["a.csv"]]


def test_one_look_late_is_not_two(patient: WatchedFolder, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    assert after(3_600, clock, patient) == []


@pytest.mark.parametrize("content", ["2", "22"])
def test_a_file_that_is_replaced_by_rename_waits_anew_and_is_dropped_again(
    content: str, patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.csv", "1")
    os.utime(file, (5, 5))

    def rename_over() -> None:
        newer = write(tmp_path, "a.csv.tmp", content)
        os.utime(newer, (5, 5))
        newer.replace(file)

    assert [after(seconds, clock, patient) for seconds in (0, 1)] == [[], []]
    rename_over()
    assert [after(seconds, clock, patient) for seconds in (1, 1, 1)] == [[], [], ["a.csv"]]
    patient.remember(f"{PLACE}/a.csv")
    assert after(9, clock, patient) == []
    rename_over()
    assert [after(seconds, clock, patient) for seconds in (0, 2)] == [[], ["a.csv"]]


def test_a_file_of_an_earlier_run_is_not_dropped_again_for_another_number_in_its_file_system(
    patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.csv", "1")
    assert [after(seconds, clock, patient) for seconds in (0, 2)] == [[], ["a.csv"]]
    patient.remember(f"{PLACE}/a.csv")
    times = file.stat()
    again = write(tmp_path, "b.tmp", "1")
    os.utime(again, ns=(times.st_atime_ns, times.st_mtime_ns))
    again.replace(file)
    later = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json", clock)
    assert [after(seconds, clock, later) for seconds in (0, 2)] == [[], []]


def test_a_file_that_goes_on_growing_is_told_of_once_and_dropped_in_the_end(
    patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    told = []
    for second in range(int(3 * SECONDS_UNTIL_TOLD)):
        write(tmp_path, "a.csv", "1" * second)
        assert after(1, clock, patient) == []
        told += [(second, reason) for reason in patient.late_files().values()]
    assert told == [(SECONDS_UNTIL_TOLD, WaitReason.GROWING)]
    assert after(2, clock, patient) == ["a.csv"]


def test_an_empty_file_waits_for_its_content(patient: WatchedFolder, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "")
    write(tmp_path, "a.Xy12.csv.part", "half")
    assert [after(seconds, clock, patient) for seconds in (0, 30, 40)] == [[], [], []]
    assert patient.late_files() == {f"{PLACE}/a.csv": WaitReason.EMPTY}
    (tmp_path / "drop" / PLACE / "a.Xy12.csv.part").replace(tmp_path / "drop" / PLACE / "a.csv")
    assert [after(seconds, clock, patient) for seconds in (1, 2)] == [[], ["a.csv"]]
    assert patient.late_files() == {}


def test_a_file_that_another_program_keeps_to_itself_waits(
    patient: WatchedFolder, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.csv", "1")
    monkeypatch.setattr(dropping, "_can_be_read", lambda _: False)
    assert [after(seconds, clock, patient) for seconds in (0, 2, 60)] == [[], [], []]
    assert list(patient.late_files().values()) == [WaitReason.LOCKED]
    assert patient.late_files() == {}
    monkeypatch.undo()
    assert after(1, clock, patient) == ["a.csv"]


def test_what_cannot_be_opened_cannot_be_read(tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", "1")
    assert dropping._can_be_read(file)
    assert not dropping._can_be_read(file.parent)
    assert not dropping._can_be_read(file.with_name("b.csv"))


def test_a_file_that_could_not_be_read_after_all_waits_anew_and_is_told_of_once(
    patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    write(tmp_path, "a.csv", "1")
    assert [after(seconds, clock, patient) for seconds in (0, 2)] == [[], ["a.csv"]]
    assert patient.put_off(f"{PLACE}/a.csv")
    assert [after(seconds, clock, patient) for seconds in (1, 1, 60)] == [[], ["a.csv"], ["a.csv"]]
    assert not patient.put_off(f"{PLACE}/a.csv")
    assert patient.late_files() == {}


def test_a_file_that_is_gone_and_comes_back_waits_anew(patient: WatchedFolder, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    after(0, clock, patient)
    (tmp_path / "drop" / PLACE / "a.csv").rename(tmp_path / "a.csv")
    assert after(2, clock, patient) == []
    (tmp_path / "a.csv").rename(tmp_path / "drop" / PLACE / "a.csv")
    assert [after(seconds, clock, patient) for seconds in (0, 2)] == [[], ["a.csv"]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_file_whose_name_is_no_text_is_told_of_and_not_dropped(
    patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    folder = os.fsencode(write(tmp_path, "a.csv", "1").parent)
    Path(os.fsdecode(folder + b"/Ger\xe4te.csv")).write_text("1")
    assert [after(seconds, clock, patient) for seconds in (0, 70)] == [[], ["a.csv"]]
    assert list(patient.late_files().values()) == [WaitReason.NAME_IS_NO_TEXT]


BAD_NAMES = [
    ("a\udce4.csv", WaitReason.NAME_IS_NO_TEXT),
    ("a\ud800.csv", WaitReason.NAME_IS_NO_TEXT),
    *((f"a{chr(code)}b.csv", WaitReason.NAME_HAS_CONTROL) for code in (0, 1, 9, 10, 13, 0x1B, 0x1F, 0x7F, 0x81, 0x9F)),
    *((f"a{chr(code)}b.csv", WaitReason.NAME_HAS_CONTROL) for code in (0xFFFE, 0xFFFF, 0xFDD0, 0x1FFFE, 0x10FFFF)),
    ("a\\b.csv", WaitReason.NAME_HAS_BACKSLASH),
    ("x" * 1_025, WaitReason.NAME_IS_TOO_LONG),
    ("\U0001f600" * 513, WaitReason.NAME_IS_TOO_LONG),
]


@pytest.mark.parametrize(("name", "fault"), BAD_NAMES)
def test_a_name_that_storage_does_not_take_is_refused_with_the_reason(name: str, fault: WaitReason) -> None:
    assert name_fault(name) is fault
    with pytest.raises(NameRefused) as refused:
        refuse_names([Path("fine.csv"), Path(name)], "customer/batch")
    assert str(fault) in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "name", ["a.csv", "Ger\u00e4te \u8a2d\u5099 \U0001f600.csv", "a?#%&'+.csv", "\u202ea", "a.", "x" * 1_024, "\ufeffa"]
)
def test_any_other_name_is_taken(name: str) -> None:
    assert name_fault(name) is None
    refuse_names([Path(name[:200])], "customer/batch")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\x1bb.csv", "a\nb.csv", "a\ufffeb.csv", "a\\b.csv"])
def test_a_name_that_storage_does_not_take_is_told_of_at_once_and_not_dropped(
    name: str, patient: WatchedFolder, clock: Clock, tmp_path: Path
) -> None:
    write(tmp_path, name, "1")
    write(tmp_path, "a.csv", "1")
    assert after(0, clock, patient) == []
    assert list(patient.late_files()) == [f"{PLACE}/{name}"]
    assert after(5, clock, patient) == ["a.csv"]
    assert patient.late_files() == {}


def test_the_record_keeps_the_version_of_each_dropped_file_and_reads_that_of_an_earlier_version(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path, name, "1")
    watched.whole_files()
    watched.whole_files()
    watched.remember(f"{PLACE}/a.csv", "0x1")
    watched.remember(f"{PLACE}/b.csv")
    again = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")
    again.whole_files()
    assert again.whole_files() == {}
    assert again.remembered() == [Dropped(f"{PLACE}/a.csv", "0x1"), Dropped(f"{PLACE}/b.csv", "")]
    record = tmp_path / "dropped.json"
    record.write_text(json.dumps({path: state[:2] for path, state in json.loads(record.read_text()).items()}))
    earlier = WatchedFolder(tmp_path / "drop", record)
    earlier.whole_files()
    assert earlier.whole_files() == {}
    assert [dropped.etag for dropped in earlier.remembered()] == ["", ""]


def test_a_file_that_is_forgotten_is_dropped_again(watched: WatchedFolder, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    watched.whole_files()
    watched.whole_files()
    watched.remember(f"{PLACE}/a.csv", "0x1")
    watched.forget(f"{PLACE}/a.csv")
    watched.whole_files()
    assert list(watched.whole_files()) == [f"{PLACE}/a.csv"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1]}', "null", "\0"])
def test_a_damaged_record_is_told_of_with_the_cure(content: str, tmp_path: Path) -> None:
    (tmp_path / "dropped.json").write_text(content)
    with pytest.raises(RecordUnreadable, match=r"dropped\.json is damaged .* Delete it"):
        WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "Thumbs.db", "desktop.ini"),
        *("~$a.xlsx", ".~lock.a.ods#", "a.csv~", ".a.csv.swp"),
        *("a.csv.part", "a.tmp", "a.csv.filepart", "Unconfirmed 12.crdownload", ".a.csv.Xy12ab", "A.CSV.CRDOWNLOAD"),
        *("a.csv.download/a.csv", "a.csv.opdownload"),
    ],
)
def test_what_programs_leave_lying_about_is_passed_over(name: str, watched: WatchedFolder, tmp_path: Path) -> None:
    write(tmp_path, name, "1")
    watched.whole_files()
    assert watched.whole_files() == {}


def test_a_file_has_one_id_for_each_version() -> None:
    dropped = Dropped(f"{PLACE}/a.csv", '"0x1"')
    assert dropped.file_id == Dropped(f"{PLACE}/a.csv", "0x1").file_id
    assert dropped.file_id != Dropped(f"{PLACE}/a.csv", "0x2").file_id


def test_there_are_samples_to_drop() -> None:
    assert [file.name for file in samples()] == list(first_run.files())
