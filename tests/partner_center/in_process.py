"""Carries requests to a stand-in in this process: whole answers, answers that break off, and none."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import IncompleteRead, RemoteDisconnected

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ProtocolError

from local.partner_center import Reply, Replying
from shared.bounded_exchange import request_begins
from shared.partner_center.client import PartnerCenterClient
from shared.partner_center.sign_in import SignIn, StaticToken
from shared.plain_session import PlainSession

URL = "http://127.0.0.1:9"
"""A base address for clients; nothing listens there."""

TOKEN = StaticToken("token")


class InProcess(BaseAdapter):
    """A transport of `requests` without sockets. Its failures look as they do over HTTP."""

    def __init__(self, reply: Replying) -> None:
        super().__init__()
        self._reply = reply

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - as the base class has it
        timeout: object = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002
        cert: object = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        asked = {name.lower(): str(value) for name, value in request.headers.items()}
        body = request.body or b""
        assert isinstance(body, bytes)
        reply = self._reply(str(request.method), request.path_url, asked, body)
        request_begins()  # an error raised in place of a reply is one before the first byte
        if reply.answer is None:
            error = RemoteDisconnected("Remote end closed connection without response")
            raise requests.ConnectionError(ProtocolError("Connection aborted.", error), request=request)
        return _response(request, reply, asked)

    def close(self) -> None:
        """Nothing is kept open."""


class _Body:
    """A response's body as the client reads it: its half and then an error where the connection breaks."""

    def __init__(self, content: bytes, *, is_cut_off: bool) -> None:
        self._content = content[: len(content) // 2] if is_cut_off else content
        self._is_cut_off = is_cut_off

    def read1(self, amount: int, *, decode_content: bool) -> bytes:  # noqa: ARG002 - nothing is encoded
        part, self._content = self._content[:amount], self._content[amount:]
        if not part and self._is_cut_off:
            raise ProtocolError("Connection broken", IncompleteRead(b""))
        return part

    def close(self) -> None:
        self._content = b""


def _response(request: requests.PreparedRequest, reply: Reply, asked: Mapping[str, str]) -> requests.Response:
    answer = reply.answer
    assert answer is not None
    breaks_in_headers = reply.is_cut_off and not answer.body
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict({} if breaks_in_headers else answer.headers_for(asked))
    response.raw = _Body(answer.body, is_cut_off=reply.is_cut_off and not breaks_in_headers)
    response.url, response.request = str(request.url), request
    return response


def client_in_process(reply: Replying, clock: Callable[[], datetime], sign_in: SignIn = TOKEN) -> PartnerCenterClient:
    """The real client, whose every request goes to `reply`."""
    session = PlainSession(1)
    session.mount(URL, InProcess(reply))
    return PartnerCenterClient(
        base_url=URL,
        sign_in=sign_in,
        clock=clock,
        connect_timeout=1,
        exchange_timeout=math.inf,  # a pause within an exchange takes simulated time alone
        sleep=lambda _: None,
        session=session,
    )
