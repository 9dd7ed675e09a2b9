"""What leaves through a plain session, and what it makes of the answers."""

from pathlib import Path

import pytest
import requests

from shared.plain_session import PlainSession
from tests.raw_server import StartRawServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone"
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without proxies of this machine."""
    for name in (*PROXIES, "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def session() -> PlainSession:
    return PlainSession(connections=2)


def test_what_is_sent_are_the_headers_and_the_body_that_were_given(
    session: PlainSession, raw_server: StartRawServer
) -> None:
    server = raw_server(OK)
    answer = session.request(
        "POST", f"{server.url}/a%20b?c=%27d%27", headers={"If-Match": "*"}, data=b"body", timeout=5
    )
    assert (answer.status_code, answer.content) == (200, b"done")
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%20b?c=%27d%27 HTTP/1.1\r\n")
    names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert names == {b"host", b"accept-encoding", b"user-agent", b"if-match", b"content-length"}
    assert body == b"body"


def test_a_redirect_is_an_answer_like_any_other(session: PlainSession, raw_server: StartRawServer) -> None:
    elsewhere = raw_server(OK)
    server = raw_server(
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + elsewhere.url.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    )
    assert session.request("GET", server.url, timeout=60).status_code == 307
    assert elsewhere.received == []


def test_a_cookie_is_not_sent_back(session: PlainSession, raw_server: StartRawServer) -> None:
    server = raw_server(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"), OK)
    for _ in range(2):
        session.request("GET", server.url, timeout=60)
    assert len(server.received) == 2
    assert b"cookie" not in server.received[1].lower()


def test_a_netrc_and_a_user_in_the_address_replace_no_authorization(
    session: PlainSession, raw_server: StartRawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = raw_server(OK)
    address = server.url.replace("http://", "http://user:word@")
    session.request("GET", address, headers={"Authorization": "Bearer ours"}, timeout=60)
    assert b"\r\nAuthorization: Bearer ours\r\n" in server.received[0]
    assert server.received[0].count(b"Authorization") == 1


def test_a_proxy_of_the_environment_is_asked_for_other_hosts_and_not_for_this_machine(
    session: PlainSession, raw_server: StartRawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = raw_server(OK), raw_server(OK)
    for name in PROXIES:
        monkeypatch.setenv(name, proxy.url)
    session.request("GET", server.url, timeout=60)
    session.request("GET", "http://storage.invalid/table", timeout=60)
    assert len(server.received) == 1
    assert [sent.partition(b" HTTP")[0] for sent in proxy.received] == [b"GET http://storage.invalid/table"]


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_are_those_that_the_environment_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    with pytest.raises(OSError, match="certificate"):
        PlainSession(connections=1).request("GET", "https://127.0.0.1:9/", verify=True, timeout=60)


def test_a_streamed_answer_is_read_by_whoever_asked(session: PlainSession, raw_server: StartRawServer) -> None:
    answer = session.request("GET", raw_server(OK).url, stream=True, timeout=60)
    assert answer.raw.read(2) == b"do"
    answer.close()


def test_an_answer_that_breaks_off_is_an_error(session: PlainSession, raw_server: StartRawServer) -> None:
    server = raw_server(OK.replace(b"Content-Length: 4", b"Content-Length: 40"))
    with pytest.raises(requests.RequestException):
        session.request("GET", server.url, timeout=60)
