"""Requests to the service as they are, without the product's client, which hides what is to be found out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from shared.partner_center.sign_in import SignIn
from shared.plain_session import PlainSession

Json = Any
"""The result of `json.loads`: of unknown shape."""

_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_accepted(self) -> bool:
        """Whether an upload was taken."""
        return self.status == HTTPStatus.ACCEPTED

    @property
    def is_success(self) -> bool:
        """Whether it is no refusal."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def json(self) -> Json:
        """Its JSON; None if it has none."""
        try:
            return json.loads(self.body.decode("utf-8-sig"))
        except ValueError:
            return None


Ask = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""From method, path below `/v1`, headers and body to the answer."""


def over_http(url: str, sign_in: SignIn) -> Ask:
    """Requests to the service at `url`."""
    session = PlainSession(1)

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {"Authorization": f"Bearer {sign_in.token()}", "Accept": "application/json", **headers}
        response = session.request(method, f"{url}{path}", headers=sent, data=body or None, timeout=_TIMEOUT_SECONDS)
        return Answer(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
        )

    return ask


def new_request_id() -> str:
    """A request id of its own for each request."""
    return str(uuid4())
