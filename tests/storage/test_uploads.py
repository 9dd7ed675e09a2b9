"""Chosen files and sent contents, on the fake tables and on Table Storage."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Conflict
from shared.storage.records import SentContent, StagedFile, Upload
from tests.storage.records import NOW

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
UPLOAD = Upload(
    upload_id="u-1", customer_id=CUSTOMER, staged_at=NOW, files=(StagedFile(name="ä'#?.csv", size=3),), staged_by="Ada"
)
SENT = SentContent(customer_id=CUSTOMER, digest="ab", upload_id="u-1", name="a.csv", path="p", sent_at=NOW)


def test_an_upload_is_changed_by_one_of_two_who_read_it(journal: Journal) -> None:
    journal.uploads.change(None, UPLOAD)
    stored = journal.uploads.get("u-1")
    assert stored is not None
    assert stored.record == UPLOAD
    journal.uploads.change(stored, replace(UPLOAD, staged_by="Bob"))
    with pytest.raises(Conflict):
        journal.uploads.change(stored, replace(UPLOAD, staged_by="Eve"))
    assert [upload.staged_by for upload in journal.uploads.staged_before(NOW + timedelta(hours=1))] == ["Bob"]
    assert list(journal.uploads.staged_before(NOW)) == []
    journal.uploads.delete("u-1")
    journal.uploads.delete("u-1")
    assert journal.uploads.get("u-1") is None


def test_a_content_is_entered_once_for_a_customer(journal: Journal) -> None:
    journal.uploads.change_content(None, SENT)
    with pytest.raises(Conflict):
        journal.uploads.change_content(None, replace(SENT, upload_id="u-2"))
    journal.uploads.change_content(None, replace(SENT, customer_id="0c39d6d5-c70d-4c55-bc02-f620844f3fd1"))


def test_a_content_is_forgotten_with_its_own_file_alone(journal: Journal) -> None:
    journal.uploads.change_content(None, replace(SENT, file_id="f-2"))
    journal.uploads.forget_file(CUSTOMER, "f-1", "ab")
    assert journal.uploads.content(CUSTOMER, "ab") is not None
    journal.uploads.forget_file(CUSTOMER, "f-2", "ab")
    assert journal.uploads.content(CUSTOMER, "ab") is None
    journal.uploads.forget_file(None, "f-2", "ab")
    journal.uploads.forget_file(CUSTOMER, "f-2", "")
