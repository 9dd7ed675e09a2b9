"""A bundle for people who help holds no hash, token, key, serial number or name, wherever the journal has one."""

import io
import json
from datetime import UTC, datetime
from typing import Any
from zipfile import ZipFile

import msgspec
import pytest
from msgspec import inspect

from local.support_bundle import ALLOWED, MOST_ROWS, FileRecords, redacted, support_bundle
from shared.pipeline.sweep_record import SweepRecord
from shared.status.schemas import CheckView
from shared.storage.records import Act, DeviceFile, DeviceOutcome, Gate, Submission

PLANTED = {
    "hash": "T0FYAQEAHAAAAAoABQBhSgAACgAFAGFKAAABAAEBAQ+8/Wx0Qzlk",
    "token": "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJwbGFudGVkIn0.c2lnbmF0dXJlcGxhbnRlZA",
    "refresh token": "0.AXoAplantedRefreshToken-abcdefGHIJKL_mnop",
    "storage key": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
    "product key": "VK7JG-NPHTM-C97JM-9MPGT-3V66T",
    "serial number": "5CG1234XYZ",
    "digest": "a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f708192a3b4c5d6e7f809",
    "person": "Zoltan Quirkwood-Nemeth",
    "account": "zoltan.quirkwood@example.com",
}
"""What must not be in a bundle, by its kind."""

TEXTS = [
    *PLANTED.values(),
    *(f"2026-11-29 10:00:00 Partner Center answered: {each} (row 2)" for each in PLANTED.values()),
]
"""The same alone and within a sentence of a history."""

RECORDS = (DeviceFile, Submission, DeviceOutcome, Act, Gate, SweepRecord, CheckView)


def filled(record: type[Any], text: str) -> Any:
    """A record with `text` in every text, however deep, and something in every other field."""
    return _value(inspect.type_info(record), text)


def _value(kind: inspect.Type, text: str) -> Any:
    match kind:
        case inspect.Metadata(type=inner):
            return _value(inner, text)
        case inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, inspect.NoneType)), text)
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{each.name: _value(each.type, text) for each in fields})
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return (_value(item, text),)
        case inspect.DictType(value_type=value):
            return {text: _value(value, text)}
        case inspect.EnumType(cls=cls):
            return next(iter(cls))
        case _:
            return _PLAIN.get(type(kind), text)


_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.DateTimeType: datetime(2026, 11, 29, tzinfo=UTC),
    inspect.BoolType: True,
    inspect.IntType: 3,
    inspect.FloatType: 3,
}


def bundle_with(text: str) -> dict[str, str]:
    """The documents of a bundle of records that have `text` everywhere."""
    records = FileRecords(
        file=filled(DeviceFile, text),
        submissions=[filled(Submission, text)],
        rows=[filled(DeviceOutcome, text)],
        acts=[filled(Act, text)],
        standstills=[filled(Gate, text)],
        sweep=filled(SweepRecord, text),
        health=[filled(CheckView, text)],
    )
    with ZipFile(io.BytesIO(support_bundle(records))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_planted_in_any_text_of_any_record_is_in_the_bundle(text: str) -> None:
    documents = bundle_with(text)
    parts = {part for planted in PLANTED.values() for part in planted.replace("@", " ").replace("-", " ").split()}
    long_parts = {part for part in parts if len(part) > 4 and part != "example.com"}
    for name, content in documents.items():
        found = [each for each in {*PLANTED.values(), *long_parts} if each.lower() in content.lower()]
        assert found == [], name


def test_the_planted_texts_are_in_the_records_themselves() -> None:
    for record in RECORDS:
        whole = json.dumps(msgspec.to_builtins(filled(record, PLANTED["person"])))
        assert PLANTED["person"] in whole, record.__name__


def test_ids_states_counts_and_the_products_own_sentences_stay() -> None:
    sentence = "2026-11-29 10:00:00 Read 195 rows into 1 submission."
    identifier = "8f2f3b1e-3b0a-4a54-8a6b-0f4c1f1f6a51"
    documents = {name: json.loads(text) for name, text in bundle_with(identifier).items() if name.endswith(".json")}
    (submission,) = documents["submissions.json"]
    assert submission["request"]["request_id"] == submission["answer_ids"]["correlation_id"] == identifier
    assert (documents["file.json"]["state"], documents["file.json"]["read_counts"]["total"]) == ("received", 3)
    assert "2026-11-29 10:00:00 Read 195 rows into 1 submission." in bundle_with(sentence)["file.json"]


def test_every_allowed_field_exists() -> None:
    for record, fields in ALLOWED.items():
        assert set(fields) <= set(record.__struct_fields__), record.__name__
        assert len(set(fields)) == len(fields), record.__name__


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (DeviceFile, "name"),
        (DeviceFile, "path"),
        (DeviceFile, "sent_by"),
        (DeviceFile, "batch_id"),
        (DeviceFile, "content_digest"),
        (Submission, "batch_id"),
        (Submission, "payload_digest"),
        (DeviceOutcome, "serial_number"),
        (DeviceOutcome, "product_key"),
        (Act, "who"),
        (Act, "subject"),
    ],
)
def test_what_people_named_or_what_identifies_a_device_is_no_allowed_field(
    record: type[msgspec.Struct], field: str
) -> None:
    assert field in record.__struct_fields__
    assert field not in ALLOWED[record]


def test_a_record_of_another_kind_is_left_out() -> None:
    class Other(msgspec.Struct):
        secret: str

    assert redacted(Other("x")) == {}
    assert redacted(object()) is None
    assert redacted({"rows": [1, None, True, 2.5]}) == {"rows": [1, None, True, 2.5]}


def test_the_rows_of_a_bundle_are_limited_and_it_says_what_it_holds() -> None:
    rows = [filled(DeviceOutcome, "x")] * (MOST_ROWS + 1)
    with ZipFile(io.BytesIO(support_bundle(FileRecords(filled(DeviceFile, "x"), rows=rows)))) as archive:
        assert len(json.loads(archive.read("rows.json"))) == MOST_ROWS
        readme = archive.read("README.txt").decode()
        assert [name for name in archive.namelist() if name not in readme] == ["README.txt"]
