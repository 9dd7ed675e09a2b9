"""The downloads of registered devices over HTTP."""

import csv
import io
from http import HTTPStatus

import pytest

from shared.status import downloads
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.status.client import Client

ADDRESS = f"/api/customers/{CUSTOMER}/devices"


@pytest.fixture
def filled(world: World) -> World:
    world.drop_file(numbered(3, "A-"), f"{CUSTOMER}/Sales/devices.csv")
    world.drop_file(numbered(2, "B-"), f"{CUSTOMER}/Test/devices.csv")
    world.run()
    world.read_devices()
    return world


def test_the_downloads_are_csv(client: Client, filled: World) -> None:
    answer = client.get(f"{ADDRESS}.csv")
    lines = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
    assert [line["serial_number"] for line in lines] == ["A-00001", "A-00002", "A-00003", "B-00001", "B-00002"]
    assert "registered devices.csv" in answer.headers["content-disposition"]
    answer = client.get(f"/api/customers/{CUSTOMER}/device_file.csv?batch=Test")
    lines = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
    assert [(line["Device Serial Number"], line["Group Tag"]) for line in lines] == [
        ("B-00001", "Test"),
        ("B-00002", "Test"),
    ]
    assert "Test - device file.csv" in answer.headers["content-disposition"]
    assert filled.wakeups.waiting == []


def test_blobs_that_vanish_are_a_conflict(client: Client, filled: World) -> None:
    for version in list(filled.private.versions("registered/")):
        filled.private.delete(version.path)
    assert client.get(f"{ADDRESS}.csv").status == HTTPStatus.CONFLICT


def test_what_is_too_large_for_an_answer_says_what_to_do(
    client: Client, filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "LARGEST_BODY", 100)
    answer = client.get(f"{ADDRESS}.csv")
    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "python -m local devices" in answer.json["message"]
    assert filled.wakeups.waiting == []
