"""The HTTP that all handlers share: entity tags, host names, faults, and the headers of every answer."""

import re
from typing import NoReturn

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.status.http import Surroundings, is_this_machine, surroundings
from shared.storage.codec import UnreadableRecord
from shared.storage.files import Files
from tests.pipeline.world import World, numbered
from tests.status.client import FILE, Client, closed_file

AT_HOME = Surroundings(is_azure=False, signs_in=False)
IN_AZURE = Surroundings(is_azure=True, signs_in=True)
WITHOUT_SIGN_IN = Surroundings(is_azure=True, signs_in=False)


@pytest.mark.parametrize("name", ["", "/outcomes", "/outcomes?limit=2", "/results.csv", "/to_fix.csv"])
def test_what_is_closed_has_a_tag_and_is_not_sent_to_who_has_it(world: World, client: Client, name: str) -> None:
    path = FILE.format(closed_file(world)) + name
    plain = client.get(path)
    tag = plain.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for known in (tag, f'"x", W/{tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = client.call(method, path, {"If-None-Match": known})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == "no-store"
    for unknown in ('"x"', tag.strip('"'), ""):
        assert client.get(path, {"If-None-Match": unknown}).body == plain.body


def test_a_tag_goes_with_how_the_file_is_sent_and_with_what_becomes_of_it(world: World, client: Client) -> None:
    path = FILE.format(closed_file(world))
    plain = client.get(f"{path}/results.csv").headers["etag"]
    packed = client.get(f"{path}/results.csv", {"Accept-Encoding": "gzip", "If-None-Match": plain})
    assert (packed.status, packed.headers["vary"]) == (200, "Accept-Encoding")
    assert packed.headers["etag"] != plain
    before = client.get(path).headers["etag"]
    client.post(f"{path}/withdraw", b'{"name": "devices.csv"}')
    assert client.get(path, {"If-None-Match": before}).json["withdrawal"]["total"] == 3


def test_what_may_still_change_has_no_tag(world: World, client: Client) -> None:
    path = FILE.format(world.drop_file(numbered(3)))
    for open_path in (path, f"{path}/outcomes", "/api/files"):
        answer = client.get(open_path, {"If-None-Match": "*"})
        assert (answer.status, answer.headers.get("etag")) == (200, None)


@pytest.mark.parametrize("name", ["code", "Code", "CODE"])
def test_a_key_in_an_address_is_refused(client: Client, name: str) -> None:
    answer = client.get(f"/api/files?{name}=the-function-key")
    assert answer.status == 400
    assert answer.json["code"] == "key_in_address"
    assert "x-functions-key" in answer.json["message"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7071", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_machine_of_ones_own_answers_to_no_other_name(client: Client, host: str) -> None:
    answer = client.get("/api/files", {"Host": host})
    assert answer.status == 403
    assert "localhost" in answer.json["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7071", "127.0.0.1:7071", "[::1]:7071"])
def test_a_machine_of_ones_own_answers_to_its_own_names(client: Client, host: str) -> None:
    assert client.get("/api/files", {"Host": host}).status == 200


def test_in_azure_the_app_answers_to_any_name_that_leads_to_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "device-drop")
    assert client.get("/api/files", {"Host": "device-drop.azurewebsites.net"}).status == 200


def test_storage_that_does_not_answer_is_a_503_that_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(*_: object, **__: object) -> NoReturn:
        raise ServiceRequestError("connection refused by 10.0.0.1 with AccountKey=secret")

    monkeypatch.setattr(Files, "still_open", no_answer)
    answer = client.get("/api/files")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["code"] == "unavailable"
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


def test_a_record_that_only_a_later_version_can_read_is_a_503_that_says_what_to_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object, **__: object) -> NoReturn:
        raise UnreadableRecord("DeviceFile c/f cannot be read by this version. Was a later one rolled back?")

    monkeypatch.setattr(Files, "still_open", unreadable)
    answer = client.get("/api/files")
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert "Was a later one rolled back?" in answer.json["message"]


def test_what_nobody_expected_is_logged_under_the_id_that_is_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(Files, "still_open", broken)
    answer = client.get("/api/files")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert any(getattr(record, "correlation_id", "") == answer.json["correlation_id"] for record in caplog.records)


@pytest.mark.parametrize("path", ["/api/files", "/api/nothing", "/api/openapi.json", "/api/files?limit=x"])
def test_every_answer_tells_browsers_to_guess_keep_embed_and_tell_nothing(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, AT_HOME),
        ({"WEBSITE_AUTH_ENABLED": "True"}, Surroundings(is_azure=False, signs_in=True)),
        ({"WEBSITE_SITE_NAME": "x", "WEBSITE_AUTH_ENABLED": "True"}, IN_AZURE),
        ({"WEBSITE_INSTANCE_ID": "x", "WEBSITE_AUTH_ENABLED": "true"}, IN_AZURE),
        ({"WEBSITE_SITE_NAME": "x", "WEBSITE_AUTH_ENABLED": "False"}, WITHOUT_SIGN_IN),
        ({"WEBSITE_SITE_NAME": "x"}, WITHOUT_SIGN_IN),
    ],
)
def test_where_the_app_runs_is_told_by_what_app_service_sets(environment: dict[str, str], place: Surroundings) -> None:
    assert surroundings(environment) == place


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1:7071", True),
        ("127.9.9.9", True),
        ("[::1]:80", True),
        ("", False),
        ("[", False),
        ("localhost.", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("localhost.evil.example", False),
        ("2130706433", False),
    ],
)
def test_the_names_of_this_machine(host: str, expected: bool) -> None:
    assert is_this_machine(host) is expected
