"""Every unsuccessful answer becomes the class that decides on the next step."""

import json
import ssl
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from shared.bounded_exchange import Exchange
from shared.errors import DeviceDropError
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
    error_from_response,
    read_fault,
    retry_after,
    transport_errors,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def answered(status: int, body: bytes = b"", **headers: str) -> PartnerCenterError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_response(status, named, body, NOW, request="GET /somewhere")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (307, Unavailable),
        (400, Refused),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, Refused),
        (405, Refused),
        (408, Unavailable),
        (409, Refused),
        (412, Refused),
        (413, Refused),
        (429, Throttled),
        (500, Unavailable),
        (501, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_the_status_decides_the_class(status: int, expected: type[PartnerCenterError]) -> None:
    error = answered(status)
    assert type(error) is expected
    assert isinstance(error, DeviceDropError)
    assert error.status == status


@pytest.mark.parametrize("code", ["1002", "10001", "900421"])
def test_a_code_of_missing_permission_is_unauthorised_whatever_its_status(code: str) -> None:
    assert type(answered(400, b'{"code": "%s"}' % code.encode())) is Unauthorised


@pytest.mark.parametrize(
    ("body", "code", "description"),
    [
        (b'{"code": "3000", "description": "Invalid", "data": [], "source": "PartnerFD"}', "3000", "Invalid"),
        (b'\xef\xbb\xbf{"code": 3000, "description": "Invalid", "data": "x"}', "3000", "Invalid"),
        (b'{"Code": 0, "Description": "It&#39;s"}', "0", "It's"),
        (b'{"statusCode": 429, "message": "Rate limit is exceeded."}', None, "Rate limit is exceeded."),
        (b'{"error": {"code": "accessDenied", "message": "No."}}', "accessDenied", "No."),
        (b'{"error": "invalid_token"}', None, "invalid_token"),
        (b"The supplied role does not\nhave the rights", None, "The supplied role does not have the rights"),
        (b"<html><style>p{}</style><p>Bad&nbsp;<b>Gateway</b></p></html>", None, "Bad Gateway"),
        (b"", None, None),
        (b"   ", None, None),
        (b"[1]", None, "[1]"),
        (b'{"code": true, "description": {}}', None, None),
        (b"\xff\xfe\x00", None, "\ufffd\ufffd"),
    ],
)
def test_every_shape_of_an_error_body_is_survived(body: bytes, code: str | None, description: str | None) -> None:
    fault = read_fault(body)
    assert (fault.code, fault.description) == (code, description)


@given(status=st.integers(100, 999), body=st.binary())
def test_no_body_breaks_the_reading_of_an_error(status: int, body: bytes) -> None:
    error = answered(status, body)
    assert error.status == status
    assert len(error.description or "") <= 1024


def test_a_hash_or_token_in_the_words_of_the_service_is_left_out() -> None:
    error = answered(400, b'{"description": "bad value ' + b"T0FB" * 1000 + b' there"}')
    assert error.description == "bad value [long value left out] there"
    assert "T0FB" not in str(error)


def test_the_words_of_the_service_are_cut() -> None:
    assert len(answered(400, b"no " * 2000).description or "") == 1024


def test_the_identifiers_of_the_answer_are_kept() -> None:
    ids = answered(500, MS_RequestId="r", ms_correlationid="c", MS_CV="v", MS_ServerId="s").service_ids
    assert (ids.request_id, ids.correlation_id, ids.correlation_vector, ids.server_id) == ("r", "c", "v", "s")


@pytest.mark.parametrize(
    ("status", "body", "cure"),
    [
        (403, b'{"code": 20002}', "reseller relationship"),
        (404, b'{"code": 60003}', "folder name"),
        (404, b'{"code": 1000}', "not known to the service"),
        (404, b'{"code": 3000}', "partner organisation"),
        (400, b'{"code": "3000"}', "content of the request"),
        (401, b'{"code": 900421}', "multi-factor"),
        (403, b'{"code": 10001}', "multi-factor"),
        (413, b"", "DEVICES_PER_SUBMISSION"),
        (418, b'{"code": 5}', "content of the request"),
        (502, b"", "tried again"),
        (500, b'{"description": "Sequence contains no matching element"}', "Sequence contains no matching element"),
    ],
)
def test_the_message_says_what_was_asked_and_what_to_do(status: int, body: bytes, cure: str) -> None:
    message = str(answered(status, body))
    assert message.startswith(f"Partner Center answered GET /somewhere with {status}")
    assert cure in message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("57", 57),
        (" 0 ", 0),
        ("1.5", 1.5),
        ("Mon, 04 May 2026 12:01:00 GMT", 60),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("999999999", 1800),
        ("Sat, 01 Jan 9999 00:00:00 GMT", 1800),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wait_is_read_from_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@given(value=st.text())
def test_no_retry_after_breaks_its_reading(value: str) -> None:
    wait = retry_after(value, NOW)
    assert wait is None or timedelta() <= wait <= timedelta(days=1)


def test_a_throttle_without_the_header_is_read_from_the_words_of_the_gateway() -> None:
    body = b'{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}'
    assert answered(429, body).retry_after == timedelta(seconds=57)
    assert answered(429, body, Retry_After="3").retry_after == timedelta(seconds=3)
    assert answered(429).retry_after is None
    assert answered(503, Retry_After="9").retry_after == timedelta(seconds=9)


def test_only_a_401_that_asks_for_no_person_may_be_cured_by_a_new_token() -> None:
    def may_be(status: int, code: str) -> bool:
        error = answered(status, b'{"code": "%s"}' % code.encode())
        assert isinstance(error, Unauthorised)
        return error.may_be_cured_by_a_new_token

    assert may_be(401, "400")
    assert not may_be(401, "900421")
    assert not may_be(403, "2032")


def in_a_connection_error(cause: Exception) -> requests.ConnectionError:
    """`cause` as urllib3 and requests wrap it."""
    pool = urllib3.HTTPConnectionPool("nowhere.invalid")
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", cause))


def tls_error(kind: Callable[..., ssl.SSLError], reason: str) -> requests.exceptions.SSLError:
    cause = kind(1, f"[SSL: {reason}]")
    cause.reason = reason
    pool = urllib3.HTTPConnectionPool("nowhere.invalid")
    wrapped = urllib3.exceptions.MaxRetryError(pool, "/", urllib3.exceptions.SSLError(cause))
    return requests.exceptions.SSLError(wrapped)


CONNECTION = urllib3.connection.HTTPConnection("nowhere.invalid")


WHATEVER_HAPPENS = pytest.mark.parametrize(
    "raised",
    [
        requests.ConnectTimeout(),
        requests.ReadTimeout(),
        in_a_connection_error(urllib3.exceptions.NewConnectionError(CONNECTION, "refused")),
        in_a_connection_error(urllib3.exceptions.NameResolutionError("nowhere.invalid", CONNECTION, OSError("no"))),  # type: ignore[arg-type]
        requests.exceptions.ProxyError(),
        tls_error(ssl.SSLCertVerificationError, "CERTIFICATE_VERIFY_FAILED"),
        tls_error(ssl.SSLError, "WRONG_VERSION_NUMBER"),
        tls_error(ssl.SSLEOFError, "UNEXPECTED_EOF_WHILE_READING"),
        requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError())),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.ContentDecodingError(),
        requests.exceptions.InvalidURL(),
        requests.exceptions.InvalidHeader(),
        urllib3.exceptions.ProtocolError("Connection broken", urllib3.exceptions.IncompleteRead(1, 2)),
        urllib3.exceptions.ReadTimeoutError(urllib3.HTTPConnectionPool("nowhere.invalid"), "/", "slow"),
        ConnectionResetError(),
        UnicodeEncodeError("latin-1", "token", 0, 1, "not a letter of a header"),
    ],
    ids=lambda raised: type(raised).__name__,
)


