"""Names of device files and of the blobs derived from them, all distinct."""

import hashlib

import pytest

from shared.pipeline.blob_names import (
    LONGEST_NAME,
    drop_path,
    is_payload,
    numbered_name,
    payload_digest,
    plain_name,
    staged_path,
)
from shared.storage.keys import units_in
from shared.vocabulary import FileOrder

BODY = b'[{"serialNumber":"SN1"}]'


@pytest.mark.parametrize(
    "digest", [payload_digest(BODY), hashlib.blake2b(BODY, digest_size=16).hexdigest()], ids=["this version", "earlier"]
)
def test_a_body_is_known_by_its_digest_also_by_one_of_an_earlier_version(digest: str) -> None:
    assert is_payload(BODY, digest)
    assert not is_payload(BODY + b" ", digest)


@pytest.mark.parametrize("digest", ["", "d", payload_digest(b"")])
def test_another_digest_is_not_that_of_the_body(digest: str) -> None:
    assert not is_payload(BODY, digest)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("devices.csv", "devices.csv"),
        ("C:\\files\\devices.csv", "devices.csv"),
        ("../../devices.csv", "devices.csv"),
        ("a\x00\x1b[2J\n\x7f.csv", "a__[2J__.csv"),
        ("half \ud83d.csv", "half _.csv"),
        ("none \ufdd0\uffff.csv", "none __.csv"),
        ("  devices.csv. . ", "devices.csv"),
        ("\u202enoitatic.csv", "\u202enoitatic.csv"),
        ("CON.csv", "CON.csv"),
        ("📱 geräte.csv", "📱 geräte.csv"),
        ("..", ""),
        ("folder/", ""),
        ("", ""),
        ("a" * 300 + ".csv", "a" * 251 + ".csv"),
        ("📱" * 200 + ".csv", "📱" * 125 + ".csv"),
        ("." + "a" * 300, "." + "a" * 254),
        ("a." + "b" * 300, "a." + "b" * 253),
    ],
)
def test_the_name_of_a_chosen_file_is_made_one_that_storage_takes(name: str, plain: str) -> None:
    assert plain_name(name) == plain
    assert units_in(plain_name(name)) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("name", "number", "numbered"),
    [
        ("a.csv", 1, "a.csv"),
        ("a.csv", 2, "a (2).csv"),
        ("a.tar.gz", 3, "a.tar (3).gz"),
        ("a", 2, "a (2)"),
        (".a", 2, ".a (2)"),
    ],
)
def test_files_of_one_name_are_numbered_before_the_ending(name: str, number: int, numbered: str) -> None:
    assert numbered_name(name, number) == numbered


def test_a_sent_file_lies_in_the_folder_of_its_customer_and_batch() -> None:
    assert drop_path("c", "Sales", "a.csv") == "c/Sales/a.csv"
    assert drop_path("c", None, "a.csv") == "c/a.csv"
    assert staged_path("u", "a.csv") == "u/a.csv"


@pytest.mark.parametrize("order", [FileOrder.REMOVE, FileOrder.MOVE])
def test_an_earlier_version_does_not_send_what_is_to_be_removed_first(order: FileOrder) -> None:
    digest = payload_digest(BODY, order)
    assert is_payload(BODY, digest)
    assert digest not in (payload_digest(BODY), hashlib.sha256(BODY).hexdigest())
