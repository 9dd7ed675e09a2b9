"""This version reads the data of every earlier version, and its own data is kept for later versions to read."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.pipeline.submissions.matching import SentRow
from shared.storage.wakeups import decode
from tests.storage.golden_journal import (
    Document,
    document,
    found,
    golden_files,
    kinds_of_records,
    parts_of,
    restored,
)

KINDS = {kind.__name__: kind for kind in kinds_of_records() | {SentRow}}
TO_DO = "Run `python -m tests.storage.golden_journal`, with `--not-deployed` while the newest file's version was not."


@pytest.fixture(params=golden_files(), ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest) -> Document:
    path: Path = request.param
    read: Document = json.loads(path.read_text("utf-8"))
    return read


def _holds(value: Any, expected: Any) -> bool:
    """Whether `value` equals `expected`, apart from additional members."""
    if isinstance(expected, dict) and isinstance(value, dict):
        return all(name in value and _holds(value[name], member) for name, member in expected.items())
    if isinstance(expected, list) and isinstance(value, list):
        return len(value) == len(expected) and all(map(_holds, value, expected))
    return bool(value == expected)


def test_every_record_that_a_version_wrote_is_found_and_read_as_it_meant_it(golden: Document) -> None:
    storage = restored(golden)
    for name, records in golden["records"].items():
        for expected in records:
            record = found(storage, msgspec.convert(expected, KINDS[name]))
            assert _holds(json.loads(msgspec.json.encode(record)), expected), f"{name}: {record} for {expected}"


def test_every_wake_up_that_a_version_sent_is_read_as_it_meant_it(golden: Document) -> None:
    for message in golden["wake_ups"]:
        wake_up = decode(json.dumps(message).encode())
        assert _holds(json.loads(msgspec.json.encode(wake_up)), message), message


def test_every_word_that_a_version_wrote_is_still_known(golden: Document) -> None:
    words = document()["words"]
    for name, values in golden["words"].items():
        assert set(values) <= set(words[name]), name


def test_what_this_version_writes_stands_in_the_newest_golden_journal() -> None:
    newest = json.loads(golden_files()[-1].read_text("utf-8"))
    assert document() == newest, TO_DO


def test_every_record_part_and_wake_up_of_storage_stands_in_the_newest_golden_journal() -> None:
    newest = json.loads(golden_files()[-1].read_text("utf-8"))
    tags = {message["type"] for message in newest["wake_ups"]}
    covered = {kind for kind in KINDS.values() if kind.__name__ in newest["records"]}
    covered |= {kind for kind in KINDS.values() if kind.__struct_config__.tag in tags}
    assert {kind.__name__ for kind in set(KINDS.values()) - parts_of(covered)} == set(), TO_DO


def test_every_field_is_filled_in_one_record_and_left_out_of_another_where_it_may_be() -> None:
    newest = json.loads(golden_files()[-1].read_text("utf-8"))
    for name, records in newest["records"].items():
        for field in msgspec.structs.fields(KINDS[name]):
            values = [record.get(field.encode_name) for record in records]
            assert any(values), f"{name}.{field.name} is filled nowhere"
            if not field.required and len(records) > 1:
                default = json.loads(msgspec.json.encode(field.default))
                assert default in values or None in values, f"{name}.{field.name} is left out nowhere"