@WHATEVER_HAPPENS
def test_before_a_byte_of_the_request_left_it_was_never_sent(raised: Exception) -> None:
    with pytest.raises(NeverSent), transport_errors("POST /x", Exchange(1)):
        raise raised


@WHATEVER_HAPPENS
def test_once_a_byte_of_the_request_may_have_left_the_answer_is_lost(raised: Exception) -> None:
    with (
        pytest.raises(AnswerLost, match="same request id"),
        transport_errors("POST /x", Exchange(1, has_begun=True)),
    ):
        raise raised


@pytest.mark.parametrize("mark", ["<", "<script>", "<style ", "&", "a=", "<b>", "</script>"])
def test_the_time_for_the_words_of_an_error_grows_with_their_length_alone(mark: str) -> None:
    def seconds(length: int) -> float:
        body = (mark * length)[:length].encode()
        return min(timeit.repeat(lambda: read_fault(body), timer=process_time, number=1, repeat=5))

    # Eight times the length takes eight times as long; 64 times where the time grows with the square.
    assert seconds(64_000) < 32 * seconds(8_000)


def test_identifiers_and_codes_of_any_length_are_kept_within_bounds() -> None:
    error = answered(400, json.dumps({"code": "c" * 40_000}).encode(), MS_CorrelationId="i" * 40_000)
    assert len(error.code or "") == len(error.service_ids.correlation_id or "") == 256


def test_a_malformed_header_is_not_shown_as_it_may_be_the_token() -> None:
    with pytest.raises(NeverSent) as caught, transport_errors("POST /x", Exchange(1)):
        raise requests.exceptions.InvalidHeader("Bearer secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_of_our_own_passes_unchanged() -> None:
    with pytest.raises(KeyError), transport_errors("POST /x", Exchange(1)):
        raise KeyError
