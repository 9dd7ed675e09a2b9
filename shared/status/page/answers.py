"""One request of a person, and the forms that answers to people have: pages and redirects."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import azure.functions as func

from shared.pipeline.composition import Pipeline
from shared.pipeline.human_acts import UNSIGNED, Asker
from shared.status import queries
from shared.status.authentication import Person
from shared.status.downloads import HTML, accepts_gzip
from shared.status.http import file_named_in
from shared.storage.records import DeviceFile

OWN_PARTS_ALONE = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of a page: nothing from another host, nothing inline."""

COMPRESSION = 3
"""Level of gzip: a page of 1,000 files takes 6 ms, and a thirtieth of its size."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a person who may see the page."""

    pipeline: Pipeline
    request: func.HttpRequest
    person: Person

    @property
    def asker(self) -> Asker:
        """The person, for the acts that are kept."""
        return Asker(self.person.name, self.person.person_id) if self.person.person_id else UNSIGNED

    @property
    def file(self) -> DeviceFile:
        """The file of the address. Raises NotFound."""
        return queries.known_file(self.pipeline, *file_named_in(self.request))


def html_answer(
    content: str | bytes, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """A page with the headers of every page; `headers` replace them."""
    policies = {"Content-Security-Policy": OWN_PARTS_ALONE, "Referrer-Policy": "same-origin"}
    return func.HttpResponse(
        content, status_code=status, headers=policies | dict(headers or {}), mimetype=HTML, charset="utf-8"
    )


def page_answer(content: str, request: func.HttpRequest, policy: str = OWN_PARTS_ALONE) -> func.HttpResponse:
    """A page, compressed if the client accepts it. Compression reveals nothing: a page holds no secret (BREACH)."""
    headers = {"Content-Security-Policy": policy}
    if not accepts_gzip(request):
        return html_answer(content, headers=headers)
    headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return html_answer(gzip.compress(content.encode(), COMPRESSION), headers=headers)


def policy_with_uploads_to(origin: str) -> str:
    """The policy of the page from which a browser uploads to storage."""
    return OWN_PARTS_ALONE.replace("connect-src 'self'", f"connect-src 'self' {origin}")


def redirect(address: str) -> func.HttpResponse:
    """The answer to a form: a page that shows the change, so that loading it again repeats nothing."""
    return func.HttpResponse(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})
