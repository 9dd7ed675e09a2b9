"""The text of the pages, without a browser."""

from msgspec.structs import replace

from shared.status.authentication import Person
from shared.status.page import pages
from shared.status.page.form_parameters import file_list_form
from shared.status.schemas import (
    FilePage,
    OutcomePage,
)
from tests.status.page.file_details import FILE_ID, details


def test_every_value_is_escaped_and_made_visible() -> None:
    found = details(registered=1)
    hostile = replace(found, file=replace(found.file, name="<b>&\x1b\u202e"))
    shown = pages.file_page(hostile, OutcomePage(file_id=FILE_ID, outcomes=[], next=None), pages.RowsForm(), Person())
    assert "<h1><bdi>&lt;b&gt;&amp;\u241b[U+202E]</bdi></h1>" in shown
    assert "<b>" not in shown


def test_addresses_of_the_list_keep_its_filters() -> None:
    form = file_list_form({"customer": "Büro & Co", "state": "closed", "from": "2026-11-01", "to": "", "next": "x"})
    shown = pages.files_page(FilePage(files=[], next="a b"), form, Person())
    assert "/api/status?customer=B%C3%BCro+%26+Co&amp;state=closed&amp;from=2026-11-01&amp;next=a+b" in shown
    assert form.is_narrow
    assert form.is_later_page
