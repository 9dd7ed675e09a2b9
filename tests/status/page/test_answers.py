"""Pages and redirects as they are answered."""

import gzip

import azure.functions as func

from shared.pipeline.human_acts import UNSIGNED
from shared.status.authentication import Person
from shared.status.page.answers import OWN_PARTS_ALONE, Visit, page_answer, redirect
from tests.pipeline.world import World


def _request(**headers: str) -> func.HttpRequest:
    return func.HttpRequest("GET", "http://localhost/api/status", headers=headers, body=b"")


def test_a_page_is_compressed_for_clients_that_accept_it() -> None:
    plain, packed = page_answer("<p>ä", _request()), page_answer("<p>ä", _request(**{"accept-encoding": "gzip"}))
    assert plain.get_body().decode() == gzip.decompress(packed.get_body()).decode() == "<p>ä"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Content-Security-Policy"] == packed.headers["Content-Security-Policy"] == OWN_PARTS_ALONE


def test_a_form_is_answered_with_the_page_that_shows_the_change() -> None:
    answer = redirect("/api/status?done=sent")
    assert (answer.status_code, answer.headers["Location"], answer.get_body()) == (303, "/api/status?done=sent", b"")


def test_the_person_of_a_visit_is_the_one_whose_acts_are_kept(world: World) -> None:
    assert Visit(world.pipeline, _request(), Person()).asker == UNSIGNED
    asker = Visit(world.pipeline, _request(), Person("id-1", "Ada")).asker
    assert (asker.name, asker.person_id) == ("Ada", "id-1")
