"""Links in answers to scripts."""

import dataclasses

import azure.functions as func
import pytest
from msgspec.structs import replace

from shared.status.links import Origins, origins, with_origins
from shared.status.schemas import RetryView
from tests.pipeline.world import CUSTOMER, World, tuples
from tests.status.client import FILE, UNKNOWN, Client, closed_file


def request_to(url: str) -> func.HttpRequest:
    return func.HttpRequest("GET", url, body=b"")


def test_links_begin_as_the_request_did_and_those_of_pages_where_people_sign_in() -> None:
    assert origins(request_to("https://app.example:8443/api/files?x=1"), None) == Origins(
        "https://app.example:8443", "https://app.example:8443"
    )
    proxied = origins(request_to("http://app.example/api/files"), "https://drop.example/proxy")
    assert proxied == Origins("http://app.example", "https://drop.example/proxy")


@pytest.mark.parametrize("url", ["/api/files", "", "http://[", "//app.example/api"])
def test_links_stay_paths_where_the_host_gives_no_address(url: str) -> None:
    assert origins(request_to(url), None) == Origins("", "")


def test_a_retry_without_a_file_has_no_link() -> None:
    view = RetryView(parent_file_id=UNKNOWN, file_id=None, path=None, rows=0, is_new=False, link=None)
    to = Origins("https://app.example", "https://app.example")
    assert with_origins(view, to) == view
    assert with_origins(replace(view, link="/api/files/c/f"), to).link == "https://app.example/api/files/c/f"


def test_links_are_whole_addresses_that_can_be_followed_as_they_are(world: World, client: Client) -> None:
    parent = closed_file(world, tuples(["STANDIN-500-1"]))
    answers = [client.get("/api/files").json["files"][0], client.get(FILE.format(parent)).json["file"]]
    answers += client.get(f"/api/devices/{CUSTOMER}?serial=STANDIN-500-1").json["devices"]
    for links in (answer["links"] for answer in answers):
        for name in (
            "file",
            "outcomes",
            "results_csv",
            "results_xlsx",
            "to_fix_csv",
            "to_fix_xlsx",
            "report_html",
            "page",
        ):
            origin, path = links[name][: len(f"http://{client.host}")], links[name][len(f"http://{client.host}") :]
            assert origin == f"http://{client.host}"
            assert client.get(path).status == 200
        assert links["parent"] is None


def test_links_lead_to_where_people_sign_in_and_to_no_host_that_a_header_names(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(world.settings, page_url="https://drop.example.com/proxy")
    monkeypatch.setattr(world, "pipeline", world.pipeline_with(settings=settings))
    identifier = closed_file(world)
    strange = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-Host": "evil.example"}
    links = client.get(FILE.format(identifier), strange).json["file"]["links"]
    assert links["page"] == f"https://drop.example.com/proxy/api/status/{CUSTOMER}/{identifier}"
    assert links["file"] == f"http://{client.host}{FILE.format(identifier)}"
