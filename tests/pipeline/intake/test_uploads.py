"""Files that people choose on the page: staged, checked, and sent once, whatever happens in between."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed

from shared.pipeline.blob_names import staged_path
from shared.pipeline.intake.uploads import (
    KEPT_FOR,
    LARGEST_FILE,
    MOST_FILES,
    BeingSent,
    CheckedFile,
    ChosenFile,
    FileRefused,
    NotAsChecked,
    SentBefore,
    UploadGone,
    check,
    discard,
    new_upload,
    opened,
    send,
    stage,
    upload_addresses,
)
from shared.pipeline.sweep import sweep
from shared.reasons import FileReason
from shared.storage.blobs import BlobVersion
from shared.storage.records import SentContent, StagedFile, Upload
from tests.pipeline.world import CUSTOMER, World, numbered

GOOD = numbered(3).encode()


def chosen(world: World, *contents: bytes, name: str = "devices.csv", batch: str | None = "Sales") -> Upload:
    """Files that a person chose in the form."""
    files = [ChosenFile(name, len(content)) for content in contents]
    upload = new_upload(world.pipeline, CUSTOMER, batch, files, "Ada")
    stage(world.pipeline, upload, contents)
    return upload


def checked(world: World, upload: Upload) -> list[CheckedFile]:
    return check(world.pipeline, opened(world.pipeline, upload.upload_id).record, lambda: False)


def etag_of(world: World, upload: Upload, number: int = 0) -> str:
    version = world.staging.version(staged_path(upload.upload_id, upload.files[number].name))
    assert version is not None
    return version.etag


def sent(world: World, upload: Upload, number: int = 0, sent_by: str = "Ada", *, again: bool = False) -> StagedFile:
    return send(world.pipeline, upload.upload_id, number, etag_of(world, upload, number), sent_by, again=again)


def dropped(world: World) -> list[str]:
    return [version.path.removeprefix(f"{CUSTOMER}/") for version in world.drop.versions()]


# --- choosing


def test_files_of_one_name_are_numbered_and_odd_names_are_made_plain(world: World) -> None:
    names = ["a.csv", "C:\\files\\a.csv", "../a.csv", "x\x00\ny.csv", "نتائج ✓.csv", "CON.csv"]
    upload = new_upload(world.pipeline, CUSTOMER, None, [ChosenFile(name, 1) for name in names], "Ada")
    assert [file.name for file in upload.files] == [
        "a.csv",
        "a (2).csv",
        "a (3).csv",
        "x__y.csv",
        "نتائج ✓.csv",
        "CON.csv",
    ]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (ChosenFile("", 5), "no name"),
        (ChosenFile("..", 5), "no name"),
        (ChosenFile("a/", 5), "no name"),
        (ChosenFile("Thumbs.db", 5), "no device file"),
        (ChosenFile("a.csv", 0), "is empty"),
        (ChosenFile("a.csv", -1), "is empty"),
        (ChosenFile("a.csv", LARGEST_FILE + 1), "larger than 1 GiB"),
    ],
)
def test_what_cannot_be_a_device_file_is_refused_before_it_is_uploaded(
    world: World, file: ChosenFile, said: str
) -> None:
    with pytest.raises(FileRefused, match=said):
        new_upload(world.pipeline, CUSTOMER, None, [file], "Ada")


def test_no_files_and_too_many_are_refused(world: World) -> None:
    with pytest.raises(FileRefused, match="No file was chosen"):
        new_upload(world.pipeline, CUSTOMER, None, [], "Ada")
    with pytest.raises(FileRefused, match="Choose fewer"):
        new_upload(world.pipeline, CUSTOMER, None, [ChosenFile("a.csv", 1)] * (MOST_FILES + 1), "Ada")


def test_each_file_has_an_address_of_its_own_unless_storage_signs_none(world: World) -> None:
    upload = new_upload(world.pipeline, CUSTOMER, None, [ChosenFile("a.csv", 1), ChosenFile("b.csv", 1)], "Ada")
    addresses = upload_addresses(world.pipeline, upload)
    assert addresses is not None
    assert [address.split("?")[0].rpartition("/")[2] for address in addresses] == ["a.csv", "b.csv"]
    world.upload_addresses.gives = False
    assert upload_addresses(world.pipeline, upload) is None


# --- checking


def test_the_check_says_what_would_be_sent_where_and_what_not(world: World) -> None:
    upload = chosen(world, GOOD, b"%PDF-1.7", name="devices.csv")
    good, bad = checked(world, upload)
    assert good.preview is not None
    assert (good.can_be_sent, good.preview.sends, good.preview.batches) == (True, 3, {"Sales": 3})
    assert bad.preview is not None
    assert bad.preview.fault is not None
    assert (bad.can_be_sent, bad.preview.fault.reason) == (False, FileReason.UNKNOWN_FORMAT)


def test_the_check_knows_the_settings_of_the_app(world: World) -> None:
    upload = chosen(world, GOOD, batch=None)
    assert not checked(world, upload)[0].can_be_sent
    world.pipeline = replace(world.pipeline, settings=replace(world.settings, default_batch="Spare"))
    (file,) = checked(world, upload)
    assert file.preview is not None
    assert file.preview.batches == {"Spare": 3}


def test_a_file_whose_upload_was_cut_off_or_replaced_is_not_sent(world: World) -> None:
    upload = chosen(world, GOOD)
    path = staged_path(upload.upload_id, "devices.csv")
    world.staging.put(path, GOOD[:-20])
    (file,) = checked(world, upload)
    assert file.fault is not None
    assert "was cut off" in file.fault
    with pytest.raises(NotAsChecked):
        sent(world, upload)
    world.staging.delete(path)
    assert "has not ended" in (checked(world, upload)[0].fault or "")
    world.clock.now += timedelta(hours=2)
    assert "was cut off" in (checked(world, upload)[0].fault or "")
    assert dropped(world) == []


def test_a_check_whose_time_is_up_says_so_and_lets_the_file_be_sent(world: World) -> None:
    upload = chosen(world, numbered(2_000).encode())
    (file,) = check(world.pipeline, upload, lambda: True)
    assert file.preview is not None
    assert file.preview.is_cut_short
    assert file.can_be_sent


# --- sending


def test_a_sent_file_is_a_drop_as_any_other_and_says_who_sent_it(world: World) -> None:
    upload = chosen(world, GOOD)
    done = sent(world, upload, sent_by="Jörg Ω")
    assert (done.path, done.sent_at) == (f"{CUSTOMER}/Sales/devices.csv", world.clock())
    assert list(world.staging.versions()) == []
    world.receive(done.path)
    file = world.journal.files.get(CUSTOMER, done.file_id)
    assert file is not None
    assert (file.record.sent_by, file.record.batch_id) == ("Jörg Ω", "Sales")
    assert file.record.content_digest == hashlib.sha256(GOOD).hexdigest()
    (again,) = checked(world, upload)
    assert again.file == done


def test_a_file_that_changed_after_its_check_is_not_sent(world: World) -> None:
    upload = chosen(world, GOOD)
    etag = etag_of(world, upload)
    world.staging.put(staged_path(upload.upload_id, "devices.csv"), GOOD.replace(b"SN-1", b"SN-9"))
    with pytest.raises(NotAsChecked):
        send(world.pipeline, upload.upload_id, 0, etag, "Ada")
    with pytest.raises(NotAsChecked):
        send(world.pipeline, upload.upload_id, 1, etag, "Ada")
    assert dropped(world) == []


def test_a_name_that_is_taken_by_other_content_gets_a_number(world: World) -> None:
    world.put("another", f"{CUSTOMER}/Sales/devices.csv")
    assert sent(world, chosen(world, GOOD)).path.endswith("/devices (2).csv")
    assert world.drop.read(f"{CUSTOMER}/Sales/devices.csv") == b"another"


def test_the_same_content_is_sent_again_only_when_that_is_asked_for(world: World) -> None:
    first = sent(world, chosen(world, GOOD))
    later = chosen(world, GOOD, name="copy.csv", batch=None)
    (file,) = checked(world, later)
    assert file.earlier is not None
    assert file.earlier.file_id == first.file_id
    with pytest.raises(SentBefore) as raised:
        sent(world, later)
    assert raised.value.earlier.file_id == first.file_id
    assert dropped(world) == ["Sales/devices.csv"]
    assert sent(world, later, again=True).path == f"{CUSTOMER}/copy.csv"
    other = chosen(world, GOOD)
    with pytest.raises(SentBefore) as raised:
        sent(world, other)
    assert raised.value.earlier.path == f"{CUSTOMER}/copy.csv"


def test_the_same_content_again_under_the_same_name_gets_a_number(world: World) -> None:
    sent(world, chosen(world, GOOD))
    assert sent(world, chosen(world, GOOD), again=True).path.endswith("/devices (2).csv")


def test_what_was_dropped_in_another_way_under_that_name_is_not_sent_twice(world: World) -> None:
    file_id = world.put(GOOD, f"{CUSTOMER}/Sales/devices.csv")
    with pytest.raises(SentBefore) as raised:
        sent(world, chosen(world, GOOD))
    assert raised.value.earlier.file_id == file_id
    assert dropped(world) == ["Sales/devices.csv"]


def test_another_customer_may_be_sent_the_same_content(world: World) -> None:
    sent(world, chosen(world, GOOD))
    files = [ChosenFile("devices.csv", len(GOOD))]
    upload = new_upload(world.pipeline, "0c39d6d5-c70d-4c55-bc02-f620844f3fd1", None, files, "Ada")
    stage(world.pipeline, upload, [GOOD])
    assert sent(world, upload).path == "0c39d6d5-c70d-4c55-bc02-f620844f3fd1/devices.csv"


def test_of_two_people_who_send_at_once_one_sends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = chosen(world, GOOD, name="a.csv"), chosen(world, GOOD, name="b.csv")
    others: list[type[Exception]] = []
    copy_new = world.drop.copy_new

    def meanwhile(source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        monkeypatch.setattr(world.drop, "copy_new", copy_new)
        with pytest.raises(BeingSent) as raised:
            sent(world, second)
        others.append(raised.type)
        return copy_new(source, version, path, metadata)

    monkeypatch.setattr(world.drop, "copy_new", meanwhile)
    sent(world, first)
    assert others == [BeingSent]
    assert dropped(world) == ["Sales/a.csv"]


def test_a_form_that_is_sent_twice_at_once_sends_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = chosen(world, GOOD)
    etag = etag_of(world, upload)
    copy_new = world.drop.copy_new

    def meanwhile(source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        monkeypatch.setattr(world.drop, "copy_new", copy_new)
        send(world.pipeline, upload.upload_id, 0, etag, "Ada")
        return copy_new(source, version, path, metadata)

    monkeypatch.setattr(world.drop, "copy_new", meanwhile)
    with pytest.raises((BeingSent, NotAsChecked)):
        send(world.pipeline, upload.upload_id, 0, etag, "Ada")
    assert send(world.pipeline, upload.upload_id, 0, etag, "Ada").sent_at is not None
    assert dropped(world) == ["Sales/devices.csv"]


def _dies_after(work: Callable[..., object]) -> Callable[..., object]:
    def dying(*given: object) -> object:
        work(*given)
        raise OSError("the power is out")

    return dying


@pytest.mark.parametrize("step", ["entered", "copied"])
def test_a_sending_that_dies_is_taken_up_by_the_next_and_drops_once(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    upload = chosen(world, GOOD)
    etag, uploads = etag_of(world, upload), world.journal.uploads
    with monkeypatch.context() as patch:
        if step == "copied":
            patch.setattr(world.drop, "copy_new", _dies_after(world.drop.copy_new))
        else:
            patch.setattr(uploads, "change_content", _dies_after(uploads.change_content))
        with pytest.raises(OSError, match="power"):
            send(world.pipeline, upload.upload_id, 0, etag, "Ada")
    with pytest.raises(BeingSent):
        sent(world, chosen(world, GOOD, name="other.csv"))
    assert send(world.pipeline, upload.upload_id, 0, etag, "Ada").path == f"{CUSTOMER}/Sales/devices.csv"
    assert dropped(world) == ["Sales/devices.csv"]


def test_a_sending_that_died_holds_up_others_for_minutes_only(world: World) -> None:
    digest = hashlib.sha256(GOOD).hexdigest()
    dead = SentContent(
        customer_id=CUSTOMER, digest=digest, upload_id="gone", name="a.csv", path="p", sent_at=world.clock()
    )
    world.journal.uploads.change_content(None, dead)
    upload = chosen(world, GOOD)
    with pytest.raises(BeingSent):
        sent(world, upload)
    world.clock.now += timedelta(minutes=6)
    assert sent(world, upload).file_id


# --- what is not sent


def test_discarded_files_are_gone_and_a_sent_one_stays_sent(world: World) -> None:
    upload = chosen(world, GOOD, numbered(1).encode())
    done = sent(world, upload)
    discard(world.pipeline, upload.upload_id)
    assert list(world.staging.versions()) == []
    assert dropped(world) == [done.path.removeprefix(f"{CUSTOMER}/")]
    with pytest.raises(UploadGone):
        opened(world.pipeline, upload.upload_id)


def test_the_sweep_discards_what_nobody_sent_for_a_day(world: World) -> None:
    upload = chosen(world, GOOD)
    world.clock.now += KEPT_FOR - timedelta(hours=1)
    assert sweep(world.pipeline).discarded_uploads == 0
    world.clock.now += timedelta(hours=2)
    with pytest.raises(UploadGone):
        send(world.pipeline, upload.upload_id, 0, etag_of(world, upload), "Ada")
    assert sweep(world.pipeline).discarded_uploads == 1
    assert list(world.staging.versions()) == []
    assert world.journal.uploads.get(upload.upload_id) is None


def test_a_content_may_be_sent_again_once_its_file_is_past_retention(world: World) -> None:
    done = sent(world, chosen(world, GOOD))
    world.receive(done.path)
    world.run()
    stored = world.journal.files.get(CUSTOMER, done.file_id)
    assert stored is not None
    world.journal.forget_file(changed(stored.record, reading=0))
    assert checked(world, chosen(world, GOOD))[0].earlier is None
