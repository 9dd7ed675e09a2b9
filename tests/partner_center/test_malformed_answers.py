"""Whatever bytes answer a request, the client raises only its own errors, and never reports that nothing was sent."""

from uuid import uuid4

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.partner_center.client import Accepted, CallIds
from shared.partner_center.errors import NeverSent, PartnerCenterError
from shared.partner_center.models import Device, encode_devices
from tests.partner_center.conftest import MakeClient
from tests.raw_server import RawServer

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"

STATUS_LINES = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 202 Accepted",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 429 Too Many Requests",
    b"HTTP/1.1 503 Service Unavailable",
    b"HTTP/1.1 999 Odd",
    b"HTTP/1.1 99 Odd",
    b"HTTP/1.1 abc Odd",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted",
    b"HTTP/9.9 200 OK",
    b"ICY 200 OK",
    b"\x16\x03\x01",
    b"",
)
HEADERS = (
    b"Content-Length: 2",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 1e9",
    b"Content-Length: 2, 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Encoding: gzip",
    b"Content-Encoding: deflate, deflate, deflate, deflate, deflate, deflate",
    b"Content-Encoding: br",
    b"Location: /v1/customers/c/batchJobStatus/6d4d3aae-4c0e-4f0e-9b0c-2f3f3c0f5a11",
    b"Location: \xff\xfe",
    b"Retry-After: 315360000",
    b"Retry-After: \xb2",
    b"MS-CorrelationId: " + b"x" * 40_000,
    b": no name",
    b"no colon",
    b" folded",
    b"X-Nul: a\x00b",
    b"X: " + b"y" * 70_000,
)
CHUNKS = (b"2\r\n{}\r\n0\r\n\r\n", b"zz\r\n{}\r\n", b"-1\r\n{}\r\n")
BODIES = (b"", b"{}", b"[]", *CHUNKS, b"\x1f\x8b\x08", b'{"code"', b"\xff\xfe")

answers = st.builds(
    lambda status, headers, end, body: b"\r\n".join((status, *headers)) + end + body,
    st.sampled_from(STATUS_LINES),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from((b"\r\n\r\n", b"\n\n", b"\r\n", b"")),
    st.sampled_from(BODIES) | st.binary(max_size=40),
)


@given(answer=answers | st.binary(max_size=200))
@example(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_of_any_bytes_is_an_acceptance_or_an_error_that_may_be_repeated(
    client_of: MakeClient, answer: bytes
) -> None:
    server = RawServer(answer)
    try:
        outcome: Accepted | PartnerCenterError = client_of(server.url).append_devices(
            CUSTOMER, "Sales", encode_devices([Device(serial_number="S")]), CallIds(str(uuid4()), str(uuid4()))
        )
    except PartnerCenterError as error:
        outcome = error
    finally:
        server.close()
    assert not isinstance(outcome, NeverSent)
    assert len(outcome.service_ids.correlation_id or "") <= 256
